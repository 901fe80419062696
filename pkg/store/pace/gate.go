package pace

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// Limits of a gate.
const (
	// DefaultStart and DefaultMax hold where Options say nothing. 16 streams of 4 MiB fill 10 Gbit/s at a round trip of
	// 50 ms, if no connection is held to less; twice that is where a start among slower ones is not felt in a transfer of some
	// seconds. 64 requests of 15 ms, about the least that a cloud takes for a small object, are 4,300 requests/s, which is
	// where S3 begins to refuse (3,500 writes/s or 5,500 reads/s a prefix), and a fifth of what an Azure account allows
	// (20,000 requests/s).
	DefaultStart = 32
	DefaultMax   = 64

	// maxPause caps the wait that a service can ask of a whole store. The services ask for seconds; an hour, from a broken
	// proxy or a date in another time zone, would stop every job at the store, and after 5 min one refused request tells
	// whether it is still meant.
	maxPause = 5 * time.Minute
)

// Options of a [Gate]. The zero value is right for the public clouds.
type Options struct {
	// Start is the limit at the beginning, requests in flight; 0: [DefaultStart], or Max if that is less.
	Start int
	// Max is the most requests in flight, whatever the store could bear; 0: [DefaultMax].
	Max int
}

// Gate admits requests to one store. It is safe for concurrent use.
type Gate struct {
	mu       sync.Mutex
	climb    climb
	inFlight int
	admitted uint64 // requests so far; also numbers slots
	waiting  Queue[chan Slot]

	pausedUntil time.Time // zero: not paused
	resume      *time.Timer
	throttled   int64
	roundTrip   time.Duration // the least so far; 0: none yet
	trips       int           // that it is the least of
}

// Slot is a place among the requests in flight, given by Admit and taken back by Release or Abandon.
type Slot struct {
	number uint64
	since  time.Time
}

// NewGate makes a gate; negative options are taken as 0.
func NewGate(o Options) *Gate {
	if o.Max <= 0 {
		o.Max = DefaultMax
	}
	if o.Start <= 0 {
		o.Start = DefaultStart
	}
	return &Gate{climb: newClimb(min(o.Start, o.Max), o.Max)}
}

// Admit waits for a slot in the order of store.RankOf(ctx). The error is the cause of the context's end, and then no slot is
// held.
func (g *Gate) Admit(ctx context.Context) (Slot, error) {
	if err := ctx.Err(); err != nil {
		return Slot{}, context.Cause(ctx)
	}
	g.mu.Lock()
	if g.waiting.Len() == 0 && g.open() {
		s := g.take()
		g.mu.Unlock()
		return s, nil
	}
	// A slot that is given while the waiter leaves must not block the giver.
	admitted := make(chan Slot, 1)
	place := g.waiting.Add(store.RankOf(ctx), admitted)
	g.mu.Unlock()

	select {
	case s := <-admitted:
		return s, nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	waited := g.waiting.Remove(place)
	g.mu.Unlock()
	if !waited {
		g.Abandon(<-admitted) // it was given in this moment
	}
	return Slot{}, context.Cause(ctx)
}

// Release gives a slot back after a request. payloadBytes are those of the object's content that it moved, 0 for requests
// that move none: these count as requests, not for throughput. err is how the request ended, nil or an error of a store; one
// of [store.ErrThrottled] lowers the limit, and its RetryAfter pauses the whole store.
func (g *Gate) Release(s Slot, payloadBytes int64, err error) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inFlight--
	switch {
	case err == nil || answered(err):
		if err != nil {
			payloadBytes = 0
		}
		if payloadBytes == 0 {
			g.travelled(now.Sub(s.since))
		}
		g.climb.success(s.number, g.admitted, payloadBytes, g.waiting.Len() > 0, now)
	case errors.Is(err, store.ErrThrottled):
		g.throttled++
		g.climb.throttled(s.number, g.admitted, now)
		g.pause(now, retryAfter(err))
	}
	g.admit()
}

// leastTrips are as many requests as it takes to tell how far away a store is: a single one may have waited for anything.
const leastTrips = 3

// travelled notes how long a request without content took. The lock is held.
func (g *Gate) travelled(took time.Duration) {
	g.trips++
	if g.roundTrip == 0 || took < g.roundTrip {
		g.roundTrip = max(took, 1)
	}
}

// Abandon gives back a slot in which no request was made.
func (g *Gate) Abandon(Slot) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inFlight--
	g.admit()
}

// answered tells whether an error is the answer of a service that keeps up. Failures of the network, of credentials and of
// our own contexts say nothing about how much it can bear.
func answered(err error) bool {
	for _, kind := range []error{store.ErrNotFound, store.ErrChanged, store.ErrConflict, store.ErrUnsupported} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

func retryAfter(err error) time.Duration {
	var e *store.Error
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}

// open tells whether a request may start now.
func (g *Gate) open() bool {
	if g.inFlight >= g.climb.limit {
		return false
	}
	if g.pausedUntil.IsZero() {
		return true
	}
	if time.Now().Before(g.pausedUntil) {
		return false
	}
	g.pausedUntil = time.Time{}
	return true
}

func (g *Gate) take() Slot {
	g.inFlight++
	g.admitted++
	return Slot{g.admitted, time.Now()}
}

// admit gives slots to those that wait.
func (g *Gate) admit() {
	for g.waiting.Len() > 0 && g.open() {
		g.waiting.Next() <- g.take()
	}
}

// pause lets nobody in for as long as the service asked, and up to a tenth longer, so that several machines that were told
// the same do not come back at once.
func (g *Gate) pause(now time.Time, asked time.Duration) {
	if asked <= 0 {
		return
	}
	asked = min(asked, maxPause)
	until := now.Add(asked + rand.N(asked/10+1))
	if !until.After(g.pausedUntil) {
		return
	}
	g.pausedUntil = until
	if g.resume == nil {
		g.resume = time.AfterFunc(until.Sub(now), g.wake)
		return
	}
	g.resume.Reset(until.Sub(now))
}

func (g *Gate) wake() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.admit()
}

// Counters tell how a gate stands.
type Counters struct {
	// Limit on requests in flight now, and the most that it can become.
	Limit, Max int
	// InFlight requests, and those Waiting for a slot.
	InFlight, Waiting int
	// Admitted requests so far.
	Admitted int64
	// Throttled requests so far, and how often the limit was halved for them.
	Throttled, Decreases int64
	// PausedUntil is when the service lets requests in again; zero if it asked for no wait.
	PausedUntil time.Time
	// RoundTrip is the least time that a request without content took; 0 while there were too few to tell.
	RoundTrip time.Duration
}

// Counters returns the state now.
func (g *Gate) Counters() Counters {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := Counters{
		Limit: g.climb.limit, Max: g.climb.max, InFlight: g.inFlight, Waiting: g.waiting.Len(), Admitted: int64(g.admitted),
		Throttled: g.throttled, Decreases: g.climb.decreases,
	}
	if g.trips >= leastTrips {
		c.RoundTrip = g.roundTrip
	}
	if time.Now().Before(g.pausedUntil) {
		c.PausedUntil = g.pausedUntil
	}
	return c
}
