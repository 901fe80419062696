package sync

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/exchange"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// reader reads what the origin says about grants. That must be read whatever was granted.
func (g *Grants) reader(st store.Store, c cost.Crossing) *paidReader {
	src := Source{Store: st, Location: c.Link.SourceLocation, For: plan.Payer{Job: c.Job, Team: c.Team}}
	src.Dataset = index.Dataset{Name: c.Dataset, Store: c.Link.Source}
	return &paidReader{s: g.s, src: src, from: st, link: c.Link, credit: 1 << 62}
}

// ask asks for so much, or goes on with what was asked for before, and waits for the answer.
func (g *Grants) ask(ctx context.Context, r *paidReader, c cost.Crossing, w wanted) error {
	owed, err := g.s.Ledger.Owed(c.Link.Source)
	if err != nil {
		return err
	}
	with := wanted{w.bytes + owed.SettledBytes, w.least + owed.SettledBytes, w.requests + owed.SettledRequests}
	held, asked, err := g.pending(ctx, r, c.GrantFor(), with)
	if err != nil {
		return err
	}
	if ok, err := g.has(c.GrantFor(), w); ok || err != nil {
		return err
	}
	// What is left of others goes back first, so that the budget has it for this one.
	if err := g.giveBack(ctx, r.from, c.GrantFor()); err != nil {
		return err
	}
	if !asked {
		if held, err = g.request(ctx, r.from, c, with); err != nil {
			return err
		}
	}
	if alive, err := g.s.originAlive(ctx, r); err != nil {
		return err
	} else if !alive {
		return fmt.Errorf("%w: reading %s of %s was asked for, and no agent beside it is there to answer: start datagravity daemon there, or run datagravity index %s; then run "+
			"this again. Or set agent.budget to own, for an agent with budgets of its own", ErrNotGranted, c.Dataset, c.Link.Source, c.Dataset)
	}
	poll := g.poll
	for waited := time.Duration(0); waited < g.wait; waited += poll {
		if state, err := g.take(ctx, r, held); state != unanswered || err != nil {
			return err // what it does not suffice for is refused as nothing else would be
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(poll):
		}
		poll = min(2*poll, answerPoll)
	}
	return fmt.Errorf("%w: reading %s of %s was asked for, and not answered within %s by the agent beside it, whose log says why if it failed; run this again", ErrNotGranted, c.Dataset,
		c.Link.Source, g.wait)
}

// pending is what was asked for before and may still be answered, if it suffices. What was answered meanwhile is taken: unclaimed it would stay
// set aside for nobody.
func (g *Grants) pending(ctx context.Context, r *paidReader, of manifest.GrantFor, w wanted) (found manifest.HeldGrant, ok bool, err error) {
	list, err := g.s.Ledger.Grants(&of)
	if err != nil {
		return found, false, err
	}
	for _, u := range list {
		if u.Claimed != 0 {
			continue
		}
		// What was refused to an earlier run may be granted to this one.
		state, err := g.take(ctx, r, u.HeldGrant)
		if err := forgiven(err); err != nil {
			return found, false, err
		}
		if state != unanswered {
			continue
		}
		// A process that died may have recorded it and not asked.
		_, there, err := exchange.ReadGrantRequest(ctx, r, g.s.Name, u.ID)
		if err != nil && !errors.Is(err, exchange.ErrBad) {
			return found, false, err
		}
		if !there || err != nil || u.Void < manifest.At(g.s.Manifest.Now()) {
			if err := g.s.Ledger.DropGrant(u.ID); err != nil {
				return found, false, err
			}
			continue
		}
		if u.Bytes >= w.bytes && u.Requests >= w.requests {
			found, ok = u.HeldGrant, true
		}
	}
	return found, ok, nil
}

// request writes a request.
func (g *Grants) request(ctx context.Context, st store.Store, c cost.Crossing, w wanted) (held manifest.HeldGrant, err error) {
	now := g.s.Manifest.Now()
	q := exchange.GrantRequest{
		ID: randomID(), Edge: g.s.Name, Location: g.s.Agent.String(), Dataset: c.Dataset, Destination: c.Link.Dest, Job: c.Job, Team: c.Team,
		Bytes: max(w.bytes, leastAsked), LeastBytes: w.least, Requests: w.requests + leastAskedRequests,
		Time: now, Expires: now.Add(askLife), Until: now.Add(readFor),
	}
	if c.Link.Dest != "" {
		q.DestinationLocation = c.Link.DestLocation.String()
	}
	held = manifest.HeldGrant{
		ID: q.ID, For: c.GrantFor(), Asked: manifest.At(now), Void: manifest.At(q.Expires), Bytes: q.Bytes, Requests: q.Requests,
	}
	if held.Place, err = g.s.Manifest.Place(); err != nil {
		return held, err
	}
	// Recorded first: only what this manifest asked for is taken.
	if err := g.s.Ledger.PutGrant(held); err != nil {
		return held, err
	}
	if err := exchange.AskGrant(ctx, st, q); err != nil {
		return held, errors.Join(fmt.Errorf("ask the agent beside %s for what may be read: %w", c.Link.Source, err), g.s.Ledger.DropGrant(held.ID))
	}
	g.s.Log.Info("asked the agent beside the source for what may be read of it", "store", c.Link.Source, "dataset", c.Dataset, "bytes", q.Bytes, "request", q.ID)
	return held, nil
}

