package engine

import (
	"testing"

	"github.com/datagravity/datagravity/pkg/cost"
)

// What went over a free hop in many requests is booked at once, with all of its retrieval.
func TestNotesAddUp(t *testing.T) {
	var n notes
	for i := range 3 {
		n.put(receipt{c: cost.Crossing{Retrieval: cost.NanoUSD(10 + i)}, moved: cost.Moved{Bytes: 5, Requests: map[cost.Op]int64{cost.OpRead: 1}}})
	}
	n.put(receipt{c: cost.Crossing{RequestPrices: "aws"}, moved: cost.Moved{Bytes: 1}})
	if len(n.list) != 2 || n.list[0].c.Retrieval != 33 || n.list[0].moved.Bytes != 15 || n.list[0].moved.Requests[cost.OpRead] != 3 {
		t.Errorf("%+v", n.list)
	}
}
