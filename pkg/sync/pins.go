package sync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store/trace"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// ErrOwner: a pin's owner has no usable name.
var ErrOwner = errors.New("not the name of an owner")

// Claim is what a pin is asked for with.
type Claim struct {
	Owner   string
	Dataset string
	// Snapshot zero means the dataset's latest.
	Snapshot    chunker.Digest
	Destination plan.Destination
	// Expires zero means never.
	Expires time.Time
}

// Pin makes a pin, or renews or moves the one that the owner has of the dataset at the destination. The snapshot need not be there
// yet. Errors: [ErrOwner], [ErrNotReady] for a dataset without a snapshot, [manifest.ErrNoSnapshot].
func (s *Syncer) Pin(c Claim) (p manifest.Pin, err error) {
	err = s.Manifest.Update(func(tx *manifest.Tx) (err error) {
		p, err = s.PinIn(tx, c)
		return err
	})
	return p, err
}

// JobOwner is the owner of a job's pins. People name no owner so.
func JobOwner(job string) string { return jobOwner + job }

const jobOwner = "job:"

// PinIn is Pin within a transaction.
func (s *Syncer) PinIn(tx *manifest.Tx, c Claim) (p manifest.Pin, err error) {
	if !jobs.ValidName(strings.TrimPrefix(c.Owner, jobOwner)) {
		return p, fmt.Errorf("%w: %q; use up to 128 letters, digits and ._:@/-, a letter or digit first", ErrOwner, c.Owner)
	}
	p = manifest.Pin{
		Owner: c.Owner, Dataset: c.Dataset, Snapshot: c.Snapshot, Destination: c.Destination.Name, Created: manifest.At(s.Manifest.Now()),
		Expires: manifest.At(c.Expires), Store: c.Destination.Store, Prefix: c.Destination.Prefix,
	}
	if p.Snapshot.IsZero() {
		d, _, err := tx.Dataset(c.Dataset)
		if err != nil {
			return p, err
		}
		if p.Snapshot = d.Latest; d.Latest.IsZero() {
			return p, fmt.Errorf("%w: %s has no snapshot yet; datagravity sync or index makes one", ErrNotReady, c.Dataset)
		}
	}
	switch h, ok, err := tx.Snapshot(p.Snapshot); {
	case err != nil:
		return p, err
	case !ok || h.Dataset != c.Dataset:
		return p, fmt.Errorf("%w %s of dataset %s; datagravity snapshot list %s shows them", manifest.ErrNoSnapshot, p.Snapshot, c.Dataset, c.Dataset)
	}
	old, renewed, err := tx.Pin(p.Destination, p.Owner, p.Dataset)
	if err != nil {
		return p, err
	}
	if renewed && old.Live(p.Created) && old.Snapshot == p.Snapshot && old.Store == p.Store && old.Prefix == p.Prefix {
		p.Created = old.Created
		return p, tx.PutPin(p)
	}
	// Whatever the clock says, it came after what is being replaced there: see [Syncer.pinned].
	marks, err := replacingAt(tx, p.Dataset, p.Destination)
	for _, n := range marks {
		p.Created = max(p.Created, n.Replacing+1)
	}
	return p, errors.Join(err, tx.PutPin(p))
}

// claims are what live pins need of some keys of a store. They are asked for early, where that may take long, and once more in the transaction that goes by
// them: only pins that came since are looked at then.
type claims struct {
	store string
	held  map[string]chunker.Digest // by key
	seen  map[manifest.Pin]bool
	by    map[string]manifest.Pin
}

func (c *claims) look(tx *manifest.Tx, at time.Time) error {
	more, now := false, manifest.At(at)
	if c.seen == nil {
		c.seen = map[manifest.Pin]bool{}
	}
	err := tx.Pins(func(p manifest.Pin) (bool, error) {
		if p.Store == c.store && p.Live(now) && !c.seen[p] {
			c.seen[p], more = true, true
		}
		return true, nil
	})
	if err == nil && more {
		c.by, err = plan.Claims(tx, c.store, c.held, now)
	}
	return err
}

// Unpin takes back an owner's pin of a dataset at a destination, or, without a dataset, all that the owner has there. Nothing to take
// back is no error.
func (s *Syncer) Unpin(destination, owner, dataset string) (gone []manifest.Pin, err error) {
	return s.unpin(func(p manifest.Pin) bool {
		return p.Destination == destination && p.Owner == owner && (dataset == "" || p.Dataset == dataset)
	})
}

