package retry

import (
	"context"
	"math/rand/v2"
	"time"
)

// Policy bounds the attempts of one operation. The zero value is right for object stores.
type Policy struct {
	// Attempts that end in transient failures, the first included; 0: 6.
	Attempts int
	// ThrottledAttempts that the service may refuse as too many; 0: 30. They are bounded by Limit in the first place.
	ThrottledAttempts int
	// FirstWait before the second attempt, each later one twice as long up to MaxWait, all spread by half to either side;
	// 0: 500 ms and 30 s. After it, the sixth attempt starts about 16 s after the first failed.
	FirstWait, MaxWait time.Duration
	// Limit on the time from the start of the first attempt to the start of the last; 0: 10 min. An attempt that is under
	// way is not cut short: the context and the client's stall limit do that.
	Limit time.Duration

	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Sleep waits for d or until ctx ends, whose error it then returns; nil: a timer.
	Sleep func(ctx context.Context, d time.Duration) error
	// Random spreads the waits, with numbers from 0 up to 1; nil: rand.Float64. A simulation that must replay has its own.
	Random func() float64
}

func (p Policy) withDefaults() Policy {
	if p.Attempts == 0 {
		p.Attempts = 6
	}
	if p.ThrottledAttempts == 0 {
		p.ThrottledAttempts = 30
	}
	if p.FirstWait == 0 {
		p.FirstWait = 500 * time.Millisecond
	}
	if p.MaxWait == 0 {
		p.MaxWait = 30 * time.Second
	}
	if p.Limit == 0 {
		p.Limit = 10 * time.Minute
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Sleep == nil {
		p.Sleep = sleep
	}
	if p.Random == nil {
		p.Random = rand.Float64
	}
	return p
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
