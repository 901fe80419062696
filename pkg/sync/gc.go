package sync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/datagravity/datagravity/internal/crashpoint"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/lease"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// Leftover is something of ours that no longer serves a purpose.
type Leftover struct {
	Store   string    `json:"store"`
	Key     string    `json:"key"`
	Upload  string    `json:"upload,omitempty"` // id of an unfinished upload
	Created time.Time `json:"created"`
	Why     string    `json:"why"`
	// Ours: begun by this manifest. Others are only reported.
	Ours bool `json:"ours"`
	// Removed tells that it is gone.
	Removed bool `json:"removed"`
}

// Collect finds unfinished uploads, temporary objects and transfers at destinations that were not worked on for olderThan, and receipts of jobs whose
// promise ended before, and leases that nobody renews, and removes them unless dryRun. It never touches a shard, nor anything that this manifest did not
// begin, but for receipts that promise nothing any more, and those leases. Errors: [lease.ErrHeld], and those of the stores.
func (s *Syncer) Collect(ctx context.Context, stores map[string]store.Store, olderThan time.Duration, dryRun bool) ([]Leftover, error) {
	now := s.Manifest.Now()
	limit := now.Add(-olderThan)
	lately := since{limit, now}
	byKey := map[string][]string{} // ids of transfers
	var idle []string
	var id string
	err := s.Manifest.View(func(tx *manifest.Tx) (err error) {
		if id, err = tx.ID(); err != nil {
			return err
		}
		return tx.Transfers(func(t manifest.Transfer) (bool, error) {
			byKey[t.DestStore+"\x00"+t.DestKey] = append(byKey[t.DestStore+"\x00"+t.DestKey], t.ID)
			if !s.working(t, lately) {
				idle = append(idle, t.ID)
			}
			return true, nil
		})
	})
	if err != nil {
		return nil, err
	}
	held := s.leased()
	defer held.release()
	// begin comes before something is removed from a store.
	begin := func(name string, st store.Store) error {
		if s.Leases == nil || s.Leases.Prefixes == nil {
			return nil
		}
		return held.take(ctx, st, s.Leases.Prefixes(name)...)
	}
	var out []Leftover
	for name, st := range stores {
		begin := func() error { return begin(name, st) }
		temporary, err := s.collectTemporary(ctx, name, st, engine.TemporaryPrefix(id), lately, dryRun, begin)
		out = append(out, temporary...)
		if err != nil {
			return out, err
		}
		uploads, err := st.ListUploads(ctx, "")
		if errors.Is(err, store.ErrUnsupported) {
			continue
		}
		if err != nil {
			return out, fmt.Errorf("list unfinished uploads: %w", err)
		}
		for _, u := range uploads {
			l, stale, err := s.judge(name, u, byKey[name+"\x00"+u.Key], lately, olderThan > 0 && u.Created.After(limit))
			if rest, ours := strings.CutPrefix(u.Key, engine.TemporaryPrefix(id)); ours && err == nil {
				transfer, _, _ := strings.Cut(rest, "/")
				stale, err = s.over(transfer, lately)
				l.Ours, stale = true, stale && !u.Created.After(limit)
				l.Why = "of a temporary object whose transfer is over"
			}
			if err != nil {
				return out, err
			}
			if !stale && l.Ours {
				continue
			}
			if stale && l.Ours && !dryRun {
				if err := begin(); err != nil {
					return out, err
				}
				crashpoint.Hit(crashpoint.CollectAbort)
				if err := st.AbortUpload(ctx, u); err != nil {
					return out, fmt.Errorf("abort the upload of %q: %w", u.Key, err)
				}
				l.Removed = true
			}
			out = append(out, l)
		}
	}
	for name, st := range stores {
		begin := func() error { return begin(name, st) }
		receipts, err := s.collectReceipts(ctx, name, st, limit, dryRun, begin)
		out = append(out, receipts...)
		if err == nil {
			var leases []Leftover
			leases, err = s.collectLeases(ctx, name, st, limit, dryRun)
			out = append(out, leases...)
		}
		if err != nil {
			return out, err
		}
	}
	expired, err := s.collectPins(dryRun)
	out = append(out, expired...)
	if dryRun || err != nil {
		return out, err
	}
	stand, err := s.standing(ctx, stores, idle)
	if err != nil {
		return out, err
	}
	crashpoint.Hit(crashpoint.CollectRecords)
	// The records go last: until here they are what says that the uploads are ours.
	return out, s.Manifest.Update(func(tx *manifest.Tx) error {
		for _, id := range idle {
			t, there, err := tx.Transfer(id)
			if err != nil {
				return err
			}
			if _, known := stores[t.DestStore]; !there || t.DestStore != "" && !known || s.working(t, lately) {
				continue
			}
			switch {
			case !stand[id]:
				err = tx.DeleteTransfer(id)
			case !t.Over:
				err = tx.EndTransfer(t)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// standing tells at the keys of which transfers an object stands that may be what they sent: a process that ends between the store's answer and the record
// of it leaves nothing else that tells it from a stranger's.
func (s *Syncer) standing(ctx context.Context, stores map[string]store.Store, ids []string) (map[string]bool, error) {
	var sent []manifest.Transfer
	var replicas []manifest.Replica // at their keys, zero where none is known
	err := s.Manifest.View(func(tx *manifest.Tx) error {
		for _, id := range ids {
			t, there, err := tx.Transfer(id)
			if err != nil {
				return err
			}
			if !there || stores[t.DestStore] == nil {
				continue
			}
			r, _, err := tx.Replica(t.DestStore, t.DestKey)
			if err != nil {
				return err
			}
			sent, replicas = append(sent, t), append(replicas, r)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	stand := map[string]bool{}
	err = plan.Together(ctx, len(sent), func(ctx context.Context, i int) (store.Object, error) {
		o, err := stores[sent[i].DestStore].Head(ctx, sent[i].DestKey)
		if err != nil {
			err = fmt.Errorf("look whether %q is what a transfer sent: %w", sent[i].DestKey, err)
		}
		return o, err
	}, func(i int, o store.Object) { stand[sent[i].ID] = o.Size == sent[i].Size && o.ETag != replicas[i].ETag })
	return stand, err
}

// since is a time, and when it was asked: whatever is later than that was before the clock was set back. Asked again while it collects, the clock would
// take it for done meanwhile.
type since struct{ from, asked time.Time }

// working tells of a transfer that was worked on since, or that this process works on, however long ago it began.
func (s *Syncer) working(t manifest.Transfer, lately since) bool {
	last := min(t.Updated, manifest.At(lately.asked))
	return last.Time().After(lately.from) || s.AtWork != nil && s.AtWork(t)
}

// over tells that nothing works on a transfer any more, by its id. Others may have begun since the collector did.
func (s *Syncer) over(id string, lately since) (over bool, err error) {
	err = s.Manifest.View(func(tx *manifest.Tx) error {
		t, there, err := tx.Transfer(id)
		over = !there || !s.working(t, lately)
		return err
	})
	return over, err
}

// collectTemporary finds the temporary objects of transfers that nothing works on any more.
func (s *Syncer) collectTemporary(
	ctx context.Context, name string, st store.Store, prefix string, lately since, dryRun bool, begin func() error,
) (out []Leftover, err error) {
	for token := ""; ; {
		page, err := st.List(ctx, store.ListOptions{Prefix: prefix, Token: token})
		if err != nil {
			return out, fmt.Errorf("list temporary objects: %w", err)
		}
		for _, o := range page.Objects {
			transfer, _, _ := strings.Cut(strings.TrimPrefix(o.Key, prefix), "/")
			if o.Modified.After(lately.from) {
				continue
			}
			if over, err := s.over(transfer, lately); err != nil {
				return out, err
			} else if !over {
				continue
			}
			l := Leftover{Store: name, Key: o.Key, Created: o.Modified, Why: "a temporary object whose transfer is over", Ours: true}
			if !dryRun {
				if err := begin(); err != nil {
					return out, err
				}
				if err := st.Delete(ctx, o.Ref()); err != nil {
					return out, fmt.Errorf("delete the temporary object %q: %w", o.Key, err)
				}
				l.Removed = true
			}
			out = append(out, l)
		}
		if token = page.Next; token == "" {
			return out, nil
		}
	}
}

// judge tells whether an upload is ours, and whether it is stale, by what the transfers to its key are now. The one that names it decides. One that nobody
// names may be of any transfer that began before it, if the process died between the service's answer and the record; it is stale unless one that works has
// no upload yet. A young one is left alone: it may be another agent's, or have been begun since.
func (s *Syncer) judge(name string, u store.Upload, ids []string, lately since, young bool) (l Leftover, stale bool, err error) {
	l = Leftover{Store: name, Key: u.Key, Upload: u.ID, Created: u.Created, Why: "not begun by this manifest; left alone"}
	err = s.Manifest.View(func(tx *manifest.Tx) error {
		for _, id := range ids {
			t, there, err := tx.Transfer(id)
			if err != nil {
				return err
			}
			named := there && t.Upload != nil && t.Upload.ID == u.ID
			if !there || !named && (t.Over || !t.May(u.Created)) {
				continue
			}
			working := s.working(t, lately)
			if why := "its transfer was last worked on at " + t.Updated.Time().Format(time.RFC3339); named {
				l.Ours, l.Why, stale = true, why, !working
				return nil
			} else if !l.Ours {
				l.Ours, l.Why, stale = true, why, !young
			}
			stale = stale && (t.Upload != nil || !working)
		}
		return nil
	})
	return l, stale, err
}

// collectReceipts finds the receipts of jobs whose promise is over: nobody believes them, and who wrote them may be gone. Those of jobs that this manifest
// has are taken back by whoever keeps the jobs, and may just be written anew.
func (s *Syncer) collectReceipts(ctx context.Context, name string, st store.Store, limit time.Time, dryRun bool, begin func() error) (out []Leftover, err error) {
	list, err := jobs.JobReceipts(ctx, st)
	if err != nil {
		return nil, fmt.Errorf("list the receipts of jobs: %w", err)
	}
	for _, r := range list {
		if !r.Ended(limit) {
			continue
		}
		told, err := s.told(r)
		if err != nil {
			return out, err
		}
		if told {
			continue
		}
		l := Leftover{Store: name, Key: r.Key(), Created: r.Time, Ours: true, Why: fmt.Sprintf("the receipt of job %s promised until %s", r.Job, r.KeepUntil.Format(time.RFC3339))}
		if !dryRun {
			if err := begin(); err != nil {
				return out, err
			}
			if l.Removed, err = jobs.WithdrawEnded(ctx, st, r.Job, r.Destination, limit); err != nil {
				return out, err
			}
			if !l.Removed {
				continue
			}
		}
		out = append(out, l)
	}
	return out, nil
}

// told tells whether this manifest has a job of which there may be a receipt at the destination.
func (s *Syncer) told(r jobs.JobReceipt) (told bool, err error) {
	err = s.Manifest.View(func(tx *manifest.Tx) error {
		for _, id := range JobNeeds(r.Job, r.Destination) {
			n, _, err := tx.Need(id)
			if err != nil {
				return err
			}
			told = told || n.Told != 0
		}
		return nil
	})
	return told, err
}

// leaseAge is how old a lease must be at the least to be taken for one that was left: it is written anew every few minutes.
const leaseAge = 24 * time.Hour

// collectLeases finds the leases that processes left which were killed and never came back.
func (s *Syncer) collectLeases(ctx context.Context, name string, st store.Store, limit time.Time, dryRun bool) (out []Leftover, err error) {
	if oldest := s.Manifest.Now().Add(-leaseAge); limit.After(oldest) {
		limit = oldest
	}
	for token := ""; ; {
		page, err := st.List(ctx, store.ListOptions{Prefix: lease.Prefix, Token: token})
		if err != nil {
			return out, fmt.Errorf("list the leases: %w", err)
		}
		for _, o := range page.Objects {
			if o.Modified.After(limit) {
				continue
			}
			l := Leftover{Store: name, Key: o.Key, Created: o.Modified, Why: "a lease that nobody renews any more", Ours: true}
			if !dryRun {
				if err := st.Delete(ctx, o.Ref()); err != nil && !errors.Is(err, store.ErrConflict) {
					return out, fmt.Errorf("delete the lease %q: %w", o.Key, err)
				}
				l.Removed = true
			}
			out = append(out, l)
		}
		if token = page.Next; token == "" {
			return out, nil
		}
	}
}
