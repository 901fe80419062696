package exchange

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// tester is what *testing.T and *rapid.T have in common.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// origin is a dataset as an agent beside it knows it.
type origin struct {
	dataset string
	taken   time.Time
	shards  map[string]manifest.Shard
	recipes map[chunker.Digest][]byte
}

func newOrigin(dataset string) *origin {
	return &origin{dataset: dataset, taken: noon, shards: map[string]manifest.Shard{}, recipes: map[chunker.Digest][]byte{}}
}

// someDigest follows from a text and a number.
func someDigest(text string, n int) chunker.Digest {
	return chunker.Sum(binary.LittleEndian.AppendUint64([]byte(text), uint64(n)))
}

// put makes a shard of so many chunks, whose digests follow from its content's name.
func (o *origin) put(t tester, path, content string, chunks int) manifest.Shard {
	t.Helper()
	d := someDigest(content, 0)
	r := chunker.Recipe{
		Params: chunker.ParamsFor(chunker.AlgorithmPlain, 64<<10), Shard: d,
		CRC64NVME: binary.LittleEndian.Uint64(d[:]), CRC32C: binary.LittleEndian.Uint32(d[8:]),
	}
	for i := range chunks {
		digest := someDigest(content, i+1)
		length := int64(32<<10) + int64(binary.LittleEndian.Uint16(digest[:]))
		r.Chunks = append(r.Chunks, chunker.Chunk{Offset: r.Size, Length: length, Digest: digest})
		r.Size += length
	}
	b, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	id := chunker.Digest(b[len(b)-32:])
	s := manifest.Shard{
		Path: path, Size: r.Size, Digest: d, ETag: fmt.Sprintf("%q", d.Hex()[:32]), Recipe: id,
		CRC64NVME: r.CRC64NVME, CRC32C: r.CRC32C, ContentType: "application/x-tar",
	}
	o.shards[path], o.recipes[id] = s, b
	return s
}

// many makes so many shards of so many chunks each.
func (o *origin) many(t tester, shards, chunks int) *origin {
	t.Helper()
	for i := range shards {
		path := fmt.Sprintf("train/shard-%06d.tar", i)
		o.put(t, path, o.dataset+path, chunks)
	}
	return o
}

func (o *origin) sorted() []manifest.Shard {
	var list []manifest.Shard
	for _, path := range slices.Sorted(maps.Keys(o.shards)) {
		list = append(list, o.shards[path])
	}
	return list
}

// published are the shards as an edge should see them: without the recipes that were lost.
func (o *origin) published() []manifest.Shard {
	list := o.sorted()
	for i := range list {
		if o.recipes[list[i].Recipe] == nil {
			list[i].Recipe = chunker.Digest{}
		}
	}
	return list
}

func (o *origin) snapshot(t tester) Snapshot {
	t.Helper()
	list := o.sorted()
	id, err := newIdentity(o.dataset, len(list))
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if err := id.add(&list[i]); err != nil {
			t.Fatal(err)
		}
	}
	return Snapshot{
		Dataset: o.dataset, ID: id.id(), Taken: manifest.At(o.taken),
		Shards: func(yield func(manifest.Shard) error) error {
			for _, s := range list {
				if err := yield(s); err != nil {
					return err
				}
			}
			return nil
		},
		Recipe: func(id chunker.Digest) ([]byte, error) {
			if b := o.recipes[id]; b != nil {
				return b, nil
			}
			return nil, fmt.Errorf("%w: %s", ErrNoRecipe, id)
		},
	}
}

func publisher() Publisher {
	return Publisher{Agent: "lab-1", Now: func() time.Time { return noon.Add(time.Minute) }}
}

func (o *origin) publish(t tester, w Writer) (Reference, Published) {
	t.Helper()
	ref, done, err := Publish(context.Background(), w, o.snapshot(t), publisher())
	if err != nil {
		t.Fatal(err)
	}
	return ref, done
}

// edge reads everything that is published of a dataset.
type edge struct {
	ref     Reference
	shards  []manifest.Shard
	recipes map[chunker.Digest][]byte
}

