package sync

import (
	"context"
	"slices"
	"testing"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

// Where agents have a store of their own for what they tell each other, nothing of it lies in the source's, and all of it works: what is published, what is
// granted, and packs. What is read of it counts like the rest.
func TestExchangeInAStoreOfItsOwn(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	between := mem.New(mem.Options{})
	origin.src.Exchange, edge.src.Exchange = between, between
	edge.put("a.jsonl", lines(1, 6<<20))
	origin.index()
	end := origin.granting(t)
	edge.mustSync()
	granted := end()
	origin.grantOnce(t) // takes the settlement
	if granted.Granted == 0 {
		t.Errorf("%+v", granted)
	}
	edge.equal()
	if use := origin.use(t); use.SettledBytes < 100<<10 || use.SettledBytes > 6<<20*2/5 || use.ReservedBytes != 0 {
		t.Errorf("%+v, want what was packed", use)
	}
	if left := edge.keys(store.Private); len(left) != 0 {
		t.Errorf("in the source's store: %v", left)
	}
	page, err := between.List(context.Background(), store.ListOptions{Prefix: store.Private})
	if err != nil || !slices.ContainsFunc(page.Objects, func(o store.Object) bool { return o.Key == ".datagravity/v1/ledger.json" }) {
		t.Errorf("%v, %v", page.Objects, err)
	}
}
