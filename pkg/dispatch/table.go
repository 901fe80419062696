package dispatch

import (
	"slices"
	"strings"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs/schedule"
	"github.com/datagravity/datagravity/pkg/manifest"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// newTable numbers the shards of a snapshot at a destination.
func (d *Dispatcher) newTable(b *board, j manifest.Job, q dgsync.Request, outline *plan.Plan, k tableKey, link uint16) (*table, error) {
	t := &table{base: uint32(b.problem.Shards()), route: k.route, store: q.Destination.Destination.Store}
	prices := map[int64]schedule.Shard{}
	add := func(size int64, there bool) error {
		s, known := prices[size]
		if !known {
			list, err := b.pricer.Whole(outline, size)
			if err != nil {
				return err
			}
			s = schedule.Shard{Link: link, Route: k.route, MissingBytes: max(1, size)}
			for _, c := range list {
				s.WireBytes, s.NanoUSD = s.WireBytes+c.Bytes, cost.AddNanoUSD(s.NanoUSD, c.NanoUSD)
			}
			prices[size] = s
		}
		if there {
			s = schedule.Shard{Link: link, Route: k.route}
		}
		b.problem.AddShard(s)
		t.count++
		return nil
	}
	if j.Snapshot.IsZero() {
		l := manifest.Lump{Shards: j.Shards, Bytes: j.Bytes}
		if i := slices.IndexFunc(j.Lumps, func(l manifest.Lump) bool { return l.Destination == k.destination }); i >= 0 {
			l = j.Lumps[i]
		}
		for i := range l.Shards { // of which only the sum is known
			if err := add(l.Bytes/int64(l.Shards)+min(1, max(0, l.Bytes%int64(l.Shards)-int64(i))), false); err != nil {
				return nil, err
			}
		}
		return t, nil
	}
	var err error
	if t.list, err = d.shardsOf(b, j.Snapshot); err != nil {
		return nil, err
	}
	folder := q.Destination.Folder(j.Snapshot)
	t.key = func(path string) string { return q.Destination.Key(folder, path) }
	b.problem.Grow(len(t.list.ends))
	held, err := d.held(t)
	if err != nil {
		return nil, err
	}
	for i, size := range t.list.sizes {
		if err := add(size, held[i]); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// held tells of each shard of a table whether the destination is known to hold it.
func (d *Dispatcher) held(t *table) ([]bool, error) {
	out := make([]bool, len(t.list.ends))
	err := d.sync.Manifest.View(func(tx *manifest.Tx) error {
		return tx.Holding(t.store, t.key(""), func(holds func(string, chunker.Digest) bool) error {
			for i := range out {
				out[i] = holds(t.key(t.list.path(i)), t.list.digests[i])
			}
			return nil
		})
	})
	return out, err
}

// shardsOf a snapshot, read once: no snapshot ever changes, so that the board before may have it.
func (d *Dispatcher) shardsOf(b *board, id chunker.Digest) (*listed, error) {
	if l, ok := b.shards[id]; ok {
		return l, nil
	}
	if d.board != nil {
		if l, ok := d.board.shards[id]; ok {
			b.shards[id] = l
			return l, nil
		}
	}
	l := &listed{}
	var text strings.Builder
	err := d.sync.Manifest.View(func(tx *manifest.Tx) error {
		h, _, err := tx.Snapshot(id)
		if err != nil {
			return err
		}
		// Lists of a million that grow are copied again and again.
		l.ends, l.sizes, l.digests = make([]int, 0, h.Shards), make([]int64, 0, h.Shards), make([]chunker.Digest, 0, h.Shards)
		err = tx.SnapshotContents(id, func(c manifest.Content) (bool, error) {
			if text.Len() == 0 {
				text.Grow(h.Shards * (len(c.Path) + 1)) // the others will have some such length
			}
			text.WriteString(c.Path)
			l.ends, l.sizes, l.digests = append(l.ends, text.Len()), append(l.sizes, c.Size), append(l.digests, c.Digest)
			return true, nil
		})
		l.text = text.String()
		return err
	})
	if err != nil {
		return nil, err
	}
	b.shards[id] = l
	return l, nil
}
