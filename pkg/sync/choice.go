package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/sync/choose"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// Chosen is which of several requests run now.
type Chosen struct {
	Requests []Request
	// Plans and Errs of the requests, in their order: one of them is nil. A request without a plan is not chosen from.
	Plans []*plan.Plan
	Errs  []error
	// Problem and Choice; a job's place in the problem is in Jobs the place of its request.
	Problem *choose.Problem
	Choice  *choose.Choice
	Jobs    []int
	numbers numbering
}

// Choose plans requests and decides which of them run now under all budgets together, and from where. Nothing moves. A request that cannot be
// planned, or has no room at its destination, is left out, with its error.
func (s *Syncer) Choose(ctx context.Context, requests []Request) (*Chosen, error) {
	c := &Chosen{Requests: requests, Plans: make([]*plan.Plan, len(requests)), Errs: make([]error, len(requests))}
	var reach int64
	for i, q := range requests {
		p, err := s.Plan(ctx, q)
		if err == nil {
			err = errors.Join(p.Readable(s.Ledger.Book()), p.FitsRoom())
		}
		if err == nil {
			var origins []plan.Origin
			if origins, err = s.origins(q); err == nil {
				err = plan.FindElsewhere(s.Manifest, p.Items, origins)
			}
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if c.Errs[i] = err; err == nil {
			c.Plans[i] = p
			reach += p.Estimate.UpperBytes
		}
	}
	b, err := s.newChoosing(reach)
	if err != nil {
		return nil, err
	}
	for i, p := range c.Plans {
		if p == nil {
			continue
		}
		if err := b.setAside(requests[i]); err != nil {
			return nil, err
		}
		if err := b.add(requests[i], p); err != nil {
			return nil, err
		}
		c.Jobs = append(c.Jobs, i)
	}
	c.Problem, c.numbers = b.Problem, b.numbers
	c.Choice, err = choose.Choose(b.Problem)
	return c, err
}

// Carry is the request of a run with the sources that were chosen for it.
func (c *Chosen) Carry(r choose.Run) Request {
	i := c.Jobs[r.Job]
	q := c.Requests[i]
	q.sources = map[string]string{}
	for _, it := range c.Plans[i].Items {
		if n, ok := c.numbers[shardOf(q, it)]; ok && len(it.Elsewhere) > 0 && c.Choice.Source[n] != choose.Later {
			q.sources[it.Key] = c.Problem.Sources[c.Choice.Source[n]]
		}
	}
	return q
}

// Held are the requests that do not run, or only in part.
func (c *Chosen) Held() error {
	if len(c.Choice.Held) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %d of %d needs are held", cost.ErrBudget, len(c.Choice.Held), len(c.Problem.Jobs))
}

// admit refuses a plan that does not fit the budgets, reads from elsewhere what fits there, or, if asked, keeps what fits in order.
func (s *Syncer) admit(q Request, p *plan.Plan, out *Report) error {
	out.Deferred = nil // of an earlier round
	if err := p.Readable(s.Ledger.Book()); err != nil {
		return err
	}
	err := p.Fits(s.Ledger)
	if err == nil && len(q.sources) == 0 {
		return p.FitsRoom()
	}
	if err != nil && !errors.Is(err, cost.ErrBudget) {
		return err
	}
	origins, originErr := s.origins(q)
	if originErr != nil {
		return originErr
	}
	if err := plan.FindElsewhere(s.Manifest, p.Items, origins); err != nil {
		return err
	}
	elsewhere := func(it plan.Item) bool { return len(it.Elsewhere) > 0 }
	if err != nil && !q.Partial && !slices.ContainsFunc(p.Items, elsewhere) {
		return err // there is nothing to choose from
	}
	b, chosen, chooseErr := s.chooseOne(q, p)
	if chooseErr != nil {
		return errors.Join(err, chooseErr)
	}
	if len(chosen.Held) > 0 && !q.Partial {
		if err == nil {
			err = fmt.Errorf("%w: the plan for %s to %s is %s", cost.ErrBudget, p.Dataset, p.Destination.Name, chosen.Held[0].Why(b.Problem, chosen))
		}
		return err
	}
	now, later := b.settle(chosen, q, p.Items)
	p.Items, out.Deferred = now, later
	err = p.Finish(s.Ledger, s.Manifest, s.Engine.PartBytes(), s.BitsPerSecond)
	if err == nil {
		err = p.Trusted(s.Ledger) // of the places that were chosen
	}
	if err != nil || len(later) > 0 {
		return err
	}
	return p.FitsRoom()
}

// chooseOne decides what of one plan fits the budgets as they are now.
func (s *Syncer) chooseOne(q Request, p *plan.Plan) (*choosing, *choose.Choice, error) {
	b, err := s.newChoosing(p.Estimate.UpperBytes)
	if err != nil {
		return nil, nil, err
	}
	if err := b.add(q, p); err != nil {
		return nil, nil, err
	}
	c, err := choose.Choose(b.Problem)
	return b, c, err
}
