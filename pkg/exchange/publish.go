package exchange

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

// Snapshot is what is published.
type Snapshot struct {
	Dataset string
	ID      chunker.Digest
	Taken   manifest.Millis
	// Shards calls yield for each shard in ascending byte order of the paths, and hands on its error. It is called up to four times
	// and must give the same each time.
	Shards func(yield func(manifest.Shard) error) error
	// Recipe gives the encoded recipe of that digest, [ErrNoRecipe] if it is lost.
	Recipe func(id chunker.Digest) ([]byte, error)
}

// Publisher is who publishes.
type Publisher struct {
	Agent string
	// AtLeast is the highest sequence that this origin knows it published, 0 if none: the new one is higher, even if the reference
	// was damaged, removed, or an older one was put back.
	AtLeast uint64
	// Now is the clock.
	Now func() time.Time
}

// Published counts what was written. All is zero if the snapshot was published already.
type Published struct {
	Packs   int // packs written
	Recipes int // recipes in them
	Reused  int // packs of the publication before that serve this one, too
	Without int // shards that were published without their recipe, because it is lost or was never made
	// Bytes written: packs, publication and reference. PackBytes and PublicationBytes are two of the three.
	Bytes, PackBytes, PublicationBytes int64
}

// Publish makes a snapshot the latest of its dataset, and returns the reference that names it. A snapshot that is the latest already, with the
// same recipes, is proven to be there whole and nothing is written. Recipes that the publication before has are not written again.
//
// A reference or a publication that is damaged is replaced. Errors: the store's; [ErrRaced]; [ErrVersion] if a newer datagravity
// published here; those of the snapshot, also if its shards are not the snapshot that its id names.
func Publish(ctx context.Context, w Writer, s Snapshot, by Publisher) (Reference, Published, error) {
	ref, done, err := publish(ctx, w, s, by)
	if err != nil {
		return Reference{}, done, fmt.Errorf("publish snapshot %s of dataset %q: %w", s.ID, s.Dataset, err)
	}
	return ref, done, nil
}

func publish(ctx context.Context, w Writer, s Snapshot, by Publisher) (Reference, Published, error) {
	if err := errors.Join(checkName("dataset", s.Dataset), checkName("agent", by.Agent)); err != nil {
		return Reference{}, Published{}, err
	}
	old, o, found, err := latest(ctx, w, s.Dataset)
	if err != nil && (!errors.Is(err, ErrBad) || errors.Is(err, ErrVersion)) {
		return Reference{}, Published{}, err
	}
	condition := store.IfAbsent()
	if found {
		condition = store.IfMatch(o.ETag)
	}
	before, err := openBefore(ctx, w, old)
	if err != nil {
		return Reference{}, Published{}, err
	}
	if old.Snapshot == s.ID && old.Sequence >= by.AtLeast && before.whole() {
		if same, err := before.same(s); same || err != nil {
			return old, Published{}, err
		}
	}

	var done Published
	b, err := build(ctx, w, s, before, &done)
	if err != nil {
		return Reference{}, done, err
	}
	id := chunker.Sum(b)
	if err := put(ctx, w, publicationKey(s.Dataset, id), b, zstdType, store.Always()); err != nil {
		return Reference{}, done, err
	}
	done.PublicationBytes = int64(len(b))
	done.Bytes += done.PublicationBytes

	ref, text, err := Reference{
		Datagravity: version, Kind: referenceKind, Dataset: s.Dataset, Sequence: max(old.Sequence, by.AtLeast) + 1, Snapshot: s.ID,
		Publication: id, Bytes: int64(len(b)), Agent: by.Agent, Time: by.Now().UTC().Truncate(time.Second),
	}.encode()
	if err != nil {
		return Reference{}, done, err
	}
	if err := putReference(ctx, w, ref, text, condition); err != nil {
		return Reference{}, done, err
	}
	done.Bytes += int64(len(text))
	return ref, done, nil
}

// putReference is the last write. A conflict with what we wrote ourselves, in an attempt whose answer was lost, is none.
func putReference(ctx context.Context, w Writer, ref Reference, text []byte, c store.Condition) error {
	err := put(ctx, w, ref.Key(), text, jsonType, c)
	if !errors.Is(err, store.ErrConflict) {
		return err
	}
	now, _, _, failed := readDocument(ctx, w, ref.Key())
	if failed == nil && bytes.Equal(now, text) {
		return nil
	}
	return fmt.Errorf("%w: publish again to build on it: %w", ErrRaced, err)
}

