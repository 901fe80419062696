package sync

import (
	"context"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/exchange"
)

// What a copy knows of its original's grant is less than what that used: it does not settle it, even when it never asks for anything.
func TestACopyDoesNotSettleTheGrant(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	id := holds(t, origin, edge, 1<<20)
	edge.copied().passes()
	if _, settled, err := exchange.ReadSettlement(context.Background(), edge.source, edge.name, id); settled || err != nil {
		t.Errorf("settled by a copy: %v, %v", settled, err)
	}
	if got := origin.grantOnce(t); got.Settled != 0 {
		t.Errorf("%+v", got)
	}
	edge.passes() // the one that claimed it does, though it asks for nothing either
	if got := origin.grantOnce(t); got.Settled != 1 {
		t.Errorf("%+v, want what the original says", got)
	}
}

// What was granted for a single read, of which nobody said that it begins or ends, goes back while the process goes on.
func TestIdleGrantsGoBack(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	now := time.Now()
	edge.now = func() time.Time { return now }
	end := origin.granting(t)
	s := edge.open()
	defer edge.close()
	s.Grants.poll = time.Millisecond
	c := edge.crossing(t, 1<<20)
	c.Job = "4242"
	if ticket, err := s.Ledger.Reserve([]cost.Crossing{c}, nil); err != nil || ticket.Settle([]cost.Moved{{Bytes: 1 << 20}}) != nil {
		t.Fatal(err)
	}
	end()
	other := func() {
		s.Grants.enter(context.Background(), s.link(edge.src, &edge.dst), edge.src.Name, edge.src.For)()
	}
	left := func() int {
		list, err := s.Ledger.Grants(nil)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if other(); left() != 1 {
		t.Error("settled at once: the next read would ask again")
	}
	now = now.Add(2 * time.Minute)
	other()
	if left() != 0 {
		t.Error("still held")
	}
	if got := origin.grantOnce(t); got.Settled != 1 {
		t.Errorf("%+v", got)
	}
}
