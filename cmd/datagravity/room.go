package main

import (
	"fmt"

	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// roomJSON is what a plan says with --json of where it puts things, what has room there, and what goes.
type roomJSON struct {
	Beside   *besideJSON   `json:"beside,omitempty"`
	Capacity *capacityJSON `json:"capacity,omitempty"`
	Removals []removalJSON `json:"removals,omitempty"`
	// DeletionsRefused says why sync will refuse the deletions.
	DeletionsRefused string `json:"deletions_refused,omitempty"`
}

type besideJSON struct {
	Prefix        string `json:"prefix,omitempty"`
	StoredBytes   int64  `json:"stored_bytes"`
	BlockedShards int    `json:"blocked_shards"`
	Reason        string `json:"reason"`
}

type capacityJSON struct {
	CapacityBytes int64 `json:"capacity_bytes"`
	HeldBytes     int64 `json:"held_bytes"`
	AddedBytes    int64 `json:"added_bytes"`
	ReplacedBytes int64 `json:"replaced_bytes"`
	EvictedBytes  int64 `json:"evicted_bytes"`
	// OverBytes do not fit; 0 if everything does.
	OverBytes int64 `json:"over_bytes"`
}

func roomDocument(p *plan.Plan) (out roomJSON) {
	if b := p.Beside; b != nil {
		out.Beside = &besideJSON{b.Prefix, b.StoredBytes, b.Shards, b.Why}
	}
	if r := p.Room; r != nil {
		out.Capacity = &capacityJSON{r.CapacityBytes, r.HeldBytes, r.AddedBytes, r.ReplacedBytes, r.EvictedBytes, max(0, r.OverBytes())}
	}
	if p.Guard != nil {
		out.DeletionsRefused = p.Guard.Error()
	}
	out.Removals = removals(p.Removals)
	return out
}

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
