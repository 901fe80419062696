package pace

import (
	"container/heap"

	"github.com/datagravity/datagravity/pkg/store"
)

// waiter is a request that waits for a slot.
type waiter struct {
	rank     store.Rank
	arrival  uint64
	index    int // in the queue; -1 once it has left
	admitted chan Slot
}

// queue is a heap, the next to admit on top.
type queue []*waiter

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if c := q[i].rank.Compare(q[j].rank); c != 0 {
		return c < 0
	}
	return q[i].arrival < q[j].arrival
}

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push is for container/heap.
func (q *queue) Push(x any) {
	w := x.(*waiter)
	w.index = len(*q)
	*q = append(*q, w)
}

// Pop is for container/heap.
func (q *queue) Pop() any {
	last := len(*q) - 1
	w := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	w.index = -1
	return w
}

func (q *queue) add(w *waiter)    { heap.Push(q, w) }
func (q *queue) next() *waiter    { return heap.Pop(q).(*waiter) }
func (q *queue) remove(w *waiter) { heap.Remove(q, w.index) }