func readAll(r Reader, dataset string) (e edge, err error) {
	ctx := context.Background()
	ref, ok, err := Latest(ctx, r, dataset, 0)
	if err != nil {
		return e, err
	}
	if !ok {
		return e, errors.New("nothing is published")
	}
	e = edge{ref: ref, recipes: map[chunker.Digest][]byte{}}
	p, err := Open(ctx, r, ref)
	if err != nil {
		return e, err
	}
	if err := p.Shards(func(s manifest.Shard) error { e.shards = append(e.shards, s); return nil }); err != nil {
		return e, err
	}
	none := func(chunker.Digest) bool { return false }
	return e, p.Recipes(ctx, r, none, func(s manifest.Shard, b []byte) error { e.recipes[s.Recipe] = slices.Clone(b); return nil })
}

// wants tells how what an edge read differs from what the origin has.
func (o *origin) wants(e edge) string {
	recipes := map[chunker.Digest][]byte{}
	for _, s := range o.published() {
		if !s.Recipe.IsZero() {
			recipes[s.Recipe] = o.recipes[s.Recipe]
		}
	}
	if !maps.EqualFunc(recipes, e.recipes, bytes.Equal) {
		return fmt.Sprintf("%d recipes, want %d; or they differ", len(e.recipes), len(recipes))
	}
	if want := o.published(); !slices.Equal(want, e.shards) {
		return cmp.Diff(want, e.shards)
	}
	return ""
}

func (o *origin) mustRead(t tester, r Reader) edge {
	t.Helper()
	e, err := readAll(r, o.dataset)
	if err != nil {
		t.Fatal(err)
	}
	if d := o.wants(e); d != "" {
		t.Fatalf("read otherwise than published:\n%.2000s", d)
	}
	return e
}

// spy counts what is written and read, and calls a hook before the reference is written.
type spy struct {
	*mem.Store
	mu      sync.Mutex
	written map[string]int64
	reads   []int64
	before  func()
	after   func() error
}

func newSpy() *spy { return &spy{Store: mem.New(mem.Options{}), written: map[string]int64{}} }

func (s *spy) Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error) {
	s.mu.Lock()
	s.written[key] += int64(len(data))
	s.mu.Unlock()
	reference := strings.HasSuffix(key, referenceName)
	if f := s.before; reference && f != nil {
		s.before = nil
		f()
	}
	made, err := s.Store.Put(ctx, key, data, o)
	if f := s.after; reference && f != nil && err == nil {
		s.after = nil
		// The answer is lost, and the request is sent again.
		if err := f(); err != nil {
			return s.Store.Put(ctx, key, data, o)
		}
	}
	return made, err
}

func (s *spy) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	s.mu.Lock()
	s.reads = append(s.reads, int64(len(p)))
	s.mu.Unlock()
	return s.Store.ReadRange(ctx, ref, off, p)
}

// reset forgets what was written before.
func (s *spy) reset() { s.written, s.reads = map[string]int64{}, nil }

func (s *spy) writtenBytes() (n int64) {
	for _, b := range s.written {
		n += b
	}
	return n
}

// keys of a store that start with a prefix.
func keys(t tester, s store.Store, prefix string) (list []store.Object) {
	t.Helper()
	for token := ""; ; {
		page, err := s.List(context.Background(), store.ListOptions{Prefix: prefix, Token: token})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, page.Objects...)
		if token = page.Next; token == "" {
			return list
		}
	}
}

func content(t tester, s store.Store, key string) []byte {
	t.Helper()
	o, err := s.Head(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, o.Size)
	if err := s.ReadRange(context.Background(), o.Ref(), 0, b); err != nil {
		t.Fatal(err)
	}
	return b
}

// overwrite puts any bytes under a key.
func overwrite(t testing.TB, s store.Store, key string, b []byte) {
	t.Helper()
	if _, err := s.Put(context.Background(), key, b, store.WriteOptions{Condition: store.Always()}); err != nil {
		t.Fatal(err)
	}
}
