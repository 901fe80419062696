package dispatch

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/jobs/selector"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/lease"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// ErrUnknown: a job names what is not configured.
var ErrUnknown = errors.New("not configured")

// record keeps what was found out about jobs, with what they need, in one transaction. A job that was changed or taken back meanwhile is left as it is.
func (d *Dispatcher) record(found []*resolution) error {
	if len(found) == 0 {
		return nil
	}
	err := d.sync.Manifest.Update(func(tx *manifest.Tx) error {
		for _, r := range found {
			if err := d.recordOne(tx, r); err != nil {
				return fmt.Errorf("job %s: %w", r.job.ID, err)
			}
		}
		return nil
	})
	for _, r := range found {
		d.forget(r.job.ID)
	}
	if err == nil || len(found) == 1 {
		return err
	}
	// One of them spoils the transaction of all: each has its own.
	var errs []error
	for i := range found {
		errs = append(errs, d.record(found[i:i+1]))
	}
	return errors.Join(errs...)
}

func (d *Dispatcher) recordOne(tx *manifest.Tx, r *resolution) error {
	now, ok, err := tx.Job(r.job.ID)
	if err != nil || !ok || !sameWishes(now, r.before) || now.Snapshot != r.before.Snapshot || now.Resolved != r.before.Resolved {
		return err
	}
	j := r.job
	if r.paths != nil {
		if err := tx.PutPaths(j.Paths, r.paths, r.index); err != nil {
			return err
		}
	}
	if r.turned {
		if err := dgsync.UnpinJob(tx, j.ID); err != nil {
			return err
		}
	}
	if err := tx.PutJob(j); err != nil {
		return err
	}
	for _, q := range r.ask {
		if err := d.askAt(tx, j, q); err != nil {
			return err
		}
	}
	return nil
}

// sameWishes tells whether two records of a job want the same.
func sameWishes(a, b manifest.Job) bool {
	return a.Dataset == b.Dataset && a.Asked == b.Asked && slices.Equal(a.Terms, b.Terms) && slices.Equal(a.To, b.To) && a.NeedBy == b.NeedBy &&
		a.Priority == b.Priority && a.Value == b.Value && a.Team == b.Team && a.Keep == b.Keep && a.Repin == b.Repin && a.Origin == b.Origin && a.Over == b.Over
}

// problem is an error as it is kept with a job.
func problem(err error, at manifest.Millis) *manifest.JobProblem {
	p := &manifest.JobProblem{Kind: "failed", Text: oneLine(err), At: at}
	is := func(kinds ...error) bool {
		return slices.ContainsFunc(kinds, func(k error) bool { return errors.Is(err, k) })
	}
	switch {
	case is(engine.ErrSourceMissing, index.ErrEmpty, selector.ErrMissing, jobs.ErrNothingSelected):
		p.Kind, p.Final = "missing", true
	case is(selector.ErrMalformed, selector.ErrIndex, selector.ErrLies, selector.ErrOutside, ErrSpec):
		p.Kind, p.Final = "selection", true
	case is(ErrUnknown):
		p.Kind, p.Final = "unknown", true
	case is(store.ErrAuth, store.ErrPermission):
		p.Kind = "access"
	case is(cost.ErrBudget, cost.ErrUntrusted):
		p.Kind = "budget"
	case is(cost.ErrPaused):
		p.Kind = pausedKind
	case is(index.ErrNotComplete, plan.ErrPinned, cost.ErrNoGrant, lease.ErrHeld, lease.ErrLost): // of somebody who has not answered, or goes first
		p.Kind = "waiting"
	}
	return p
}

// pausedKind is the kind of what a pause is in the way of.
const pausedKind = "paused"

// oneLine is an error's text on one line, as a list shows it.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
