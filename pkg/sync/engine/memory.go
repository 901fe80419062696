package engine

import (
	"context"
	"fmt"
	"sync"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/pace"
)

// memory hands out buffers, never more than its size at a time, those that lie idle included. Whoever must wait is served in the
// order of the contexts' priorities: since no part moves without a buffer, this is the queue that decides which part of which
// job goes first. What is too large for the room that there is holds up what is behind it, so that it gets its turn.
type memory struct {
	size int64

	mu      sync.Mutex
	out     int64 // handed out
	waiting pace.Queue[roomless]
	usual   int64              // the largest capacity so far
	used    int64              // handed out of those that are pooled
	free    map[int64][][]byte // idle, by capacity
	kept    int64              // idle
}

// pooledFrom: smaller buffers are left to the garbage collector.
const pooledFrom = 1 << 20

func newMemory(size int64) *memory { return &memory{size: size, free: map[int64][][]byte{}} }

// get waits for room and returns a buffer of n bytes. put must be called with it.
func (m *memory) get(ctx context.Context, n int64) ([]byte, error) {
	capacity := m.class(n)
	if capacity > m.size {
		return nil, fmt.Errorf("a part of %d bytes does not fit agent.memory (%d bytes); set it to at least %d", n, m.size, 2*capacity)
	}
	if err := m.acquire(ctx, capacity); err != nil {
		return nil, err
	}
	if capacity < pooledFrom {
		return make([]byte, n, capacity), nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.reuse(capacity)
	if b == nil {
		m.makeRoom(capacity)
		b = make([]byte, 0, capacity)
		preferHugePages(b)
	}
	m.used += int64(cap(b))
	return b[:n], nil
}

// class is the capacity of a buffer for n bytes. The last part of a shard, a bit smaller than the others, has a buffer of their
// size: one of its own would be new, and drive a usual one out.
func (m *memory) class(n int64) int64 {
	capacity := roundUp(n)
	if capacity < pooledFrom {
		return capacity
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if capacity > m.usual && capacity <= m.size {
		m.usual = capacity
	}
	if capacity > m.usual/4*3 && capacity <= m.usual {
		return m.usual
	}
	return capacity
}

// acquire takes room for so many bytes, in turn.
func (m *memory) acquire(ctx context.Context, n int64) error {
	m.mu.Lock()
	if m.waiting.Len() == 0 && m.out+n <= m.size {
		m.out += n
		m.mu.Unlock()
		return nil
	}
	w := roomless{need: n, ready: make(chan struct{})}
	place := m.waiting.Add(store.RankOf(ctx), w)
	m.serve() // it may be the most urgent one, and fit
	m.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.waiting.Remove(place) {
		m.serve() // what it held up
	} else {
		m.release(n) // it was served in this moment
	}
	return context.Cause(ctx)
}

// release gives room back. The lock is held, as for serve.
func (m *memory) release(n int64) {
	m.out -= n
	m.serve()
}

func (m *memory) serve() {
	for m.waiting.Len() > 0 && m.out+m.waiting.First().need <= m.size {
		w := m.waiting.Next()
		m.out += w.need
		close(w.ready)
	}
}

// reuse finds the smallest idle buffer of at least this capacity and at most twice that; nil if there is none. What it is
// larger is taken, too, unless others wait for room already. A new buffer would cost a page fault every few KiB.
func (m *memory) reuse(capacity int64) []byte {
	best := int64(0)
	for c, list := range m.free {
		if len(list) > 0 && c >= capacity && c <= 2*capacity && (best == 0 || c < best) {
			best = c
		}
	}
	extra := best - capacity
	if best == 0 || extra > 0 && (m.waiting.Len() > 0 || m.out+extra > m.size) {
		return nil
	}
	m.out += extra
	return m.takeIdle(best)
}

// makeRoom lets idle buffers go until a new one fits.
func (m *memory) makeRoom(capacity int64) {
	for c := range m.free {
		for len(m.free[c]) > 0 && m.kept+m.used+capacity > m.size {
			m.takeIdle(c)
		}
	}
}

// takeIdle removes one idle buffer of a capacity that there is.
func (m *memory) takeIdle(capacity int64) []byte {
	list := m.free[capacity]
	b := list[len(list)-1]
	m.free[capacity] = list[:len(list)-1]
	m.kept -= capacity
	return b
}

func (m *memory) put(b []byte) {
	capacity := int64(cap(b))
	m.mu.Lock()
	defer m.mu.Unlock()
	if capacity >= pooledFrom {
		m.used -= capacity
		m.free[capacity] = append(m.free[capacity], b[:0])
		m.kept += capacity
	}
	m.release(capacity)
}

// roundUp keeps the number of different capacities small: parts of whole chunks differ by less than a chunk.
func roundUp(n int64) int64 {
	const step = 256 << 10
	if n < pooledFrom {
		return max(n, 512)
	}
	return (n + step - 1) / step * step
}

// roomless waits for room.
type roomless struct {
	need  int64
	ready chan struct{} // closed when it has its room
}
