package dispatch

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/jobs/schedule"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// List tells of all jobs, in the order in which they are worked on. See [Jobs.List].
func (d *Dispatcher) List(context.Context) ([]Status, error) {
	d.planning.Lock()
	defer d.planning.Unlock()
	a, err := d.agenda()
	if err != nil {
		return nil, err
	}
	list := make([]Status, 0, len(a.board.jobs))
	for _, id := range a.order() {
		e, p, _ := a.at(id)
		list = append(list, d.tellOf(a, e, p))
	}
	return list, nil
}

// registered tells of jobs that were taken in, in their order, each once. Nothing is known yet of a job that was not looked at, whatever is planned:
// so that a hook is not held up, a plan is made only for those that were.
func (d *Dispatcher) registered(specs []spec.Job) (list []Status, err error) {
	var a *Agenda
	seen := map[string]bool{}
	for _, s := range specs {
		if seen[s.ID] {
			continue
		}
		seen[s.ID] = true
		j, err := d.job(s.ID)
		switch {
		case errors.Is(err, ErrNoJob): // it was taken back meanwhile, or is over
			continue
		case err != nil:
			return list, err
		case j.Resolved == 0:
			list = append(list, d.tellUnresolved(j))
			continue
		case a == nil:
			d.planning.Lock()
			defer d.planning.Unlock()
			if a, err = d.agenda(); err != nil {
				return list, err
			}
		}
		if e, p, ok := a.at(s.ID); ok {
			list = append(list, d.tellOf(a, e, p))
		}
	}
	return list, nil
}

// status of one job.
func (d *Dispatcher) status(_ context.Context, id string) (Status, error) {
	d.planning.Lock()
	defer d.planning.Unlock()
	a, err := d.agenda()
	if err != nil {
		return Status{}, err
	}
	e, p, ok := a.at(id)
	if !ok {
		return Status{}, noJob(id)
	}
	return d.tellOf(a, e, p), nil
}

// Show tells of one job and, if asked, each of its shards. See [Jobs.Show].
func (d *Dispatcher) Show(ctx context.Context, id string, shards bool) (out Detail, err error) {
	if out.Status, err = d.status(ctx, id); err != nil || !shards {
		return out, err
	}
	j, err := d.job(id)
	if err != nil {
		return out, err
	}
	out.Shards = []ShardStatus{}
	for _, to := range j.To {
		list, err := d.shardsAt(j, to, out.Status)
		if err != nil {
			return out, err
		}
		out.Shards = append(out.Shards, list...)
	}
	return out, nil
}

// shardsAt tells of each shard of a job at a destination.
func (d *Dispatcher) shardsAt(j manifest.Job, to string, st Status) (list []ShardStatus, err error) {
	q, err := d.described(j, to)
	if err != nil {
		return nil, err
	}
	why := "comes " + st.Why
	i := slices.IndexFunc(st.Places, func(p Place) bool { return p.Destination == to })
	if i >= 0 {
		why = st.Places[i].Why
	}
	if j.Snapshot.IsZero() {
		// What they are is not known yet, but which.
		paths, _, _ := q.Selection.Paths()
		for _, p := range paths {
			list = append(list, ShardStatus{Path: p, Destination: to, Why: "not read yet"})
		}
		return list, nil
	}
	missing, shards, err := d.sync.Held(q)
	if err != nil {
		return nil, err
	}
	lacks := map[string]string{}
	for _, m := range missing {
		lacks[m.Path] = m.Reason
	}
	for _, sh := range shards {
		one := ShardStatus{Path: sh.Path, Destination: to, Bytes: sh.Size, Present: true}
		if reason, lacking := lacks[sh.Path]; lacking {
			one.Present, one.Why = false, told(reason, why)
		}
		list = append(list, one)
	}
	return list, nil
}

