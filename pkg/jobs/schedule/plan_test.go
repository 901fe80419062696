package schedule

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/cost"
)

func drawn(t *rapid.T) *small {
	seed := rapid.Uint64().Draw(t, "seed")
	r := rand.New(rand.NewPCG(seed, 2))
	s := drawSmall(r, 1+r.IntN(12))
	for range r.IntN(4) {
		s.rates = append(s.rates, [2]int{1 + r.IntN(9), r.IntN(4)})
	}
	return s
}

// brought is, by job and in the order of turns, the shards that each brings itself: those that nobody brings who has a place before it.
func brought(p *Problem, plan *Plan) map[int][]uint32 {
	at := map[string]int{}
	for j := range p.Jobs {
		at[p.Jobs[j].ID] = j
	}
	taken, list := map[uint32]bool{}, map[int][]uint32{}
	for _, turn := range plan.Turns {
		j := at[turn.ID]
		if plan.Jobs[j].ETA.IsZero() {
			continue
		}
		for _, r := range p.Jobs[j].Shards {
			for s := r.From; s < r.To; s++ {
				if !taken[s] {
					taken[s] = true
					list[j] = append(list[j], s)
				}
			}
		}
	}
	return list
}

// TestInvariants looks at plans from outside.
func TestInvariants(t *testing.T) {
	waits, backfills := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		s := drawn(t)
		p := s.problem()
		plan, err := Make(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		second := func(at time.Time) int { return int((at.Sub(now) + time.Second - 1) / time.Second) }
		list := brought(p, plan)
		// No window of a budget is passed.
		use := map[int][3]int{}
		charge := func(j, b int) (usd int) {
			for _, i := range list[j] {
				if slices.Contains(s.pays[s.link[i]], b) {
					usd += s.usd[i]
				}
			}
			return usd
		}
		window := func(b int, at time.Time) (int, int) { // the whole seconds before at
			return s.window(b, int(at.Sub(now)/time.Second))
		}
		for j := range list {
			for b := range s.left {
				w, _ := window(b, plan.Jobs[j].Start)
				u := use[b]
				u[w] += charge(j, b)
				use[b] = u
			}
		}
		for b, u := range use {
			for w, spent := range u {
				left := s.whole[b]
				if w == 0 {
					left = s.left[b]
				}
				if spent > left {
					t.Fatalf("window %d of budget %d: %d of %d", w, b, spent, left)
				}
			}
		}
		// A link works on one job at a time, for each shard that somebody brings once, and for no other.
		for l, work := range plan.Work {
			got, want := map[int]int64{}, map[int]int64{}
			for i, w := range work {
				got[w.Job] += w.Bytes
				if i > 0 && w.From.Before(work[i-1].To) || !w.From.Before(w.To) || w.From.Before(plan.Jobs[w.Job].Start) {
					t.Fatalf("link %d works %+v, and before %+v", l, w, work[max(0, i-1)])
				}
			}
			for j, shards := range list {
				for _, i := range shards {
					if s.link[i] == l {
						want[j] += int64(s.bytes[i])
					}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("link %d moves (-want +got):\n%s", l, diff)
			}
			checkIdle(t, s, plan, l, func(j int, at time.Time) bool {
				for b, u := range use {
					w, left := window(b, at)
					if u[w]+charge(j, b) > left {
						return false
					}
				}
				return true
			})
			for i := range work {
				if i > 0 && work[i].From.After(work[i-1].To) {
					waits++
				}
				if i > 1 && work[i].Job == work[i-2].Job {
					backfills++
				}
			}
		}
		// A job is ready when the last of its shards is there.
		end := map[uint32]int{}
		for j, shards := range list {
			for _, i := range shards {
				for _, w := range plan.Work[s.link[i]] {
					if w.Job == j {
						end[i] = max(end[i], second(w.To))
					}
				}
			}
		}
		for j, jp := range plan.Jobs {
			if jp.ETA.IsZero() {
				continue
			}
			last := 0
			for _, i := range s.needs[j] {
				last = max(last, end[uint32(i)])
			}
			if len(s.needs[j]) > 0 && second(jp.ETA) != last {
				t.Fatalf("%d is ready at %s, its last shard at %d", j, jp.ETA, last)
			}
			if !p.Jobs[j].NeedBy.IsZero() && jp.State != Ready && jp.Margin != p.Jobs[j].NeedBy.Sub(jp.ETA) {
				t.Fatalf("%d is ready at %s, a margin of %s", j, jp.ETA, jp.Margin)
			}
		}
	})
	if waits == 0 || backfills == 0 {
		t.Errorf("%d links wait for a window, %d jobs stand back for others: these are no hard problems", waits, backfills)
	}
}

// checkIdle fails if a link is idle while a job that begins later could begin.
func checkIdle(t *rapid.T, s *small, plan *Plan, l int, fits func(j int, at time.Time) bool) {
	idle := now
	for _, w := range plan.Work[l] {
		if w.From.After(idle) && !closed(s, idle, w.From) {
			for _, later := range plan.Work[l] {
				if plan.Jobs[later.Job].Start.After(idle) && fits(later.Job, idle) {
					t.Fatalf("link %d is idle from %s on, while job %d could begin: %+v", l, idle, later.Job, plan.Work[l])
				}
			}
		}
		idle = w.To
	}
}

