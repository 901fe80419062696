package manifest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// takeOver reads what is unaccounted and records it, as a ledger does when it is opened.
func takeOver(t testing.TB, m *Manifest) (list []Entry, u Unaccounted) {
	t.Helper()
	update(t, m, func(tx *Tx) (err error) {
		list = nil
		u, err = m.UnaccountedEntries(tx, func(e Entry, _ bool) error { list = append(list, e); return nil })
		return errors.Join(err, tx.AccountForJournal(u))
	})
	return list, u
}

// reserve does what a ledger does: a transaction, then the journal.
func reserve(t testing.TB, m *Manifest, n int) {
	t.Helper()
	for range n {
		var id uint64
		update(t, m, func(tx *Tx) (err error) { id, err = tx.NextReservation(); return err })
		appendAll(t, m.Journal(), entry("reserve", id, "2026-11"))
	}
}

func TestUnaccountedEntries(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	want := func(what, entries string) {
		t.Helper()
		list, u := takeOver(t, m)
		if ids(list) != entries || u.Entries != len(list) {
			t.Errorf("%s: unaccounted are %q, want %q", what, ids(list), entries)
		}
	}
	reopen := func() {
		t.Helper()
		closeIt(t, m)
		m = open(t, dir, Options{})
	}
	db, backup := filepath.Join(dir, "manifest.db"), filepath.Join(dir, "backup")
	want("a new manifest", "")
	reserve(t, m, 3)
	reopen()
	want("all in order", "")
	closeIt(t, m)
	copyFile(t, db, backup)
	m = open(t, dir, Options{})
	want("all in order", "")
	reserve(t, m, 2)

	// Killed: nobody moved the mark, but the ids are known.
	killed := filepath.Join(dir, "killed")
	copyFile(t, db, killed)
	closeIt(t, m)
	copyFile(t, killed, db)
	m = open(t, dir, Options{})
	want("after a kill", "")

	// An older manifest is put back.
	closeIt(t, m)
	copyFile(t, backup, db)
	m = open(t, dir, Options{})
	want("an older manifest", "4 5")
	want("taken over already", "")
	reserve(t, m, 1)
	view(t, m, func(tx *Tx) error {
		a, err := tx.ledgerAccount()
		if a.LastID != 6 {
			t.Errorf("last id %d, want 6: ids of the lost part must not come again", a.LastID)
		}
		return err
	})

	// Opened and closed without a ledger: nothing was taken over, and nothing counts as taken over.
	closeIt(t, m)
	copyFile(t, backup, db)
	m = open(t, dir, Options{})
	reopen()
	want("an older manifest, opened by somebody who has no ledger", "4 5 6")

	// Lost, twice: the new accounts count from 1 again, and stay apart from each other.
	for _, entries := range []string{"1 2 3 4 5 6", "1 2 3 4 5 6 1 2"} {
		closeIt(t, m)
		if err := os.Remove(db); err != nil {
			t.Fatal(err)
		}
		m = open(t, dir, Options{})
		want("a lost manifest", entries)
		reopen()
		want("in order after the loss", "")
		reserve(t, m, 2)
	}

	// The first manifest's backup comes back: only what it has itself is known.
	closeIt(t, m)
	copyFile(t, backup, db)
	m = open(t, dir, Options{})
	want("the oldest manifest", "4 5 6 1 2 1 2")
	reopen()
	want("in order at last", "")
}

func TestJournalIsShorterOrAnother(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	takeOver(t, m)
	reserve(t, m, 3)
	closeIt(t, m)
	file := filepath.Join(dir, "journal", "ledger-2026-11.jsonl")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	m = open(t, dir, Options{})
	list, u := takeOver(t, m)
	if len(list) != 0 || fmt.Sprint(u.Shorter) != "[ledger-2026-11.jsonl]" || u.Damaged != 1 {
		t.Errorf("%d entries, shorter %v, %d damaged", len(list), u.Shorter, u.Damaged)
	}
	closeIt(t, m)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	m = open(t, dir, Options{})
	if _, u = takeOver(t, m); fmt.Sprint(u.Shorter) != "[ledger-2026-11.jsonl]" {
		t.Errorf("the file is gone, and shorter are %v", u.Shorter)
	}
	closeIt(t, m)

	// A disk with an older journal of another account is mounted over it, longer than what was there.
	elsewhere := t.TempDir()
	other := open(t, elsewhere, Options{})
	takeOver(t, other)
	reserve(t, other, 9)
	closeIt(t, other)
	m = open(t, dir, Options{})
	takeOver(t, m)
	reserve(t, m, 2)
	closeIt(t, m)
	copyFile(t, filepath.Join(elsewhere, "journal", "ledger-2026-11.jsonl"), file)
	m = open(t, dir, Options{})
	if list, u = takeOver(t, m); ids(list) != "1 2 3 4 5 6 7 8 9" || u.Damaged != 0 {
		t.Errorf("%q, %d damaged", ids(list), u.Damaged)
	}
}

