package sync

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// elsewhere knows where else contents may be, and asks there whether they still are. An object is the last copy until one answers.
type elsewhere struct {
	s      *Syncer
	q      Request
	copies map[chunker.Digest][]anotherCopy
}

// anotherCopy is an object that had the content when it was last seen.
type anotherCopy struct {
	at     Origin
	object store.Object // key, size and ETag
	// of names the dataset whose source it is; "" for a replica.
	of string
}

func opened(st store.Store) func(context.Context) (store.Store, error) {
	return func(context.Context) (store.Store, error) { return st, nil }
}

// elsewhere looks up, for what these objects hold, what the sources of the destination's datasets have of it, and other stores.
func (s *Syncer) elsewhere(q Request, list []holding) (*elsewhere, error) {
	e := &elsewhere{s: s, q: q, copies: map[chunker.Digest][]anotherCopy{}}
	wanted := map[chunker.Digest]bool{}
	for _, h := range list {
		wanted[h.Shard] = true
	}
	if len(wanted) == 0 {
		return e, nil
	}
	return e, s.Manifest.View(func(tx *manifest.Tx) error {
		for _, n := range q.datasets() {
			if err := e.atSource(tx, n, wanted); err != nil {
				return err
			}
		}
		const most = 4 // of one content in one store; one is enough
		for _, o := range q.Origins {
			if o.Name == q.Destination.Destination.Store {
				continue
			}
			for d := range wanted {
				held, err := tx.Holders(o.Name, d, most)
				if err != nil {
					return err
				}
				for _, r := range held {
					e.copies[d] = append(e.copies[d], anotherCopy{at: o, object: store.Object{Key: r.Key, Size: r.Size, ETag: r.ETag}})
				}
			}
		}
		return nil
	})
}

// atSource adds what a dataset's source had when it was last read.
func (e *elsewhere) atSource(tx *manifest.Tx, n Neighbor, wanted map[chunker.Digest]bool) error {
	record, ok, err := tx.Dataset(n.Dataset)
	if err != nil || !ok || record.Store != n.Source.Name || record.Prefix != n.SourcePrefix {
		return err // what is known is of another place
	}
	add := func(digest chunker.Digest, path, etag string, size int64) {
		if wanted[digest] {
			o := store.Object{Key: n.SourcePrefix + path, Size: size, ETag: etag}
			e.copies[digest] = append(e.copies[digest], anotherCopy{at: n.Source, object: o, of: n.Dataset})
		}
	}
	err = tx.Facts(n.Dataset, func(f manifest.Fact) (bool, error) {
		add(f.Shard, f.Path, f.ETag, f.Size)
		return true, nil
	})
	if err != nil || record.Latest.IsZero() {
		return err
	}
	return tx.SnapshotShards(record.Latest, func(sh manifest.Shard) (bool, error) {
		if known, _, err := tx.Fact(n.Dataset, sh.Path); err != nil || known.Shard == sh.Digest && known.ETag == sh.ETag {
			return err == nil, err
		}
		add(sh.Digest, sh.Path, sh.ETag, sh.Size)
		return true, nil
	})
}

// proofAtATime bounds how many objects are asked for at the same time.
const proofAtATime = 16

// proven finds for each holding another copy that answers now, under the ETag that it was known by; nil: there is none.
func (e *elsewhere) proven(ctx context.Context, list []holding) ([]*plan.OtherCopy, error) {
	out := make([]*plan.OtherCopy, len(list))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(proofAtATime)
	for i, h := range list {
		g.Go(func() error {
			for _, c := range e.copies[h.Shard] {
				there, err := e.answers(ctx, h, c)
				if err != nil {
					return err
				}
				if there {
					out[i] = &plan.OtherCopy{Store: c.at.Name, Key: c.object.Key, ETag: c.object.ETag}
					return nil
				}
			}
			return nil
		})
	}
	return out, g.Wait()
}

// answers asks for one copy of what a destination holds. A store that does not answer proves nothing, and is no error; what would end any run is.
func (e *elsewhere) answers(ctx context.Context, h holding, c anotherCopy) (bool, error) {
	st, err := c.at.Open(ctx)
	if err != nil {
		e.s.Log.Warn("a copy cannot be looked for", "store", c.at.Name, "error", err)
		return false, ctx.Err()
	}
	o, err := e.s.headOver(ctx, e.q, c, st)
	switch {
	case err == nil:
		return o.ETag == c.object.ETag && o.Size == c.object.Size && !e.itself(ctx, h, c, st), nil
	case ctx.Err() != nil, cost.Stops(err), errors.Is(err, manifest.ErrCorrupt):
		return false, fmt.Errorf("look for another copy of %q: %w", c.object.Key, err)
	case !errors.Is(err, store.ErrNotFound):
		e.s.Log.Warn("a copy cannot be looked at", "store", c.at.Name, "key", c.object.Key, "error", err)
	}
	return false, nil
}

// itself tells whether a copy is the object that it is to be a copy of: two configured stores may be one place, and a directory may lie in another one. An
// object has one ETag, and so has a file, which is its inode's.
func (e *elsewhere) itself(ctx context.Context, h holding, c anotherCopy, st store.Store) bool {
	if c.object.ETag != h.ETag {
		return false
	}
	d, err := e.q.Destination.opened(ctx)
	if err != nil {
		e.s.Log.Warn("whether a copy is another one cannot be told", "store", c.at.Name, "key", c.object.Key, "error", err)
		return true
	}
	const files = "file://"
	one, other := d.Store.URL(), st.URL()
	return strings.HasPrefix(one, files) && strings.HasPrefix(other, files) || one == other && c.object.Key == h.Key
}

// maxHeadBytes is reserved for an object's properties over a paid link: headers, and a connection that must be made for them.
const maxHeadBytes = 16 << 10

// headOver asks for an object's properties, under a reservation where it is a source's and the link to it is paid.
func (s *Syncer) headOver(ctx context.Context, q Request, c anotherCopy, st store.Store) (o store.Object, err error) {
	if c.of == "" {
		return st.Head(ctx, c.object.Key)
	}
	d := q.Destination
	link := cost.Link{Source: c.at.Name, SourceLocation: c.at.Location, Dest: d.Name, DestLocation: d.Location}
	crossing, err := s.lookup(link, c.of, q.Source.For, maxHeadBytes, cost.OpRead, st)
	if err != nil {
		return o, err
	}
	var used store.Usage
	after, err := s.reserve(crossing, &used)
	if err != nil {
		return o, err
	}
	o, err = st.Head(store.WithUsage(ctx, &used), c.object.Key)
	failed := err
	if errors.Is(err, store.ErrNotFound) {
		failed = nil // that is an answer, too
	}
	return o, errors.Join(err, after(failed))
}
