package manifest

import (
	"bytes"
	"context"
	"math"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// TrimOptions of [Manifest.Trim].
type TrimOptions struct {
	// Keep is how long what nothing needs any more stays; [Forever]: all of it does.
	Keep time.Duration
	// ShardCosts is how long the ledger tells what each shard cost, and JobCosts what each job and need did; 0: for ever. Older lines are added up.
	ShardCosts, JobCosts time.Duration
	// DryRun only finds out what would go.
	DryRun bool

	// atOnce is how many pages and records one transaction forgets at most, and one view reads; 0: as many as nobody waits for.
	atOnce int
}

// Forever as TrimOptions.Keep forgets nothing.
const Forever = time.Duration(math.MaxInt64)

// Trimmed is what was forgotten, or would be.
type Trimmed struct {
	Snapshots []TrimmedSnapshot `json:"snapshots"`
	// Facts are what was learned of paths that no snapshot names any more, Replicas objects that were deleted.
	Facts    int `json:"facts"`
	Replicas int `json:"replicas"`
	// Recipes that nothing refers to, and the bytes of the packs that went for them: those that became empty, and what others had more than was moved.
	Recipes     int   `json:"recipes"`
	RecipeBytes int64 `json:"recipe_bytes"`
	Packs       int   `json:"packs"`
	PackBytes   int64 `json:"pack_bytes"`
	// Later: recipes are left for the next time, because something that names old ones is under way.
	Later bool `json:"later"`
	// Lines of the ledger that were added up: what each shard cost, or each job.
	Lines int `json:"ledger_lines"`
}

// TrimmedSnapshot is one that was forgotten.
type TrimmedSnapshot struct {
	ID      chunker.Digest `json:"snapshot"`
	Dataset string         `json:"dataset"`
	Taken   Millis         `json:"taken"`
	Shards  int            `json:"shards"`
	// Unneeded is since when nothing needed it, as far as anybody looked.
	Unneeded Millis `json:"unneeded"`
}

// trims has one record: what a process has begun to forget, for the next one to finish. It stands in the meta bucket.
var (
	trims   = table[trimming]{bucket: "meta"}
	trimKey = []byte("trim")
)

type trimming struct {
	// Forgetting is a snapshot that is not there any more, and some of whose pages may be.
	Forgetting chunker.Digest `cbor:"1,keyasint"`
	// Recipes tells that there may be some that nothing refers to.
	Recipes bool `cbor:"2,keyasint,omitempty"`
}

// What one transaction forgets at most: some megabytes, so that nobody waits for it. So many records are read in one view, too.
const (
	pagesAtOnce   = 64
	recordsAtOnce = 2048
)

// Trim forgets what nothing needs any more, and has not for a time:
//
//   - Snapshots that no dataset (as its latest, or as published), need, pin or job names, and that are not wanted for an object that a store holds: without
//     the last snapshot that names it, an object at a destination would be nobody's. Since when nothing needs one is written down by whoever looks first, so
//     that what was the latest until yesterday is not old.
//   - What was learned of paths that no snapshot names, and that objects were deleted.
//   - Recipes that no snapshot, fact, replica and transfer refers to, and packs that have none that is. One that is more than half empty is written anew.
//   - Of old lines of the ledger what was for each shard, and of older ones what was for each job. Their sums stay, by month, day, team, dataset, link and price.
//
// It is done in many small transactions, each of which leaves a sound manifest; a process that dies in between leaves the rest to the next Trim. Others read
// and write meanwhile. Errors: [ErrCorrupt], those of the disk and of ctx.
func (m *Manifest) Trim(ctx context.Context, o TrimOptions) (out Trimmed, err error) {
	m.trimming.Lock()
	defer m.trimming.Unlock()
	out.Snapshots = []TrimmedSnapshot{}
	t := &trimmer{m: m, ctx: ctx, o: o, out: &out, gone: map[chunker.Digest]bool{}}
	t.names = newNamer()
	if t.pagesAtOnce, t.recordsAtOnce = pagesAtOnce, recordsAtOnce; o.atOnce > 0 {
		t.pagesAtOnce, t.recordsAtOnce = o.atOnce, o.atOnce
	}
	steps := []func() error{t.goOn}
	if o.Keep != Forever {
		t.before = At(m.now().Add(-o.Keep))
		steps = append(steps, t.snapshots, t.look, t.replicas, t.facts, t.recipes, t.packs)
		defer m.recipes.named.stop()
	}
	for _, step := range append(steps, t.lines) {
		if err := step(); err != nil {
			return out, err
		}
	}
	return out, nil
}

// trimmer is one run of Trim.
type trimmer struct {
	m   *Manifest
	ctx context.Context
	o   TrimOptions
	out *Trimmed

	pagesAtOnce, recordsAtOnce int
	// before is since when what is forgotten was not needed, at the latest.
	before Millis
	// gone are the snapshots that were forgotten, or would be.
	gone  map[chunker.Digest]bool
	holds holdings
	names namer
	// inUse are the recipes that something refers to, and paths those that a snapshot names, once they were looked for.
	looked       bool
	inUse, paths hashes
}

// left is what is still to be done.
func (t *trimmer) left() (s trimming, err error) {
	err = t.m.View(func(tx *Tx) (err error) {
		s, _, err = trims.get(tx, trimKey)
		return err
	})
	return s, err
}

// leave records what is still to be done.
func leave(tx *Tx, f func(s *trimming)) error {
	s, _, err := trims.get(tx, trimKey)
	if err != nil {
		return err
	}
	f(&s)
	return trims.put(tx, trimKey, s)
}

// goOn finishes what a process that died had begun.
func (t *trimmer) goOn() error {
	s, err := t.left()
	if err != nil || s.Forgetting.IsZero() || t.o.DryRun {
		return err
	}
	return t.forgetPages(s.Forgetting)
}

// each calls f for the records of a table under a prefix, in views of a bounded number, and then, outside of any transaction, after each: nobody who writes
// waits for a long one. f must do with what was true at some moment.
func each[V any](t *trimmer, of table[V], prefix []byte, f func(tx *Tx, key []byte, v V) error, then func() error) error {
	var from []byte
	for more := true; more; {
		if err := context.Cause(t.ctx); err != nil {
			return err
		}
		n := 0
		more = false
		err := t.m.View(func(tx *Tx) error {
			return of.scan(tx, prefix, from, func(k []byte, v V) (bool, error) {
				if n++; n > t.recordsAtOnce {
					more = true
					from = append(from[:0], k...)
					return false, nil
				}
				return true, f(tx, k, v)
			})
		})
		if err == nil && then != nil {
			err = then()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// inParts calls f, in one transaction each, for pieces of a list.
func inParts[V any](t *trimmer, list []V, f func(tx *Tx, part []V) error) error {
	for len(list) > 0 {
		if err := context.Cause(t.ctx); err != nil {
			return err
		}
		n := min(len(list), t.recordsAtOnce)
		if err := t.m.Update(func(tx *Tx) error { return f(tx, list[:n]) }); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// sweep forgets the records of a table that go, by view, and counts them. forget looks once more, in the transaction in which it forgets: what was found may be
// another by then.
func sweep[V any](t *trimmer, of table[V], n *int, goes func(tx *Tx, key []byte, v V) (bool, error), forget func(tx *Tx, key []byte, found V) (gone bool, err error)) error {
	type record struct {
		key []byte
		v   V
	}
	var found []record
	return each(t, of, nil, func(tx *Tx, key []byte, v V) error {
		yes, err := goes(tx, key, v)
		if yes {
			found = append(found, record{bytes.Clone(key), v})
		}
		return err
	}, func() error {
		list := found
		found = nil
		if t.o.DryRun {
			*n += len(list)
			return nil
		}
		return inParts(t, list, func(tx *Tx, part []record) error {
			count := 0
			for _, r := range part {
				gone, err := forget(tx, r.key, r.v)
				if err != nil {
					return err
				}
				if gone {
					count++
				}
			}
			tx.b.OnCommit(func() { *n += count })
			return nil
		})
	})
}
