package observe

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// Success is when something that is done again and again last went well.
type Success struct {
	// Activity is ready (all that was asked for of a dataset was at a destination and proven), list (a source was listed completely), or the name of a
	// timer of the manifest: verify, gc, backup and what else is done on a schedule.
	Activity    string    `json:"activity"`
	Dataset     string    `json:"dataset,omitempty"`
	Destination string    `json:"destination,omitempty"`
	At          time.Time `json:"at"`
}

// rested is something that was read from the manifest and costs a walk over many records. It is read again after the manifest changed, but not for so
// long that more than a twentieth of a core went into it.
type rested struct {
	mu      sync.Mutex
	value   any
	version uint64
	at      time.Time
	took    time.Duration
}

// through is what f read last, read again if it is time.
func through[T any](c *rested, m *manifest.Manifest, f func() (T, error)) (v T, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	version, began := m.Version(), m.Now()
	if c.value != nil && (version == c.version && version != 0 || rests(began.Sub(c.at), c.took)) {
		return c.value.(T), nil
	}
	if v, err = f(); err != nil {
		return v, err
	}
	c.value, c.version, c.at, c.took = v, version, began, max(0, m.Now().Sub(began))
	return v, nil
}

// Successes by activity, dataset and destination: what the manifest knows, and what [Reader.Succeeded] tells beside it.
func (r *Reader) Successes(ctx context.Context) ([]Success, error) {
	list, err := through(&r.readied, r.Manifest, r.readSuccesses)
	list = slices.Clone(list)
	if r.Succeeded != nil {
		list = append(list, r.Succeeded()...)
	}
	datasets, listing := r.ListDatasets(ctx)
	for _, d := range datasets {
		if d.Listed != nil {
			list = append(list, Success{Activity: "list", Dataset: d.Name, At: *d.Listed})
		}
	}
	slices.SortStableFunc(list, func(a, b Success) int {
		return cmp.Or(cmp.Compare(a.Activity, b.Activity), cmp.Compare(a.Dataset, b.Dataset), cmp.Compare(a.Destination, b.Destination))
	})
	return list, errors.Join(err, listing)
}

// readSuccesses finds when a need of each dataset was last met at each destination, and when what the manifest has timers for last went well.
func (r *Reader) readSuccesses() ([]Success, error) {
	type place struct{ dataset, destination string }
	last := map[place]manifest.Millis{}
	err := r.Manifest.View(func(tx *manifest.Tx) error {
		return tx.Needs(func(n manifest.Need) (bool, error) {
			if p := (place{n.Dataset, n.Destination}); n.Ready > last[p] {
				last[p] = n.Ready
			}
			return true, nil
		})
	})
	list := []Success{}
	err = errors.Join(err, r.Manifest.View(func(tx *manifest.Tx) error {
		return tx.Timers(func(t manifest.Timer) (bool, error) {
			if t.Well != 0 {
				list = append(list, Success{Activity: t.Name, At: t.Well.Time()})
			}
			return true, nil
		})
	}))
	for p, at := range last {
		list = append(list, Success{Activity: "ready", Dataset: p.dataset, Destination: p.destination, At: at.Time()})
	}
	return list, err
}

// SpendByLink is [Reader.Spend] by link, of all time. Where the ledger has many lines it is as old as summing them would cost.
func (r *Reader) SpendByLink() ([]SpendRow, error) {
	return through(&r.links, r.Manifest, func() ([]SpendRow, error) { return r.Spend(SpendQuery{By: "link"}) })
}
