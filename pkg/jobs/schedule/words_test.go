package schedule

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/cost"
)

const gib = 1 << 30

// lab has a link of a gigabit a second to S3, a faster one to a site, a daily budget for the first, and one of bytes for the second. Shards are of
// a GiB and cost ten cents: 40 on the first link, then 40 on the second, which are free.
func lab() *Problem {
	day := func(n int) time.Time { return now.Truncate(24*time.Hour).AddDate(0, 0, n) }
	p := &Problem{
		Now: now, Links: []Link{{"training->aws", []Rate{{BitsPerSecond: 1e9}}}, {"training->lab", []Rate{{BitsPerSecond: 10e9}}}},
		Routes: [][]uint16{{0}, {1}},
		Budgets: []Budget{
			{Name: "azure-egress", LeftNanoUSD: 3 * cost.USD, LeftBytes: -1, LimitNanoUSD: 4 * cost.USD, Resets: []time.Time{day(1), day(2)}},
			{Name: "lab-bytes", LeftNanoUSD: -1, LeftBytes: 30 * gib},
		},
	}
	for range 40 {
		p.AddShard(Shard{Link: 0, Route: 0, MissingBytes: gib, WireBytes: gib, NanoUSD: cost.USD / 10})
	}
	for range 40 {
		p.AddShard(Shard{Link: 1, Route: 1, MissingBytes: gib, WireBytes: gib})
	}
	return p
}

func in(d time.Duration) time.Time { return now.Add(d) }

