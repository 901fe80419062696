package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/manifest"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

func newIndex(g *globals) *cobra.Command {
	var charge chargeFlags
	c := &cobra.Command{
		Use: "index DATASET", Short: "Read what is new or changed in a dataset and take a snapshot",
		Long: `Lists the dataset, reads only the shards that are new or changed, and commits a snapshot named by its digest.

sync does the same on the way, reading each shard once for both. index is for learning what a dataset holds without
moving it. Across a paid link reading costs like any transfer: it is priced, budgeted and in the ledger.

An agent whose role is origin publishes the snapshot in the source's store, with how its shards are cut. One whose role is edge takes over what was
published, and reads no shard.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runIndex(c.Context(), g, args[0], charge) },
	}
	charge.add(c)
	return c
}

// indexJSON is what index prints with --json.
type indexJSON struct {
	Snapshot  manifest.SnapshotHeader `json:"snapshot"`
	New       bool                    `json:"new"`
	Read      int                     `json:"shards_read"`
	ReadBytes int64                   `json:"bytes_read"`
	WireBytes int64                   `json:"wire_bytes"`
	// Published are the bytes written for other agents, by one whose role is origin.
	Published int64 `json:"published_bytes,omitempty"`
	// Grants that edges had asked for and got, and those that they had used and were booked, by one whose role is origin.
	Granted  int           `json:"granted,omitempty"`
	Settled  int           `json:"grants_settled,omitempty"`
	Failures []failureJSON `json:"failures"`
}

func runIndex(ctx context.Context, g *globals, dataset string, charge chargeFlags) (err error) {
	show, err := newProgress(g, "index "+dataset)
	if err != nil {
		return err
	}
	a, err := g.begin(engine.Options{Observe: show.event})
	if err != nil {
		return err
	}
	defer closing(a, &err)
	src, err := a.source(ctx, dataset, charge)
	if err != nil {
		return err
	}
	rep, err := a.sync.Index(ctx, src)
	err = a.told(err)
	show.end()
	granted := a.grantOnce(ctx, src)
	if g.json {
		out := indexJSON{
			Snapshot: rep.Snapshot, New: rep.New, Read: rep.Learned, ReadBytes: rep.LearnedBytes, WireBytes: rep.ReadBytes,
			Published: rep.Published.Bytes, Granted: granted.Granted, Settled: granted.Settled, Failures: failures(rep.Summary),
		}
		if rep.Snapshot.ID.IsZero() && err != nil {
			return ended(ctx, err)
		}
		return saying(g.printJSON(out), err)
	}
	for _, f := range rep.Failures {
		_, _ = fmt.Fprintf(g.err, "failed: %s: %v\n", f.Path, f.Err)
	}
	if err != nil {
		return ended(ctx, err)
	}
	state := "unchanged"
	if rep.New {
		state = "new"
	}
	_, err = fmt.Fprintf(g.out, "snapshot %s of %s (%s): %d shards, %s; read %d shards, %s\n",
		rep.Snapshot.ID.Hex()[:12], dataset, state, rep.Snapshot.Shards, size(rep.Snapshot.Bytes), rep.Learned, size(rep.LearnedBytes))
	if rep.Published.Bytes > 0 {
		_, printErr := fmt.Fprintf(g.out, "published for other agents: %s, the recipes of %d shards in it\n", size(rep.Published.Bytes), rep.Published.Recipes)
		err = errors.Join(err, printErr)
	}
	if granted.Granted+granted.Refused+granted.Settled > 0 {
		_, printErr := fmt.Fprintf(g.out, "edges: %d grants given (%s, %s), %d refused, %d settled\n", granted.Granted, size(granted.Bytes), granted.NanoUSD, granted.Refused,
			granted.Settled)
		err = errors.Join(err, printErr)
	}
	return err
}

// grantOnce answers what edges asked for: where no daemon runs beside a source, its index does that too.
func (a *app) grantOnce(ctx context.Context, src dgsync.Source) dgsync.Granted {
	if a.cfg.Agent.Role != config.Origin {
		return dgsync.Granted{}
	}
	// Of this store, but for all its datasets: what edges ask for of another one is no mistake.
	var beside []dgsync.Source
	all, err := a.sources(ctx)
	for _, one := range all {
		if one.Dataset.Store == src.Dataset.Store {
			beside = append(beside, one)
		}
	}
	granted, grantErr := a.sync.Grant(ctx, beside)
	if err = errors.Join(err, grantErr, a.sync.CollectGrants(ctx, beside)); err != nil {
		a.log.Error("what edges ask for was not all answered; the next index or the daemon does", "error", err)
	}
	return granted
}
