package manifest

import (
	"errors"
	"testing"

	bolt "go.etcd.io/bbolt"
)

func addBilled(t *testing.T, m *Manifest, lines ...Billed) {
	t.Helper()
	var entries []Entry
	update(t, m, func(tx *Tx) error {
		entries = nil
		for _, b := range lines {
			e, err := tx.AddBilled(b)
			if err != nil {
				return err
			}
			entries = append(entries, e)
		}
		return nil
	})
	if err := m.Journal().Append(entries...); err != nil {
		t.Fatal(err)
	}
}

// billedLines returns the sum of the lines and how many there are.
func billedLines(t *testing.T, m *Manifest) (sum int64, n int) {
	t.Helper()
	view(t, m, func(tx *Tx) error {
		return tx.BilledLines(func(b Billed) (bool, error) {
			sum, n = sum+b.NanoUSD, n+1
			return true, nil
		})
	})
	return sum, n
}

// TestBilledLinesAreAdded: two lines of one link, month and kind stand beside each other, also when they come from accounts that both
// counted from 1.
func TestBilledLinesAreAdded(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	line := Billed{Kind: KindCorrection, Month: "2026-09", From: "azure:eastus", To: "aws:us-east-1", Source: "training", Dest: "aws", NanoUSD: -5}
	addBilled(t, m, line, line)
	update(t, m, func(tx *Tx) error {
		return errors.Join(
			tx.ReplayBilled(Entry{Kind: "bill", Open: Open{ID: 1}, Account: "0123456789abcdef", Billed: &line}),
			tx.ReplayBilled(Entry{Kind: "bill", Open: Open{ID: 1}, Account: "0123456789abcdef", Billed: &line}), // the same once more
		)
	})
	if sum, n := billedLines(t, m); sum != -15 || n != 3 {
		t.Errorf("%d lines of %d together, want 3 of -15", n, sum)
	}
}

// TestBilledLineGone: without it the bill would be booked a second time, so that its loss must not pass in silence.
func TestBilledLineGone(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	addBilled(t, m, Billed{Kind: KindCredit, Month: "2026-09", NanoUSD: -1}, Billed{Kind: KindCredit, Month: "2026-09", NanoUSD: -2})
	closeIt(t, m)
	raw(t, dir, func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(billed.bucket))
		k, _ := b.Cursor().First()
		return b.Delete(k)
	})
	_, err := OpenDir(dir, Options{})
	wantError(t, err, ErrCorrupt, "billed lines")
}

// TestMigrationFromTwo: a manifest of the version before bills is taken over with all it has.
func TestMigrationFromTwo(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	update(t, m, func(tx *Tx) error { return tx.PutNeed(Need{ID: "n", Shards: 7}) })
	closeIt(t, m)
	raw(t, dir, func(tx *bolt.Tx) error { return errors.Join(putVersion(tx, 2), tx.DeleteBucket([]byte(billed.bucket))) })
	m = open(t, dir, Options{})
	addBilled(t, m, Billed{Kind: KindCorrection, Month: "2026-09", NanoUSD: 3})
	if sum, n := billedLines(t, m); sum != 3 || n != 1 {
		t.Errorf("%d lines of %d", n, sum)
	}
	view(t, m, func(tx *Tx) error {
		n, _, err := tx.Need("n")
		if n.Shards != 7 {
			t.Errorf("%d shards", n.Shards)
		}
		return err
	})
}
