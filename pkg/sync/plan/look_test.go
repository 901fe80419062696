package plan

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/index"
)

// openManifest opens an empty one, which is closed after the test.
func openManifest(t *testing.T) *manifest.Manifest {
	t.Helper()
	m, err := manifest.OpenDir(t.TempDir(), manifest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// What was recorded while a listing was on its way is newer than the listing, and stays.
func TestObserveKeepsWhatIsNewer(t *testing.T) {
	m := openManifest(t)
	before := manifest.At(m.Now().Add(-time.Hour))
	replica := func(key, etag string, content byte) manifest.Replica {
		return manifest.Replica{Store: "b", Key: key, Size: 5, Shard: chunker.Digest{content}, ETag: etag, Seen: before, Verified: before}
	}
	claimed := []manifest.Replica{replica("same", "1", 1), replica("replaced", "1", 1), replica("removed", "1", 1), replica("gone", "1", 1)}
	stands := []manifest.Replica{claimed[0], replica("replaced", "2", 2), claimed[3]}
	err := m.Update(func(tx *manifest.Tx) error {
		for _, r := range stands {
			if err := tx.PutReplica(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	found := seen{objects: map[string]store.Object{
		"same": {Key: "same", Size: 5, ETag: "1"}, "replaced": {Key: "replaced", Size: 5, ETag: "1"}, "removed": {Key: "removed", Size: 5, ETag: "1"},
	}}
	if gone, err := observe(m, found, claimed); err != nil || len(gone) != 1 || gone[0] != "gone" {
		t.Fatalf("%q, %v", gone, err)
	}
	err = m.View(func(tx *manifest.Tx) error {
		for key, want := range map[string]func(manifest.Replica, bool) bool{
			"same":     func(r manifest.Replica, ok bool) bool { return ok && r.Present() && r.Seen > before },
			"replaced": func(r manifest.Replica, ok bool) bool { return ok && r.ETag == "2" && r.Present() && r.Seen == before },
			"removed":  func(_ manifest.Replica, ok bool) bool { return !ok },
			"gone":     func(r manifest.Replica, ok bool) bool { return ok && r.Missing == manifest.Deleted },
		} {
			if r, ok, err := tx.Replica("b", key); err != nil || !want(r, ok) {
				t.Errorf("%s: %+v, %v, %v", key, r, ok, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// faraway answers each question about an object after a second, and lists no checksums.
type faraway struct {
	objects map[string]store.Object
	refuses string // a key
}

func (faraway) Capabilities() store.Capabilities {
	return store.Capabilities{ObjectChecksums: []string{"crc64nvme"}}
}

func (f faraway) List(context.Context, store.ListOptions) (page store.Page, err error) {
	for _, o := range f.objects {
		o.Checksums = store.Checksums{}
		page.Objects = append(page.Objects, o)
	}
	return page, nil
}

func (f faraway) Head(ctx context.Context, key string) (store.Object, error) {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return store.Object{}, context.Cause(ctx)
	}
	o, there := f.objects[key]
	switch {
	case key == f.refuses:
		return o, store.ErrPermission
	case !there:
		return o, store.ErrNotFound
	}
	return o, nil
}

// However many objects are asked about, one far store's round trip is not paid for each after the other.
func TestObjectsAreAskedAboutTogether(t *testing.T) {
	for name, c := range map[string]struct {
		shards, most int // seconds
	}{"few, which are not listed": {fewKeys, 1}, "many, whose checksums are": {4 * asked, 4}} {
		t.Run(name, func(t *testing.T) {
			m := openManifest(t)
			in := Input{Dataset: index.Dataset{Name: "c4"}, Destination: Destination{Name: "east", Store: "b", Prefix: "data/"}}
			dest := faraway{objects: map[string]store.Object{}}
			for i := range c.shards {
				path := fmt.Sprintf("%03d.tar", i)
				in.States = append(in.States, index.State{Entry: index.Entry{Path: path, Size: 5}, Known: true, CRC64NVME: uint64(i)})
				if i%2 == 0 || c.shards > fewKeys {
					dest.objects["data/"+path] = store.Object{Key: "data/" + path, Size: 5, ETag: "1", Checksums: store.Checksums{CRC64NVME: store.Hex64(uint64(i))}}
				}
			}
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				items, err := Build(t.Context(), m, dest, in)
				if err != nil || len(items) != c.shards {
					t.Fatalf("%d items, %v", len(items), err)
				}
				if took := time.Since(start); took > time.Duration(c.most)*time.Second {
					t.Errorf("%v for answers that take a second", took)
				}
				for _, it := range items {
					want := Full
					if _, there := dest.objects[it.Key]; there {
						want = Adopt
					}
					if it.Way != want {
						t.Errorf("%s: %s, want %s", it.Key, it.Way, want)
					}
				}
				dest.refuses = "data/003.tar"
				if _, err := Build(t.Context(), m, dest, in); !errors.Is(err, store.ErrPermission) {
					t.Errorf("%v", err)
				}
			})
		})
	}
}
