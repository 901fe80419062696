package sync

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/exchange"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/probe"
)

// guarded is a store to somebody who has certain rights, and remembers which were used and which were lacking.
type guarded struct {
	store.Store
	rights []probe.Right

	mu           sync.Mutex
	used, lacked map[string]bool
}

func guard(s store.Store, rights []probe.Right) *guarded {
	return &guarded{Store: s, rights: rights, used: map[string]bool{}, lacked: map[string]bool{}}
}

func (g *guarded) may(op, key string, of func(probe.Right) bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range g.rights {
		if strings.HasPrefix(key, r.Prefix) && of(r) {
			g.used[op+" "+r.Prefix] = true
			return nil
		}
	}
	g.lacked[op+" "+key] = true
	return &store.Error{Op: op, Store: g.URL(), Key: key, Kind: store.ErrPermission, Err: fmt.Errorf("no right to %s", op)}
}

func (g *guarded) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	if err := g.may("list", o.Prefix, func(r probe.Right) bool { return r.List }); err != nil {
		return store.Page{}, err
	}
	return g.Store.List(ctx, o)
}

func (g *guarded) Head(ctx context.Context, key string) (store.Object, error) {
	if err := g.may("read", key, func(r probe.Right) bool { return r.Read }); err != nil {
		return store.Object{}, err
	}
	return g.Store.Head(ctx, key)
}

func (g *guarded) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	if err := g.may("read", ref.Key, func(r probe.Right) bool { return r.Read }); err != nil {
		return err
	}
	return g.Store.ReadRange(ctx, ref, off, p)
}

func (g *guarded) Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error) {
	if err := g.may("write", key, func(r probe.Right) bool { return r.Write }); err != nil {
		return store.Object{}, err
	}
	return g.Store.Put(ctx, key, data, o)
}

func (g *guarded) CreateUpload(ctx context.Context, key string, o store.UploadOptions) (store.Upload, error) {
	if err := g.may("write", key, func(r probe.Right) bool { return r.Write }); err != nil {
		return store.Upload{}, err
	}
	return g.Store.CreateUpload(ctx, key, o)
}

func (g *guarded) Delete(ctx context.Context, ref store.Ref) error {
	if err := g.may("delete", ref.Key, func(r probe.Right) bool { return r.Delete }); err != nil {
		return err
	}
	return g.Store.Delete(ctx, ref)
}

// The rights that doctor prints and tries are those that a sync on granted budgets, with packs, uses on either side: it lacks none, and an edge's that
// nothing uses would be too many.
func TestRightsSuffice(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	dataset := probe.Right{Prefix: "c4/", Read: true}
	edges := guard(edge.source, append(exchange.EdgeRights(edge.name, []string{"c4"}, true), dataset))
	dataset.List = true
	origins := guard(origin.source, append(exchange.OriginRights(), dataset))
	edge.src.Store, origin.src.Store = edges, origins

	old := lines(1, 6<<20)
	edge.put("a.jsonl", old)
	edge.put("b.bin", data(2, 300_000))
	origin.index()
	end := origin.granting(t)
	edge.mustSync()
	if all := end(); all.Granted == 0 || all.Settled == 0 {
		t.Fatalf("%+v: nothing was granted and settled", all)
	}
	edge.put("a.jsonl", append(lines(3, 2<<20), old[1<<20:]...))
	origin.index()
	end = origin.granting(t)
	edge.mustSync()
	end()
	edge.put("c.bin", data(4, 3<<20)) // does not become smaller: read from the shard
	origin.index()
	end = origin.granting(t)
	edge.mustSync()
	end()
	edge.equal()

	for _, g := range []*guarded{edges, origins} {
		for what := range g.lacked {
			t.Errorf("lacked the right to %s", what)
		}
	}
	for _, r := range edges.rights {
		for op, may := range map[string]bool{"list": r.List, "read": r.Read, "write": r.Write, "delete": r.Delete} {
			// A want is read only where it is not known whether it was written.
			lost := op == "read" && strings.Contains(r.Prefix, "/wants/")
			if may && !lost && !edges.used[op+" "+r.Prefix] {
				t.Errorf("the right to %s %s was not used", op, r.Prefix)
			}
		}
	}
}

// Without what is optional an edge still gets its bytes.
func TestOptionalRightsAreOptional(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	var needed []probe.Right
	for _, r := range exchange.EdgeRights(edge.name, []string{"c4"}, true) {
		if !r.Optional {
			needed = append(needed, r)
		}
	}
	edge.src.Store = guard(edge.source, append(needed, probe.Right{Prefix: "c4/", Read: true}))
	edge.put("a.jsonl", lines(1, 6<<20))
	origin.index()
	end := origin.granting(t)
	edge.mustSync()
	end()
	edge.equal()
}

// On budgets of its own an edge needs but to read what is published.
func TestEdgeThatOnlyReads(t *testing.T) {
	origin, edge := newPair(t)
	var needed []probe.Right
	for _, r := range exchange.EdgeRights("rig", []string{"c4"}, false) {
		if !r.Optional {
			needed = append(needed, r)
		}
		if r.Write && !r.Optional {
			t.Errorf("it must write below %s", r.Prefix)
		}
	}
	edge.src.Store = guard(edge.source, append(needed, probe.Right{Prefix: "c4/", Read: true}))
	edge.put("a.jsonl", lines(1, 6<<20))
	origin.index()
	end := origin.serving(t)
	edge.mustSync()
	end()
	edge.equal()
}
