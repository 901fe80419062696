package cost

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func loseJournal(r *ledgerRig) {
	files, _ := filepath.Glob(r.file("journal/*.jsonl"))
	for _, f := range files {
		_ = os.Remove(f)
	}
}

func loseJournalFolder(r *ledgerRig) { _ = os.RemoveAll(r.file("journal")) }

// Where neither manifest nor journal knows what was spent, what was open then counts as spent, until somebody resets it. What opens later
// is known, and so is a first run.
func TestLostAccount(t *testing.T) {
	for name, between := range map[string][]func(*ledgerRig){
		"manifest and journal":   {lose, loseJournal},
		"and the journal's mark": {lose, loseJournalFolder},
		"and the first mark":     {lose, loseJournal, func(r *ledgerRig) { _ = os.Remove(r.file("account.json")) }},
		"both marks are damaged": {lose, loseJournal, func(r *ledgerRig) {
			_ = os.WriteFile(r.file("account.json"), []byte("{"), 0o600)
			_ = os.WriteFile(r.file("journal/account.json"), nil, 0o600)
		}},
		"an old manifest": {restore("saved"), loseJournal},
		"a part of the journal": {lose, func(r *ledgerRig) {
			_ = os.Truncate(r.file("journal/ledger-2026-11.jsonl"), 300)
		}},
		"both lines of a reservation": {lose, func(r *ledgerRig) {
			file := r.file("journal/ledger-2026-11.jsonl")
			b, err := os.ReadFile(file)
			lines := strings.SplitAfter(string(b), "\n") // reserve, settle, reserve, settle
			for _, i := range []int{0, 1} {
				lines[i] = strings.Repeat("\x00", len(lines[i])-1) + "\n"
			}
			if err = errors.Join(err, os.WriteFile(file, []byte(strings.Join(lines, "")), 0o600)); err != nil {
				t.Error(err)
			}
		}},
		"every line of the journal, without a mark": {lose, func(r *ledgerRig) {
			_ = os.Remove(r.file("account.json"))
			_ = os.Remove(r.file("journal/account.json"))
			for _, month := range []string{"10", "11"} {
				if err := os.WriteFile(r.file("journal/ledger-2026-"+month+".jsonl"), []byte("?"), 0o600); err != nil {
					t.Error(err)
				}
			}
		}},
		"an earlier month of the journal": {lose, func(r *ledgerRig) { _ = os.Remove(r.file("journal/ledger-2026-10.jsonl")) }},
	} {
		t.Run(name, func(t *testing.T) {
			r := newLedgerRig(t, Budget{Name: "day", LimitNanoUSD: 1000, Period: Period{Kind: Daily}}, Budget{Name: "slides", LimitBytes: 1000, Period: Period{Kind: Rolling, Last: 48 * time.Hour}},
				Budget{Name: "total", LimitNanoUSD: 1000, Period: Period{Kind: Total}})
			r.save(t, "saved") // empty
			r.now = r.now.AddDate(0, -1, 0)
			r.settle(t, r.reserve(t, over(toS3, 10)), 10)
			r.now = r.now.AddDate(0, 1, 0)
			r.settle(t, r.reserve(t, over(toS3, 10)), 10)
			r.settle(t, r.reserve(t, over(toS3, 10)), 10)
			r.crash(t, between...)
			for range 2 {
				for _, u := range mustUses(t, r) {
					if usd, bytes := u.Left(); u.Doubt == "" || usd > 0 || bytes > 0 {
						t.Errorf("%s: %d and %d left, doubt %q", u.Budget.Name, usd, bytes, u.Doubt)
					}
				}
				_, err := r.l.Reserve([]Crossing{over(toS3, 1)}, nil)
				wantText(t, err, ErrBudget, `nobody knows what budget "day" has spent in 2026-11-25`, "datagravity budget reset --budget day --reason TEXT")
				approve(t, r, NewApproval{Budget: "day", ExtraNanoUSD: 50}) // is no answer to that
				r.refused(t, over(toS3, 1))
				r.crash(t)
			}
			r.now = r.now.Add(24 * time.Hour)
			if u := r.use(t, "day"); u.Doubt != "" {
				t.Errorf("the next day is in doubt too: %s", u.Doubt)
			}
			if r.use(t, "slides").Doubt == "" {
				t.Error("a window that slides has forgotten the doubt within a day")
			}
			r.now = r.now.Add(26 * time.Hour)
			if u := r.use(t, "slides"); u.Doubt != "" {
				t.Errorf("what slides is in doubt after it slid by: %s", u.Doubt)
			}
			r.refused(t, over(toS3, 1)) // total
			if _, _, err := r.l.Reset("other", "r", "me"); err == nil {
				t.Error("reset a budget that there is not")
			}
			if _, _, err := r.l.Reset("total", " ", "me"); err == nil {
				t.Error("reset without a reason")
			}
			if got, ok, err := r.l.Reset("total", "the bill says so", "ada@mill"); err != nil || !ok || got.Budget != "total" {
				t.Fatalf("%+v %v %v", got, ok, err)
			}
			if _, ok, err := r.l.Reset("total", "again", "ada@mill"); ok || err != nil {
				t.Errorf("%v %v", ok, err)
			}
			r.settle(t, r.reserve(t, over(toS3, 1)), 1)
			r.crash(t, lose) // the journal has the doubt and the reset
			if u := r.use(t, "total"); u.Doubt != "" {
				t.Errorf("the reset was forgotten: %s", u.Doubt)
			}
			r.settle(t, r.reserve(t, over(toS3, 1)), 1)
			r.crash(t, lose, loseJournal)
			if r.use(t, "total").Doubt == "" {
				t.Error("the second loss went by")
			}
			if _, ok, err := r.l.Reset("", "again", "ada@mill"); !ok || err != nil {
				t.Fatalf("%v %v", ok, err)
			}
			for _, u := range mustUses(t, r) {
				if u.Doubt != "" {
					t.Errorf("%s is in doubt: %s", u.Budget.Name, u.Doubt)
				}
			}
			resets, err := r.l.Resets()
			if err != nil || len(resets) != 1 || resets[0].By != "ada@mill" || resets[0].Reason != "again" {
				t.Errorf("%+v, %v", resets, err)
			}
		})
	}
}