// tellOf a job as the plan has it. d.planning must be held.
func (d *Dispatcher) tellOf(a *Agenda, e entry, p schedule.JobPlan) Status {
	st := Status{
		ID: e.ID, Dataset: e.Dataset, Snapshot: shortID(e.Snapshot), Selection: append([]string{}, e.Terms...), Priority: e.Priority, Team: e.Team,
		Origin: e.Origin, Added: e.Added.Time(), ShardCount: e.Shards, Bytes: e.Bytes, Notes: e.Notes, Repinned: e.Repinned, Places: []Place{},
	}
	if e.NeedBy != 0 {
		st.NeedBy = moment(e.NeedBy.Time())
	}
	st.State, st.Why = d.stateOf(a, e, p)
	st.Kind = kindOf(e.Job, st.State)
	for _, at := range e.places {
		st.Places = append(st.Places, d.tellOfPlace(a, e, p, at, st))
	}
	if st.State != Ready && st.State != Blocked {
		st.ETA = moment(p.ETA)
	}
	if st.ETA != nil && st.NeedBy != nil {
		s := int64(st.NeedBy.Sub(*st.ETA) / time.Second)
		st.MarginSeconds = &s
	}
	return st
}

// tellUnresolved tells of a job that was not looked at yet. It has no part in any plan.
func (d *Dispatcher) tellUnresolved(j manifest.Job) Status {
	e := entry{Job: j}
	for _, to := range j.To {
		e.places = append(e.places, placed{destination: to})
	}
	return d.tellOf(nil, e, schedule.JobPlan{})
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// stateOf a job, and why.
func (d *Dispatcher) stateOf(a *Agenda, e entry, p schedule.JobPlan) (State, string) {
	ready := !slices.ContainsFunc(e.places, func(at placed) bool { return !at.ready })
	switch {
	case ready && e.Resolved != 0:
		return Ready, "all of it is there and proven"
	case e.Problem != nil && e.Problem.Final:
		return Blocked, e.Problem.Text
	case e.Resolved == 0 && e.Problem != nil && e.Problem.Kind == "budget":
		return Held, e.Problem.Text
	case e.Resolved == 0 && e.Problem != nil:
		return Unresolved, e.Problem.Text
	case e.Resolved == 0:
		return Unresolved, "what it selects is found out by the next pass"
	}
	return planned(a, e, p)
}

// planned is the state that a plan gives a job that is resolved.
func planned(a *Agenda, e entry, p schedule.JobPlan) (State, string) {
	why := a.plan.Words(a.board.problem, a.board.at[e.ID])
	if e.Problem != nil && !e.Problem.Final {
		why = told(why, "the last attempt failed: "+e.Problem.Text)
	}
	switch p.State {
	case schedule.Ready:
		return OnTime, told("all of it is there, and is announced as ready by the next pass", paused(a, e))
	case schedule.OnTime:
		return OnTime, told(why, paused(a, e))
	case schedule.Late:
		return Late, told(why, paused(a, e))
	case schedule.Held:
		return Held, told(why, paused(a, e))
	}
	return Blocked, why
}

// paused says that links of a job are paused, "" if none is.
func paused(a *Agenda, e entry) string {
	for _, p := range e.places {
		if !p.ready && p.table != nil {
			if why := a.Links[p.link].Paused; why != "" {
				return why
			}
		}
	}
	return ""
}

// tellOfPlace tells of a job at one destination.
func (d *Dispatcher) tellOfPlace(a *Agenda, e entry, p schedule.JobPlan, at placed, st Status) Place {
	out := Place{Destination: at.destination, State: st.State, Why: st.Why}
	if at.ready {
		out.State, out.Why, out.URL = Ready, "all of it is there and proven", at.url
		return out
	}
	if at.err != nil {
		out.State, out.Why = Blocked, oneLine(at.err)
		return out
	}
	if at.table == nil {
		return out
	}
	if partly(e.Job) {
		out.State, out.Why = planned(a, e, p)
	}
	m := a.board.missing(at)
	out.MissingShards, out.MissingBytes, out.USD = m.Shards, m.Bytes, m.usd
	if s := a.spans[a.board.at[e.ID]*len(a.board.links)+int(at.link)]; !s.start.IsZero() {
		out.Start, out.ETA = moment(s.start), moment(s.end)
	}
	if out.ETA == nil && m.Shards > 0 {
		out.ETA = moment(p.ETA) // other jobs bring it
	}
	if len(e.places) == 1 {
		out.SharedShards = p.Shared.Shards
	}
	if st.State == Held && len(p.Lacks) > 0 {
		l := p.Lacks[0]
		out.Budget, out.NeedsUSD, out.NeedsBytes = a.board.problem.Budgets[l.Budget].Name, l.NanoUSD, l.Bytes
	}
	return out
}
