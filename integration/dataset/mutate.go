package dataset

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Kind of a change between two versions of a dataset.
type Kind string

// The kinds.
const (
	Replaced Kind = "replaced" // a sample of a shard has other bytes
	Inserted Kind = "inserted" // a shard has further samples in its middle, so that all after them moved
	Added    Kind = "added"    // a new shard
	Renamed  Kind = "renamed"  // the same bytes under another path
	Deleted  Kind = "deleted"  // a shard is gone
	Dealt    Kind = "dealt"    // a shard has other samples, all of which were in other shards before
	Indexed  Kind = "index"    // the index was rewritten
)

// Change is what happened to one object.
type Change struct {
	Kind Kind
	// Path is the object's path after the change; of a deleted one, the path that it had.
	Path string
	// From is the path before, of a renamed object.
	From string
	// SizeBytes is the object's size after the change, 0 if it is deleted.
	SizeBytes int64
	// NewBytes is how much of it existed nowhere in the version before.
	NewBytes int64
	// Text tells it to people.
	Text string
}

// Rewritten tells whether the object has bytes, as a whole, that no object of the version before had.
func (c Change) Rewritten() bool { return c.Kind != Renamed && c.Kind != Deleted }

// insertedSamples is how many samples Mutate inserts.
const insertedSamples = 3

// Mutate makes the next version: in one shard a sample is replaced, in another samples are inserted, one is renamed, one is
// deleted, a half-full one is added, and the index is rewritten. The shards are chosen by the seed among the ordinary ones,
// of which it needs four. The receiver stays as it is.
func (d *Dataset) Mutate(seed uint64) (*Dataset, []Change, error) {
	ordinary := min(d.options.Shards, len(d.shards))
	if ordinary < 4 {
		return nil, nil, fmt.Errorf("a dataset of %d ordinary shards cannot be mutated: it needs 4", ordinary)
	}
	random := rand.New(rand.NewPCG(d.options.Seed, seed))
	next := *d
	next.shards = slices.Clone(d.shards)
	chosen := random.Perm(ordinary)
	changes := []Change{
		next.replaceSample(chosen[0], random),
		next.insertSamples(chosen[1], random),
		next.rename(chosen[2]),
		next.add(random),
		next.remove(chosen[3]), // last: it moves the numbers of those behind it
	}
	slices.SortFunc(next.shards, func(a, b *shard) int {
		if a.path < b.path {
			return -1
		}
		return 1
	})
	index := next.index()
	return &next, append(changes, Change{
		Kind: Indexed, Path: index.Path, SizeBytes: index.SizeBytes, NewBytes: index.SizeBytes,
		Text: "the index is rewritten for all of this",
	}), nil
}

func (d *Dataset) replaceSample(i int, random *rand.Rand) Change {
	s := d.shards[i].with(d.shards[i].samples)
	at := random.IntN(len(s.samples))
	p := &s.samples[at]
	p.revision++
	p.imageBytes = d.imageBytes(random)
	d.shards[i] = s
	return Change{
		Kind: Replaced, Path: s.path, SizeBytes: s.sizeBytes(), NewBytes: p.tarBytes(),
		Text: fmt.Sprintf("sample %09d, number %d of %d, is replaced by another image", p.number, at+1, len(s.samples)),
	}
}

func (d *Dataset) insertSamples(i int, random *rand.Rand) Change {
	var added []sample
	var newBytes int64
	for range insertedSamples {
		p := d.newSample(random)
		added = append(added, p)
		newBytes += p.tarBytes()
	}
	old := d.shards[i]
	at := random.IntN(len(old.samples))
	s := old.with(slices.Concat(old.samples[:at], added, old.samples[at:]))
	d.shards[i] = s
	return Change{
		Kind: Inserted, Path: s.path, SizeBytes: s.sizeBytes(), NewBytes: newBytes,
		Text: fmt.Sprintf("%d samples are inserted before number %d of %d", len(added), at+1, len(old.samples)),
	}
}

func (d *Dataset) rename(i int) Change {
	old := d.shards[i]
	// The suffix grows with every renaming of the same shard, so that no path is ever taken twice.
	s := &shard{path: old.path[:len(old.path)-len(".tar")] + "-renamed.tar", samples: old.samples}
	d.shards[i] = s
	return Change{
		Kind: Renamed, Path: s.path, From: old.path, SizeBytes: s.sizeBytes(),
		Text: "the shard is renamed from " + old.path,
	}
}

func (d *Dataset) add(random *rand.Rand) Change {
	s := d.newShard(random, d.options.ShardBytes/2)
	d.shards = append(d.shards, s)
	return Change{
		Kind: Added, Path: s.path, SizeBytes: s.sizeBytes(), NewBytes: s.sizeBytes(),
		Text: fmt.Sprintf("a shard of %d samples is added", len(s.samples)),
	}
}

func (d *Dataset) remove(i int) Change {
	s := d.shards[i]
	d.shards = slices.Delete(d.shards, i, i+1)
	d.options.Shards-- // of which the ordinary ones are
	return Change{Kind: Deleted, Path: s.path, Text: "the shard is deleted"}
}

// Reshuffle makes a version in which all samples are dealt out anew, to shards of the names and numbers of samples that there were: none of its bytes but
// the index are new. The receiver stays as it is.
func (d *Dataset) Reshuffle(seed uint64) (*Dataset, []Change) {
	var all []sample
	for _, s := range d.shards {
		all = append(all, s.samples...)
	}
	random := rand.New(rand.NewPCG(d.options.Seed, seed))
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	next := *d
	next.shards = make([]*shard, len(d.shards))
	var changes []Change
	for i, s := range d.shards {
		n := len(s.samples)
		next.shards[i] = s.with(all[:n])
		all = all[n:]
		changes = append(changes, Change{Kind: Dealt, Path: s.path, SizeBytes: next.shards[i].sizeBytes(), Text: fmt.Sprintf("%d samples of other shards", n)})
	}
	index := next.index()
	return &next, append(changes, Change{
		Kind: Indexed, Path: index.Path, SizeBytes: index.SizeBytes, NewBytes: index.SizeBytes, Text: "the index is rewritten for all of this",
	})
}
