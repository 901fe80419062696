package engine

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/semaphore"
)

// memory hands out buffers, never more than its size at a time, those that lie idle included.
type memory struct {
	size int64
	sem  *semaphore.Weighted // what is handed out

	mu   sync.Mutex
	used int64              // handed out
	free map[int64][][]byte // idle, by capacity
	kept int64              // idle
}

// pooledFrom: smaller buffers are left to the garbage collector.
const pooledFrom = 1 << 20

func newMemory(size int64) *memory {
	return &memory{size: size, sem: semaphore.NewWeighted(size), free: map[int64][][]byte{}}
}

// get waits for room and returns a buffer of n bytes. put must be called with it.
func (m *memory) get(ctx context.Context, n int64) ([]byte, error) {
	capacity := roundUp(n)
	if capacity > m.size {
		return nil, fmt.Errorf("a part of %d bytes does not fit agent.memory (%d bytes); set it to at least %d", n, m.size, 2*capacity)
	}
	if err := m.sem.Acquire(ctx, capacity); err != nil {
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

// reuse finds the smallest idle buffer of at least this capacity and at most twice that; nil if there is none. What it is
// larger is acquired, too, unless others wait for room already. A new buffer would cost a page fault every few KiB.
func (m *memory) reuse(capacity int64) []byte {
	best := int64(0)
	for c, list := range m.free {
		if len(list) > 0 && c >= capacity && c <= 2*capacity && (best == 0 || c < best) {
			best = c
		}
	}
	// With somebody waiting, even 0 bytes cannot be acquired.
	if best == 0 || best > capacity && !m.sem.TryAcquire(best-capacity) {
		return nil
	}
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
	if capacity >= pooledFrom {
		m.mu.Lock()
		m.used -= capacity
		m.free[capacity] = append(m.free[capacity], b[:0])
		m.kept += capacity
		m.mu.Unlock()
	}
	m.sem.Release(capacity)
}

// roundUp keeps the number of different capacities small: parts of whole chunks differ by less than a chunk.
func roundUp(n int64) int64 {
	const step = 256 << 10
	if n < pooledFrom {
		return max(n, 512)
	}
	return (n + step - 1) / step * step
}
