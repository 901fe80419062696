package manifest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
)

func TestGrants(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	held := HeldGrant{ID: "1", For: GrantFor{Source: "s", Dest: "d", Dataset: "c4"}, Nonce: "n", Claimed: 3, Bytes: 4, Requests: 5, Place: "p"}
	asked := HeldGrant{ID: "2", For: GrantFor{Source: "s", Dataset: "c4", Team: "t", Job: "j"}, Asked: 1, Void: 2}
	var given []GivenGrant
	for i, edge := range []string{"iowa", "iowa", "ohio"} {
		given = append(given, GivenGrant{ID: string(rune('1' + i%2)), Edge: edge, For: held.For, To: "gcp:us-central1", Reservation: uint64(i), Bytes: int64(i)})
	}
	update(t, m, func(tx *Tx) error {
		errs := []error{tx.PutHeldGrant(asked), tx.PutHeldGrant(held), tx.PutWindow(held.Window(), Window{SettledBytes: 7})}
		for _, g := range given {
			errs = append(errs, tx.PutGivenGrant(g))
		}
		return errors.Join(errs...)
	})
	var gotHeld []HeldGrant
	var gotGiven []GivenGrant
	view(t, m, func(tx *Tx) error {
		one, ok, err := tx.GivenGrant("iowa", "2")
		if !ok || one != given[1] {
			t.Errorf("%+v, %v", one, ok)
		}
		return errors.Join(err, tx.HeldGrants(func(g HeldGrant) (bool, error) { gotHeld = append(gotHeld, g); return true, nil }),
			tx.GivenGrants(func(g GivenGrant) (bool, error) { gotGiven = append(gotGiven, g); return true, nil }))
	})
	if d := cmp.Diff([]HeldGrant{held, asked}, gotHeld) + cmp.Diff(given, gotGiven); d != "" {
		t.Error(d)
	}
	for i, want := range []bool{false, true, true} { // refused, and two for which money is set aside
		if given[i].Stands() != want {
			t.Errorf("%+v stands: %v", given[i], !want)
		}
	}
	// What was counted on it goes with it.
	update(t, m, func(tx *Tx) error { return errors.Join(tx.DeleteHeldGrant(held), tx.DeleteGivenGrant("iowa", "2")) })
	view(t, m, func(tx *Tx) error {
		_, window, err := tx.Window(held.Window())
		_, grant, heldErr := tx.HeldGrant("1")
		_, gave, givenErr := tx.GivenGrant("iowa", "2")
		if window || grant || gave {
			t.Error("something is left of them")
		}
		return errors.Join(err, heldErr, givenErr)
	})
}

func TestLostGrantIsNoticed(t *testing.T) {
	for name, lost := range map[string][]byte{heldGrants.bucket: key("1"), givenGrants.bucket: key("iowa", "1")} {
		dir := t.TempDir()
		m := open(t, dir, Options{})
		update(t, m, func(tx *Tx) error {
			return errors.Join(tx.PutHeldGrant(HeldGrant{ID: "1"}), tx.PutGivenGrant(GivenGrant{Edge: "iowa", ID: "1"}))
		})
		closeIt(t, m)
		raw(t, dir, func(tx *bolt.Tx) error { return tx.Bucket([]byte(name)).Delete(lost) })
		_, err := OpenDir(dir, Options{})
		wantError(t, err, ErrCorrupt, "billed lines and grants")
	}
}

func TestMigrationFromFour(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	update(t, m, func(tx *Tx) error { return tx.PutNeed(Need{ID: "n", Shards: 7}) })
	closeIt(t, m)
	raw(t, dir, func(tx *bolt.Tx) error {
		return errors.Join(putVersion(tx, 4), tx.DeleteBucket([]byte(heldGrants.bucket)), tx.DeleteBucket([]byte(givenGrants.bucket)))
	})
	m = open(t, dir, Options{})
	update(t, m, func(tx *Tx) error { return tx.PutGivenGrant(GivenGrant{Edge: "iowa", ID: "1"}) })
	view(t, m, func(tx *Tx) error {
		n, _, err := tx.Need("n")
		if n.Shards != 7 {
			t.Errorf("%d shards", n.Shards)
		}
		return err
	})
}

// A file is in the same place when it is opened again, whatever was written to it; a copy is not, beside it or put back under its name.
func TestPlace(t *testing.T) {
	dir := t.TempDir()
	place := func(dir string) string {
		m := open(t, dir, Options{})
		defer closeIt(t, m)
		p, err := m.Place()
		if err != nil || p == "" {
			t.Fatalf("%q, %v", p, err)
		}
		update(t, m, func(tx *Tx) error { return tx.PutNeed(Need{ID: "n"}) })
		return p
	}
	copied := func(to string) {
		b, err := os.ReadFile(filepath.Join(dir, "manifest.db"))
		if err := errors.Join(err, os.WriteFile(to, b, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	first := place(dir)
	if again := place(dir); again != first {
		t.Errorf("%s, then %s", first, again)
	}
	beside := t.TempDir()
	copied(filepath.Join(beside, "manifest.db"))
	if got := place(beside); got == first {
		t.Error("a copy elsewhere is in the same place")
	}
	copied(filepath.Join(dir, "saved"))
	if err := os.Rename(filepath.Join(dir, "saved"), filepath.Join(dir, "manifest.db")); err != nil {
		t.Fatal(err)
	}
	if got := place(dir); got == first {
		t.Error("a copy that was put back is in the same place")
	}
}

// A number that this manifest gave out itself is not one that it took over; what a doubt names is.
func TestTookOver(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	var own string
	took := func(id uint64) (yes bool) {
		err := m.View(func(tx *Tx) (err error) {
			if own, err = tx.ID(); err == nil {
				yes, err = tx.TookOver(own, id)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return yes
	}
	took(0)
	err := m.Update(func(tx *Tx) error {
		for range 5 {
			if _, err := tx.NextReservation(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || took(3) {
		t.Error("it took over what it gave out", err)
	}
	err = m.Update(func(tx *Tx) error { return tx.PutDoubt(Doubt{ID: "d", Accounts: map[string]uint64{own: 3}}) })
	if err != nil || !took(3) || took(4) {
		t.Error("a doubt is taken over up to its number", err)
	}
}

// Marks that may have been written stay beside the one that was, and not without bound.
func TestGrantMarks(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	put := func(n uint64, written bool) (list []GrantMark) {
		err := m.Update(func(tx *Tx) error { return tx.PutGrantMark("training", GrantMark{"a", n, 1}, written) })
		if err == nil {
			err = m.View(func(tx *Tx) (err error) { list, err = tx.GrantMarks("training"); return err })
		}
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	put(1, true)
	for n := range uint64(20) {
		if list := put(2+n, false); list[0].Sequence != 1 || list[len(list)-1].Sequence != 2+n || len(list) > maxMarks {
			t.Fatalf("%+v", list)
		}
	}
	if list := put(30, true); len(list) != 1 || list[0].Sequence != 30 {
		t.Errorf("%+v", list)
	}
}
