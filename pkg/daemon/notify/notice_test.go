package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
)

// silent takes nothing, so that what is recorded stays.
type silent struct{ Sender }

func everything(name string, events ...string) Target { return Target{name, events, silent{}} }

// What is told is a change, whichever process saw how it was before; how things were at first is not told, nor anything twice.
func TestOnlyChangesAreTold(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	m := openAt(t, dir, c.now)
	n := notifier(t, m, everything("ops"))
	step := func(what string, list []dispatch.Status, want ...string) {
		t.Helper()
		pass(t, n, list...)
		got := waiting(t, m, "")
		if d := cmp.Diff(want, kinds(got), cmp.Transformer("nil", func(l []string) []string { return append([]string{}, l...) })); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
		if err := m.Update(func(tx *manifest.Tx) error { return deleteAll(tx, got) }); err != nil {
			t.Fatal(err)
		}
		c.pass(time.Minute)
	}
	one := func(s dispatch.State) []dispatch.Status { return []dispatch.Status{job("a", s)} }
	step("at first", []dispatch.Status{job("old", dispatch.Ready), job("bad", dispatch.Blocked)})
	step("again", []dispatch.Status{job("old", dispatch.Ready), job("bad", dispatch.Blocked)})
	step("a new job that is on time", one(dispatch.OnTime))
	step("late", one(dispatch.Late), JobLate)
	step("still late", one(dispatch.Late))
	step("the estimate wavers", one(dispatch.OnTime))
	step("late again, which was told", one(dispatch.Late))
	c.pass(2 * time.Hour)
	step("on time for good", one(dispatch.OnTime), JobOnTime)
	step("not resolved is not a change", one(dispatch.Unresolved))
	step("on time as it was", one(dispatch.OnTime))
	step("held", one(dispatch.Held), JobHeld)
	step("blocked", one(dispatch.Blocked), JobBlocked)
	step("ready", one(dispatch.Ready), JobReady)
	closed(t, m)
	m = openAt(t, dir, c.now)
	n = notifier(t, m, everything("ops"))
	step("ready, after a restart", one(dispatch.Ready))
	step("changed while nobody ran", one(dispatch.OnTime), JobOnTime)
	step("new, and ready at once", append(one(dispatch.OnTime), job("b", dispatch.Ready)), JobReady)
	step("gone", nil)
	step("a new one of the same name", one(dispatch.Held), JobHeld)
	// Who is told no more, and again later, begins anew.
	n = notifier(t, m)
	step("nobody is told", one(dispatch.Late))
	n = notifier(t, m, everything("ops"))
	step("at first again", one(dispatch.Ready))
	step("and then", one(dispatch.Late), JobLate)
	closed(t, m)
}

// A job's event says what a person and a program want to know.
func TestWhatIsSaidOfAJob(t *testing.T) {
	c := newClock()
	m := openAt(t, t.TempDir(), c.now)
	defer closed(t, m)
	n := notifier(t, m, everything("ops"), everything("money", "budget.*"))
	pass(t, n)
	margin, need := int64(-5400), c.at.Add(time.Hour)
	st := job("train-7", dispatch.Late)
	st.MarginSeconds, st.NeedBy = &margin, &need
	st.Places = []dispatch.Place{{Destination: "lab", State: dispatch.Late, MissingShards: 3, MissingBytes: 30}}
	pass(t, n, st)
	list := waiting(t, m, "")
	if len(list) != 1 || list[0].Target != "ops" {
		t.Fatalf("%+v", list)
	}
	var body map[string]any
	if err := json.Unmarshal(list[0].Body, &body); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"id": list[0].ID, "type": "job.late", "timestamp": "2026-11-26T12:00:00Z", "agent": map[string]any{"name": "lab-agent", "location": "onprem:lab1"},
		"text": "Job train-7 will be late by 1h30m0s: because.",
		"data": map[string]any{"job": map[string]any{
			"id": "train-7", "dataset": "c4", "state": "late", "need_by": "2026-11-26T13:00:00Z", "eta": nil, "margin_seconds": -5400.0, "why": "because",
			"destinations": []any{map[string]any{"destination": "lab", "state": "late", "missing_shards": 3.0, "missing_bytes": 30.0}},
		}},
	}
	if d := cmp.Diff(want, body); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Alerts of budgets are told once, and marked as told in the same transaction; a budget that asks for more is told again, and old alerts never.
