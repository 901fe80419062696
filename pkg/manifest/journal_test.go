package manifest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
)

func entry(kind string, id uint64, month string) Entry {
	return Entry{Kind: kind, Open: Open{ID: id, Bytes: int64(id) * 10, NanoUSD: 7, At: At(noon) + 7, Windows: []string{"b\x00" + month}, Line: LineKey{Month: month, Path: "a\nb"}}}
}

func journal(t testing.TB, dir string) *Journal {
	t.Helper()
	j, err := openJournal(dir, "acc", openJournalFile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func appendAll(t testing.TB, j *Journal, entries ...Entry) {
	t.Helper()
	if err := j.Append(entries...); err != nil {
		t.Fatal(err)
	}
}

func readAll(t testing.TB, j *Journal) (list []Entry, damaged int) {
	t.Helper()
	damaged, _, err := j.Read(func(e Entry) error { list = append(list, e); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return list, damaged
}

func ids(list []Entry) string {
	var out []string
	for _, e := range list {
		out = append(out, fmt.Sprint(e.ID))
	}
	return strings.Join(out, " ")
}

func TestJournal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "journal")
	j := journal(t, dir)
	want := []Entry{entry("reserve", 1, "2026-11"), entry("settle", 1, "2026-11"), entry("reserve", 2, "2026-12")}
	want[1].Whole = true
	appendAll(t, j, want[2], want[0])
	appendAll(t, j, want[1])
	appendAll(t, j)
	for i := range want {
		want[i].Account = "acc"
	}
	got, damaged := readAll(t, j)
	if diff := cmp.Diff(want, got); diff != "" || damaged != 0 {
		t.Errorf("%d damaged, %s", damaged, diff)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	wantError(t, j.Append(want[0]), ErrJournal)
	j = journal(t, dir)
	appendAll(t, j, entry("reserve", 3, "2025-01"))
	got, _ = readAll(t, j)
	if ids(got) != "3 1 1 2" {
		t.Errorf("months are out of order: %s", ids(got))
	}
	stop := errors.New("stop")
	if _, _, err := j.Read(func(Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
}

// Every way to damage one line, at every byte: the others are read, and the damaged ones are counted.
func TestDamagedJournalLines(t *testing.T) {
	dir := t.TempDir()
	j := journal(t, dir)
	for id := range uint64(3) {
		appendAll(t, j, entry("reserve", id+1, "2026-11"))
	}
	file := filepath.Join(dir, "ledger-2026-11.jsonl")
	sound, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(sound), "\n")
	first, second := len(lines[0]), len(lines[0])+len(lines[1])
	for at := first; at < second; at++ {
		b := append([]byte(nil), sound...)
		b[at] ^= 0x10
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		list, damaged := readAll(t, j)
		want := "1 3"
		if at == second-1 { // its end of line: two lines became one
			want = "1"
		}
		if ids(list) != want || damaged != 1 {
			t.Fatalf("byte %d: read %q, %d damaged", at-first, ids(list), damaged)
		}
	}
	// Torn at every byte of the last line, then written on.
	for at := second; at < len(sound); at++ {
		if err := os.WriteFile(file, sound[:at], 0o600); err != nil {
			t.Fatal(err)
		}
		j := journal(t, dir)
		list, damaged := readAll(t, j)
		torn, kept := at > second, "1 2"
		if at == len(sound)-1 { // all but its end
			torn, kept = false, "1 2 3"
		}
		if ids(list) != kept || (damaged == 1) != torn {
			t.Fatalf("torn at byte %d: read %q, %d damaged", at-second, ids(list), damaged)
		}
		appendAll(t, j, entry("reserve", 4, "2026-11"))
		list, damaged = readAll(t, j)
		if ids(list) != kept+" 4" || (damaged == 1) != torn {
			t.Fatalf("torn at byte %d and written on: read %q, %d damaged", at-second, ids(list), damaged)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// memoryFile fails when it is told to.
type memoryFile struct {
	strings.Builder
	syncs, syncedBytes atomic.Int64
	failWrite          bool
	failSync           bool
}

var errDisk = errors.New("the disk is gone")

func (f *memoryFile) Write(b []byte) (int, error) {
	if f.failWrite {
		_, _ = f.Builder.Write(b[:len(b)/2])
		return len(b) / 2, errDisk
	}
	return f.Builder.Write(b)
}

func (f *memoryFile) Sync() error {
	f.syncs.Add(1)
	if f.failSync {
		return errDisk
	}
	f.syncedBytes.Store(int64(f.Len()))
	return nil
}
func (f *memoryFile) Close() error { return nil }
func (f *memoryFile) Size() int64  { return 0 }

func TestFailedDiskPoisonsTheJournal(t *testing.T) {
	for name, fail := range map[string]func(*memoryFile){
		"write": func(f *memoryFile) { f.failWrite = true }, "sync": func(f *memoryFile) { f.failSync = true },
	} {
		t.Run(name, func(t *testing.T) {
			f := &memoryFile{}
			j, err := openJournal(t.TempDir(), "acc", func(string) (journalFile, error) { return f, nil })
			if err != nil {
				t.Fatal(err)
			}
			appendAll(t, j, entry("reserve", 1, "2026-11"))
			fail(f)
			err = j.Append(entry("reserve", 2, "2026-11"))
			wantError(t, err, ErrJournal, "ledger-2026-11.jsonl", "journal_dir")
			wantError(t, err, errDisk)
			// The disk is back, but what the failed sync dropped is not: nothing is accepted any more, in no month.
			f.failWrite, f.failSync = false, false
			wantError(t, j.Append(entry("reserve", 3, "2026-11")), ErrJournal)
			wantError(t, j.Append(entry("reserve", 3, "2026-12")), ErrJournal)
			if got := j.lengths()["ledger-2026-11.jsonl"]; got != int64(strings.Index(f.String(), "\n")+1) {
				t.Errorf("%d bytes count as durable", got)
			}
		})
	}
	j, err := openJournal(t.TempDir(), "acc", func(string) (journalFile, error) { return nil, errDisk })
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, j.Append(entry("reserve", 1, "2026-11")), errDisk)
}

// 64 goroutines append: whoever returns finds its line durable, and they share syncs.
func TestJournalGroupCommit(t *testing.T) {
	f := &memoryFile{}
	j, err := openJournal(t.TempDir(), "acc", func(string) (journalFile, error) { return f, nil })
	if err != nil {
		t.Fatal(err)
	}
	const writers, rounds = 64, 50
	var g errgroup.Group
	for w := range writers {
		g.Go(func() error {
			for i := range rounds {
				before := f.syncedBytes.Load()
				if err := j.Append(entry("reserve", uint64(w*rounds+i+1), "2026-11")); err != nil {
					return err
				}
				if f.syncedBytes.Load() <= before {
					return errors.New("returned without a sync after it was written")
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	seen := map[uint64]bool{}
	for _, line := range strings.SplitAfter(f.String(), "\n") {
		if e, ok := parseEntry([]byte(line)); ok {
			seen[e.ID] = true
		} else if line != "" {
			t.Errorf("a line is torn: %q", line)
		}
	}
	if len(seen) != writers*rounds {
		t.Errorf("%d entries, want %d", len(seen), writers*rounds)
	}
	if n := f.syncs.Load(); n >= writers*rounds {
		t.Errorf("%d syncs for %d entries", n, writers*rounds)
	}
}
