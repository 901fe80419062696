// Package overviewtest has overviews to show in tests: of a usual day, of nothing, of very much, and of names that mean harm.
package overviewtest

import (
	"fmt"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/observe"
	"github.com/datagravity/datagravity/pkg/store"
)

// At is when all of them are.
var At = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) *time.Time {
	t := At.Add(d)
	return &t
}

func usd(dollars float64) *cost.NanoUSD {
	n := cost.NanoUSD(dollars * 1e9)
	return &n
}

func bytes(n int64) *int64 { return &n }

const (
	gib = 1 << 30
	tib = 1 << 40
)

// Day is a usual one: some jobs are well and some are not, and shards move.
func Day() observe.Overview {
	o := Nothing()
	id := chunker.Digest{7}
	lab, eastus := store.Location{Provider: "onprem", Region: "lab1"}, store.Location{Provider: "azure", Region: "eastus"}
	o.Datasets = []observe.Dataset{
		{Name: "c4", Store: "training", Location: eastus, Snapshot: &id, Taken: at(-26 * time.Hour), Listed: at(-8 * time.Minute), Shards: 4096, Bytes: 3 * tib},
		{Name: "videos", Store: "training", Location: eastus},
	}
	o.Holdings = observe.Holdings{At: At.Add(-42 * time.Second), List: []observe.Holding{
		{
			Dataset: "c4", Destination: "lab1", Store: "disk", Location: lab, Snapshot: &id, HeldShards: 4059, HeldBytes: 3*tib - 37*gib, MissingShards: 37, MissingBytes: 37 * gib, OtherShards: 12, OtherBytes: 9 * gib,
			Written: at(-time.Minute), Verified: at(-9 * 24 * time.Hour), Seen: at(-20 * time.Minute),
		},
		{Dataset: "c4", Destination: "gcp-west", Store: "bucket", Snapshot: &id, MissingShards: 4096, MissingBytes: 3 * tib, Unsound: 1},
	}}
	margin, late := int64(7200), int64(-10800)
	o.Jobs = []dispatch.Status{
		{
			ID: "train-17", Dataset: "c4", State: dispatch.Late, Selection: []string{"train/*"}, NeedBy: at(2 * time.Hour), Priority: 5, Team: "language", ShardCount: 512, Bytes: 400 * gib,
			ETA: at(5 * time.Hour), MarginSeconds: &late, Why: "late by 3h: link training->lab1 carries 200 Mbit/s, and train-16 comes before it",
			Places: []dispatch.Place{{Destination: "lab1", State: dispatch.Late, MissingShards: 475, MissingBytes: 371 * gib, ETA: at(5 * time.Hour)}},
		},
		{
			ID: "eval-3", Dataset: "c4", State: dispatch.OnTime, Selection: []string{"eval/*"}, NeedBy: at(9 * time.Hour), ShardCount: 16, Bytes: 12 * gib, ETA: at(7 * time.Hour), MarginSeconds: &margin, Why: "there 2h before it is needed",
			Places: []dispatch.Place{{Destination: "lab1", State: dispatch.OnTime, MissingShards: 16, MissingBytes: 12 * gib}},
		},
		{
			ID: "finetune", Dataset: "c4", State: dispatch.Held, ShardCount: 4096, Bytes: 3 * tib, Why: `budget "gcp" has no room for it in 2026-11`,
			Places: []dispatch.Place{{Destination: "gcp-west", State: dispatch.Held, MissingShards: 4096, MissingBytes: 3 * tib, Budget: "gcp", NeedsUSD: 212_400_000_000}},
		},
		{ID: "old", Dataset: "c4", State: dispatch.Blocked, ShardCount: 8, Why: "the source no longer has train/0007.tar", Places: []dispatch.Place{{Destination: "lab1", State: dispatch.Blocked, MissingShards: 1, MissingBytes: gib}}},
		{ID: "train-16", Dataset: "c4", State: dispatch.Ready, ShardCount: 512, Bytes: 400 * gib, Places: []dispatch.Place{{Destination: "lab1", State: dispatch.Ready}}},
	}
	o.Transfers = []observe.Transfer{
		{Dataset: "c4", Path: "train/0037.tar", Source: "training", Destination: "lab1", Job: "train-17", Way: "full", Bytes: gib, Moved: 700 << 20, Started: At.Add(-time.Minute), Progress: At.Add(-time.Second)},
		{Dataset: "c4", Path: "train/0038.tar", Source: "training", Destination: "lab1", Job: "train-17", Way: "pull", Bytes: gib, Moved: 10 << 20, Resumed: 200 << 20, Started: At.Add(-5 * time.Minute), Progress: At.Add(-3 * time.Minute)},
	}
	o.Links = []observe.Link{
		{Source: "training", Destination: "gcp-west", Last: At.Add(-12 * time.Minute), MovedBytes: gib, DoneTotal: 1, Shards: 1, DoneShards: 1, Bytes: gib, DoneBytes: gib},
		{
			Source: "training", Destination: "lab1", BytesPerSecond: 24 << 20, Runs: 1, Shards: 512, DoneShards: 37, Failed: 1, Bytes: 400 * gib, DoneBytes: 29 * gib, ETA: at(4*time.Hour + 24*time.Minute), MovedBytes: 29 * gib,
			DoneTotal: 37, Last: At,
		},
	}
	o.Pauses = []cost.Pause{{Link: "training->gcp-west", Since: At.Add(-12 * time.Minute)}}
	o.Budgets = []observe.Budget{
		{
			Name: "egress", Window: "2026-11", LimitUSD: usd(500), LeftUSD: usd(87.6), SpentUSD: *usd(400), ReservedUSD: *usd(12.4), PerDayUSD: *usd(16), ExhaustedAt: at(5 * 24 * time.Hour),
			LimitBytes: bytes(10 * tib), LeftBytes: bytes(6 * tib), SpentBytes: 4*tib - 30*gib, ReservedBytes: 30 * gib,
		},
		{Name: "gcp", Window: "2026-11", LimitUSD: usd(100), LeftUSD: usd(0), SpentUSD: *usd(100)},
		{Name: "watched", Window: "total", SpentUSD: *usd(1234.5)},
	}
	o.Problems = []observe.Problem{
		{
			First: At.Add(-time.Hour), Last: At.Add(-3 * time.Minute), Count: 7, Level: "error", Text: "shard failed", Error: "read training: 503 server busy", Kind: "throttled",
			Do: "nothing: fewer requests are sent until the service takes more; stores.NAME.requests limits them for good", About: map[string]string{"path": "train/0042.tar", "dataset": "c4"},
		},
		{First: At.Add(-2 * time.Hour), Last: At.Add(-2 * time.Hour), Count: 1, Level: "warn", Text: "the price is stale", Kind: "other", Do: "the text says what happened; it is tried again by itself", About: map[string]string{}},
	}
	return o
}

