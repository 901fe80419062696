package pace

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// credit is how much of the rate that was not used can be made up for. A quarter of a second bridges the time between two
// parts and the lateness of timers, and is too short for the queues of a network to overflow.
const credit = 250 * time.Millisecond

// Bandwidth paces bytes by a timetable. It is safe for concurrent use; those that wait share the rate in the order in which
// they came. A nil Bandwidth lets everything pass at once.
type Bandwidth struct {
	now func() time.Time
	// turn is held by the one that waits for the limiter. With one at a time no claim has to be taken back, which
	// rate.Limiter cannot do exactly; those behind wait in the order of the channel.
	turn chan struct{}
	// passed are the bytes so far.
	passed atomic.Int64

	mu      sync.Mutex
	table   *Timetable
	limiter *rate.Limiter
	until   time.Time     // when the table's rate changes next; zero: not within reach
	changed chan struct{} // closed by Set
}

// NewBandwidth makes one that follows a timetable; nil: no limit until Set. now is the clock, nil: time.Now.
func NewBandwidth(t *Timetable, now func() time.Time) *Bandwidth {
	if now == nil {
		now = time.Now
	}
	b := &Bandwidth{now: now, turn: make(chan struct{}, 1), table: t, changed: make(chan struct{}), limiter: rate.NewLimiter(rate.Inf, 1)}
	b.apply(now())
	return b
}

// Set changes the timetable. Those that wait go on at the new rate at once; what the old one let pass stays counted.
func (b *Bandwidth) Set(t *Timetable) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.table.Equal(t) {
		return
	}
	now := b.now()
	b.follow(now)
	b.table = t
	b.apply(now)
	close(b.changed)
	b.changed = make(chan struct{})
}

// Timetable returns the one that is followed.
func (b *Bandwidth) Timetable() *Timetable {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.table
}

// Wait returns when payload bytes may pass. The error is the cause of the context's end; some of the bytes may be counted
// then, as if they had passed.
func (b *Bandwidth) Wait(ctx context.Context, bytes int64) error {
	if b == nil || bytes <= 0 {
		return nil
	}
	select {
	case b.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-b.turn }()
	for {
		b.mu.Lock()
		wait := b.claim(&bytes)
		changed := b.changed
		b.mu.Unlock()
		if bytes == 0 {
			return nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-changed:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
		timer.Stop()
	}
}

// claim takes what the limiter gives now from bytes, and returns how long to wait for more of them.
func (b *Bandwidth) claim(bytes *int64) time.Duration {
	now := b.now()
	b.follow(now)
	for *bytes > 0 {
		n := int(min(*bytes, int64(b.limiter.Burst())))
		if b.limiter.Limit() == rate.Inf {
			b.passed.Add(*bytes)
			*bytes = 0
			return 0
		}
		if !b.limiter.AllowN(now, n) {
			missing := float64(n) - b.limiter.TokensAt(now)
			// A nanosecond more, so that rounding does not make it a moment too early.
			wait := time.Duration(missing/float64(b.limiter.Limit())*float64(time.Second)) + 1
			if !b.until.IsZero() {
				wait = min(wait, b.until.Sub(now))
			}
			return wait
		}
		b.passed.Add(int64(n))
		*bytes -= int64(n)
	}
	return 0
}

// follow brings the limiter to a time, step by step over the changes of the rate on the way, so that each counts as long
// as it held.
func (b *Bandwidth) follow(now time.Time) {
	for !b.until.IsZero() && !now.Before(b.until) {
		b.apply(b.until)
	}
}

// apply sets the limiter to the rate of the table at a time.
func (b *Bandwidth) apply(at time.Time) {
	bits, until := b.table.At(at.Round(0)) // by the wall, which a machine that slept has advanced
	b.until = until
	if until.IsZero() && b.table != nil {
		b.until = at.Add(horizon) // At sees no further: ask again then
	}
	limit, burst := rate.Inf, 1
	if bits != Unlimited {
		limit = rate.Limit(float64(bits) / 8)
		burst = max(1, int(float64(limit)*credit.Seconds()))
	}
	b.limiter.SetLimitAt(at, limit)
	b.limiter.SetBurstAt(at, burst)
}
