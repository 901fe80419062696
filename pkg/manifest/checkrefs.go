package manifest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// contents reads every snapshot whole, and every list of paths.
func (c *checker) contents(ctx context.Context) error {
	c.snapshots, c.paths, c.kept = map[chunker.Digest]SnapshotHeader{}, map[chunker.Digest]bool{}, map[chunker.Digest]bool{}
	_, err := c.tx.eachStored(recipeLocations.bucket, func(k, _ []byte, _ error) error {
		if len(k) == len(chunker.Digest{}) {
			c.kept[chunker.Digest(k)] = true
		}
		return context.Cause(ctx)
	})
	if err != nil {
		return err
	}
	err = c.tx.Snapshots("", func(h SnapshotHeader) error {
		c.snapshots[h.ID] = h
		return context.Cause(ctx)
	})
	if err != nil {
		return err
	}
	for id, h := range c.snapshots {
		if err := c.out.damage(fmt.Sprintf("snapshots/%s", id), c.snapshot(ctx, h)); err != nil {
			return err
		}
	}
	left, _, err := trims.get(c.tx, trimKey)
	if err != nil {
		return err
	}
	_, err = c.tx.eachStored(snapshotPages.bucket, func(k, _ []byte, _ error) error {
		if bytes.HasPrefix(k, left.Forgetting[:]) && !left.Forgetting.IsZero() {
			return context.Cause(ctx) // somebody is about to remove it, or was
		}
		if len(k) != len(chunker.Digest{})+4 || c.snapshots[chunker.Digest(k[:len(chunker.Digest{})])].Shards == 0 {
			c.out.add(Damage, fmt.Sprintf("snapshot_pages/%x", k), "is a page of a snapshot that is not there")
		}
		return context.Cause(ctx)
	})
	if err != nil {
		return err
	}
	return pathLists.scan(c.tx, nil, nil, func(k []byte, l pathList) (bool, error) {
		where := fmt.Sprintf("paths/%x", k)
		sorted, err := l.unpack()
		switch {
		case err != nil:
			return true, c.out.damage(where, err)
		case len(k) != len(chunker.Digest{}) || PathsID(sorted, l.Index) != chunker.Digest(k):
			c.out.add(Damage, where, "is not the list of paths that its id names")
		default:
			c.paths[chunker.Digest(k)] = true
		}
		return true, nil
	})
}

// snapshot reads one, and compares it with its name.
func (c *checker) snapshot(ctx context.Context, h SnapshotHeader) error {
	var failed error
	each := func(yield func(Shard) bool) {
		lost := 0
		failed = c.tx.SnapshotShards(h.ID, func(s Shard) (bool, error) {
			if !s.Recipe.IsZero() && !c.kept[s.Recipe] {
				lost++
			}
			return yield(s), context.Cause(ctx)
		})
		if lost > 0 {
			c.out.add(Loss, "snapshots/"+h.ID.String(), "%d of its %d shards have no recipe; they are read again when it is needed", lost, h.Shards)
		}
	}
	if c.o.Identify == nil {
		for range each {
			continue
		}
		return failed
	}
	id, err := c.o.Identify(h.Dataset, h.Shards, iter.Seq[Shard](each))
	if err = errors.Join(err, failed); err == nil && id != h.ID {
		err = fmt.Errorf("%w: its shards are those of %s", ErrCorrupt, id)
	}
	return err
}

