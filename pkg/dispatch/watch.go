package dispatch

import (
	"context"
	"errors"
	"slices"
	"time"

	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/index"
)

// knows tells whether a dataset is configured.
func (d *Dispatcher) knows(dataset string) bool {
	return slices.Contains(d.catalog.Known().Datasets, dataset)
}

// keepsIndexed tells whether a dataset is indexed whenever its source changed. An origin does that with all of its own, and an edge with none.
func (d *Dispatcher) keepsIndexed(dataset string) bool {
	return d.catalog.Watch(dataset).Index && d.sync.Role == ""
}

// watch has the datasets that are to be kept indexed be looked at when it is time, and read what is new of them. It does not wait for that.
func (d *Dispatcher) watch(ctx context.Context) {
	for _, dataset := range d.catalog.Known().Datasets {
		if !d.keepsIndexed(dataset) {
			continue
		}
		every := d.every(dataset)
		d.mu.Lock()
		at, begun := d.indexAt[dataset]
		if !begun || at.Sub(d.now()) > 2*every { // the clock was set back
			// Agents that were all started at once do not all begin at once, but within a minute.
			first := min(every, time.Minute)
			at = d.now().Add(5 * (d.Jittered(first) - first/10*9))
			d.indexAt[dataset] = at
		}
		due := !d.now().Before(at) && !d.indexing[dataset]
		if due {
			d.indexing[dataset] = true
			d.indexes.Add(1)
		}
		d.mu.Unlock()
		if due {
			go d.keepIndexed(ctx, dataset, every)
		}
	}
}

// keepIndexed looks at a source once, and has what is new in it be read.
func (d *Dispatcher) keepIndexed(ctx context.Context, dataset string, every time.Duration) {
	defer d.indexes.Done()
	rep, read, err := d.indexIfNew(ctx, dataset)
	switch {
	case err == nil && read:
		d.Log.Info("a dataset that changed was indexed", "dataset", dataset, "snapshot", rep.Snapshot.ID, "new", rep.New, "shards_read", rep.Learned, "bytes_read", rep.LearnedBytes)
	case errors.Is(err, index.ErrNotComplete):
		d.Log.Info("a dataset is not complete yet; it is looked at again", "dataset", dataset, "why", err)
	case err != nil && ctx.Err() == nil:
		d.Log.Error("a dataset could not be indexed; it is tried again", "dataset", dataset, "error", err)
	}
	d.mu.Lock()
	delete(d.indexing, dataset)
	d.indexAt[dataset] = d.now().Add(d.Jittered(every))
	if read {
		delete(d.looked, dataset) // those who wait for it look now
	}
	d.mu.Unlock()
	if read {
		d.notify()
	}
}

func (d *Dispatcher) indexIfNew(ctx context.Context, dataset string) (rep dgsync.IndexReport, read bool, err error) {
	src, err := d.catalog.Source(ctx, dataset)
	if err != nil {
		return rep, false, err
	}
	if !d.sync.ReadsFree(src) {
		return rep, false, errors.New("reading it here would cost money, which nobody asked for: an agent in its location keeps it indexed, or leave out watch.index")
	}
	n, err := d.sync.News(ctx, src, d.catalog.Watch(dataset), dgsync.ForIndex)
	if err != nil && ctx.Err() == nil {
		d.Log.Warn("a source could not be asked whether it changed; it is listed", "dataset", dataset, "error", err)
	}
	if !n.Changed {
		return rep, false, nil
	}
	if rep, err = d.catalog.Syncer().Index(ctx, src); err != nil {
		return rep, false, err
	}
	return rep, true, d.sync.Listed(src, n)
}

// nextWatch is when a dataset is next to be looked at for itself; zero: none is. d.mu must be held.
func (d *Dispatcher) nextWatch() (next time.Time) {
	for dataset, at := range d.indexAt {
		if !d.indexing[dataset] && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}
