package simulation

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// settle ends all trouble: the operators remove what is foreign, have everything read back, and raise the budgets. Then everything needed arrives.
func (w *world) settle() {
	time.Sleep(moment)
	w.mu.Lock()
	w.calm = true
	w.mu.Unlock()
	w.note("calm")
	ctx := context.Background()
	for _, key := range w.destKeys() {
		if w.foreign(key) {
			w.must(w.dest.Delete(ctx, store.Ref{Key: key}))
		}
	}
	for _, a := range w.agents {
		for key := range w.model.behind {
			a.forget(w.model, key)
		}
		w.restart(a, 0)
	}
	for _, a := range w.agents {
		c := &catalog{a: a, source: a.source, dest: a.dest}
		q, err := c.Open(ctx, "c4", destName, payerOfNobody)
		w.must(err)
		q.Destination.Store = a.dest
		_, err = a.s.Verify(ctx, q.Source, q.Destination, 1)
		for tries := 0; err != nil && tries < 5; tries++ { // what a sync replaces meanwhile cannot be read
			time.Sleep(time.Minute)
			_, err = a.s.Verify(ctx, q.Source, q.Destination, 1)
		}
		w.must(err)
		if len(w.agents) > 1 { // what one agent's older jobs want may stand where the other's newer ones want something else
			w.must(a.d.Remove(ctx, w.given[a.name]))
			time.Sleep(moment)
		}
		a.d.Recheck()
		a.forgetStatuses()
		time.Sleep(moment)
		w.addJob(a)
		a.forgetStatuses()
		time.Sleep(moment)
	}
	end := time.Now().Add(12 * time.Hour)
	for time.Now().Before(end) && !w.arrived() {
		time.Sleep(time.Minute)
	}
	for _, a := range w.agents {
		for _, j := range w.waiting(a) {
			w.model.fail("12 hours after the last fault job %s of %s is %s: %s", j.ID, a.name, j.State, j.Why)
		}
	}
}

// foreign tells of an object that nobody replaces unasked: a stranger's, and what another agent brought of a shard that is no longer so.
func (w *world) foreign(key string) bool {
	path := strings.TrimPrefix(key, destPath)
	w.mu.Lock()
	defer w.mu.Unlock()
	is := w.at(key)
	switch {
	case is == nil:
		return false
	case len(w.agents) > 1:
		return is.digest != w.now[path]
	}
	return w.model.behind[key] && !w.model.versions[path][is.digest]
}

// arrived tells that all that is wanted and can be had was there. What is there is used and taken back, and so is what cannot be had: others may wait for
// its pins.
func (w *world) arrived() bool {
	left := 0
	for _, a := range w.agents {
		list := a.statuses()
		if list == nil {
			return false
		}
		left += len(w.waiting(a))
		var over []string
		for _, j := range list {
			if j.State == dispatch.Ready {
				// The list is of the last pass, which may be a minute ago: what counts is what a hook is told now.
				r, err := a.d.Ready(context.Background(), j.ID, time.Hour)
				w.must(err)
				if !r.Ready {
					a.forgetStatuses(j.ID)
					left++
					continue
				}
				w.must(w.checkReady(a, j.ID, len(w.agents) == 1))
			}
			if j.State == dispatch.Ready || w.lost(j) {
				over = append(over, j.ID)
			}
		}
		if len(over) > 0 {
			w.note("%s's jobs %v are over", a.name, over)
			w.must(a.d.Remove(context.Background(), over))
			a.forgetStatuses(over...)
		}
	}
	return left == 0
}

// waiting are the jobs that are not ready and can be had.
func (w *world) waiting(a *agent) (out []dispatch.Status) {
	for _, j := range a.statuses() {
		if j.State != dispatch.Ready && !w.lost(j) {
			out = append(out, j)
		}
	}
	return out
}

// lost tells of a job that cannot be had: the source changed under one that was to fail then, or has nothing of what another one selects.
func (w *world) lost(j dispatch.Status) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return j.State == dispatch.Blocked && (w.fails[j.ID] || !w.selects(j.Selection))
}

// selects tells whether the source has something of a selection.
func (w *world) selects(terms []string) bool {
	return len(terms) == 0 || slices.ContainsFunc(w.sourcePaths(), func(path string) bool {
		return strings.HasPrefix(path, strings.TrimSuffix(terms[0], "**"))
	})
}

// collect ends the agents, and finds nothing left after each has looked.
func (w *world) collect() {
	w.mu.Lock()
	clear(w.made) // everything is read once more
	w.mu.Unlock()
	w.check()
	var temporary []string
	for _, a := range w.agents {
		a.ends()
		w.must(<-a.ended)
		a.ended <- nil
	}
	time.Sleep(time.Hour) // leases and what is being removed
	for _, a := range w.agents {
		_, err := a.s.Collect(context.Background(), map[string]store.Store{bucketName: a.dest}, 0, false)
		w.must(err)
		p, err := w.dest.List(context.Background(), store.ListOptions{Prefix: engine.TemporaryPrefix(a.dest.manifest)})
		w.must(err)
		for _, o := range p.Objects {
			temporary = append(temporary, o.Key)
		}
	}
	var uploads []string
	list, err := w.dest.ListUploads(context.Background(), "")
	w.must(err)
	for _, u := range list {
		uploads = append(uploads, u.Key+" "+u.ID)
	}
	w.model.collected(uploads, temporary)
	for _, a := range w.agents {
		w.must(a.stop())
	}
}
