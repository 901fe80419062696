package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/manifest"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

type rebuildFlags struct {
	dryRun, replace, noBackup bool
	from                      string
	without                   []string
}

func newManifestRebuild(g *globals) *cobra.Command {
	var o rebuildFlags
	c := &cobra.Command{
		Use: "rebuild", Short: "Make the manifest again from what is left, when it is lost or damaged", Args: cobra.NoArgs,
		Long: `Begins with the newest backup in agent.backup.dir, if there is one that is sound, and with nothing otherwise. Then it takes over the snapshots and recipes that lie
beside the manifest, what an origin has published, and what can still be read of the damaged file; lists every destination; and reads the receipts there. The
ledger is taken from its journal. What cannot be proven does not count:

  a replica counts if it stands there under the ETag with which it was proven before, or if the store's own checksum of the whole object is the shard's;
  without the journal, and without account.json which says how long it was, every window that is open counts as spent until datagravity budget reset.

The old file is moved aside under a name of its own, never overwritten. Nothing is written at destinations. --dry-run says what would be found, and leaves
the state directory as it is.`,
		RunE: func(c *cobra.Command, _ []string) error { return runRebuild(c.Context(), g, o) },
	}
	f := c.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "only say what would be found")
	f.BoolVar(&o.replace, "replace", false, "also replace a manifest that is sound, for example one that was begun after the loss")
	f.StringVar(&o.from, "from", "", "begin with this `backup`, a folder or a file (default: the newest in agent.backup.dir)")
	f.BoolVar(&o.noBackup, "no-backup", false, "begin with nothing")
	f.StringSliceVar(&o.without, "without", nil, "`destinations` that cannot be asked: nothing counts as being there")
	c.MarkFlagsMutuallyExclusive("from", "no-backup")
	return c
}

// rebuildJSON is what manifest rebuild prints with --json.
type rebuildJSON struct {
	Manifest string `json:"manifest"`
	DryRun   bool   `json:"dry_run"`
	// Damage of the old one; "": it was not there, or sound.
	Damage string `json:"damage,omitempty"`
	// Aside is where the old one is, "" if there was none.
	Aside string `json:"aside,omitempty"`
	// Backup that it began with, and when that was made; null and "": none.
	Backup     string     `json:"backup,omitempty"`
	BackupTime *time.Time `json:"backup_time"`
	dgsync.Rebuilt
	// Doubts are the budgets of which nobody knows what was spent.
	Doubts []string `json:"budgets_in_doubt"`
}

func runRebuild(ctx context.Context, g *globals, o rebuildFlags) (err error) {
	a, err := g.load()
	if err != nil {
		return err
	}
	defer closing(a, &err)
	for _, name := range o.without {
		if _, ok := a.cfg.Destinations[name]; !ok {
			return usageError{config.UnknownName("destination", name, keys(a.cfg.Destinations))}
		}
	}
	backup, err := a.backupToBegin(ctx, o)
	if err != nil {
		return err
	}
	kept, err := manifest.ReadKept(a.cfg.Agent.State)
	if err != nil {
		return err
	}
	if err := checkOwner(a.cfg.Agent.State); err != nil {
		return err
	}
	mo := a.manifestOptions()
	mo.Holder = "manifest rebuild"
	r, err := manifest.BeginRebuild(ctx, a.cfg.Agent.State, manifest.RebuildOptions{Options: mo, From: backup, Replace: o.replace, DryRun: o.dryRun})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Abandon()) }()
	doc, err := a.rebuild(ctx, r, kept, o)
	a.m = nil // r closes it
	if err != nil {
		return ended(ctx, err)
	}
	if doc.Aside, err = r.Finish(ctx); err != nil {
		return err
	}
	doc.Backup, doc.DryRun = backup, o.dryRun
	return g.printRebuilt(doc)
}

// backupToBegin is the newest one that can be read back.
func (a *app) backupToBegin(ctx context.Context, o rebuildFlags) (string, error) {
	if o.from != "" || o.noBackup {
		return o.from, nil
	}
	list, err := a.backups().List()
	if err != nil {
		return "", err
	}
	for _, b := range list {
		err := b.Verify(ctx)
		if err == nil {
			return b.Path, nil
		}
		a.log.Warn("a backup cannot be read back; the one before it is looked at", "path", b.Path, "error", err)
	}
	return "", nil
}

