package manifest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
)

func TestTimersComeBack(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	want := []Timer{
		{Name: "gc", EveryMs: 86_400_000, Next: 5},
		{
			Name: "verify", EveryMs: 1, Next: 2, Started: 3, Last: 4, Well: 5, TookMs: 6, Outcome: "skipped", Text: "over budget", Failed: 7, Cursor: "c4\x00lab",
		},
	}
	update(t, m, func(tx *Tx) error {
		return errors.Join(tx.PutTimer(want[1]), tx.PutTimer(want[0]), tx.PutTimer(Timer{Name: "gone"}), tx.DeleteTimer("gone"))
	})
	closeIt(t, m)
	m = open(t, dir, Options{})
	var have []Timer
	view(t, m, func(tx *Tx) error {
		one, ok, err := tx.Timer("verify")
		if diff := cmp.Diff(want[1], one); diff != "" || !ok || err != nil {
			t.Error(diff, ok, err)
		}
		if _, ok, err := tx.Timer("gone"); ok || err != nil {
			t.Error("one that was forgotten is there", err)
		}
		return tx.Timers(func(one Timer) (bool, error) {
			have = append(have, one)
			return true, nil
		})
	})
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
}

// A manifest of schema 5 has no timers, and gets them.
func TestTimersAreMigrated(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	update(t, m, func(tx *Tx) error { return tx.PutNeed(Need{ID: "n", Shards: 7}) })
	closeIt(t, m)
	raw(t, dir, func(tx *bolt.Tx) error { return errors.Join(putVersion(tx, 5), tx.DeleteBucket([]byte(timers.bucket))) })
	m = open(t, dir, Options{})
	update(t, m, func(tx *Tx) error { return tx.PutTimer(Timer{Name: "gc"}) })
	view(t, m, func(tx *Tx) error {
		n, _, err := tx.Need("n")
		if n.Shards != 7 {
			t.Errorf("%d shards", n.Shards)
		}
		return err
	})
}