// closed tells that a link carries nothing in some second of a time.
func closed(s *small, from, to time.Time) bool {
	at := now
	for _, r := range s.rates {
		until := at.Add(time.Duration(r[0]) * time.Second)
		if r[1] == 0 && at.Before(to) && until.After(from) {
			return true
		}
		at = until
	}
	return false
}

// TestLarge looks at a plan of many jobs under budgets of days and a month: no window is passed, and a job that is changed moves no others.
func TestLarge(t *testing.T) {
	p := company(20_000, 400, 40)
	plan, err := Make(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	type window struct {
		budget uint16
		begin  time.Time
	}
	use, first := map[window]int64{}, map[window]bool{}
	for j, shards := range brought(p, plan) {
		for _, s := range shards {
			for _, b := range p.Routes[p.route[s]] {
				w := window{b, now}
				for _, reset := range p.Budgets[b].Resets {
					if !reset.After(plan.Jobs[j].Start) {
						w.begin = reset
					}
				}
				use[w] += p.usd[s]
				first[w] = w.begin.Equal(now)
			}
		}
	}
	for w, usd := range use {
		left := p.Budgets[w.budget].LimitNanoUSD
		if first[w] {
			left = p.Budgets[w.budget].LeftNanoUSD
		}
		if usd > int64(left) {
			t.Errorf("%s from %s: %d of %d", p.Budgets[w.budget].Name, w.begin, usd, left)
		}
	}
	count := map[State]int{}
	for j := range plan.Jobs {
		count[plan.Jobs[j].State]++
	}
	if count[OnTime] < 100 || count[Late]+count[Held] < 50 || len(use) < 40 {
		t.Errorf("%v in %d windows: this is no hard problem", count, len(use))
	}
	p.Jobs[7].Priority++
	again, err := Make(p, plan.Turns)
	if err != nil {
		t.Fatal(err)
	}
	isSeven := func(id string) bool { return id == p.Jobs[7].ID }
	if a, b := slices.DeleteFunc(ids(plan.Turns), isSeven), slices.DeleteFunc(ids(again.Turns), isSeven); !slices.Equal(a, b) {
		t.Error("other jobs moved")
	}
}

func TestOrderOfInputDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawn(t).problem()
		a, err := Make(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		q := *p
		q.Jobs = rapid.Permutation(p.Jobs).Draw(t, "jobs")
		b, err := Make(&q, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a.Turns, b.Turns); diff != "" {
			t.Fatalf("turns (-one order +another):\n%s", diff)
		}
		for j := range p.Jobs {
			k := slices.IndexFunc(q.Jobs, func(o Job) bool { return o.ID == p.Jobs[j].ID })
			if x, y := a.Words(p, j), b.Words(&q, k); x != y {
				t.Fatalf("%s: %q in one order, %q in another", p.Jobs[j].ID, x, y)
			}
		}
	})
}

func TestProblemsThatContradictThemselves(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(p *Problem)
		want string
	}{
		{"same id", func(p *Problem) { p.Jobs = []Job{{ID: "a"}, {ID: "a"}} }, `two jobs have the id "a"`},
		{"no such shard", func(p *Problem) { p.Jobs = []Job{{ID: "a", Shards: []Range{{0, 99}}}} }, `job "a" needs shards 0 to 99 of 1`},
		{"empty range", func(p *Problem) { p.Jobs = []Job{{ID: "a", Shards: []Range{{1, 1}}}} }, `job "a" needs shards 1 to 1 of 1`},
		{"twice", func(p *Problem) { p.Jobs = []Job{{ID: "a", Shards: []Range{{0, 1}, {0, 1}}}} }, `ranges that ascend`},
		{"no rate", func(p *Problem) { p.Links[0].Rates = nil }, `link 0, "l", has no rate; one of 0 says that it is closed`},
		{"negative rate", func(p *Problem) { p.Links[0].Rates[0].BitsPerSecond = -1 }, `is forecast to carry -1 bit/s`},
		{"rate without end", func(p *Problem) { p.Links[0].Rates = []Rate{{BitsPerSecond: 1}, {BitsPerSecond: 2}} }, `want ascending times, and none in the last rate`},
		{"budget", func(p *Problem) { p.Budgets[0].LeftBytes = -2 }, `budget 0, "b", has 5 nano-USD and -2 bytes left`},
		{"limit", func(p *Problem) { p.Budgets[0].LimitBytes = -2 }, `budget 0, "b", is limited to 0 nano-USD and -2 bytes`},
		{"reset", func(p *Problem) { p.Budgets[0].Resets = []time.Time{now} }, `a window begins at 2026-11-30 08:00:00 +0000 UTC; want times after now`},
		{"route", func(p *Problem) { p.Routes[0] = []uint16{0, 0} }, "route 0 names budget 0, of 1, twice"},
		{"link", func(p *Problem) { p.AddShard(Shard{Link: 1}) }, "shard 1 comes over link 1 of 1"},
		{"negative", func(p *Problem) { p.AddShard(Shard{MissingBytes: -1}) }, "shard 1 misses -1 bytes"},
		{"too much", func(p *Problem) { p.AddShard(Shard{NanoUSD: cost.MaxNanoUSD}) }, "the shards up to 1 have no sum that can be counted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &Problem{
				Now: now, Links: []Link{{"l", []Rate{{BitsPerSecond: 8}}}}, Budgets: []Budget{{Name: "b", LeftNanoUSD: 5, LeftBytes: -1}}, Routes: [][]uint16{{0}},
			}
			p.AddShard(Shard{MissingBytes: 1})
			tt.make(p)
			if _, err := Make(p, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}