// rebuild fills the manifest.
func (a *app) rebuild(ctx context.Context, r *manifest.Rebuilding, kept manifest.Kept, o rebuildFlags) (doc rebuildJSON, err error) {
	a.m = r.Manifest
	if err := a.equip(engine.Options{}); err != nil {
		return doc, err
	}
	in := dgsync.Remains{Kept: kept, Old: r.Old, Packs: filepath.Join(a.cfg.Agent.State, "recipes")}
	for _, name := range keys(a.cfg.Datasets) {
		src, err := a.source(ctx, name, chargeFlags{})
		if err != nil {
			return doc, err
		}
		in.Sources = append(in.Sources, src)
	}
	for _, dest := range keys(a.cfg.Destinations) {
		for _, dataset := range keys(a.cfg.Datasets) {
			d, err := a.unopened(dest, dataset)
			if err != nil {
				return doc, err
			}
			if slices.Contains(o.without, dest) {
				in.Without = append(in.Without, dgsync.RebuiltPlace{Dataset: dataset, Destination: d})
				continue
			}
			if d.Store, err = d.Open(ctx); err != nil {
				return doc, fmt.Errorf("%w; make it reachable, or go on with --without %s, and nothing counts as being there", err, dest)
			}
			in.Places = append(in.Places, dgsync.RebuiltPlace{Dataset: dataset, Destination: d})
		}
	}
	doc = rebuildJSON{Manifest: filepath.Join(a.cfg.Agent.State, "manifest.db"), Doubts: []string{}}
	if r.Damage != nil {
		doc.Damage = r.Damage.Error()
	}
	if r.Began != 0 {
		at := r.Began.Time()
		doc.BackupTime = &at
	}
	if doc.Rebuilt, err = a.sync.Rebuild(ctx, in); err != nil {
		return doc, err
	}
	uses, err := a.ledger.Uses()
	for _, u := range uses {
		if u.Doubt != "" {
			doc.Doubts = append(doc.Doubts, u.Budget.Name)
		}
	}
	return doc, err
}

func (g *globals) printRebuilt(d rebuildJSON) error {
	if g.json {
		return g.printJSON(d)
	}
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(g.out, format+"\n", args...) } // the error shows at the table's flush
	if d.Damage != "" {
		say("damaged: %s", d.Damage)
	}
	switch {
	case d.BackupTime != nil:
		say("begun with the backup %s of %s", d.Backup, d.BackupTime.Format(time.RFC3339))
	default:
		say("begun with nothing: there is no backup")
	}
	say("recipes taken over: %d in %d packs; snapshots: %d; facts of the old manifest: %d; needs: %d; pins: %d",
		d.Recipes.Recipes, d.Recipes.Packs, d.Snapshots, d.Facts, d.Needs, d.Pins)
	t := newTable(g.out)
	t.row("DATASET", "LATEST", "SHARDS", "FROM")
	for _, s := range d.Datasets {
		id := "-"
		if !s.Snapshot.IsZero() {
			id = s.Snapshot.Hex()[:12]
		}
		t.row(s.Dataset, id, s.Shards, s.From)
	}
	if err := t.flush(); err != nil {
		return err
	}
	t = newTable(g.out)
	t.row("DESTINATION", "DATASET", "CONFIRMED", "BY CHECKSUM", "UNPROVEN", "GONE")
	for _, p := range d.Replicas {
		t.row(p.Destination, p.Dataset, p.Confirmed, p.Checksum, p.Unproven, p.Gone)
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, p := range d.Problems {
		say("not found: %s", p)
	}
	for _, j := range d.Jobs {
		held := "all of it is there and stays pinned"
		if !j.Held {
			held = "not all of it is proven to be there"
		}
		say("declare again: job %s at %s (%s, %d shards): %s", j.Job, j.Destination, j.Dataset, j.Shards, held)
	}
	if len(d.Doubts) > 0 {
		say("nobody knows what the budgets %s have spent: their windows count as spent. Look at the bill, then: datagravity budget reset --reason TEXT", list(d.Doubts))
	}
	if d.DryRun {
		_, err := fmt.Fprintln(g.out, "nothing was changed; without --dry-run this becomes "+d.Manifest)
		return err
	}
	if d.Aside != "" {
		say("the old manifest is %s", d.Aside)
	}
	_, err := fmt.Fprintln(g.out, "rebuilt: "+d.Manifest)
	return err
}
