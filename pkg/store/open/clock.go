package open

import (
	"net/http"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// clock of a service, as the Date headers of its answers tell it.
type clock struct {
	base http.RoundTripper
	now  func() time.Time

	mu   sync.Mutex
	said time.Time // by the latest answer; zero: none said any
	at   time.Time // when it came, by our clock, whose jumps are no part of what passed since
}

// listen returns a client that sends through another one, and the clock of whom it asks.
func listen(through *http.Client, now func() time.Time) (*http.Client, *clock) {
	own := *through
	c := &clock{base: through.Transport, now: now}
	if c.base == nil {
		c.base = http.DefaultTransport
	}
	own.Transport = c
	return &own, c
}

// RoundTrip passes a request on.
func (c *clock) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.base.RoundTrip(r)
	if err != nil {
		return resp, err
	}
	if said, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		c.mu.Lock()
		c.said, c.at = said, c.now()
		c.mu.Unlock()
	}
	return resp, nil
}

// CloseIdleConnections serves http.Client.CloseIdleConnections.
func (c *clock) CloseIdleConnections() {
	if b, ok := c.base.(interface{ CloseIdleConnections() }); ok {
		b.CloseIdleConnections()
	}
}

// timed is a store that knows its service's clock. What no service was asked about has the time of the store inside, as one in memory does.
type timed struct {
	store.Store
	clock *clock
}

// Time is what [store.Time] tells.
func (s timed) Time() (time.Time, bool) {
	s.clock.mu.Lock()
	defer s.clock.mu.Unlock()
	if s.clock.said.IsZero() {
		return store.Time(s.Store)
	}
	return s.clock.said.Add(s.clock.now().Sub(s.clock.at)), true
}
