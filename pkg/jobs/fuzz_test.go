package jobs

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

// FuzzReceipt reads what others wrote where a dataset's receipts lie: it promises nothing, or it is about this dataset and this prefix, and is written again as what promises the same.
func FuzzReceipt(f *testing.F) {
	ctx := context.Background()
	id := chunker.Sum([]byte("selection"))
	some := Receipt{Dataset: "c4", Snapshot: id, Shards: []string{"a*"}, Selection: id, Count: 1, Bytes: 2, Prefix: "data/", Time: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)}
	first := mem.New(mem.Options{})
	if err := WriteReceipt(ctx, first, some); err != nil {
		f.Fatal(err)
	}
	o, err := first.Head(ctx, some.Key())
	if err != nil {
		f.Fatal(err)
	}
	b := make([]byte, o.Size)
	if err := first.ReadRange(ctx, o.Ref(), 0, b); err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"datagravity":0,"dataset":"c4","prefix":"data/"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := mem.New(mem.Options{})
		for _, key := range []string{some.Key(), receiptDir("c4", "data/") + chunker.Digest{}.Hex() + ".json"} {
			if _, err := s.Put(ctx, key, b, store.WriteOptions{Condition: store.Always()}); err != nil {
				t.Fatal(err)
			}
		}
		list, err := Receipts(ctx, s, "c4", "data/")
		if err != nil {
			t.Fatal(err)
		}
		if len(list) > 1 {
			t.Errorf("one text is two receipts: %+v", list)
		}
		for _, r := range list {
			if r.Dataset != "c4" || receiptDir(r.Dataset, r.Prefix) != receiptDir("c4", "data/") {
				t.Errorf("believed %+v", r)
			}
			again := mem.New(mem.Options{})
			if err := WriteReceipt(ctx, again, r); err != nil {
				t.Fatal(err)
			}
			same, err := Receipts(ctx, again, "c4", "data/")
			if err != nil || !cmp.Equal(list, same) {
				t.Errorf("%v\n%s", err, cmp.Diff(list, same))
			}
		}
	})
}
