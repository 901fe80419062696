package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
)

// under joins a folder and a path within it.
func under(folder, path string) string { return strings.TrimSuffix(folder, "/") + "/" + path }

// handout is what a run needs to read the job. Errors: [dgsync.ErrNotReady], [dispatch.ErrNoJob].
func (p jobPlace) handout(ctx context.Context, g *globals) (h dispatch.Handout, err error) {
	if p.from != "" {
		return p.receiptHandout(ctx, g)
	}
	err = withJobs(ctx, g, func(all dispatch.Jobs) (err error) {
		h, err = all.Handout(ctx, p.id, p.to)
		return err
	})
	return h, err
}

// receiptHandout is made of the receipt at the destination, and its list.
func (p jobPlace) receiptHandout(ctx context.Context, g *globals) (h dispatch.Handout, err error) {
	a, err := g.load()
	if err != nil {
		return h, err
	}
	defer closing(a, &err)
	r, s, err := a.jobReceipt(ctx, p.id, p.from, time.Now())
	var list []jobs.JobShard
	if err == nil {
		r, list, err = readJobShards(ctx, s, r)
	}
	if errors.Is(err, jobs.ErrNoJobReceipt) {
		return h, fmt.Errorf("%w: %w", dgsync.ErrNotReady, err)
	}
	if err != nil {
		return h, ended(ctx, err)
	}
	h = dispatch.Handout{Job: r.Job, Dataset: r.Dataset, Destination: p.from, Snapshot: r.Snapshot, Format: r.Format, Bytes: r.Bytes}
	for _, sh := range list {
		h.Shards = append(h.Shards, dispatch.HandoutShard(sh))
	}
	h.URL, h.Path = catalog{a}.URL(p.from, r.Prefix)
	return h, nil
}

// unreadyHandout is what the handout will be, as far as it is known, though not all of it is there.
func (p jobPlace) unreadyHandout(ctx context.Context, g *globals) (h dispatch.Handout, err error) {
	var d dispatch.Detail
	err = withJobs(ctx, g, func(all dispatch.Jobs) (err error) {
		d, err = all.Show(ctx, p.id, true)
		return err
	})
	if err != nil {
		return h, err
	}
	if len(d.Shards) == 0 || len(d.Places) == 0 {
		return h, fmt.Errorf("%w: job %s: nobody knows yet what its shards are", dgsync.ErrNotReady, p.id)
	}
	to := p.to
	if to == "" {
		to = d.Places[0].Destination
	}
	a, err := g.load()
	if err != nil {
		return h, err
	}
	defer closing(a, &err)
	at, err := a.place(to, d.Dataset)
	if err != nil {
		return h, err
	}
	h = dispatch.Handout{Job: d.ID, Dataset: d.Dataset, Destination: to, Format: a.cfg.Datasets[d.Dataset].Format}
	if d.Snapshot != "" {
		if h.Snapshot, err = chunker.ParseDigest(d.Snapshot); err != nil {
			return h, err
		}
	}
	if at.Snapshots && h.Snapshot.IsZero() {
		return h, fmt.Errorf("%w: job %s: its folder at %s is named by a snapshot that is not taken yet", dgsync.ErrNotReady, p.id, to)
	}
	marker := ""
	if w := a.cfg.Datasets[d.Dataset].CompleteWhen; w != nil {
		marker = w.Marker
	}
	for _, sh := range d.Shards {
		if sh.Destination != to {
			continue
		}
		h.Bytes += sh.Bytes
		h.Shards = append(h.Shards, dispatch.HandoutShard{
			Path: sh.Path, Bytes: sh.Bytes, Index: jobs.RankOf(h.Format, marker, sh.Path) != jobs.RankShard,
		})
	}
	h.URL, h.Path = catalog{a}.URL(to, at.Key(at.Folder(h.Snapshot), ""))
	return h, nil
}

// variable is one of the environment of a run.
type variable struct{ name, value string }

// The variables of a run; those that do not apply are taken out of an environment that has them, because they are another job's.
var handoutVariables = []string{
	jobVariable, "DATAGRAVITY_DATASET", "DATAGRAVITY_DESTINATION", "DATAGRAVITY_SNAPSHOT", "DATAGRAVITY_URL", "DATAGRAVITY_PATH", "DATAGRAVITY_SHARDS_FILE",
}

// variables of a handout, in this order; shardsFile may be "".
func variables(h dispatch.Handout, shardsFile string) (list []variable) {
	values := []string{h.Job, h.Dataset, h.Destination, digestText(h.Snapshot), h.URL, h.Path, shardsFile}
	for i, name := range handoutVariables {
		if values[i] != "" {
			list = append(list, variable{name, values[i]})
		}
	}
	return list
}

func digestText(d chunker.Digest) string {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

// writeShardsFile writes a line for each file to read, readable by this user alone; name "" makes a new file in the folder for temporary ones. A
// file that is there is replaced in one step, since a run may be reading it.
func writeShardsFile(name string, lines []string) (path string, err error) {
	dir, pattern := os.TempDir(), "datagravity-shards-*.txt"
	if name != "" {
		dir, pattern = filepath.Dir(name), "."+filepath.Base(name)+".*"
	}
	f, err := os.CreateTemp(dir, pattern) // mode 0600
	if err != nil {
		return "", fmt.Errorf("write the list of shards: %w", err)
	}
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	err = errors.Join(err, f.Close())
	if path = f.Name(); err == nil && name != "" {
		err = os.Rename(path, name)
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("write the list of shards: %w", err), os.Remove(path))
	}
	if name != "" {
		path = name
	}
	return filepath.Abs(path)
}
