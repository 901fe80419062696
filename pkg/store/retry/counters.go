package retry

import (
	"sync/atomic"
	"time"
)

// Counters of a store since it was wrapped.
type Counters struct {
	Attempts int64 // calls of the store below, first ones included
	// Further attempts by the kind of failure before them.
	Throttled, Transient, Auth int64
	// Recovered writes: their answer was lost, and a look at the key proved that they had happened.
	Recovered int64
	// GaveUp operations ran out of attempts or time.
	GaveUp int64
	Waited time.Duration
}

// Retries is the number of further attempts.
func (c Counters) Retries() int64 { return c.Throttled + c.Transient + c.Auth }

type counters struct {
	attempts, throttled, transient, auth, recovered, gaveUp, waited atomic.Int64
}

// Counters returns the counts so far.
func (s *Store) Counters() Counters {
	return Counters{
		Attempts:  s.count.attempts.Load(),
		Throttled: s.count.throttled.Load(),
		Transient: s.count.transient.Load(),
		Auth:      s.count.auth.Load(),
		Recovered: s.count.recovered.Load(),
		GaveUp:    s.count.gaveUp.Load(),
		Waited:    time.Duration(s.count.waited.Load()),
	}
}