// Speeds of the links of [Day] over the last half hour.
func Speeds() []observe.Speeds {
	s := observe.Speeds{Source: "training", Destination: "lab1", From: At.Add(-30 * time.Minute), Seconds: 5}
	for i := range int64(359) {
		s.Bytes = append(s.Bytes, max(0, (i-60)*(i%50)*10_000))
	}
	return []observe.Speeds{s, {Source: "training", Destination: "gcp-west", Seconds: 5, Bytes: []int64{5 << 20, 0, 0, 0}}}
}

// Nothing is a daemon that has just begun and has nothing to do.
func Nothing() observe.Overview {
	return observe.Overview{
		At: At, Health: observe.Health{OK: true}, Holdings: observe.Holdings{At: At, List: []observe.Holding{}}, Datasets: []observe.Dataset{}, Jobs: []dispatch.Status{}, Transfers: []observe.Transfer{},
		Links: []observe.Link{}, Budgets: []observe.Budget{}, Problems: []observe.Problem{}, Pauses: []cost.Pause{},
		Agent: observe.Agent{
			Name: "dtn-1", Location: store.Location{Provider: "onprem", Region: "lab1"}, Version: "v0.3.0", PID: 4242, Since: At.Add(-3*time.Hour - 12*time.Minute), State: "/var/lib/datagravity", Command: "daemon",
		},
	}
}