// The mark moves along while the journal grows, so that a kill does not make the next opening read all of it.
func TestMarkMovesAlong(t *testing.T) {
	dir := memoryDir(t)
	m := open(t, dir, Options{})
	takeOver(t, m)
	marked := func() (n int64) {
		view(t, m, func(tx *Tx) error {
			v, _, err := marks.get(tx, markKey)
			n = v["ledger-2026-11.jsonl"].Bytes
			return err
		})
		return n
	}
	long := entry("reserve", 1, "2026-11")
	long.Line.Path = string(make([]byte, 50_000)) // 300 KB of JSON
	for i := range 20 {
		var id uint64
		update(t, m, func(tx *Tx) (err error) { id, err = tx.NextReservation(); return err })
		long.ID = id
		appendAll(t, m.Journal(), long)
		if behind := m.Journal().lengths()["ledger-2026-11.jsonl"] - marked(); behind > 2*markEvery {
			t.Fatalf("after %d entries the mark is %d bytes behind", i+1, behind)
		}
	}
	if marked() == 0 {
		t.Error("the mark did not move")
	}
	// Without a ledger in this session the mark stays, whatever is written.
	closeIt(t, m)
	m = open(t, dir, Options{})
	before := marked()
	for range 8 {
		appendAll(t, m.Journal(), long)
	}
	update(t, m, func(tx *Tx) (err error) { _, err = tx.NextReservation(); return err })
	if marked() != before {
		t.Error("the mark moved over entries that nobody took into account")
	}
}

func TestDamagedAccountFails(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	update(t, m, func(tx *Tx) error { return accounts.delete(tx, accountKey) })
	wantError(t, m.Update(func(tx *Tx) error { return tx.PutWindow("w", Window{}) }), ErrCorrupt, `meta/"account"`)
	wantError(t, m.Update(func(tx *Tx) error { _, err := tx.NextReservation(); return err }), ErrCorrupt)
}

// The time that the ledger is in stays where it was, to the quarter of an hour in which windows begin, while the clock is behind it.
func TestLedgerTimeNeverGoesBack(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	at := func(text string) Millis {
		v, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return At(v)
	}
	for _, step := range []struct{ clock, want string }{
		{"2026-11-25T12:07:00Z", "2026-11-25T12:07:00Z"}, {"2026-11-25T11:59:59Z", "2026-11-25T12:00:00Z"}, {"2026-10-01T00:00:00Z", "2026-11-25T12:00:00Z"},
		{"2026-11-25T12:14:59Z", "2026-11-25T12:14:59Z"}, {"2026-11-25T12:15:00Z", "2026-11-25T12:15:00Z"}, {"2026-11-25T12:14:59Z", "2026-11-25T12:15:00Z"},
		{"2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"}, {"2025-01-01T00:00:00Z", "2026-12-01T00:00:00Z"},
	} {
		// Looking does not move it.
		update(t, m, func(tx *Tx) error { _, err := tx.LedgerTime(at("2099-01-01T00:00:00Z")); return err })
		update(t, m, func(tx *Tx) error {
			got, err := tx.PassTime(at(step.clock))
			if got != at(step.want) {
				t.Errorf("clock %s: it is %s, want %s", step.clock, got.Time(), step.want)
			}
			return err
		})
		closeIt(t, m)
		m = open(t, dir, Options{})
	}
}

// A manifest of schema 2 knew the month alone.
func TestMonthBecomesATime(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	update(t, m, func(tx *Tx) error {
		a := newAccount()
		a.Month = "2026-11"
		return errors.Join(accounts.put(tx, accountKey, a), putVersion(tx.b, 2))
	})
	closeIt(t, m)
	m = open(t, dir, Options{})
	update(t, m, func(tx *Tx) error {
		got, err := tx.LedgerTime(At(time.Date(2026, 10, 31, 23, 0, 0, 0, time.UTC)))
		if want := At(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)); got != want {
			t.Errorf("it is %s, want %s", got.Time(), want.Time())
		}
		return err
	})
}
