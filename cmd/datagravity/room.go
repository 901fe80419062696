package main

import (
	"fmt"

	"github.com/datagravity/datagravity/pkg/sync/plan"
)

func printRoom(g *globals, p *plan.Plan, every bool) error {
	if b := p.Beside; b != nil {
		where := b.Prefix
		if where == "" {
			where = p.Destination.Prefix + " and a folder whose name is known once every shard was read"
		}
		_, _ = fmt.Fprintf(g.out, "\nbeside   %d shards of the mirror are pinned (the first is %s); all goes under %s\n         up to %s are stored there in addition to the mirror\n",
			b.Shards, b.Why, where, size(b.StoredBytes))
	}
	if r := p.Room; r != nil {
		_, _ = fmt.Fprintf(g.out, "\ncapacity %s, held %s, added %s, replaced %s, evicted %s\n",
			size(r.CapacityBytes), size(r.HeldBytes), size(r.AddedBytes), size(r.ReplacedBytes), size(r.EvictedBytes))
	}
	if len(p.Removals) > 0 {
		_, _ = fmt.Fprintln(g.out)
	}
	err := printRemovals(g, p.Removals, every)
	if err == nil && p.Guard != nil {
		_, err = fmt.Fprintf(g.out, "sync will not delete: %v\n", p.Guard)
	}
	return err
}