// UnpinJob takes back every pin of a job, within a transaction.
func UnpinJob(tx *manifest.Tx, job string) error {
	_, err := unpinIn(tx, func(p manifest.Pin) bool { return p.Owner == JobOwner(job) })
	return err
}

// UnpinAt takes back the pins of a job at a destination, within a transaction.
func UnpinAt(tx *manifest.Tx, job, destination string) ([]manifest.Pin, error) {
	return unpinIn(tx, func(p manifest.Pin) bool { return p.Owner == JobOwner(job) && p.Destination == destination })
}

func unpinIn(tx *manifest.Tx, which func(manifest.Pin) bool) (gone []manifest.Pin, err error) {
	err = tx.Pins(func(p manifest.Pin) (bool, error) {
		if which(p) {
			gone = append(gone, p)
		}
		return true, nil
	})
	for _, p := range gone {
		err = errors.Join(err, tx.DeletePin(p))
	}
	return gone, err
}

func (s *Syncer) unpin(which func(manifest.Pin) bool) (gone []manifest.Pin, err error) {
	err = s.Manifest.Update(func(tx *manifest.Tx) (err error) {
		gone, err = unpinIn(tx, which)
		return err
	})
	return gone, err
}

// Pins are all there are, expired ones too, by destination, owner and dataset.
func (s *Syncer) Pins() (list []manifest.Pin, err error) {
	err = s.Manifest.View(func(tx *manifest.Tx) error {
		return tx.Pins(func(p manifest.Pin) (bool, error) { list = append(list, p); return true, nil })
	})
	return list, err
}

// collectPins finds the pins that expired, and forgets them unless dryRun.
func (s *Syncer) collectPins(dryRun bool) (out []Leftover, err error) {
	now := manifest.At(s.Manifest.Now())
	expired := func(p manifest.Pin) bool { return !p.Live(now) }
	list, err := s.Pins()
	if err == nil && !dryRun {
		_, err = s.unpin(expired)
	}
	for _, p := range list {
		if expired(p) {
			out = append(out, Leftover{
				Store: p.Store, Key: p.Prefix, Created: p.Created.Time(), Ours: true, Removed: !dryRun && err == nil,
				Why: fmt.Sprintf("the pin of %s of %s at %s expired at %s", p.Owner, p.Dataset, p.Destination, p.Expires.Time().Format(time.RFC3339)),
			})
		}
	}
	return out, err
}

// plan plans a request, beside the mirror if pins keep it out of the mirror and the destination wants that.
func (s *Syncer) plan(ctx context.Context, q Request, v *survey) (_ *plan.Plan, err error) {
	ctx, span := trace.Start(ctx, "plan", trace.Dataset.String(q.Source.Name), trace.Destination.String(q.Destination.Name), trace.Shards.Int(len(v.states)))
	defer span.Ends(&err)
	p, err := s.planAt(ctx, q, v)
	if err != nil {
		return nil, err
	}
	b := plan.Beside{}
	for _, it := range p.Items {
		if it.Way == plan.Blocked {
			if b.Shards++; b.Shards == 1 {
				b.Why = it.Reason
			}
		}
	}
	if b.Shards > 0 && q.Destination.BesideWhenPinned && !q.Destination.Snapshots {
		q = q.beside()
		if p, err = s.planAt(ctx, q, v); err != nil {
			return nil, err
		}
		for _, it := range p.Items {
			if it.Way != plan.Have {
				b.StoredBytes += it.Size
			}
		}
		if !p.Unnamed {
			b.Prefix = q.Destination.Key(p.Folder, "")
		}
		p.Beside = &b
	}
	return p, s.room(ctx, q, p)
}

// withoutBlocked takes out of a plan what pins block, as failures, and the later waves with it: an index never names what is not there.
func withoutBlocked(items []plan.Item) (run []plan.Item, s engine.Summary) {
	last := jobs.RankMarker
	for _, it := range items {
		if it.Way == plan.Blocked {
			last = min(last, it.Rank)
			s.Failures = append(s.Failures, engine.Failure{Path: it.Path, Key: it.Key, Err: &engine.Blocked{Kind: plan.ErrPinned, Reason: it.Reason}})
		}
	}
	for _, it := range items {
		switch {
		case it.Way == plan.Blocked:
		case it.Rank > last && it.Way != plan.Have:
			s.Skipped++
		default:
			run = append(run, it)
		}
	}
	return run, s
}

// readyBeside answers for the place beside a mirror.
func (s *Syncer) readyBeside(ctx context.Context, q Request, maxAge time.Duration) (Readiness, error) {
	q = q.beside()
	q.Destination.BesideWhenPinned = false
	return s.Ready(ctx, q, maxAge)
}
