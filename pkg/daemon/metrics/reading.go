package metrics

import (
	"context"
	"sync"
	"time"
)

// reading is something that is read for a scrape, in a goroutine of its own, so that one that takes long holds no scrape up.
type reading struct {
	name string
	read func(context.Context) (any, error)

	mu       sync.Mutex
	running  chan struct{} // closed when it ends; nil: nobody reads
	last     any
	at       time.Time
	failures int64
	err      error
}

// begin reads, unless that is being done. What it returns is closed when there is something new.
func (r *reading) begin(all *sync.WaitGroup, now func() time.Time) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running != nil {
		return r.running
	}
	done := make(chan struct{})
	r.running = done
	all.Go(func() {
		v, err := r.read(context.Background()) // whoever scraped may be gone before it ends; the next one has it
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.err = err; err != nil {
			r.failures++
		} else {
			r.last, r.at = v, now()
		}
		r.running = nil
		close(done)
	})
	return done
}

// taken is what was read last.
func (r *reading) taken() (v any, at time.Time, failures int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last, r.at, r.failures, r.err
}