func TestBudgets(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	m := openAt(t, dir, c.now)
	ledger, err := cost.OpenLedger(m, cost.LedgerOptions{Book: cost.Default()})
	if err != nil {
		t.Fatal(err)
	}
	put := func(a manifest.Alert) {
		t.Helper()
		a.Budget, a.Window, a.At = "egress", "2026-11", manifest.At(c.now())
		if err := m.Update(func(tx *manifest.Tx) error { _, err := tx.PutAlert(a); return err }); err != nil {
			t.Fatal(err)
		}
	}
	put(manifest.Alert{Kind: manifest.AlertThreshold, Share: 5000}) // before anybody was told
	c.pass(time.Minute)
	n := notifierOf(t, Options{Manifest: m, Ledger: ledger, Targets: []Target{everything("ops")}})
	pass(t, n)
	c.pass(time.Minute)
	put(manifest.Alert{Kind: manifest.AlertThreshold, Share: 8000, UsedNanoUSD: 80_000_000_000})
	put(manifest.Alert{Kind: manifest.AlertAsk, Job: "7", MoreNanoUSD: 5_000_000_000})
	pass(t, n)
	pass(t, n)
	put(manifest.Alert{Kind: manifest.AlertAsk, Job: "7", MoreNanoUSD: 9_000_000_000})
	pass(t, n)
	got := kinds(waiting(t, m, "ops"))
	slices.Sort(got)
	if d := cmp.Diff([]string{BudgetAsk, BudgetAsk, BudgetThreshold}, got); d != "" {
		t.Error(d)
	}
	if text := string(waiting(t, m, "ops")[0].Body); !strings.Contains(text, "egress has reached 80% of its limit in 2026-11: $80.00") && !strings.Contains(text, "asks for an approval: job 7 needs $") {
		t.Error(text)
	}
	list, err := ledger.Alerts("")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if told := a.Delivered != 0; told != (a.Share != 5000) {
			t.Errorf("%+v", a)
		}
	}
	closed(t, m)
	m = openAt(t, dir, c.now)
	defer closed(t, m)
	pass(t, notifier(t, m, everything("ops")))
	if n := len(waiting(t, m, "ops")); n != 3 {
		t.Errorf("%d after a restart", n)
	}
}

