package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

func newManifest(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use: "manifest", Short: "Back up, check, rebuild and trim what datagravity knows", Args: cobra.NoArgs,
		Long: `The manifest is one file in the state directory, with recipes, the ledger's journal and the latest snapshots beside it.

backup copies it while others work with it; check reads all of it and says what does not fit together; rebuild makes another one from what is
left when it is lost or damaged; trim forgets what nothing needs any more. docs/recovery.md says what to do when.`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newManifestBackup(g), newManifestCheck(g), newManifestRebuild(g), newManifestTrim(g))
	return c
}

func newManifestBackup(g *globals) *cobra.Command {
	var to string
	var list bool
	c := &cobra.Command{
		Use: "backup", Short: "Back up the manifest, while others work with it", Args: cobra.NoArgs,
		Long: `Makes a folder with all that a state directory needs to go on: the manifest as one transaction sees it, the recipes that it names, and the journal. It is
read back before it gets its name. Whoever holds the manifest makes it; nobody need stop.

With --to DIR the folder is made in that one; without, in agent.backup.dir. --to FILE, which must not be there yet, is the manifest alone.
Recipes and months of the journal that did not change are links where the file system has them, so that the next backup takes little more room. A
backup never leaves less room on its disk than it takes.`,
		RunE: func(c *cobra.Command, _ []string) error {
			if list {
				return runListBackups(g)
			}
			return runBackup(c.Context(), g, to)
		},
	}
	c.Flags().StringVar(&to, "to", "", "`folder` for the backup, or a file for the manifest alone (default: agent.backup.dir)")
	c.Flags().BoolVar(&list, "list", false, "list the backups in agent.backup.dir")
	c.MarkFlagsMutuallyExclusive("to", "list")
	return asks(pathsHere(c, "to"))
}

// backupJSON is what manifest backup prints with --json; with --list there is a list of them.
type backupJSON struct {
	Path      string    `json:"path"`
	Time      time.Time `json:"time"`
	Program   string    `json:"program,omitempty"`
	Scheduled bool      `json:"scheduled"`
	// Bytes of all files, and those that were not there already (0 in a list).
	Bytes     int64 `json:"bytes"`
	DiskBytes int64 `json:"disk_bytes"`
	// Complete: recipes and journal are in it.
	Complete bool     `json:"complete"`
	Lost     []string `json:"lost_packs"`
}

func backupDocument(b manifest.Backup) backupJSON {
	out := backupJSON{
		Path: b.Path, Time: b.Time.Time(), Program: b.Program, Scheduled: b.Scheduled, DiskBytes: b.Took, Complete: b.Recipes != nil, Bytes: b.Manifest.Bytes,
		Lost: []string{},
	}
	for _, f := range append(b.Journal, b.Recipes...) {
		out.Bytes += f.Bytes
	}
	for _, id := range b.Lost {
		out.Lost = append(out.Lost, id.Hex())
	}
	return out
}

func runBackup(ctx context.Context, g *globals, to string) (err error) {
	a, err := g.begin(engine.Options{})
	if err != nil {
		return err
	}
	defer closing(a, &err)
	b, err := a.backupTo(ctx, to)
	if err != nil {
		return ended(ctx, err)
	}
	doc := backupDocument(b)
	if g.json {
		return g.printJSON(doc)
	}
	what := "the manifest, recipes and journal"
	if !doc.Complete {
		what = "the manifest alone"
	}
	_, err = fmt.Fprintf(g.out, "backed up: %s (%s: %s, of which %s are new on the disk), and read back\n", doc.Path, what, size(doc.Bytes), size(doc.DiskBytes))
	if err == nil && len(doc.Lost) > 0 {
		_, err = fmt.Fprintf(g.out, "%d recipe packs are not there any more; their shards are read again when they are needed\n", len(doc.Lost))
	}
	return err
}

// backupTo makes a backup in a folder, or copies the manifest to a file that is not there yet.
func (a *app) backupTo(ctx context.Context, to string) (manifest.Backup, error) {
	v, _ := buildVersion()
	o := manifest.BackupOptions{Program: v}
	if to == "" {
		return a.m.Backup(ctx, a.cfg.Agent.Backup.Dir, o)
	}
	if !filepath.IsAbs(to) { // who asks for it says where that is
		return manifest.Backup{}, usageError{fmt.Errorf("--to %q: want a whole path", to)}
	}
	info, err := os.Stat(to)
	switch {
	case err == nil && info.IsDir(), strings.HasSuffix(to, "/"):
		return a.m.Backup(ctx, filepath.Clean(to), o)
	case err == nil:
		return manifest.Backup{}, usageError{fmt.Errorf("--to %s: it is there already; name another file, or a folder, in which each backup has a name of its own", to)}
	case !errors.Is(err, os.ErrNotExist):
		return manifest.Backup{}, err
	}
	if _, err := os.Stat(filepath.Dir(to)); err != nil {
		return manifest.Backup{}, usageError{fmt.Errorf("--to %s: %w; make the folder first, or end the path with a slash for a new one", to, err)}
	}
	return a.m.BackupFileTo(ctx, to)
}

// backups are those in the folder of the configuration.
func (a *app) backups() *manifest.Backups {
	v, _ := buildVersion()
	b := a.cfg.Agent.Backup
	return &manifest.Backups{Dir: b.Dir, Every: time.Duration(b.Every), Keep: b.Keep, Program: v}
}

// backingUp makes a backup of the manifest that is held, verifies it, and removes the oldest beyond those that are kept.
func (a *app) backingUp(ctx context.Context, _ string, _ func(string) error) (daemon.Result, error) {
	made, err := a.backups().Make(ctx, a.m) // the timer says when
	if err != nil {
		return daemon.Result{}, err
	}
	a.log.Info("the manifest was backed up and read back", "path", made.Path, "bytes", made.Took)
	return daemon.Result{Text: fmt.Sprintf("backed up to %s and read back, %s of it new on the disk", made.Path, size(made.Took))}, nil
}

// keepEvery is how often the daemon writes down beside the manifest what is in it alone.
const keepEvery = 10 * time.Minute

// keepSnapshots keeps the snapshots that something needs beside the manifest, until ctx ends.
func (a *app) keepSnapshots(ctx context.Context) {
	for {
		if err := a.m.KeepSnapshots(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("snapshots could not be kept beside the manifest; it is tried again", "in", keepEvery, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(keepEvery):
		}
	}
}

func runListBackups(g *globals) error {
	a, err := g.load()
	if err != nil {
		return err
	}
	list, err := a.backups().List()
	if err != nil {
		return errors.Join(err, a.Close())
	}
	docs := make([]backupJSON, 0, len(list))
	for _, b := range list {
		docs = append(docs, backupDocument(b))
	}
	if g.json {
		return errors.Join(g.printJSON(docs), a.Close())
	}
	if len(docs) == 0 {
		_, err := fmt.Fprintf(g.out, "no backup in %s; datagravity manifest backup makes one\n", a.cfg.Agent.Backup.Dir)
		return errors.Join(err, a.Close())
	}
	t := newTable(g.out)
	t.row("TIME", "", "BYTES", "PATH")
	for _, d := range docs {
		kind := "asked for"
		if d.Scheduled {
			kind = "scheduled"
		}
		t.row(d.Time.Format(time.RFC3339), kind, size(d.Bytes), d.Path)
	}
	return errors.Join(t.flush(), a.Close())
}
