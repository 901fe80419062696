package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
)

// Ready tells whether all of a job is there. See [Jobs.Ready].
func (d *Dispatcher) Ready(ctx context.Context, id string, maxAge time.Duration) (out Readiness, err error) {
	if maxAge < 0 {
		maxAge = d.MaxAge
	}
	j, err := d.job(id)
	if err != nil {
		return out, err
	}
	out = Readiness{ID: id, Ready: true, State: Ready, Places: []dgsync.Readiness{}}
	if j.Resolved == 0 || j.Snapshot.IsZero() {
		out.Ready = false // what is not known is not ready
	}
	for _, to := range j.To {
		if !out.Ready && len(out.Places) == 0 {
			break
		}
		q, err := d.wherever(j, to)
		if err != nil {
			return out, err
		}
		r, err := d.sync.Ready(ctx, q, maxAge)
		if err != nil {
			return out, err
		}
		out.Places = append(out.Places, r)
		out.Ready = out.Ready && r.Ready
		if err := d.reopen(ctx, q, r); err != nil {
			return out, err
		}
	}
	if out.Ready {
		out.Why = fmt.Sprintf("ready: %d shards, %d bytes, of snapshot %s", j.Shards, j.Bytes, shortID(j.Snapshot))
		return out, nil
	}
	st, err := d.status(ctx, id)
	if err != nil {
		return out, err
	}
	out.State, out.Why, out.ETA = st.State, st.Why, st.ETA
	if st.State == Ready { // it was announced, and is not so
		out.State, out.Why = OnTime, "not all of it is there any more; the next pass brings it again"
	}
	out.Kind = kindOf(j, out.State)
	return out, nil
}

// kindOf what is in the way of a job, "" for what passes by itself, which is a matter of waiting.
func kindOf(j manifest.Job, state State) string {
	switch {
	case state == Ready:
		return ""
	case state == Held:
		return "budget"
	case j.Problem != nil && (j.Problem.Final || j.Problem.Kind == "access"):
		return j.Problem.Kind
	}
	return ""
}

// urlOf the folder where a need of a job is met, "" if its destination is not configured any more.
func (d *Dispatcher) urlOf(j manifest.Job, n manifest.Need) string {
	q, err := d.catalog.Describe(j.Dataset, n.Destination, payer(j))
	if err != nil {
		return ""
	}
	if n.Beside {
		q.Destination.Destination = q.Destination.BesideMirror()
	}
	url, _ := d.catalog.URL(n.Destination, folder(q, n))
	return url
}

// wherever is the request of a job at a destination, at the place where it is met: there, or beside the mirror.
func (d *Dispatcher) wherever(j manifest.Job, to string) (q dgsync.Request, err error) {
	if j.Ranges == nil {
		q, err = d.described(j, to)
	} else if q, err = d.catalog.Describe(j.Dataset, to, payer(j)); err == nil {
		q = wanting(q, j, jobs.Selection{}) // its places say the same as the names, and sooner
	}
	if err != nil {
		return q, err
	}
	needs, err := d.needs(j)
	if err != nil {
		return q, err
	}
	if n, met := metAt(j, to, needs); met {
		q.Destination.BesideWhenPinned = false // one place is asked about, the one that is told
		if n.Beside {
			q.Destination.Destination = q.Destination.BesideMirror()
		}
	}
	return q, nil
}

// reopen takes back what was promised and is not there, and has it be brought again.
func (d *Dispatcher) reopen(ctx context.Context, q dgsync.Request, r dgsync.Readiness) error {
	if len(r.Missing) == 0 || q.Snapshot.IsZero() {
		return nil
	}
	promised := false
	err := d.sync.Manifest.View(func(tx *manifest.Tx) error {
		for _, id := range dgsync.JobNeeds(q.Job, q.Destination.Name) {
			n, ok, err := tx.Need(id)
			if err != nil {
				return err
			}
			promised = promised || ok && n.Open == nil && n.Replacing == 0
		}
		return nil
	})
	if err != nil || !promised {
		return err // it waits for them anyway
	}
	d.Log.Warn("shards that were ready are not at the destination any more; they are brought again", "job", q.Job, "destination", q.Destination.Name,
		"shards", len(r.Missing), "first", r.Missing[0].Path, "why", r.Missing[0].Reason)
	if err := d.sync.Untrue(ctx, q, r.Missing); err != nil {
		return err
	}
	j, err := d.job(q.Job)
	if err != nil {
		return err
	}
	err = d.sync.Manifest.Update(func(tx *manifest.Tx) error { return d.askAll(tx, j) })
	if err != nil && !errors.Is(err, dgsync.ErrSuperseded) {
		return err
	}
	d.distrust()
	d.notify()
	return nil
}

// Handout tells what a run needs to read its shards. See [Jobs.Handout].
func (d *Dispatcher) Handout(ctx context.Context, id, destination string) (out Handout, err error) {
	j, err := d.job(id)
	if err != nil {
		return out, err
	}
	if destination != "" && !slices.Contains(j.To, destination) {
		return out, fmt.Errorf("%w: job %s is not for %s, but for %v", ErrUnknown, id, destination, j.To)
	}
	needs, err := d.needs(j)
	if err != nil {
		return out, err
	}
	for _, to := range j.To {
		n, met := metAt(j, to, needs)
		if destination != "" && to != destination || !met {
			continue
		}
		q, err := d.wherever(j, to)
		if err != nil {
			return out, err
		}
		// What was announced once is looked at in the manifest again: a shard may have been found damaged since.
		if r, err := d.sync.Ready(ctx, q, 0); err != nil || !r.Ready {
			if err == nil {
				err = d.reopen(ctx, q, r)
			}
			if err != nil {
				return out, err
			}
			continue
		}
		return d.handout(j, n, q)
	}
	st, err := d.status(ctx, id)
	if err != nil {
		return out, err
	}
	return out, fmt.Errorf("%w: job %s: %s", dgsync.ErrNotReady, id, st.Why)
}

// folder is the key that a need's shards are under, with the slash at its end; "" at the root.
func folder(q dgsync.Request, n manifest.Need) string {
	return q.Destination.Key(q.Destination.Folder(n.Snapshot), "")
}

func (d *Dispatcher) handout(j manifest.Job, n manifest.Need, q dgsync.Request) (Handout, error) {
	out := Handout{Job: j.ID, Dataset: j.Dataset, Destination: n.Destination, Snapshot: n.Snapshot, Format: q.Source.Format, Shards: []HandoutShard{}}
	out.URL, out.Path = d.catalog.URL(n.Destination, folder(q, n))
	err := d.sync.Manifest.View(func(tx *manifest.Tx) error {
		sel, err := dgsync.SelectionOf(tx, n.Globs, n.Paths)
		if err != nil {
			return err
		}
		return tx.SnapshotShards(n.Snapshot, func(sh manifest.Shard) (bool, error) {
			if sel.Matches(sh.Path) {
				out.Bytes += sh.Size
				out.Shards = append(out.Shards, HandoutShard{
					Path: sh.Path, Bytes: sh.Size, Index: sel.Rank(q.Source.Format, q.Source.Marker, sh.Path) != jobs.RankShard,
				})
			}
			return true, nil
		})
	})
	return out, err
}
