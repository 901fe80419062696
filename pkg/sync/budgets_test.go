package sync

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// Indexing, moving and verifying across a paid link count in every budget that selects them, by whom they are for as by where they go; and the
// ledger's lines say so.
func TestBudgetsCountIndexAndVerify(t *testing.T) {
	r := newRig(t)
	const shard = 300_000
	r.put("a.tar", data(1, shard))
	r.put("b.tar", data(2, shard))
	r.src.For = plan.Payer{Job: "night-1", Team: "language"}
	r.budgets = []cost.Budget{
		{Name: "dataset", Dataset: r.src.Name, LimitBytes: 1 << 40, Period: cost.Period{Kind: cost.Total}},
		{Name: "team", Team: "language", LimitNanoUSD: cost.USD, Period: cost.Period{Kind: cost.Rolling, Last: 48 * time.Hour}},
		{Name: "job", Job: "night-*", LimitBytes: 1 << 40, Period: cost.Period{Kind: cost.Weekly}},
		{Name: "reading", From: r.src.Dataset.Store, LimitBytes: 1 << 40},
		{Name: "other team", Team: "vision", LimitBytes: 1},
		{Name: "other job", Job: "day", LimitBytes: 1},
	}
	elsewhere := store.Location{Provider: "gcp", Region: "us-central1"}
	uses := func(s *Syncer) map[string]cost.Use {
		t.Helper()
		list, err := s.Ledger.Uses()
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]cost.Use{}
		for _, u := range list {
			out[u.Budget.Name] = u
		}
		return out
	}
	before := map[string]cost.Use{}
	step := func(what string, least int64, do func(s *Syncer) error) {
		t.Helper()
		s := r.open()
		defer r.close()
		s.Agent = elsewhere
		if err := do(s); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		now := uses(s)
		for _, name := range []string{"dataset", "team", "job", "reading"} {
			u := now[name]
			if more := u.SettledBytes - before[name].SettledBytes; more < least || u.Reserved != 0 || u.Settled <= before[name].Settled {
				t.Errorf("%s: %s counts %d bytes more and %s in all, want %d at least", what, name, more, u.Settled, least)
			}
		}
		for _, name := range []string{"other team", "other job"} {
			if u := now[name]; u.SettledBytes != 0 {
				t.Errorf("%s: %s counts %d bytes", what, name, u.SettledBytes)
			}
		}
		before = now
	}
	step("index", 2*shard, func(s *Syncer) error { _, err := s.Index(context.Background(), r.src); return err })
	step("sync", 4*shard, func(s *Syncer) error { _, err := s.Sync(context.Background(), r.request()); return err })
	step("verify", 2*shard, func(s *Syncer) error {
		v, err := s.Verify(context.Background(), r.src, r.dst, 1)
		if v.Read != 2 {
			t.Errorf("%+v", v)
		}
		return err
	})
	r.open()
	defer r.close()
	activities := map[string]int64{}
	err := r.m.View(func(tx *manifest.Tx) error {
		return tx.Lines(func(l manifest.Line) (bool, error) {
			k := l.LineKey
			if k.Job != "night-1" || k.Team != "language" || k.Dataset != r.src.Name || l.Book == "" || l.RateID == "" || k.Day == "" {
				t.Errorf("a line without all of its names: %+v", l)
			}
			activities[k.Activity] += l.Bytes
			return true, nil
		})
	})
	if _, listed := activities["list"]; err != nil || !listed || activities["index"] < 2*shard || activities["transfer"] < 4*shard || activities["verify"] < 2*shard {
		t.Errorf("%v, %v", activities, err)
	}
}

// What does not fit a team's budget is refused before it is read, by the plan and by the index, and goes through for another team.
func TestBudgetOfATeamRefuses(t *testing.T) {
	r := newRig(t)
	r.put("a.tar", data(1, 300_000))
	r.src.For = plan.Payer{Team: "language"}
	r.budgets = []cost.Budget{{Name: "language", Team: "language", LimitBytes: 200_000, Ask: true}}
	_, err := r.sync()
	var over *cost.OverBudget
	if !errors.As(err, &over) || over.Subject.Team != "language" || over.Subject.Dataset != r.src.Name || over.MoreBytes < 100_000 {
		t.Fatalf("%v", err)
	}
	s := r.open()
	s.Agent = store.Location{Provider: "gcp", Region: "us-central1"}
	if _, err := s.Index(context.Background(), r.src); !errors.Is(err, cost.ErrBudget) {
		t.Errorf("%v", err)
	}
	r.close()
	r.src.For.Team = "vision"
	r.mustSync()
	r.equal()
}
