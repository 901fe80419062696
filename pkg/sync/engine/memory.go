package engine

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/semaphore"
)

// memory hands out buffers, never more than its size at a time.
type memory struct {
	size int64
	sem  *semaphore.Weighted

	mu   sync.Mutex
	free map[int64][][]byte // by capacity
	kept int64
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
	if list := m.free[capacity]; len(list) > 0 {
		b := list[len(list)-1]
		m.free[capacity] = list[:len(list)-1]
		m.kept -= capacity
		return b[:n], nil
	}
	// Buffers of other sizes that lie idle make room: free and used ones together stay within size.
	for c, list := range m.free {
		if c != capacity && len(list) > 0 {
			m.kept -= c * int64(len(list))
			delete(m.free, c)
		}
	}
	b := make([]byte, n, capacity)
	preferHugePages(b)
	return b, nil
}

func (m *memory) put(b []byte) {
	capacity := int64(cap(b))
	if capacity >= pooledFrom {
		m.mu.Lock()
		if m.kept+capacity <= m.size {
			m.free[capacity] = append(m.free[capacity], b[:0])
			m.kept += capacity
		}
		m.mu.Unlock()
	}
	m.sem.Release(capacity)
}

// roundUp keeps the number of different capacities small: parts of whole chunks differ by less than a chunk.
func roundUp(n int64) int64 {
	const step = 1 << 20
	if n < pooledFrom {
		return max(n, 512)
	}
	return (n + step - 1) / step * step
}