// references looks for what datasets, needs, pins and jobs name.
func (c *checker) references(context.Context) error {
	named := func(where string, id chunker.Digest) {
		if _, ok := c.snapshots[id]; !ok && !id.IsZero() {
			c.out.add(Damage, where, "names snapshot %s, which is not there", id)
		}
	}
	listed := func(where string, id chunker.Digest) {
		if !id.IsZero() && !c.paths[id] {
			c.out.add(Damage, where, "names a list of paths that is not there: %s", id)
		}
	}
	jobsKnown := map[string]bool{}
	err := datasets.scan(c.tx, nil, nil, func(_ []byte, d Dataset) (bool, error) {
		named("datasets/"+d.Name, d.Latest)
		return true, nil
	})
	if err != nil {
		return err
	}
	err = c.tx.Jobs(func(j Job) (bool, error) {
		jobsKnown[j.ID] = true
		where := "jobs/" + j.ID
		named(where, j.Snapshot)
		listed(where, j.Paths)
		h := c.snapshots[j.Snapshot]
		if err := j.Ranges.Each(func(_, end uint32) {
			if !j.Snapshot.IsZero() && int(end) > h.Shards {
				c.out.add(Damage, where, "has places up to %d in a snapshot of %d shards", end, h.Shards)
			}
		}); err != nil {
			return true, c.out.damage(where, err)
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	err = c.tx.Needs(func(n Need) (bool, error) {
		where := "needs/" + n.ID
		if n.Ready != 0 {
			named(where, n.Snapshot)
		}
		listed(where, n.Paths)
		if n.Job != "" && !jobsKnown[n.Job] {
			c.out.add(Loss, where, "is of job %s, which is not declared: declare it again; removing it afterwards takes back what it was promised", n.Job)
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	return c.tx.Pins(func(p Pin) (bool, error) {
		named(fmt.Sprintf("pins/%s/%s/%s", p.Destination, p.Owner, p.Dataset), p.Snapshot)
		return true, nil
	})
}

// transfers looks for parts without a transfer. One without parts has just begun.
func (c *checker) transfers(ctx context.Context) error {
	known := map[string]bool{}
	err := transfers.scan(c.tx, nil, nil, func(k []byte, t Transfer) (bool, error) {
		if known[t.ID] = true; string(k) != t.ID {
			c.out.add(Damage, fmt.Sprintf("transfers/%q", k), "is transfer %s", t.ID)
		}
		return true, context.Cause(ctx)
	})
	if err != nil {
		return err
	}
	return parts.scan(c.tx, nil, nil, func(k []byte, p Part) (bool, error) {
		where := fmt.Sprintf("parts/%q", k)
		if len(k) < 5 {
			c.out.add(Damage, where, "is no part's key")
			return true, nil
		}
		switch id := string(k[:len(k)-5]); {
		case !known[id]:
			c.out.add(Damage, where, "is a part of transfer %s, which is not there", id)
		case string(partKey(id, p.Number)) != string(k):
			c.out.add(Damage, where, "is part %d", p.Number)
		}
		return true, context.Cause(ctx)
	})
}

// replicas compares the records with the index by digest, both ways.
func (c *checker) replicas(ctx context.Context) error {
	present := 0
	err := replicas.scan(c.tx, nil, nil, func(k []byte, r Replica) (bool, error) {
		where := fmt.Sprintf("replicas/%q", k)
		if string(key(r.Store, r.Key)) != string(k) {
			c.out.add(Damage, where, "is the replica under %q in %s", r.Key, r.Store)
			return true, nil
		}
		if r.Present() {
			present++
			if _, ok, err := replicasByDigest.get(c.tx, digestKey(r.Store, r.Shard, r.Key)); err != nil || !ok {
				c.out.add(Damage, where, "counts, and cannot be found by its digest")
			}
		}
		return true, context.Cause(ctx)
	})
	if err != nil {
		return err
	}
	indexed := 0
	err = replicasByDigest.scan(c.tx, nil, nil, func([]byte, struct{}) (bool, error) {
		indexed++
		return true, context.Cause(ctx)
	})
	if err == nil && indexed > present {
		c.out.add(Damage, replicasByDigest.bucket, "has %d entries, and %d replicas count", indexed, present)
	}
	return err
}

// recipes compares where recipes are said to be with the packs, and what snapshots need with both.
func (c *checker) recipes(ctx context.Context) error {
	live := map[chunker.Digest]int64{}
	ends := map[chunker.Digest]int64{}
	err := recipeLocations.scan(c.tx, nil, nil, func(k []byte, at recipeLocation) (bool, error) {
		live[at.Pack]++
		ends[at.Pack] = max(ends[at.Pack], at.Offset+at.Length)
		if len(k) != len(chunker.Digest{}) {
			c.out.add(Damage, fmt.Sprintf("recipes/%x", k), "is no digest")
		}
		return true, context.Cause(ctx)
	})
	if err != nil {
		return err
	}
	err = packs.scan(c.tx, nil, nil, func(k []byte, p pack) (bool, error) {
		id := chunker.Digest(k)
		where := "packs/" + id.String()
		if p.Live != live[id] {
			c.out.add(Damage, where, "is said to have %d recipes, and %d are said to be in it", p.Live, live[id])
		}
		if ends[id] > p.Bytes {
			c.out.add(Damage, where, "has %d bytes, and a recipe in it ends at %d", p.Bytes, ends[id])
		}
		delete(live, id)
		if p.Live > 0 && !c.o.Alone {
			c.out.Packs++
			c.out.PackBytes += p.Bytes
			c.pack(id, p)
		}
		return true, context.Cause(ctx)
	})
	if err != nil {
		return err
	}
	for id := range live {
		c.out.add(Damage, "recipes", "%d recipes are said to be in pack %s, of which nothing is known", live[id], id)
	}
	c.out.PacksRead = c.o.Packs && !c.o.Alone
	return nil
}

// pack looks at the file of a pack. One that was merged into another since the transaction began is not missed.
func (c *checker) pack(id chunker.Digest, p pack) {
	path := c.m.recipes.path(id)
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) && c.moved(id) {
		return
	}
	again := "move it away; datagravity index reads the shards again whose recipes were in it"
	switch {
	case err != nil:
		c.out.add(Damage, path, "cannot be found: %v; datagravity index reads the shards again whose recipes were in it", err)
	case info.Size() != p.Bytes:
		c.out.add(Damage, path, "has %d bytes and should have %d; %s", info.Size(), p.Bytes, again)
	case c.o.Packs:
		if sum, _, err := digestFile(path); err != nil {
			c.out.add(Damage, path, "cannot be read: %v; %s", err, again)
		} else if sum != id {
			c.out.add(Damage, path, "is damaged: its bytes are %s; %s", sum, again)
		}
	}
}

// moved tells that a pack is not known any more by now.
func (c *checker) moved(id chunker.Digest) (yes bool) {
	err := c.m.View(func(tx *Tx) error {
		p, ok, err := packs.get(tx, id[:])
		yes = err == nil && (!ok || p.Live == 0)
		return err
	})
	return yes && err == nil
}
