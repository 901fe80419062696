package pace

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// Link is what bytes go over: from a store to a destination, by their configured names and where they are. Its fields are
// those of cost.Link, so that one converts to the other.
type Link struct {
	Source, Dest                 string // Dest is "" for reading only
	SourceLocation, DestLocation store.Location
}

// Limit is a timetable for all links that it covers together: they share its rate.
type Limit struct {
	// Name tells limits apart and keeps a limit the same when its timetable changes.
	Name   string
	Covers func(Link) bool
	Table  *Timetable
}

// Links are the limits of a process. It is safe for concurrent use; nil limits nothing.
type Links struct {
	now func() time.Time

	mu     sync.Mutex
	limits []shared
}

// shared is a limit and what paces it.
type shared struct {
	Limit
	pace *Bandwidth
}

// NewLinks makes the limits of a process. now is the clock, nil: time.Now.
func NewLinks(limits []Limit, now func() time.Time) *Links {
	l := &Links{now: now}
	l.Reload(limits)
	return l
}

// Reload replaces the limits, and returns what changed in words for a log, one for each limit. Bytes that wait for a limit go
// on at its new rate; where it is gone, at once.
func (l *Links) Reload(limits []Limit) (changes []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := map[string]shared{}
	for _, s := range l.limits {
		before[s.Name] = s
	}
	next := make([]shared, 0, len(limits))
	for _, limit := range limits {
		s, ok := before[limit.Name]
		delete(before, limit.Name)
		switch {
		case !ok:
			s.pace = NewBandwidth(limit.Table, l.now)
			changes = append(changes, limit.Name+" is new")
		case !s.Table.Equal(limit.Table):
			s.pace.Set(limit.Table)
			changes = append(changes, limit.Name+" has another timetable")
		}
		s.Limit = limit
		next = append(next, s)
	}
	for _, s := range l.limits {
		if _, gone := before[s.Name]; gone {
			s.pace.Set(nil)
			changes = append(changes, s.Name+" is gone")
		}
	}
	l.limits = next
	return changes
}

// Passed are the bytes that limits let pass so far, those of a limit that is gone left out: while somebody waits for bandwidth, it grows.
func (l *Links) Passed() (n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.limits {
		n += s.pace.passed.Load()
	}
	return n
}

// For returns the limits that hold for a link, in their order; none: nil. It is to be asked again for each part, since the
// limits can change.
func (l *Links) For(link Link) Bandwidths {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var out Bandwidths
	for _, s := range l.limits {
		if s.Covers(link) {
			out = append(out, s.pace)
		}
	}
	return out
}

// Bandwidths hold together, as budgets do: what passes must fit every one.
type Bandwidths []*Bandwidth

// Wait returns when bytes may pass every limit. The error is the cause of the context's end.
func (b Bandwidths) Wait(ctx context.Context, bytes int64) error {
	for _, one := range b {
		if err := one.Wait(ctx, bytes); err != nil {
			return fmt.Errorf("waiting for bandwidth: %w", err)
		}
	}
	return nil
}

// At returns the rate that all of them leave at a time, and when it next becomes another one; the zero time if it does not
// within 8 days.
func (b Bandwidths) At(now time.Time) (Rate, time.Time) {
	lowest := func(at time.Time) (r Rate, until time.Time) {
		for _, one := range b {
			rate, next := one.Timetable().At(at)
			r = r.slower(rate)
			if !next.IsZero() && (until.IsZero() || next.Before(until)) {
				until = next
			}
		}
		return r, until
	}
	rate, until := lowest(now)
	for at := until; !at.IsZero() && at.Sub(now) < horizon; {
		r, next := lowest(at)
		if r != rate {
			return rate, at
		}
		at = next
	}
	return rate, time.Time{}
}
