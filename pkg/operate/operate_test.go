package operate

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	"github.com/datagravity/datagravity/pkg/manifest"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// written is a configuration of one dataset, one destination, one budget and one team.
type written struct{}

func (written) Known() spec.Known {
	return spec.Known{Datasets: []string{"c4"}, Destinations: []string{"lab"}, Teams: []string{"speech"}}
}
func (written) Budgets() []string { return []string{"egress"} }
func (written) Links() []string   { return []string{"lake", "lab", "lake->lab"} }

func (written) Describe(dataset, destination string, payer plan.Payer) (q dgsync.Request, err error) {
	q.Source.Dataset = index.Dataset{Name: dataset, Store: "lake", Prefix: dataset + "/", Params: chunker.DefaultParams()}
	q.Source.For = payer
	q.Destination.Destination = plan.Destination{Name: destination, Store: "rack"}
	return q, nil
}

func (written) Open(context.Context, string, string, plan.Payer) (q dgsync.Request, err error) {
	return q, errors.New("no store is open here")
}

var now = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// newLocal has a dataset with one snapshot, and counts how often it says that something changed.
func newLocal(t *testing.T) (l *Local, changes *int) {
	t.Helper()
	m, err := manifest.OpenDir(t.TempDir(), manifest.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	ledger, err := cost.OpenLedger(m, cost.LedgerOptions{Book: cost.Default(), Budgets: []cost.Budget{{Name: "egress", LimitNanoUSD: cost.USD, Ask: true}}})
	if err != nil {
		t.Fatal(err)
	}
	d := index.Dataset{Name: "c4", Store: "lake", Prefix: "c4/", Params: chunker.DefaultParams()}
	if _, err := index.Commit(m, d, nil, true); err != nil {
		t.Fatal(err)
	}
	changes = new(int)
	return &Local{Sync: &dgsync.Syncer{Manifest: m, Ledger: ledger}, Catalog: written{}, Changed: func() { *changes++ }}, changes
}

// What nobody can do is a mistake of who asked, names what is wrong, and changes nothing.
func TestMistakes(t *testing.T) {
	l, changes := newLocal(t)
	ctx := t.Context()
	later := now.Add(time.Hour)
	for want, ask := range map[string]func() error{
		`no link "lake->moon"`: func() error { _, err := l.SetPause(ctx, "lake->moon", true); return err },
		`unknown budget "egres"; did you mean "egress"?`: func() error {
			_, err := l.Approve(ctx, ApproveRequest{Budget: "egres", ExtraUSD: 1, Reason: "r", By: "ann", Expires: later})
			return err
		},
		`job "a b"`: func() error {
			_, err := l.Approve(ctx, ApproveRequest{Job: "a b", ExtraUSD: 1, Reason: "r", By: "ann", Expires: later})
			return err
		},
		"reason": func() error {
			_, err := l.Approve(ctx, ApproveRequest{Budget: "egress", ExtraUSD: 1, By: "ann", Expires: later})
			return err
		},
		"datagravity budget approvals": func() error { _, err := l.Revoke(ctx, "nothing", "ann"); return err },
		`unknown budget "none"`:        func() error { _, err := l.Reset(ctx, ResetRequest{Budget: "none", Reason: "r", By: "ann"}); return err },
		"the pins of jobs": func() error {
			_, err := l.Pin(ctx, PinRequest{Owner: dgsync.JobOwner("7"), Dataset: "c4", Destination: "lab"})
			return err
		},
		"is over already": func() error {
			past := now.Add(-time.Hour)
			_, err := l.Pin(ctx, PinRequest{Owner: "ann", Dataset: "c4", Destination: "lab", Expires: &past})
			return err
		},
		`unknown dataset "c5"; did you mean "c4"?`: func() error {
			_, err := l.Pin(ctx, PinRequest{Owner: "ann", Dataset: "c5", Destination: "lab"})
			return err
		},
		"an owner and a destination":                func() error { _, err := l.Unpin(ctx, PinName{Owner: "ann"}); return err },
		"no destination is named (configured: lab)": func() error { _, err := l.AskNeeds(ctx, NeedRequest{Dataset: "c4"}); return err },
		"no dataset is named (configured: c4)": func() error {
			_, err := l.AskNeeds(ctx, NeedRequest{Destinations: []string{"lab"}})
			return err
		},
		"value -1": func() error {
			_, err := l.AskNeeds(ctx, NeedRequest{Dataset: "c4", Destinations: []string{"lab"}, Value: -1})
			return err
		},
		`unknown team "vision"`: func() error {
			_, err := l.AskNeeds(ctx, NeedRequest{Dataset: "c4", Destinations: []string{"lab"}, Team: "vision"})
			return err
		},
		"name the dataset and the destination": func() error { _, err := l.DropNeeds(ctx, NeedName{Dataset: "c4"}); return err },
		`unknown dataset "x"`:                  func() error { _, err := l.Snapshots(ctx, "x"); return err },
	} {
		t.Run(want, func(t *testing.T) {
			if err := ask(); !errors.Is(err, ErrMistake) || !strings.Contains(err.Error(), want) {
				t.Errorf("%v (a mistake: %t)", err, errors.Is(err, ErrMistake))
			}
		})
	}
	if *changes != 0 {
		t.Errorf("%d changes were told", *changes)
	}
}

// A need is asked for once however often it is, and is gone when it is dropped.
func TestNeeds(t *testing.T) {
	l, changes := newLocal(t)
	ask := NeedRequest{Dataset: "c4", Destinations: []string{"lab"}, Shards: []string{"train/**"}, NeedBy: &now, Priority: 2, Team: "speech"}
	for range 2 {
		got, err := l.AskNeeds(t.Context(), ask)
		want := []Need{{Dataset: "c4", Destination: "lab", Shards: []string{"train/**"}, Asked: manifest.At(now), NeedBy: manifest.At(now), Priority: 2, Value: 1}}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatalf("%v\n%s", err, diff)
		}
	}
	if list, err := l.Needs(t.Context()); len(list) != 1 || err != nil {
		t.Errorf("open: %v, %v", list, err)
	}
	if _, err := l.DropNeeds(t.Context(), NeedName{"c4", []string{"valid/**"}, []string{"lab"}}); !errors.Is(err, dgsync.ErrNoNeed) {
		t.Errorf("one that nobody asked for: %v", err)
	}
	if list, err := l.DropNeeds(t.Context(), NeedName{"c4", []string{"train/**"}, []string{"lab"}}); len(list) != 0 || err != nil {
		t.Errorf("left: %v, %v", list, err)
	}
	if *changes != 3 {
		t.Errorf("%d changes were told, want 3", *changes)
	}
}