// What became of a request.
type answered int

const (
	unanswered answered = iota
	taken               // it can be read on
	gone                // it cannot, and never will
)

// refusedError is an origin's refusal.
type refusedError struct{ origin, source, why string }

func (e *refusedError) Error() string {
	return fmt.Sprintf("%v: agent %s, which keeps the budgets for %s, refuses: %s", cost.ErrBudget, e.origin, e.source, e.why)
}

func (e *refusedError) Is(target error) bool { return target == cost.ErrBudget }

// forgiven passes over what only says that an answer is of no use: it is forgotten, and can be asked for anew.
func forgiven(err error) error {
	var refused *refusedError
	if errors.As(err, &refused) || errors.Is(err, exchange.ErrBad) {
		return nil
	}
	return err
}

// take claims what was asked for, once it is granted. An answer that is of no use is forgotten.
func (g *Grants) take(ctx context.Context, r *paidReader, held manifest.HeldGrant) (answered, error) {
	answer, found, err := exchange.ReadGrant(ctx, r, g.s.Name, held.ID)
	if err == nil && found && answer.Dataset != held.For.Dataset {
		err = fmt.Errorf("%w: grant %s is for dataset %s, asked for was %s", exchange.ErrBad, held.ID, answer.Dataset, held.For.Dataset)
	}
	if errors.Is(err, exchange.ErrBad) {
		return gone, errors.Join(err, g.s.Ledger.DropGrant(held.ID))
	}
	if err != nil || !found {
		return unanswered, err
	}
	place, err := g.s.Manifest.Place()
	if err != nil {
		return unanswered, err
	}
	now := g.s.Manifest.Now()
	again := held.Nonce != ""
	switch {
	case answer.Refused != "":
		return gone, errors.Join(&refusedError{answer.Origin, held.For.Source, answer.Refused}, g.s.Ledger.DropGrant(held.ID))
	case held.Place != place: // what asked for it was another manifest, of which this one is a copy
		return gone, g.notMine(held)
	case !again && !answer.Expires.After(now):
		return gone, g.s.Ledger.DropGrant(held.ID)
	case !again:
		held.Nonce = randomID()
		// Before the claim: a process that dies in between knows it as its own.
		if err := g.s.Ledger.PutGrant(held); err != nil {
			return unanswered, err
		}
	}
	// One that is over and was perhaps claimed is claimed again, so that it can be settled.
	mine, err := g.claim(ctx, r, held, again)
	if errors.Is(err, exchange.ErrBad) {
		return gone, errors.Join(err, g.s.Ledger.DropGrant(held.ID))
	}
	if err != nil {
		return gone, err
	}
	if !mine {
		return gone, g.notMine(held)
	}
	held.Claimed, held.Bytes, held.Requests, held.NanoUSD, held.Expires = manifest.At(now), answer.Bytes, answer.Requests, answer.NanoUSD, manifest.At(answer.Expires)
	return taken, g.s.Ledger.Hold(held)
}

// claim makes a grant this agent's, or finds that it is another's: of a copy of this manifest, or taken back. again: it may have been claimed
// under this nonce before.
func (g *Grants) claim(ctx context.Context, r *paidReader, held manifest.HeldGrant, again bool) (mine bool, err error) {
	claim := exchange.Claim{ID: held.ID, Edge: g.s.Name, Nonce: held.Nonce, Time: g.s.Manifest.Now()}
	holder, err := exchange.PutClaim(ctx, r.from, claim)
	if err != nil || holder.Nonce != held.Nonce || holder.Revoked {
		return false, err
	}
	if again {
		// By a later self of this manifest, which was put back in its place since.
		if _, settled, err := exchange.ReadSettlement(ctx, r, g.s.Name, held.ID); settled || err != nil {
			return false, err
		}
	}
	// It may have been used up and removed, claim and all, before this claim was made.
	_, found, err := exchange.ReadGrant(ctx, r, g.s.Name, held.ID)
	return found, err
}

func (g *Grants) notMine(held manifest.HeldGrant) error {
	g.s.Log.Warn("a grant is another's, or was taken back; it is not used", "grant", held.ID, "dataset", held.For.Dataset)
	return g.s.Ledger.DropGrant(held.ID)
}

func randomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