// What is no loss is not taken for one.
func TestNothingIsLost(t *testing.T) {
	for name, between := range map[string][]func(*ledgerRig){
		"nothing":                       {},
		"the manifest alone":            {lose},
		"the journal alone":             {loseJournal},
		"an old manifest":               {restore("saved")},
		"the manifest, an older folder": {lose, func(r *ledgerRig) { _ = os.Remove(r.file("account.json")) }},
		"everything":                    {func(r *ledgerRig) { _ = os.RemoveAll(r.dir); _ = os.Mkdir(r.dir, 0o700) }},
		"the marks": {func(r *ledgerRig) {
			_ = os.Remove(r.file("account.json"))
			_ = os.Remove(r.file("journal/account.json"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newLedgerRig(t, Budget{Name: "total", LimitNanoUSD: 1000, Period: Period{Kind: Total}})
			r.save(t, "saved")
			r.settle(t, r.reserve(t, over(toS3, 10)), 10)
			r.crash(t, between...)
			if u := r.use(t, "total"); u.Doubt != "" {
				t.Error(u.Doubt)
			}
			r.settle(t, r.reserve(t, over(toS3, 10)), 10)
		})
	}
	t.Run("nothing was ever spent", func(t *testing.T) {
		r := newLedgerRig(t, Budget{Name: "total", LimitNanoUSD: 1000, Period: Period{Kind: Total}})
		r.crash(t, lose, loseJournal)
		if u := r.use(t, "total"); u.Doubt != "" {
			t.Error(u.Doubt)
		}
	})
}

// The clock of a lost account is not lost with it: a later window stays open.
func TestLostAccountKeepsItsClock(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "day", LimitNanoUSD: 1000, Period: Period{Kind: Daily}})
	r.settle(t, r.reserve(t, over(toS3, 10)), 10)
	r.now = r.now.AddDate(0, 0, -3)
	r.crash(t, lose, loseJournal)
	if u := r.use(t, "day"); u.Window != "2026-11-25" || u.Doubt == "" {
		t.Errorf("%+v", u)
	}
}
