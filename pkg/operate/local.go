package operate

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	"github.com/datagravity/datagravity/pkg/manifest"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// Catalog is what is configured: it knows names, and turns them into requests.
type Catalog interface {
	// Known are the names of datasets, destinations and teams.
	Known() spec.Known
	// Budgets are the names of budgets.
	Budgets() []string
	// Links are what a pause may name: stores of datasets, destinations, and SOURCE->DESTINATION.
	Links() []string
	// Describe is a request for a dataset at a destination with nothing opened.
	Describe(dataset, destination string, payer plan.Payer) (dgsync.Request, error)
	// Open is the same with its source open; the destination opens itself when it must.
	Open(ctx context.Context, dataset, destination string, payer plan.Payer) (dgsync.Request, error)
}

// Local does it in the process that holds the manifest. It is safe for concurrent use. The fields are set before its first use.
type Local struct {
	Sync    *dgsync.Syncer // its manifest and its ledger
	Catalog Catalog
	// MaxAge of what was seen at a destination, where a question does not say one.
	MaxAge time.Duration
	// Changed is called after something was changed; nil: nobody listens.
	Changed func()
}

var _ Operator = (*Local)(nil)

func (l *Local) now() time.Time { return l.Sync.Manifest.Now() }

func (l *Local) ledger() *cost.Ledger { return l.Sync.Ledger }

func (l *Local) changed() {
	if l.Changed != nil {
		l.Changed()
	}
}

// checkPlace wants a dataset and a destination that are configured.
func (l *Local) checkPlace(dataset, destination string) error {
	k := l.Catalog.Known()
	switch {
	case dataset == "":
		return mistakef("no dataset is named (configured: %s)", listed(k.Datasets))
	case destination == "":
		return mistakef("no destination is named (configured: %s)", listed(k.Destinations))
	}
	if err := known("dataset", dataset, k.Datasets); err != nil {
		return err
	}
	return known("destination", destination, k.Destinations)
}

// payer is who a request is for. A team that nobody configured is refused: its budgets would not count it.
func (l *Local) payer(job, team string) (p plan.Payer, err error) {
	if job != "" && !jobs.ValidName(job) {
		return p, mistakef("job %q: use up to 128 letters, digits and ._:@/-, a letter or digit first", job)
	}
	if err := known("team", team, l.Catalog.Known().Teams); err != nil {
		return p, mistakef("team: %w; the configuration's teams, or a dataset's team, name them", err)
	}
	return plan.Payer{Job: job, Team: team}, nil
}

// snapshot is a dataset's by its first hex digits; zero for "" and "latest".
func (l *Local) snapshot(dataset, prefix string) (id chunker.Digest, err error) {
	if prefix == "" || prefix == "latest" {
		return id, nil
	}
	err = l.Sync.Manifest.View(func(tx *manifest.Tx) error {
		h, err := tx.FindSnapshot(dataset, prefix)
		id = h.ID
		return err
	})
	if err != nil {
		err = mistake{err}
	}
	return id, err
}

// selected fills in which shards of which snapshot a request is for.
func (l *Local) selected(q dgsync.Request, shards []string, snapshot string) (_ dgsync.Request, err error) {
	if q.Selection, err = jobs.NewSelection(shards); err != nil {
		return q, mistake{err}
	}
	q.Snapshot, err = l.snapshot(q.Source.Name, snapshot)
	return q, err
}

// Snapshots of a dataset, oldest first.
func (l *Local) Snapshots(_ context.Context, dataset string) ([]manifest.SnapshotHeader, error) {
	if err := known("dataset", dataset, l.Catalog.Known().Datasets); err != nil {
		return nil, err
	}
	list := []manifest.SnapshotHeader{}
	err := l.Sync.Manifest.View(func(tx *manifest.Tx) error {
		return tx.Snapshots(dataset, func(h manifest.SnapshotHeader) error {
			list = append(list, h)
			return nil
		})
	})
	slices.SortStableFunc(list, func(a, b manifest.SnapshotHeader) int { return cmp.Compare(a.Taken, b.Taken) })
	return list, err
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	text := ""
	for i, n := range slices.Sorted(slices.Values(names)) {
		if i > 0 {
			text += ", "
		}
		text += n
	}
	return text
}
