package plan

import (
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

// What was recorded while a listing was on its way is newer than the listing, and stays.
func TestObserveKeepsWhatIsNewer(t *testing.T) {
	m, err := manifest.OpenDir(t.TempDir(), manifest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}()
	before := manifest.At(m.Now().Add(-time.Hour))
	replica := func(key, etag string, content byte) manifest.Replica {
		return manifest.Replica{Store: "b", Key: key, Size: 5, Shard: chunker.Digest{content}, ETag: etag, Seen: before, Verified: before}
	}
	claimed := []manifest.Replica{replica("same", "1", 1), replica("replaced", "1", 1), replica("removed", "1", 1), replica("gone", "1", 1)}
	stands := []manifest.Replica{claimed[0], replica("replaced", "2", 2), claimed[3]}
	err = m.Update(func(tx *manifest.Tx) error {
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
