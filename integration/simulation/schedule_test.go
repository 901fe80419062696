package simulation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	"github.com/datagravity/datagravity/pkg/store"
)

// addJob declares one to an agent.
func (w *world) addJob(a *agent) {
	w.jobs++
	j := spec.Job{ID: fmt.Sprintf("job-%02d", w.jobs), Dataset: "c4", To: []string{destName}, OnSourceChange: spec.Repin, Priority: w.rnd.IntN(3)}
	if w.rnd.IntN(4) == 0 {
		j.OnSourceChange = spec.Fail
		w.mu.Lock()
		w.fails[j.ID] = true
		w.mu.Unlock()
	}
	if w.rnd.IntN(2) == 0 {
		j.Shards = []string{[]string{"train/**", "val/**"}[w.rnd.IntN(2)]}
	}
	w.given[a.name] = append(w.given[a.name], j.ID)
	w.note("%s is given %s %v", a.name, j.ID, j.Shards)
	_, err := a.d.Add(context.Background(), "", []spec.Job{j})
	w.must(err)
}

// step is one thing that happens.
func (w *world) step() {
	a := w.agents[w.rnd.IntN(len(w.agents))]
	everybody := func() {
		for _, a := range w.agents {
			w.model.excuse(a.name, inFlight)
		}
	}
	now := func(k kind, f func()) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.struck[k]++
		everybody()
		f()
	}
	switch w.rnd.IntN(15) {
	case 0, 1:
		w.addJob(a)
	case 2:
		if paths := w.sourcePaths(); len(paths) > 0 {
			path := paths[w.rnd.IntN(len(paths))]
			w.note("the source's %s changes", path)
			now(sourceChanged, func() {})
			w.putSource(path, w.bytes())
		}
	case 3:
		w.note("the source has one more")
		now(sourceChanged, func() {})
		w.putSource(w.path(), w.bytes())
	case 4:
		if paths := w.sourcePaths(); len(paths) > 2 {
			path := paths[w.rnd.IntN(len(paths))]
			w.note("the source's %s is deleted", path)
			now(sourceDeleted, func() {})
			w.must(w.source.Delete(context.Background(), store.Ref{Key: sourcePath + path}))
		}
	case 5, 6:
		k := []kind{rotten, overwritten, truncated, deleted}[w.rnd.IntN(4)]
		w.tamper(k, w.rnd.Uint64(), now)
	case 7:
		by := []time.Duration{time.Hour, 24 * time.Hour, 3 * time.Second}[w.rnd.IntN(3)]
		w.note("%s's clock is set forward by %s", a.name, by)
		now(clockForward, func() { a.skew += by })
	case 8:
		by := []time.Duration{time.Hour, 24 * time.Hour, 3 * time.Second}[w.rnd.IntN(3)]
		w.note("%s's clock is set back by %s", a.name, by)
		now(clockBack, func() { a.skew -= by })
	case 9, 10:
		w.note("%s restarts", a.name)
		w.restart(a, a.limit)
	case 11:
		name := []string{sourceName, bucketName}[w.rnd.IntN(2)]
		w.note("credentials of %s expire", name)
		w.mu.Lock()
		w.until[string(expired)+name] = time.Now().Add(time.Duration(w.rnd.Int64N(int64(20 * time.Minute))))
		w.mu.Unlock()
	case 12:
		w.note("the disk of %s is full", bucketName)
		w.mu.Lock()
		w.until[string(full)+bucketName] = time.Now().Add(time.Duration(w.rnd.Int64N(int64(20 * time.Minute))))
		w.mu.Unlock()
	case 13:
		w.note("%s looks for what is left", a.name)
		_, err := a.s.Collect(context.Background(), map[string]store.Store{bucketName: a.dest}, 24*time.Hour, false)
		w.note("collected: %v", store.KindOf(err))
	case 14:
		if list := a.statuses(); len(list) > 0 {
			id := list[w.rnd.IntN(len(list))].ID
			w.note("%s's job %s is taken back", a.name, id)
			err := a.d.Remove(context.Background(), []string{id})
			w.note("taken back: %v", err == nil)
			if err == nil {
				w.given[a.name] = slices.DeleteFunc(w.given[a.name], func(s string) bool { return s == id })
			}
		}
	}
	w.check()
}

// tamper does something to the destination behind everybody's back.
func (w *world) tamper(k kind, random uint64, now func(kind, func())) {
	keys := w.destKeys()
	if len(keys) == 0 {
		return
	}
	key := keys[random%uint64(len(keys))]
	ctx := context.Background()
	o, err := w.dest.Head(ctx, key)
	w.must(err)
	if o.Size < 2 && (k == rotten || k == truncated) {
		return
	}
	w.note("%s: %s", k, key)
	now(k, func() {
		w.model.behind[key] = true
		for _, a := range w.agents { // it has to be brought again
			w.model.excuse(a.name, o.Size)
			a.forget(w.model, key)
		}
		switch k {
		case rotten:
			w.dest.Rot(key, int64(random%uint64(o.Size*8))) //nolint:gosec // a position
			w.model.touched[key] = o.ETag
		case overwritten:
			// Something that there never was, also where there was nothing in it: what a stranger wrote that we could have is adopted, and never replaced.
			b := slices.Repeat([]byte("x"), int(max(1, o.Size)))
			for w.model.versions[strings.TrimPrefix(key, destPath)][chunker.Sum(b)] {
				b[0]++
			}
			_, err = w.dest.Put(ctx, key, b, store.WriteOptions{Condition: store.Always()})
		case truncated:
			b := make([]byte, o.Size/2)
			if err = w.dest.ReadRange(ctx, o.Ref(), 0, b); err == nil {
				_, err = w.dest.Put(ctx, key, b, store.WriteOptions{Condition: store.Always()})
			}
		case deleted:
			err = w.dest.Delete(ctx, store.Ref{Key: key})
		}
	})
	w.must(err)
}

// forget that an agent read what it brought to a key, which has to be brought again.
func (a *agent) forget(m *model, key string) {
	from := sourcePath + strings.TrimPrefix(key, destPath) + " "
	for id := range m.agents[a.name].seen {
		if strings.HasPrefix(id, from) {
			delete(m.agents[a.name].seen, id)
		}
	}
}

func (w *world) restart(a *agent, limit int64) {
	w.strike(restarted, a.name)
	w.must(a.stop())
	a.limit = limit
	w.mu.Lock()
	w.model.agents[a.name].limit = limit
	w.mu.Unlock()
	w.must(a.start())
	time.Sleep(moment)
}
