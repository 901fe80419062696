package pace

import (
	"container/heap"

	"github.com/datagravity/datagravity/pkg/store"
)

// Queue holds those that wait, the most urgent first and, of equals, the one that came first. The zero value is empty. It is for one
// goroutine at a time.
type Queue[T any] struct {
	places  places[T]
	arrived uint64 // so far
}

// Place is one that waits in a [Queue], or has left it.
type Place[T any] struct {
	Value T

	rank    store.Rank
	arrival uint64
	index   int // in the heap; -1 once it has left
}

// Len is how many wait.
func (q *Queue[T]) Len() int { return len(q.places) }

// Add puts one in.
func (q *Queue[T]) Add(rank store.Rank, value T) *Place[T] {
	q.arrived++
	p := &Place[T]{Value: value, rank: rank, arrival: q.arrived}
	heap.Push(&q.places, p)
	return p
}

// First is whose turn is next. The queue must not be empty, as for Next.
func (q *Queue[T]) First() T { return q.places[0].Value }

// Next takes out whose turn it is.
func (q *Queue[T]) Next() T {
	return heap.Pop(&q.places).(*Place[T]).Value //nolint:forcetypeassert // nothing else is pushed
}

// Remove takes one out before its turn; false if it has left already.
func (q *Queue[T]) Remove(p *Place[T]) bool {
	if p.index < 0 {
		return false
	}
	heap.Remove(&q.places, p.index)
	return true
}

// places are a heap, the next one on top.
type places[T any] []*Place[T]

func (q places[T]) Len() int { return len(q) }

func (q places[T]) Less(i, j int) bool {
	if c := q[i].rank.Compare(q[j].rank); c != 0 {
		return c < 0
	}
	return q[i].arrival < q[j].arrival
}

func (q places[T]) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push is for container/heap.
func (q *places[T]) Push(x any) {
	p := x.(*Place[T]) //nolint:forcetypeassert // what Queue pushes
	p.index = len(*q)
	*q = append(*q, p)
}

// Pop is for container/heap.
func (q *places[T]) Pop() any {
	last := len(*q) - 1
	p := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	p.index = -1
	return p
}
