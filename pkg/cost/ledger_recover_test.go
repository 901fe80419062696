package cost

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/datagravity/datagravity/pkg/manifest"
)

func TestCrashSettlesWhole(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 1000})
	r.settle(t, r.reserve(t, over(toS3, 100)), 40)
	r.reserve(t, over(toS3, 70))
	r.reserve(t, over(toLab, 5), over(toS3, 6))
	r.crash(t)
	r.want(t, "b", 121, 0)
	if sum, _ := r.lines(t); sum.NanoUSD != 121 || sum.Unknown != 3 {
		t.Errorf("lines %+v", sum)
	}
	r.crash(t) // nothing is charged twice
	r.want(t, "b", 121, 0)
	r.crash(t, lose)
	r.want(t, "b", 121, 0)
	if sum, _ := r.lines(t); sum.NanoUSD != 121 || sum.Bytes != 121 || sum.Unknown != 3 {
		t.Errorf("lines after the loss %+v", sum)
	}
}

// The manifest is lost with reservations standing, and lost again: never less, ids of the new accounts begin at 1 again.
func TestLostManifest(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 1000})
	r.settle(t, r.reserve(t, over(toS3, 100)), 40)
	if err := r.reserve(t, over(toS3, 9)).Release(); err != nil {
		t.Fatal(err)
	}
	r.reserve(t, over(toS3, 70))
	r.crash(t, lose)
	r.want(t, "b", 110, 0)
	again := r.reserve(t, over(toS3, 50))
	if again.open[0].ID != 1 {
		t.Errorf("id %d", again.open[0].ID)
	}
	r.settle(t, again, 30)
	r.reserve(t, over(toS3, 3))
	r.crash(t, lose)
	r.want(t, "b", 143, 0)
	r.crash(t, lose)
	r.want(t, "b", 143, 0)
	r.crash(t)
	r.want(t, "b", 143, 0)
}

// An older manifest beside a longer journal, with money that was reserved in it and settled for less afterwards.
func TestOlderManifestIsRestored(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 1000})
	r.settle(t, r.reserve(t, over(toS3, 100)), 40)
	standing := r.reserve(t, over(toS3, 20))
	r.save(t, "saved") // 40 settled, 20 reserved
	r.settle(t, standing, 1)
	r.settle(t, r.reserve(t, over(toS3, 300)), 200)
	r.reserve(t, over(toS3, 50))
	r.crash(t) // 40 + 1 + 200 + 50
	r.want(t, "b", 291, 0)
	r.crash(t, restore("saved"))
	r.want(t, "b", 291, 0)
	r.crash(t)
	r.want(t, "b", 291, 0)
	_, err := r.l.Reserve([]Crossing{over(toS3, 710)}, nil)
	wantText(t, err, ErrBudget)
	r.crash(t, lose)
	r.want(t, "b", 291, 0)
}

// Somebody opens the restored manifest without a ledger first, to look at it.
func TestOlderManifestIsLookedAtFirst(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 1000})
	r.save(t, "saved")
	r.settle(t, r.reserve(t, over(toS3, 300)), 200)
	r.crash(t, restore("saved"), func(r *ledgerRig) {
		m, err := manifest.OpenDir(r.dir, manifest.Options{})
		if err := errors.Join(err, m.Close()); err != nil {
			t.Fatal(err)
		}
	})
	r.want(t, "b", 200, 0)
}

func TestDamagedJournalIsToldAndCounted(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 1000})
	r.settle(t, r.reserve(t, over(toS3, 100)), 40)
	r.settle(t, r.reserve(t, over(toS3, 100)), 60)
	file := r.file("journal/ledger-2026-11.jsonl")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(b), "\n") // reserve, settle, reserve, settle
	damage := func(line int) func(*ledgerRig) {
		return func(r *ledgerRig) {
			lose(r)
			bad := append([]string(nil), lines...)
			bad[line] = strings.Replace(bad[line], "2026", "2126", 1)
			if err := os.WriteFile(file, []byte(strings.Join(bad, "")), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for line, want := range map[int]NanoUSD{0: 100, 1: 160, 2: 100, 3: 140} { // without its settlement it counts whole
		r.crash(t, damage(line))
		r.want(t, "b", want, 0)
	}
}

// Money is not sent when the journal cannot be written, and the manifest does not give it back.
func TestJournalFails(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 1000})
	standing := r.reserve(t, over(toS3, 30))
	if err := r.m.Journal().Close(); err != nil {
		t.Fatal(err)
	}
	ticket, err := r.l.Reserve([]Crossing{over(toS3, 100)}, nil)
	if wantText(t, err, manifest.ErrJournal); ticket != nil {
		t.Error("a ticket without a line in the journal")
	}
	wantText(t, standing.Settle([]Moved{{Bytes: 10}}), manifest.ErrJournal)
	r.want(t, "b", 10, 100)
	r.crash(t)
	r.want(t, "b", 110, 0)
}

// Who only asks something writes nothing, however often the manifest is opened for it; a trace that went away comes back.
func TestOpeningWritesNothingOnceAllIsAccounted(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 1000})
	r.settle(t, r.reserve(t, over(toS3, 100)), 40)
	files := func() (all string) {
		for _, name := range []string{"manifest.db", "account.json", "journal/account.json"} {
			b, err := os.ReadFile(r.file(name))
			if err != nil {
				t.Fatal(err)
			}
			all += name + string(b)
		}
		return all
	}
	var settled string
	r.crash(t, func(*ledgerRig) { settled = files() })
	r.crash(t, func(*ledgerRig) {
		if files() != settled {
			t.Error("opening and closing changed the manifest or a trace")
		}
		if err := os.Remove(r.file("account.json")); err != nil {
			t.Fatal(err)
		}
	})
	r.crash(t, func(*ledgerRig) { files() })
}
