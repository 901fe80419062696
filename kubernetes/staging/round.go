package staging

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

const (
	// gather is how long changes are gathered, so that a thousand objects that come together are one request, and rounds do not follow each other sooner.
	gather = 200 * time.Millisecond
	// idle is how many times rarer rounds are when nobody wants anything.
	idle = 10
	// slowest is the longest time between two rounds while the daemon does not answer.
	slowest = 15 * time.Second
	// addAtOnce are the jobs of one request: 2 MiB at most for the usual ones, of the 32 MiB that the daemon takes.
	addAtOnce = 1000
	// askAgain is after how long a job that was refused is asked for again: the configuration may have its dataset now.
	askAgain = time.Minute
)

// Start works until the context ends. It is one of a manager's runnables, for the leader alone.
func (d *Desk) Start(ctx context.Context) error {
	for _, read := range d.sources {
		all, err := read(ctx)
		if err != nil {
			return fmt.Errorf("read what the objects of the cluster want: %w", err)
		}
		d.mu.Lock()
		for o, jobs := range all {
			d.want(o, jobs)
		}
		d.mu.Unlock()
	}
	failures := 0
	for {
		err := d.round(ctx)
		if err != nil {
			failures++
		} else {
			failures = 0
		}
		kick := d.kick
		if failures > 0 {
			kick = nil // who wants something else is heard once the daemon answers
		}
		timer := time.NewTimer(max(d.pause(failures), asked(err)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		case <-kick:
			timer.Stop()
			wait(ctx, gather)
		}
		select {
		case <-d.kick:
		default:
		}
	}
}

func wait(ctx context.Context, t time.Duration) {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// NeedLeaderElection is true: the leader alone asks the daemon for anything.
func (d *Desk) NeedLeaderElection() bool { return true }

// pause until the next round that nothing calls for.
func (d *Desk) pause(failures int) time.Duration {
	if failures > 0 {
		return min(slowest, d.o.Every<<min(failures, 8))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.wishes) == 0 {
		return d.o.Every * idle
	}
	return d.o.Every
}

// round asks the daemon how its jobs stand, has it take in those that are missing, and takes back those that nobody wants.
func (d *Desk) round(ctx context.Context) error {
	list, err := d.api.ListOf(ctx, d.o.Origin)
	if err == nil {
		err = d.settle(ctx, list)
	}
	if ctx.Err() != nil {
		return err
	}
	d.heard(err)
	return err
}

// heard notes whether the daemon answers, and tells all that wait when that changed.
func (d *Desk) heard(err error) {
	d.mu.Lock()
	was := d.silence
	first := !d.answered
	d.answered = true
	switch {
	case err == nil:
		d.silence = nil
	case was == nil:
		d.silence = &Silence{d.o.Now(), err}
	default:
		d.silence = &Silence{was.Since, err}
		if d.silence.Kind() != was.Kind() {
			d.silence.Since = d.o.Now()
		}
	}
	up.Set(1)
	if err != nil {
		up.Set(0)
	}
	changed := (was == nil) != (err == nil) || was != nil && err != nil && was.cause() != d.silence.cause()
	var kind Kind
	if d.silence != nil {
		kind = d.silence.Kind()
	}
	told := map[string][]types.NamespacedName{}
	if changed {
		for o := range d.wants {
			told[o.Kind] = append(told[o.Kind], o.NamespacedName)
		}
	}
	d.mu.Unlock()
	if changed && err != nil {
		d.o.Log.Error("the datagravity daemon answers no question; what waits for data goes on waiting", "reason", kind, "error", err)
	} else if changed {
		d.o.Log.Info("the datagravity daemon answers again")
	}
	if changed || first {
		for _, f := range d.silences {
			f()
		}
	}
	d.tell(told)
}

func (d *Desk) tell(told map[string][]types.NamespacedName) {
	for kind, names := range told {
		if f := d.kinds[kind]; f != nil {
			f(names)
		}
	}
}

// settle makes what the daemon has what the objects want.
func (d *Desk) settle(ctx context.Context, list []dispatch.Status) error {
	known := make(map[string]bool, len(list))
	var gone []string
	d.mu.Lock()
	for _, st := range list {
		known[st.ID] = true
		if d.wishes[st.ID] == nil && d.o.Mine(st.ID) {
			gone = append(gone, st.ID)
		}
	}
	d.mu.Unlock()
	d.note(list, nil)

	var errs []error
	for some := range slices.Chunk(d.missing(known), addAtOnce) {
		out, err := d.api.AddEach(ctx, d.o.Origin, some)
		if err != nil {
			return err
		}
		if out.Refused != nil && len(out.Refusals) == 0 {
			errs = append(errs, fmt.Errorf("the daemon could not take jobs in: %s", out.Refused.Detail))
			continue
		}
		refused := map[string]string{}
		for _, r := range out.Refusals {
			refused[r.ID] = r.Detail
		}
		d.sent(some)
		d.note(out.Jobs, refused)
	}
	for some := range slices.Chunk(gone, addAtOnce) {
		if err := d.api.Remove(ctx, some); err != nil && !errors.Is(err, dispatch.ErrNoJob) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// missing are the jobs that the daemon does not have as they are wanted.
func (d *Desk) missing(known map[string]bool) (list []spec.Job) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.o.Now()
	for id, w := range d.wishes {
		if w.Refused != "" {
			if now.Sub(w.refused) < askAgain {
				continue
			}
		} else if w.sent && known[id] {
			continue
		}
		job := w.job
		if at := job.NeedBy.At(now); !known[id] && !at.IsZero() && !at.After(now) {
			job.NeedBy = spec.NeedBy{} // it was in time when it was made, and a daemon that does not know it takes no time that is over
		}
		list = append(list, job)
	}
	slices.SortFunc(list, func(a, b spec.Job) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// sent notes that the daemon has seen jobs.
func (d *Desk) sent(list []spec.Job) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, j := range list {
		if w := d.wishes[j.ID]; w != nil {
			// One that wants something else since is sent again.
			as := w.job
			as.NeedBy = j.NeedBy
			w.sent = same(as, j)
		}
	}
}

// note what the daemon tells of jobs, and tell those objects for which that is something new.
func (d *Desk) note(list []dispatch.Status, refused map[string]string) {
	told := map[string][]types.NamespacedName{}
	d.mu.Lock()
	put := func(id string, s Standing) {
		w := d.wishes[id]
		if w == nil {
			return
		}
		w.Standing = s
		if now := s.signature(); now != w.told {
			w.told = now
			for o := range w.of {
				told[o.Kind] = append(told[o.Kind], o.NamespacedName)
			}
		}
	}
	now := d.o.Now()
	for _, st := range list {
		w := d.wishes[st.ID]
		if w == nil || w.Refused != "" && refused == nil || !w.sent && refused == nil {
			continue // the daemon has it in another form than it is wanted now
		}
		put(st.ID, Standing{Told: true, Status: st})
	}
	for id, why := range refused {
		put(id, Standing{Told: true, Refused: why})
		if w := d.wishes[id]; w != nil {
			w.refused = now
		}
	}
	counts := map[dispatch.State]int{}
	for _, w := range d.wishes {
		if w.Told && w.Refused == "" {
			counts[w.Status.State]++
		} else if w.Refused != "" {
			counts["refused"]++
		} else {
			counts["unsent"]++
		}
	}
	d.mu.Unlock()
	count(counts)
	d.tell(told)
}