// Many is a day with so many of each.
func Many(n int) observe.Overview {
	day, o := Day(), Nothing()
	for i := range n {
		j := day.Jobs[i%len(day.Jobs)]
		j.ID = fmt.Sprintf("job-%06d", i)
		o.Jobs = append(o.Jobs, j)
		t := day.Transfers[i%len(day.Transfers)]
		t.Path = fmt.Sprintf("train/%06d.tar", i)
		o.Transfers = append(o.Transfers, t)
		k := day.Links[i%len(day.Links)]
		k.Destination = fmt.Sprintf("lab-%06d", i)
		o.Links = append(o.Links, k)
		b := day.Budgets[i%len(day.Budgets)]
		b.Name = fmt.Sprintf("budget-%06d", i)
		o.Budgets = append(o.Budgets, b)
		h := day.Holdings.List[i%len(day.Holdings.List)]
		h.Dataset = fmt.Sprintf("dataset-%06d", i)
		o.Holdings.List = append(o.Holdings.List, h)
		p := day.Problems[i%len(day.Problems)]
		p.Text = fmt.Sprintf("problem %06d", i)
		o.Problems = append(o.Problems, p)
		d := day.Datasets[i%len(day.Datasets)]
		d.Name = h.Dataset
		o.Datasets = append(o.Datasets, d)
	}
	return o
}

// Harm is what somebody would call their objects who wants to take a terminal over, or just to break its lines.
var Harm = []string{
	"\x1b[2J\x1b[H\x1b]0;owned\x07", "\x1b]52;c;cm0gLXJm\x07", "\u009b31mred", "a\nb\r\nc\td", "\u202egpj.exe", "\xff\xfe\x80", "漢字漢字漢字漢字漢字漢字漢字漢字漢字", "👩‍👩‍👧‍👦👍🏽🇩🇪❤️", "e" + strings.Repeat("\u0301", 500), "\x1bP$q\"p\x1b\\", "\x00\x07\x08\x7f",
	strings.Repeat("long", 2000), "", " ", "\u200b\u200d\ufeff",
}

// Hostile is a day on which all names and texts are harm.
func Hostile() observe.Overview {
	o, n := Day(), 0
	bad := func() string { n++; return Harm[n%len(Harm)] }
	o.Agent.Name, o.Agent.Version, o.Agent.Role, o.Health.Why, o.Health.OK = bad(), bad(), bad(), bad(), false
	for i := range o.Jobs {
		j := &o.Jobs[i]
		j.ID, j.Dataset, j.Why, j.Team, j.Selection = bad()+fmt.Sprint(i), bad(), bad(), bad(), []string{bad(), bad()}
		for k := range j.Places {
			j.Places[k].Destination, j.Places[k].Why, j.Places[k].Budget = bad(), bad(), bad()
		}
	}
	for i := range o.Transfers {
		t := &o.Transfers[i]
		t.Path, t.Dataset, t.Source, t.Destination, t.Way, t.Job = bad()+fmt.Sprint(i), bad(), bad(), bad(), bad(), bad()
	}
	for i := range o.Links {
		o.Links[i].Source, o.Links[i].Destination = bad()+fmt.Sprint(i), bad()
	}
	for i := range o.Budgets {
		o.Budgets[i].Name, o.Budgets[i].Window, o.Budgets[i].Doubt = bad()+fmt.Sprint(i), bad(), bad()
	}
	for i := range o.Holdings.List {
		o.Holdings.List[i].Dataset, o.Holdings.List[i].Destination = bad()+fmt.Sprint(i), bad()
	}
	for i := range o.Datasets {
		o.Datasets[i].Name = bad() + fmt.Sprint(i)
	}
	for i := range o.Problems {
		p := &o.Problems[i]
		p.Level, p.Text, p.Error, p.Kind, p.Do, p.About = bad(), bad()+fmt.Sprint(i), bad(), bad(), bad(), map[string]string{"path": bad(), "job": bad()}
	}
	for i := range o.Pauses {
		o.Pauses[i].Link = bad()
	}
	return o
}
