package engine

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// nearBytes in flight keep stores that are near busy: parts of 8 MiB, each of which is there in a tenth of a second. More would be read long before it can be
// sent, and all of that is read again by whoever goes on after a kill.
const nearBytes = 80 << 20

// room is what one run may have in flight of the engine's memory: all of it where connections are slow, so that many are needed to fill a link; where they are
// not, as much as that.
type room struct {
	size, near int64
	left       *semaphore.Weighted

	mu   sync.Mutex
	wide bool
}

// newRoom of so many bytes of memory. Of more than the default a near run has the same share.
func newRoom(size int64, slow bool) *room {
	near := min(size, max(nearBytes, size/DefaultMemoryBytes*nearBytes))
	r := &room{size: size, near: near, left: semaphore.NewWeighted(size), wide: true}
	r.adapt(slow)
	return r
}

// adapt to what is known of the connections by now. What is in flight stays in flight, so that less room comes about as parts end.
func (r *room) adapt(slow bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case slow && !r.wide:
		r.left.Release(r.size - r.near)
		r.wide = true
	case !slow && r.wide && r.left.TryAcquire(r.size-r.near):
		r.wide = false
	}
}

// get waits for room for n bytes, or for all that a near run may have; put gives back what it got.
func (r *room) get(ctx context.Context, n int64) (got int64, err error) {
	got = min(n, r.near)
	return got, r.left.Acquire(ctx, got)
}

func (r *room) put(got int64) { r.left.Release(got) }