// A pin is of the latest snapshot where none is named, and of the one that is; a pause and an approval are there until they are taken back.
func TestDecisions(t *testing.T) {
	l, _ := newLocal(t)
	ctx := t.Context()
	heads, err := l.Snapshots(ctx, "c4")
	if err != nil || len(heads) != 1 {
		t.Fatalf("%v, %v", heads, err)
	}
	for _, prefix := range []string{"", "latest", heads[0].ID.String()[:14]} {
		p, err := l.Pin(ctx, PinRequest{Owner: "ann", Dataset: "c4", Destination: "lab", Snapshot: prefix})
		if err != nil || p.Snapshot != heads[0].ID || !p.Live || p.Expires != 0 {
			t.Errorf("snapshot %q: %+v, %v", prefix, p, err)
		}
	}
	if gone, err := l.Unpin(ctx, PinName{Owner: "ann", Destination: "lab"}); err != nil || len(gone) != 1 {
		t.Errorf("unpinned %v, %v", gone, err)
	}
	if list, err := l.SetPause(ctx, "lake->lab", true); err != nil || len(list) != 1 || list[0].Link != "lake->lab" {
		t.Errorf("paused %v, %v", list, err)
	}
	if list, err := l.SetPause(ctx, "lake->lab", false); err != nil || len(list) != 0 {
		t.Errorf("paused %v, %v", list, err)
	}
	a, err := l.Approve(ctx, ApproveRequest{Budget: "egress", ExtraUSD: cost.USD, Reason: "the demo", By: "ann", Expires: now.Add(time.Hour)})
	if err != nil || !a.Live || a.ExtraUSD != cost.USD {
		t.Fatalf("%+v, %v", a, err)
	}
	if _, err := l.Revoke(ctx, a.ID, "bob"); err != nil {
		t.Fatal(err)
	}
	d, err := l.Decisions(ctx)
	if err != nil || len(d.Approvals) != 1 || d.Approvals[0].Live {
		t.Errorf("%+v, %v", d, err)
	}
	if r, err := l.Reset(ctx, ResetRequest{Reason: "the bill agrees", By: "ann"}); err != nil || r.Reset {
		t.Errorf("a reset where nothing is in doubt: %+v, %v", r, err)
	}
}
