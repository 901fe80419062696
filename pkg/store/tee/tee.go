// Package tee reads a range of a store once for several readers.
//
// # The promise
//
// Readers that ask for the same range of the same pinned object share one request: the first makes it, the others get its bytes.
// They need not ask at the same time. A bounded buffer keeps what some still want, so that a slow reader holds the others
// back only by what no longer fits; one that does not move at all loses its claim after a while, and reads again by itself.
// What is shared is charged once, to whoever made the request: the others' requests move nothing.
package tee

import (
	"context"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// Options of New. Zero values take the defaults named.
type Options struct {
	BufferBytes int64         // of ranges that some reader still wants; 64 MiB
	Stall       time.Duration // after which readers that take nothing lose their claim on the oldest range; 30 s
}

// Tee shares the reads of a store among its readers.
type Tee struct {
	store.Store
	o Options

	mu      sync.Mutex
	readers map[*Reader]bool
	entries map[key]*entry
	order   []key // of the entries that hold bytes, the oldest first; some may be gone
	kept    int64
	taken   chan struct{} // closed and made anew whenever room was made
}

type key struct {
	store.Ref
	offset, size int64
}

// entry is a range that is being read, or was.
type entry struct {
	done    chan struct{}    // closed when the reading ended
	data    []byte           // nil while it goes on
	pending map[*Reader]bool // those that still want it
}

// New makes a Tee; what s is asked beside reading passes through.
func New(s store.Store, o Options) *Tee {
	if o.BufferBytes == 0 {
		o.BufferBytes = 64 << 20
	}
	if o.Stall == 0 {
		o.Stall = 30 * time.Second
	}
	return &Tee{Store: s, o: o, readers: map[*Reader]bool{}, entries: map[key]*entry{}, taken: make(chan struct{})}
}

// RoundTrip is that of the store inside.
func (t *Tee) RoundTrip() time.Duration { return store.RoundTrip(t.Store) }

// Time is that of the store inside.
func (t *Tee) Time() (time.Time, bool) { return store.Time(t.Store) }

// Reader is the store as one of several readers sees it. Until it says what it wants, it may want everything.
type Reader struct {
	*Tee
	wants map[string]bool // keys; nil: all
}

// Reader adds a reader. All are added before the first reads.
func (t *Tee) Reader() *Reader {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := &Reader{Tee: t}
	t.readers[r] = true
	return r
}

// Want says which objects the reader will read; nothing is kept for it of any other.
func (r *Reader) Want(keys map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wants = keys
	for k, e := range r.entries {
		if !keys[k.Key] {
			r.claimed(k, e, r)
		}
	}
}

// End says that the reader reads no more. It leaves the store open.
func (r *Reader) End() {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.readers, r)
	for k, e := range r.entries {
		r.claimed(k, e, r)
	}
}

// Close ends the reader; the store is closed by whoever opened it.
func (r *Reader) Close() error {
	r.End()
	return nil
}

// claimed takes a reader off an entry, and the entry away with the last one. The lock is held.
func (t *Tee) claimed(k key, e *entry, r *Reader) {
	delete(e.pending, r)
	if len(e.pending) == 0 && e.data != nil {
		t.drop(k, e)
	}
}

func (t *Tee) drop(k key, e *entry) {
	if t.entries[k] == e {
		delete(t.entries, k)
	}
	n := int64(len(e.data))
	e.data = nil
	t.giveBack(n)
}

// giveBack tells those that wait for room of n bytes that are free again. The lock is held.
func (t *Tee) giveBack(n int64) {
	t.kept -= n
	close(t.taken)
	t.taken = make(chan struct{})
}

// ReadRange reads, or takes what another reader read.
func (r *Reader) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	if len(p) == 0 {
		return nil
	}
	k := key{ref, off, int64(len(p))}
	for {
		r.mu.Lock()
		e, there := r.entries[k]
		switch {
		case !there:
			return r.lead(ctx, k, p) // unlocks
		case e.data != nil && e.pending[r]:
			copy(p, e.data)
			r.claimed(k, e, r)
			r.mu.Unlock()
			return nil
		case e.data != nil || !e.pending[r]:
			// It had it before: its bytes were wrong on the way, or the entry is not meant for it.
			r.mu.Unlock()
			return r.Store.ReadRange(ctx, ref, off, p)
		}
		r.mu.Unlock()
		select {
		case <-e.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// lead makes the request. The lock is held on entry.
func (r *Reader) lead(ctx context.Context, k key, p []byte) error {
	e := &entry{done: make(chan struct{}), pending: map[*Reader]bool{}}
	for other := range r.readers {
		if other != r && (other.wants == nil || other.wants[k.Key]) {
			e.pending[other] = true
		}
	}
	if len(e.pending) == 0 {
		r.mu.Unlock()
		return r.Store.ReadRange(ctx, k.Ref, k.offset, p)
	}
	r.entries[k] = e
	r.mu.Unlock()
	room := r.makeRoom(ctx, k.size)
	err := room
	if err == nil {
		err = r.Store.ReadRange(ctx, k.Ref, k.offset, p)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(e.done)
	if err == nil && len(e.pending) > 0 {
		e.data = append([]byte(nil), p...)
		r.order = append(r.order, k)
		return nil
	}
	// Nobody wants it any more, or whoever waits for it reads by itself.
	delete(r.entries, k)
	if room == nil {
		r.giveBack(k.size)
	}
	return err
}

// makeRoom waits until n more bytes fit, and takes that room.
func (t *Tee) makeRoom(ctx context.Context, n int64) error {
	timer := time.NewTimer(t.o.Stall)
	defer timer.Stop()
	for {
		t.mu.Lock()
		// One range alone always fits.
		if t.kept == 0 || t.kept+n <= t.o.BufferBytes {
			t.kept += n
			t.mu.Unlock()
			return nil
		}
		taken := t.taken
		t.mu.Unlock()
		select {
		case <-taken:
			timer.Reset(t.o.Stall)
		case <-timer.C:
			t.evict()
			timer.Reset(t.o.Stall)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// evict takes away the oldest range that some reader did not come for.
func (t *Tee) evict() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.order) > 0 {
		k := t.order[0]
		t.order = t.order[1:]
		if e := t.entries[k]; e != nil && e.data != nil {
			t.drop(k, e)
			return
		}
	}
}