// A budget whose account was lost is told of once, also across restarts.
func TestDoubt(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	m := openAt(t, dir, c.now)
	err := m.Update(func(tx *manifest.Tx) error {
		return tx.PutDoubt(manifest.Doubt{ID: "d", At: manifest.At(c.now()), Why: "the disk was lost", Accounts: map[string]uint64{"other": 9}})
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		ledger, err := cost.OpenLedger(m, cost.LedgerOptions{Book: cost.Default(), Budgets: []cost.Budget{{Name: "egress", LimitNanoUSD: cost.USD}}})
		if err != nil {
			t.Fatal(err)
		}
		n := notifierOf(t, Options{Manifest: m, Ledger: ledger, Targets: []Target{everything("ops")}})
		pass(t, n)
		pass(t, n)
		if got := kinds(waiting(t, m, "ops")); !slices.Equal(got, []string{BudgetDoubt}) {
			t.Errorf("%v", got)
		}
		closed(t, m)
		m = openAt(t, dir, c.now)
	}
	closed(t, m)
}

// Damage is told once a day, whatever process finds it again; other problems are not.
func TestDamage(t *testing.T) {
	c := newClock()
	m := openAt(t, t.TempDir(), c.now)
	defer closed(t, m)
	n := notifier(t, m, everything("ops"))
	p := observe.Problem{Kind: "integrity", Text: "shard failed", Error: "sizes disagree", Do: "verify"}
	for i, want := range []int{1, 1, 1, 2} {
		if i == 2 {
			n = notifier(t, m, everything("ops"))
		}
		if i == 3 {
			c.pass(25 * time.Hour)
		}
		if err := n.damage(p); err != nil {
			t.Fatal(err)
		}
		if got := waiting(t, m, "ops"); len(got) != want || got[0].Event != Integrity || !strings.Contains(string(got[0].Body), "Damage was found: shard failed: sizes disagree") {
			t.Errorf("%d: %d, %s", i, len(got), got[0].Body)
		}
	}
	n.Found(observe.Problem{Kind: "network"})
	for range heldProblems + 1 {
		n.Found(p) // never waits
	}
	if len(n.found) != heldProblems {
		t.Errorf("%d are held", len(n.found))
	}
}

func TestHealth(t *testing.T) {
	c := newClock()
	m := openAt(t, t.TempDir(), c.now)
	defer closed(t, m)
	ok := true
	o := Options{Manifest: m, Targets: []Target{everything("ops")}, Healthy: func() (bool, string) { return ok, "nothing moved for 30 minutes" }}
	n := notifierOf(t, o)
	var want []string
	for i, is := range []bool{true, true, false, false, false, true, true} {
		ok = is
		if i == 4 { // a restart in between
			n = notifierOf(t, o)
		}
		if err := n.health(); err != nil {
			t.Fatal(err)
		}
		switch i {
		case 2:
			want = append(want, Unhealthy)
		case 5:
			want = append(want, Healthy)
		}
		c.pass(time.Second)
		if d := cmp.Diff(want, kinds(waiting(t, m, "ops"))); d != "" {
			t.Errorf("%d (-want +got):\n%s", i, d)
		}
	}
}

// What waits is bounded: the oldest makes room, and is counted as given up. Targets that are taken out of the configuration leave nothing behind.
func TestWhatWaitsIsBounded(t *testing.T) {
	c := newClock()
	m := openAt(t, t.TempDir(), c.now)
	defer closed(t, m)
	n := notifier(t, m, everything("ops"), everything("other"))
	pass(t, n)
	var first string
	for round := range 3 {
		var list []dispatch.Status
		for i := range 400 {
			list = append(list, job(fmt.Sprintf("%d-%d", round, i), dispatch.Ready))
		}
		c.pass(time.Second)
		pass(t, n, list...)
		if round == 0 {
			first = waiting(t, m, "ops")[0].ID
		}
	}
	got := waiting(t, m, "ops")
	counts := n.Counts()["ops"]
	if len(got) != mostPending || got[0].ID == first || counts.Pending != mostPending || counts.GivenUp != 200 {
		t.Errorf("%d wait, counted %+v", len(got), counts)
	}
	if n = notifier(t, m, everything("ops")); len(waiting(t, m, "other")) != 0 || n.Counts()["ops"].Pending != mostPending {
		t.Errorf("%d for one that is gone, %+v", len(waiting(t, m, "other")), n.Counts())
	}
}

func TestKeys(t *testing.T) {
	for text, ok := range map[string]bool{
		secret: true, "sixteen letters!": true, "too short": false, "whsec_c2hvcnQ=": false, "whsec_canary is no base64": false,
	} {
		_, err := NewWebhook(WebhookOptions{URL: "https://example.com", Secret: text})
		if (err == nil) != ok || err != nil && (!errors.Is(err, ErrKey) || strings.Contains(err.Error(), "canary")) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// What is logged while something is recorded comes back as a problem, and holds nobody up.
func TestLogThatComesBack(t *testing.T) {
	c := newClock()
	m := openAt(t, t.TempDir(), c.now)
	defer closed(t, m)
	seen := observe.NewProblems(c.now)
	n := notifierOf(t, Options{Manifest: m, Targets: []Target{everything("ops")}, Log: slog.New(seen.Handler(slog.DiscardHandler))})
	seen.Watch(n.Found)
	pass(t, n)
	var list []dispatch.Status
	for i := range mostPending + 1 {
		list = append(list, job(fmt.Sprint(i), dispatch.Ready))
	}
	pass(t, n, list...)
	if got := seen.List(); len(got) != 1 || !strings.Contains(got[0].Text, "too many notifications wait") {
		t.Errorf("%+v", got)
	}
}