func TestWords(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(p *Problem)
		jobs []Job
		want []string
	}{
		{"nothing to do", nil, []Job{{ID: "a"}}, []string{"ready: nothing is missing"}},
		{"blocked", nil, []Job{{ID: "a", Blocked: "the source of 3 shards is gone", Shards: []Range{{0, 4}}}, {ID: "b", Shards: []Range{{3, 4}}}}, []string{
			"blocked: the source of 3 shards is gone", "planned: 1 shard (1 GiB) arrives at 08:00 UTC; nobody said by when it is needed",
		}},
		{"on time", nil, []Job{{ID: "a", NeedBy: in(30 * time.Minute), Shards: []Range{{0, 10}}}, {ID: "b", NeedBy: in(time.Hour), Shards: []Range{{4, 16}, {50, 60}}}}, []string{
			"on time: 10 shards (10 GiB) arrive at 08:01 UTC, 28m before it is needed",
			"on time: 22 shards (22 GiB) arrive at 08:02 UTC, 57m before it is needed; 6 of them come with job a",
		}},
		{"all shared", nil, []Job{{ID: "a", NeedBy: in(30 * time.Minute), Shards: []Range{{0, 10}}}, {ID: "b", NeedBy: in(time.Hour), Shards: []Range{{4, 8}}}}, []string{
			"on time: 10 shards (10 GiB) arrive at 08:01 UTC, 28m before it is needed",
			"on time: 4 shards (4 GiB) arrive at 08:01 UTC, 58m before it is needed; all of that comes with job a",
		}},
		{"late", nil, []Job{{ID: "a", NeedBy: in(2 * time.Minute), Shards: []Range{{0, 20}}}}, []string{
			"late by 51s: link training->aws moves 20 GiB until 08:02 UTC at 1 Gbit/s; 1.5 Gbit/s would do",
		}},
		{"late already", nil, []Job{{ID: "a", NeedBy: in(-time.Hour), Shards: []Range{{0, 20}}}}, []string{
			"late by 1h2m: link training->aws moves 20 GiB until 08:02 UTC at 1 Gbit/s; it was needed at 07:00 UTC already",
		}},
		{"late on two links", nil, []Job{{ID: "a", NeedBy: in(10 * time.Second), Shards: []Range{{0, 20}, {40, 70}}}}, []string{
			"late by 2m: link training->aws moves 20 GiB until 08:02 UTC at 1 Gbit/s; more bandwidth on one link alone would not make it on time",
		}},
		{"late with another", nil, []Job{{ID: "a", NeedBy: in(10 * time.Second), Shards: []Range{{0, 20}}}, {ID: "b", NeedBy: in(20 * time.Second), Shards: []Range{{10, 20}, {40, 41}}}}, []string{
			"late by 2m: link training->aws moves 20 GiB until 08:02 UTC at 1 Gbit/s; 17.2 Gbit/s would do",
			"late by 2m: what comes with job a arrives at 08:02 UTC; 10 of them come with job a",
		}},
		{"closes before the window", func(p *Problem) { p.Links[0].Rates = []Rate{{in(time.Hour), 1e9}, {}} }, []Job{{ID: "a", Shards: []Range{{0, 40}}}}, []string{
			"held by budget azure-egress: needs $4.00, $3.00 is left until 2026-12-01 00:00 UTC; then a link that it needs is closed for good",
		}},
		{"closed", func(p *Problem) { p.Links[0].Rates[0].BitsPerSecond = 0 }, []Job{{ID: "a", NeedBy: in(time.Hour), Shards: []Range{{0, 20}}}}, []string{
			"late: a link that it needs stays closed, so that 20 shards (20 GiB) arrive never; open it, or take another destination",
		}},
		{"opens at ten", func(p *Problem) { p.Links[0].Rates = []Rate{{in(2 * time.Hour), 0}, {time.Time{}, 1e9}} }, []Job{{ID: "a", Shards: []Range{{0, 1}}}}, []string{
			"planned: 1 shard (1 GiB) arrives at 10:00 UTC; nobody said by when it is needed",
		}},
		{"waits for a window in time", nil, []Job{{ID: "a", NeedBy: in(20 * time.Hour), Shards: []Range{{0, 40}}}}, []string{
			"on time: 40 shards (40 GiB) arrive at 2026-12-01 00:05 UTC, 3h54m before it is needed; it waits until 2026-12-01 00:00 UTC for a new window of budget azure-egress",
		}},
		{"held and late", nil, []Job{{ID: "a", NeedBy: in(10 * time.Hour), Shards: []Range{{0, 40}}}, {ID: "b", NeedBy: in(20 * time.Hour), Shards: []Range{{39, 40}}}}, []string{
			"held by budget azure-egress: needs $3.90, $2.90 is left until 2026-12-01 00:00 UTC; then it is ready at 2026-12-01 00:05 UTC, late by 6h5m; " +
				"more of it would make it on time; 1 of them comes with job b",
			"on time: 1 shard (1 GiB) arrives at 08:00 UTC, 19h59m before it is needed",
		}},
		{"approval", func(p *Problem) { p.Budgets[0].AsksApproval = true }, []Job{{ID: "a", NeedBy: in(10 * time.Hour), Shards: []Range{{0, 40}}}}, []string{
			"held by budget azure-egress: needs $4.00, $3.00 is left until 2026-12-01 00:00 UTC; then it is ready at 2026-12-01 00:05 UTC, late by 6h5m; " +
				"an approval of $1.00 more of budget azure-egress would make it on time",
		}},
		{"held, and too late for money", nil, []Job{{ID: "a", NeedBy: in(time.Minute), Shards: []Range{{0, 40}}}}, []string{
			"held by budget azure-egress: needs $4.00, $3.00 is left until 2026-12-01 00:00 UTC; then it is ready at 2026-12-01 00:05 UTC, late by 16h4m; " +
				"more of it alone would not make it on time",
		}},
		{"held, nobody said when", nil, []Job{{ID: "a", Shards: []Range{{0, 40}}}}, []string{
			"held by budget azure-egress: needs $4.00, $3.00 is left until 2026-12-01 00:00 UTC; then it is ready at 2026-12-01 00:05 UTC; nobody said by when it is needed",
		}},
		{"more than a window", func(p *Problem) { p.Budgets[0].LimitNanoUSD = cost.USD }, []Job{{ID: "a", NeedBy: in(time.Hour), Shards: []Range{{0, 40}}}}, []string{
			"held by budget azure-egress: needs $4.00, $3.00 is left; that is more than any whole window allows, so that it never begins: " +
				"raise the budget, or need less at once; more of it would make it on time",
		}},
		{"bytes, and no window after", nil, []Job{{ID: "a", NeedBy: in(time.Hour), Shards: []Range{{40, 60}}}, {ID: "b", NeedBy: in(2 * time.Hour), Shards: []Range{{60, 80}}}}, []string{
			"on time: 20 shards (20 GiB) arrive at 08:00 UTC, 59m before it is needed",
			"held by budget lab-bytes: needs 20 GiB, 10 GiB is left; no window that is known has room for it: raise the budget, or drop a job with an earlier turn; " +
				"more of it would make it on time",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := lab()
			p.Jobs = tt.jobs
			if tt.make != nil {
				tt.make(p)
			}
			plan, err := Make(p, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for j := range p.Jobs {
				got = append(got, plan.Words(p, j))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestWhatWouldDoDoes: with the bandwidth that is said to make a job on time it is, and with a little less it is not; with the money likewise.
func TestWhatWouldDoDoes(t *testing.T) {
	p := lab()
	p.Jobs = []Job{
		{ID: "a", NeedBy: in(100 * time.Second), Shards: []Range{{0, 10}}}, {ID: "b", NeedBy: in(110 * time.Second), Shards: []Range{{5, 20}}},
		{ID: "c", NeedBy: in(5 * time.Hour), Shards: []Range{{10, 35}, {40, 50}}},
	}
	state := func(j int) State {
		plan, err := Make(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		return plan.Jobs[j].State
	}
	plan, err := Make(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	bits, extra := plan.Jobs[1].NeedsBitsPerSecond, plan.Jobs[2].Extra()
	if plan.Jobs[1].State != Late || plan.Jobs[2].State != Held || bits == 0 || extra == 0 || !plan.Jobs[2].MoneyHelps {
		t.Fatalf("b is %s and needs %d bit/s, c is %s and needs %s more", plan.Jobs[1].State, bits, plan.Jobs[2].State, extra)
	}
	for _, tt := range []struct {
		bits int64
		usd  cost.NanoUSD
		b, c State
	}{{bits, extra, OnTime, OnTime}, {bits - 1_000_000, extra, Late, OnTime}, {bits, extra - 1, OnTime, Held}} {
		p.Links[0].Rates[0].BitsPerSecond = tt.bits
		p.Budgets[0].LeftNanoUSD = 3*cost.USD + tt.usd
		if b, c := state(1), state(2); b != tt.b || c != tt.c {
			t.Errorf("with %d bit/s and %s more b is %s and c is %s; want %s and %s", tt.bits, tt.usd, b, c, tt.b, tt.c)
		}
	}
}

// TestBandwidthThatWouldDo: where no budget holds anybody, a job is on time at the rate that would do, in the same turns, and late at one bit a second less.
func TestBandwidthThatWouldDo(t *testing.T) {
	said := 0
	rapid.Check(t, func(t *rapid.T) {
		s := drawn(t)
		s.left, s.whole = []int{1000, 1000}, []int{1000, 1000}
		p := s.problem()
		plan, err := Make(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		for j, jp := range plan.Jobs {
			if jp.NeedsBitsPerSecond == 0 {
				continue
			}
			said++
			for less := range int64(2) {
				q := *p
				q.Links = slices.Clone(p.Links)
				q.Links[jp.Link] = Link{"faster", []Rate{{BitsPerSecond: jp.NeedsBitsPerSecond - less}}}
				line := newTimeline(newModel(&q))
				for _, part := range line.order(plan.Turns) {
					for _, k := range part {
						if o := line.place(k, never); int(k) == j && (o.eta <= line.need[k]) == (less == 1) {
							t.Fatalf("%d: needed at %d, ready at %d with %d bit/s", j, line.need[k], o.eta, jp.NeedsBitsPerSecond-less)
						}
					}
				}
			}
		}
	})
	if said == 0 {
		t.Error("of no job a bandwidth is said")
	}
}

func TestUnits(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 1023: "1023 bytes", 1024: "1 KiB", 1536: "1.5 KiB", 3<<40 + 1<<38: "3.2 TiB"} {
		if got := size(n); got != want {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 bit/s", 999: "999 bit/s", 1e9: "1 Gbit/s", 14_000_000_001: "14.1 Gbit/s", 999_999_999: "1 Gbit/s"} {
		if got := bitRate(n); got != want {
			t.Errorf("%d bit/s are %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		59 * time.Second: "59s", 61 * time.Minute: "1h1m", 2 * time.Hour: "2h", 49*time.Hour + time.Minute: "2d1h", 48 * time.Hour: "2d",
	} {
		if got := howLong(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}

func TestPlace(t *testing.T) {
	p := lab()
	p.Jobs = []Job{{ID: "a", NeedBy: in(4 * time.Minute), Shards: []Range{{0, 25}}}}
	plan, err := Make(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	options, err := Place(p, plan, Job{ID: "new", NeedBy: in(3 * time.Minute)}, []Alternative{
		{Name: "aws, beside a", Missing: Amount{8, 8 * gib}, Link: 0, Route: 0, WireBytes: 8 * gib, NanoUSD: cost.USD / 10},
		{Name: "aws, too much", Missing: Amount{25, 25 * gib}, Link: 0, Route: 0, WireBytes: 25 * gib, NanoUSD: cost.USD / 20},
		{Name: "lab, dear", Missing: Amount{8, 8 * gib}, Link: 1, Route: 1, WireBytes: 8 * gib, NanoUSD: cost.USD},
		{Name: "lab", Missing: Amount{9, 9 * gib}, Link: 1, Route: 1, WireBytes: 9 * gib},
		{Name: "there", Missing: Amount{}, Link: 1, Route: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range options {
		got = append(got, fmt.Sprintf("%s: %s at %s, costs %d", o.Name, o.Job.State, o.Job.ETA.Format("15:04:05"), o.Costs))
	}
	want := []string{
		"there: ready at 00:00:00, costs 0", "lab: on time at 08:00:07, costs 0", "lab, dear: on time at 08:00:06, costs 0",
		"aws, too much: late at 08:07:09, costs 0", "aws, beside a: late at 08:04:43, costs 0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(p.Jobs) != 1 || p.Shards() != 80 {
		t.Errorf("the problem has %d jobs and %d shards after it was asked", len(p.Jobs), p.Shards())
	}
}
