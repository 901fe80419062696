package manifest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
)

func TestPins(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	now := At(noon)
	forever := Pin{Owner: "job-1", Dataset: "c4", Snapshot: digest("one"), Destination: "lab", Created: now, Store: "disk", Prefix: "c4/"}
	hour := Pin{Owner: "job-1", Dataset: "fineweb", Snapshot: digest("two"), Destination: "lab", Created: now, Expires: now + 3_600_000}
	elsewhere := Pin{Owner: "job-0", Dataset: "c4", Snapshot: digest("one"), Destination: "aws", Created: now}
	moved := forever
	moved.Snapshot = digest("three")
	update(t, m, func(tx *Tx) error {
		return errors.Join(tx.PutPin(forever), tx.PutPin(hour), tx.PutPin(elsewhere), tx.PutPin(moved))
	})
	list := func() (all []Pin) {
		view(t, m, func(tx *Tx) error {
			return tx.Pins(func(p Pin) (bool, error) { all = append(all, p); return true, nil })
		})
		return all
	}
	if diff := cmp.Diff([]Pin{elsewhere, moved, hour}, list()); diff != "" {
		t.Errorf("-want +have:\n%s", diff)
	}
	if !forever.Live(now+1e15) || !hour.Live(hour.Expires-1) || hour.Live(hour.Expires) {
		t.Error("a pin counts until it expires, and for ever without an end")
	}
	update(t, m, func(tx *Tx) error { return errors.Join(tx.DeletePin(hour), tx.DeletePin(hour)) })
	if diff := cmp.Diff([]Pin{elsewhere, moved}, list()); diff != "" {
		t.Errorf("after one was removed: -want +have:\n%s", diff)
	}
}

// A manifest from before there were pins is opened and takes one.
func TestPinsInAnOlderManifest(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	update(t, m, func(tx *Tx) error { return tx.PutNeed(Need{ID: "n"}) })
	closeIt(t, m)
	raw(t, dir, func(tx *bolt.Tx) error {
		return errors.Join(putVersion(tx, 1), tx.DeleteBucket([]byte(pins.bucket)))
	})
	m = open(t, dir, Options{})
	update(t, m, func(tx *Tx) error { return tx.PutPin(Pin{Owner: "job"}) })
	closeIt(t, m)
	m = open(t, dir, Options{})
	view(t, m, func(tx *Tx) error {
		_, pinned, err := tx.Pin("", "job", "")
		_, needed, other := tx.Need("n")
		if !pinned || !needed {
			t.Errorf("pin %v, need %v", pinned, needed)
		}
		return errors.Join(err, other)
	})
}

// Who wrote an object, and when, stays known when its bytes are read back.
func TestProvenAgain(t *testing.T) {
	ours := Replica{Key: "k", ETag: "1", Shard: digest("x"), Written: 5, Proof: "upload"}
	read := Replica{Key: "k", ETag: "1", Shard: digest("x"), Written: 9, Proof: "adopted-read"}
	theirs := read
	theirs.Written = 7
	other := ours
	other.ETag = "0"
	for _, c := range []struct {
		old     Replica
		written Millis
		proof   string
		ours    bool
	}{
		{ours, 5, "read", true},
		{theirs, 7, "adopted-read", false},
		{other, 9, "adopted-read", false},
		{Replica{}, 9, "adopted-read", false},
	} {
		if got := read.ProvenAgain(c.old); got.Written != c.written || got.Proof != c.proof || got.Ours() != c.ours {
			t.Errorf("after %+v: %+v", c.old, got)
		}
	}
}
