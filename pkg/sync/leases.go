package sync

import (
	"context"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/lease"
)

// Leases keep agents with other manifests from writing to the same place at the same time, which would be paid for twice. Without them all is as safe.
type Leases struct {
	*lease.Keeper
	// Wait is how long to wait for a lease that another agent has.
	Wait time.Duration
	// Prefixes of the destinations in a store, by its name, for what is removed wherever it lies.
	Prefixes func(store string) []string
}

// leased are the leases that one run holds. They are taken when there is something to write, and held to the end of the run.
type leased struct {
	leases *Leases // nil: none are taken
	at     []place
	held   []*lease.Held
}

type place struct {
	store  store.Store
	prefix string
}

// leased begins a run.
func (s *Syncer) leased() *leased { return &leased{leases: s.Leases} }

// take the leases for prefixes of a store, those that the run does not hold yet. Errors: [lease.ErrHeld], and those of the store.
func (l *leased) take(ctx context.Context, st store.Store, prefixes ...string) error {
	if l == nil || l.leases == nil {
		return nil
	}
	for _, prefix := range prefixes {
		at := place{st, prefix}
		if slices.Contains(l.at, at) {
			continue
		}
		h, err := l.leases.Hold(ctx, st, prefix, l.leases.Wait)
		if err != nil {
			return err
		}
		l.at, l.held = append(l.at, at), append(l.held, h)
	}
	return nil
}

// Err is why nothing more may be begun: [lease.ErrLost].
func (l *leased) Err() error {
	for _, h := range l.held {
		if err := h.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (l *leased) release() {
	for _, h := range l.held {
		h.Release()
	}
}

// stillRefused looks at a destination whose lease another agent was seen to have, so that nothing is listed or read at the source while it has.
func (s *Syncer) stillRefused(ctx context.Context, q Request) error {
	if s.Leases == nil || !s.Leases.Refused() {
		return nil
	}
	d, err := q.Destination.opened(ctx)
	if err != nil {
		return err
	}
	return s.Leases.Look(ctx, d.Store, q.mirrorPrefix())
}
