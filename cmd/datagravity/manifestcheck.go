package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/sync/index"
)

func newManifestCheck(g *globals) *cobra.Command {
	var packs bool
	c := &cobra.Command{
		Use: "check [BACKUP]", Short: "Read all of the manifest and say what does not fit together", Args: cobra.MaximumNArgs(1),
		Long: `Reads every page and every value with its checksum, and compares what should agree: transfers and their parts, replicas and where they are found by their
content, snapshots and their digests, what needs, pins and jobs name, recipes and their packs, reservations and what windows say of them, the ledger and its journal.
With BACKUP, a folder or a file, that is checked in its place.

Exit code 4 means damage, and the text says what to do. What is found or made again by itself is listed, and is none. Nothing is changed. Where another
process holds the manifest, that one checks it, without stopping.`,
		RunE: func(c *cobra.Command, args []string) error { return runCheck(c.Context(), g, args, packs) },
	}
	c.Flags().BoolVar(&packs, "packs", false, "read every byte of the recipe packs too; at 100 TB of shards those are 80 GB")
	return asks(pathsHere(c))
}

func runCheck(ctx context.Context, g *globals, args []string, packs bool) (err error) {
	o := manifest.CheckOptions{Packs: packs, Identify: index.Identify}
	a, err := g.load()
	if err != nil {
		return err
	}
	defer closing(a, &err)
	var found manifest.Checked
	if len(args) > 0 && a.held == nil {
		if args[0], err = wholePath(args[0]); err != nil {
			return err
		}
	}
	if len(args) > 0 {
		found, err = checkBackup(ctx, args[0], o)
	} else {
		found, err = a.check(ctx, o)
	}
	if err != nil {
		return ended(ctx, err)
	}
	if err := g.printCheck(found, a.cfg.Agent.Backup.Dir, len(args) > 0); err != nil || found.Sound() {
		return err
	}
	return &saidError{fmt.Errorf("%w: %d findings", manifest.ErrCorrupt, found.Damaged)}
}

func checkBackup(ctx context.Context, path string, o manifest.CheckOptions) (manifest.Checked, error) {
	if !filepath.IsAbs(path) {
		return manifest.Checked{}, usageError{fmt.Errorf("%q: want a whole path", path)}
	}
	found, err := manifest.CheckCopy(ctx, path, o)
	if errors.Is(err, os.ErrNotExist) {
		err = usageError{fmt.Errorf("%s is no backup: %w", path, err)}
	}
	return found, err
}

// check looks at the manifest that is held, here or by another process, or at the file of one that nobody holds: opening that would change it.
func (a *app) check(ctx context.Context, o manifest.CheckOptions) (manifest.Checked, error) {
	if a.held != nil {
		return a.held.m.Check(ctx, o)
	}
	asked := a.holder(a)
	if final(asked) {
		return manifest.Checked{}, asked
	}
	found, err := manifest.CheckDir(ctx, a.cfg.Agent.State, a.manifestOptions(), o)
	switch {
	case errors.Is(err, os.ErrNotExist) && a.usedBefore():
		err = &codedError{exitIntegrity, fmt.Errorf("there is no manifest in %s, and there was one: datagravity manifest rebuild makes it again from what is left", a.cfg.Agent.State)}
	case errors.Is(err, os.ErrNotExist):
		err = nil
	case errors.Is(err, manifest.ErrLocked) && !errors.Is(asked, daemon.ErrNobody):
		err = fmt.Errorf("%w; it was asked to check it instead: %w", err, asked)
	}
	return found, err
}

// usedBefore tells that money was accounted for here, or recipes kept.
func (a *app) usedBefore() bool {
	for _, name := range []string{"account.json", "recipes", "snapshots"} {
		if _, err := os.Stat(filepath.Join(a.cfg.Agent.State, name)); err == nil {
			return true
		}
	}
	return false
}

func (g *globals) printCheck(c manifest.Checked, backups string, ofBackup bool) error {
	if g.json {
		return g.printJSON(struct {
			Sound bool `json:"sound"`
			manifest.Checked
		}{c.Sound(), c})
	}
	if len(c.Buckets) > 0 {
		t := newTable(g.out)
		t.row("BUCKET", "RECORDS", "BYTES")
		for _, b := range c.Buckets {
			if b.Records > 0 {
				t.row(b.Name, b.Records, size(b.Bytes))
			}
		}
		if err := t.flush(); err != nil {
			return err
		}
		by := c.Writer
		if by == "" {
			by = "a program that did not say its version"
		}
		if _, err := fmt.Fprintf(g.out, "\n%s: schema %d, written by datagravity %s; %s in %d pages, %d of them free; %d recipe packs of %s; %d entries of the journal\n",
			c.Path, c.Schema, by, size(c.Bytes), c.All, c.Free, c.Packs, size(c.PackBytes), c.JournalEntries); err != nil {
			return err
		}
	}
	for _, f := range c.Findings {
		if _, err := fmt.Fprintf(g.out, "%s: %s: %s\n", f.Kind, f.Where, f.Text); err != nil {
			return err
		}
	}
	if more := c.Damaged + c.Lost - len(c.Findings); more > 0 {
		if _, err := fmt.Fprintf(g.out, "and %d more\n", more); err != nil {
			return err
		}
	}
	text := "sound"
	switch {
	case c.Schema == 0 && c.Sound():
		text = "there is no manifest yet; the first index or sync makes one"
	case !c.Sound() && ofBackup:
		text = "damaged: this backup must not be used; datagravity manifest backup --list shows others"
	case !c.Sound():
		text = "damaged: stop what uses it, then datagravity manifest rebuild makes another from the newest backup in " + backups +
			" and from what is beside it and at the destinations; the damaged file is kept. --dry-run says first what it would find"
	case c.Lost > 0:
		text = "sound; what is lost is found or made again when it is needed"
	}
	_, err := fmt.Fprintln(g.out, text)
	return err
}