// build writes the packs that are missing and returns the bytes of the publication.
func build(ctx context.Context, w Writer, s Snapshot, before *earlier, done *Published) ([]byte, error) {
	h := header{Datagravity: version, Kind: publicationKind, Dataset: s.Dataset, Snapshot: s.ID, Taken: s.Taken, Packs: []packRecord{}}
	places, err := gather(s, &h)
	if err != nil {
		return nil, err
	}
	if h.Packs, err = before.reuse(places); err != nil {
		return nil, err
	}
	done.Reused = len(h.Packs)
	p := newPacker(ctx, w, s.Dataset, h.Packs)
	err = p.addAll(s, places)
	err = errors.Join(err, p.close())
	done.Packs, done.Recipes, done.PackBytes, done.Bytes = p.written, p.recipes, p.bytes, p.bytes
	if err != nil {
		return nil, err
	}
	h.Packs = p.packs
	return compress(s, &h, places, done)
}

// nowhere is the place of a recipe that must be written yet.
var nowhere = place{pack: -1}

// gather counts the shards and tells which recipes they need.
func gather(s Snapshot, h *header) (map[chunker.Digest]place, error) {
	places := map[chunker.Digest]place{}
	var t tally
	err := s.Shards(func(sh manifest.Shard) error {
		if err := checkShard(sh); err != nil {
			return fmt.Errorf("%w; leave it out of the dataset", err)
		}
		if !sh.Recipe.IsZero() {
			places[sh.Recipe] = nowhere
		}
		return t.add(&sh)
	})
	h.Shards, h.Bytes = t.shards, t.bytes
	return places, err
}

// compress writes the lines, and makes sure that they are the snapshot.
func compress(s Snapshot, h *header, places map[chunker.Digest]place, done *Published) ([]byte, error) {
	var out bytes.Buffer
	// One encoder at a time: its bytes then do not depend on the machine.
	z, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(windowBytes), zstd.WithEncoderLevel(zstd.SpeedDefault))
	if err != nil {
		return nil, err
	}
	if err := writeLines(z, s, h, places, done); err != nil {
		return nil, errors.Join(err, z.Close())
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	if out.Len() > maxPublicationBytes {
		return nil, fmt.Errorf("a publication of %d bytes, the most is %d: divide the dataset", out.Len(), maxPublicationBytes)
	}
	return out.Bytes(), nil
}

func writeLines(z *zstd.Encoder, s Snapshot, h *header, places map[chunker.Digest]place, done *Published) error {
	first, err := h.encode()
	if err != nil {
		return err
	}
	if _, err := z.Write(first); err != nil {
		return err
	}
	id, err := newIdentity(h.Dataset, h.Shards)
	if err != nil {
		return err
	}
	text := int64(len(first))
	err = s.Shards(func(sh manifest.Shard) error {
		at := places[sh.Recipe] // the zero place for what is not there
		if at.length == 0 {
			done.Without++
		}
		b, err := encodeLine(sh, at)
		if err != nil {
			return err
		}
		if text += int64(len(b)); text > maxTextBytes {
			return fmt.Errorf("a publication of more than %d bytes of text: divide the dataset", int64(maxTextBytes))
		}
		if err := id.add(&sh); err != nil {
			return err
		}
		_, err = z.Write(b)
		return err
	})
	if err != nil {
		return err
	}
	if got := id.id(); got != s.ID {
		return fmt.Errorf("its shards are snapshot %s; index the dataset again", got)
	}
	return nil
}

// shards is what both kinds of lists of shards have.
type shards func(yield func(manifest.Shard) error) error

var errStopped = errors.New("stopped")

// seq turns a list that is pushed into one that can be pulled. An error ends it.
func (f shards) seq() iter.Seq2[manifest.Shard, error] {
	return func(yield func(manifest.Shard, error) bool) {
		err := f(func(s manifest.Shard) error {
			if !yield(s, nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(manifest.Shard{}, err)
		}
	}
}
