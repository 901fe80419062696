package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	"github.com/datagravity/datagravity/pkg/observe"
)

// A daemon that reads its configuration again keeps the manifest, its lock and the socket, and has another program act on them: a successor of the one
// that took them. Whoever answers others asks for the acting one each time, and holds on to it for as long as the answer takes.

// users of a program that may have a successor.
type users struct {
	mu      sync.Mutex
	count   int
	retired bool
	free    func() // called when it is retired and the last one has left
}

// enter counts a user. false: there is a successor.
func (u *users) enter() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.retired {
		return false
	}
	u.count++
	return true
}

func (u *users) leave() {
	u.mu.Lock()
	u.count--
	last := u.retired && u.count == 0
	u.mu.Unlock()
	if last {
		u.free()
	}
}

// retire lets nobody in any more, and calls free once nobody is in.
func (u *users) retire(free func()) {
	u.mu.Lock()
	u.retired, u.free = true, free
	last := u.count == 0
	u.mu.Unlock()
	if last {
		free()
	}
}

// latest is the program that acts on the manifest now.
func (a *app) latest() *app {
	if next := a.successor.Load(); next != nil {
		return next
	}
	return a
}

// acting is latest for who uses it for a while; leave must be called.
func (a *app) acting() (now *app, leave func()) {
	for {
		if now = a.latest(); now.users.enter() {
			return now, now.users.leave
		}
	}
}

// retire closes a program's stores when nobody uses them any more.
func (a *app) retire() {
	a.users.retire(func() {
		if err := a.closeStores(); err != nil {
			a.log.Warn("a store could not be closed", "error", err)
		}
	})
}

// closeWork gives back the leases, and closes the stores.
func (a *app) closeWork() error {
	if a.held == nil && a.sync != nil && a.sync.Leases != nil {
		a.sync.Leases.Close() // the stores are still open
	}
	return a.closeStores()
}

func (a *app) closeStores() error {
	a.mu.Lock()
	stores := a.stores
	a.stores = nil
	a.mu.Unlock()
	var errs []error
	for _, s := range stores {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// actingJobs are the jobs of whoever acts.
type actingJobs struct{ of *app }

var _ dispatch.Jobs = actingJobs{}

// Add takes jobs in.
func (j actingJobs) Add(ctx context.Context, origin string, specs []spec.Job) ([]dispatch.Status, error) {
	now, leave := j.of.acting()
	defer leave()
	return now.keeper.Add(ctx, origin, specs)
}

// Remove takes jobs back.
func (j actingJobs) Remove(ctx context.Context, ids []string) error {
	now, leave := j.of.acting()
	defer leave()
	return now.keeper.Remove(ctx, ids)
}

// List tells of all jobs.
func (j actingJobs) List(ctx context.Context) ([]dispatch.Status, error) {
	now, leave := j.of.acting()
	defer leave()
	return now.keeper.List(ctx)
}

// Show tells of one job.
func (j actingJobs) Show(ctx context.Context, id string, shards bool) (dispatch.Detail, error) {
	now, leave := j.of.acting()
	defer leave()
	return now.keeper.Show(ctx, id, shards)
}

// Ready tells whether all of a job is there.
func (j actingJobs) Ready(ctx context.Context, id string, maxAge time.Duration) (dispatch.Readiness, error) {
	now, leave := j.of.acting()
	defer leave()
	return now.keeper.Ready(ctx, id, maxAge)
}

// Place ranks the destinations that a job could be brought to.
func (j actingJobs) Place(ctx context.Context, id string) ([]dispatch.Placement, error) {
	now, leave := j.of.acting()
	defer leave()
	return now.keeper.Place(ctx, id)
}

// Handout tells what a run needs to read its shards.
func (j actingJobs) Handout(ctx context.Context, id, destination string) (dispatch.Handout, error) {
	now, leave := j.of.acting()
	defer leave()
	return now.keeper.Handout(ctx, id, destination)
}

// actingLedger is the ledger of whoever acts.
type actingLedger struct{ of *app }

var _ observe.Ledger = actingLedger{}

// Report tells of one budget.
func (l actingLedger) Report(name string) (cost.BudgetReport, error) {
	return l.of.latest().ledger.Report(name)
}

// Reports tells of all budgets.
func (l actingLedger) Reports() ([]cost.BudgetReport, error) { return l.of.latest().ledger.Reports() }
