package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/operate"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
)

func newSnapshot(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use: "snapshot", Short: "List, show and compare snapshots", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		elsewhere(asks(&cobra.Command{
			Use: "list [DATASET]", Short: "List snapshots, oldest first", Args: cobra.MaximumNArgs(1),
			RunE: func(c *cobra.Command, args []string) error {
				dataset := ""
				if len(args) == 1 {
					dataset = args[0]
				}
				return withReading(c.Context(), g, func(by operate.Operator) error { return snapshotList(c.Context(), g, by, dataset) })
			},
		})),
		asks(&cobra.Command{
			Use: "show DATASET[@SNAPSHOT]", Short: "List the shards of a snapshot (default: the latest)", Args: cobra.ExactArgs(1),
			RunE: func(_ *cobra.Command, args []string) error {
				return withManifest(g, func(a *app) error { return snapshotShow(a, args[0]) })
			},
		}),
		asks(&cobra.Command{
			Use: "diff DATASET FROM [TO]", Short: "What was added, removed, changed and renamed between two snapshots",
			Long: "Compares two snapshots of a dataset, named by their first hex digits; TO is the latest by default.",
			Args: cobra.RangeArgs(2, 3),
			RunE: func(_ *cobra.Command, args []string) error {
				to := "latest"
				if len(args) == 3 {
					to = args[2]
				}
				return withManifest(g, func(a *app) error { return snapshotDiff(a, args[0], args[1], to) })
			},
		}),
	)
	return c
}

// withManifest runs f with the manifest taken.
func withManifest(g *globals, f func(*app) error) (err error) {
	a, err := g.begin(engine.Options{})
	if err != nil {
		return err
	}
	defer closing(a, &err)
	return f(a)
}

// closing closes the program and adds its error.
func closing(a *app, err *error) { *err = errors.Join(*err, a.Close()) }

// checkDataset wants a configured dataset, or none.
func (a *app) checkDataset(name string) error {
	if name == "" {
		return nil
	}
	_, err := a.dataset(name)
	return err
}

func snapshotList(ctx context.Context, g *globals, by operate.Operator, dataset string) error {
	list, err := by.Snapshots(ctx, dataset)
	if err != nil {
		return err
	}
	if g.json {
		return g.printJSON(list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(g.out, "no snapshot yet; datagravity index or the first sync of a whole dataset takes one")
		return err
	}
	t := newTable(g.out)
	t.row("SNAPSHOT", "DATASET", "TAKEN", "SHARDS", "BYTES")
	for _, h := range list {
		t.row(h.ID.Hex()[:12], h.Dataset, h.Taken.Time().Format(time.RFC3339), h.Shards, size(h.Bytes))
	}
	return t.flush()
}

// resolve finds the snapshot that a user names; "" and "latest" are the dataset's latest.
func resolve(tx *manifest.Tx, dataset, name string) (manifest.SnapshotHeader, error) {
	if name != "" && name != "latest" {
		h, err := tx.FindSnapshot(dataset, name)
		if err != nil {
			err = usageError{err}
		}
		return h, err
	}
	d, ok, err := tx.Dataset(dataset)
	if err != nil {
		return manifest.SnapshotHeader{}, err
	}
	if !ok || d.Latest.IsZero() {
		return manifest.SnapshotHeader{}, fmt.Errorf("dataset %s has no snapshot of all its shards yet; datagravity index %s takes one", dataset, dataset)
	}
	h, _, err := tx.Snapshot(d.Latest)
	return h, err
}

// shardJSON is one shard of snapshot show --json.
type shardJSON struct {
	Path      string `json:"path"`
	Size      int64  `json:"size"`
	Digest    string `json:"digest"`
	CRC64NVME string `json:"crc64nvme"`
	CRC32C    string `json:"crc32c"`
	ETag      string `json:"etag"`
	Version   string `json:"version,omitempty"`
}

func snapshotShow(a *app, arg string) error {
	dataset, name := splitSnapshot(arg)
	if err := a.checkDataset(dataset); err != nil {
		return err
	}
	shards := []shardJSON{}
	var h manifest.SnapshotHeader
	err := a.m.View(func(tx *manifest.Tx) (err error) {
		if h, err = resolve(tx, dataset, name); err != nil {
			return err
		}
		return tx.SnapshotShards(h.ID, func(s manifest.Shard) (bool, error) {
			sums := s.Checksums()
			shards = append(shards, shardJSON{s.Path, s.Size, s.Digest.String(), sums.CRC64NVME, sums.CRC32C, s.ETag, s.Version})
			return true, nil
		})
	})
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(struct {
			manifest.SnapshotHeader
			List []shardJSON `json:"list"`
		}{h, shards})
	}
	t := newTable(a.out)
	t.row("DIGEST", "BYTES", "PATH")
	for _, s := range shards {
		t.row(s.Digest[:len("blake3:")+12], s.Size, s.Path)
	}
	return t.flush()
}

func snapshotDiff(a *app, dataset, from, to string) error {
	if err := a.checkDataset(dataset); err != nil {
		return err
	}
	changes := []index.Change{}
	err := a.m.View(func(tx *manifest.Tx) error {
		f, err := resolve(tx, dataset, from)
		if err != nil {
			return err
		}
		t, err := resolve(tx, dataset, to)
		if err != nil {
			return err
		}
		found, err := index.Diff(tx, f.ID, t.ID)
		changes = append(changes, found...)
		return err
	})
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(changes)
	}
	t := newTable(a.out)
	t.row("CHANGE", "BYTES", "PATH")
	for _, c := range changes {
		path := c.Path
		if c.From != "" {
			path = c.From + " -> " + c.Path
		}
		t.row(c.Kind, c.Bytes, path)
	}
	return t.flush()
}
