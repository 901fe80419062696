package schedule

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestOneLinkIsExact compares, where there is one link and nothing shared, with all sets of up to ten jobs of three priorities.
func TestOneLinkIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &Problem{Now: now, Routes: [][]uint16{nil}}
		// Bytes a second, in stretches of some seconds.
		stretches := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 4).Draw(t, "rates")
		l := Link{Name: "link"}
		for i, r := range stretches {
			l.Rates = append(l.Rates, Rate{now.Add(time.Duration(i+1) * 5 * time.Second), int64(r) * 8})
		}
		l.Rates = append(l.Rates, Rate{BitsPerSecond: 16})
		p.Links = []Link{l}
		carried := func(second int) (n int) {
			for s := range second {
				if s/5 < len(stretches) {
					n += stretches[s/5]
				} else {
					n += 2
				}
			}
			return n
		}
		n := rapid.IntRange(1, 10).Draw(t, "jobs")
		size, need := make([]int, n), make([]int, n)
		for j := range n {
			size[j], need[j] = rapid.IntRange(1, 20).Draw(t, "size"), rapid.IntRange(0, 45).Draw(t, "need")
			s := p.AddShard(Shard{MissingBytes: int64(size[j])})
			p.Jobs = append(p.Jobs, Job{
				ID: fmt.Sprint(j), NeedBy: now.Add(time.Duration(need[j]) * time.Second), Priority: rapid.IntRange(0, 2).Draw(t, "priority"), Shards: []Range{{s, s + 1}},
			})
		}
		due := make([]int, n)
		for j := range due {
			due[j] = j
		}
		slices.SortStableFunc(due, func(a, b int) int { return need[a] - need[b] })
		best := make([]int, 3)
		for set := range 1 << n {
			sum, ok, count := 0, true, make([]int, 3)
			for _, j := range due {
				if set>>j&1 == 1 {
					sum += size[j]
					ok = ok && sum <= carried(need[j])
					count[2-p.Jobs[j].Priority]++
				}
			}
			if ok && slices.Compare(count, best) > 0 {
				best = count
			}
		}
		plan, err := Make(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]int, 3)
		for j, jp := range plan.Jobs {
			if jp.State == OnTime {
				got[2-p.Jobs[j].Priority]++
			}
		}
		if !slices.Equal(got, best) || !plan.Exact {
			t.Fatalf("on time by priority: %v, exact %v; the best is %v", got, plan.Exact, best)
		}
	})
}

// TestTableBeatsGreed has two priorities of which serving the higher one by itself first loses a job of the lower one.
func TestTableBeatsGreed(t *testing.T) {
	p := &Problem{Now: now, Links: []Link{{"link", []Rate{{BitsPerSecond: 8}}}}, Routes: [][]uint16{nil}}
	// Of the first two one can be on time, and Moore keeps the smaller; but beside the other one there is room for the last.
	for i, j := range []struct{ size, need, priority int }{{5, 5, 1}, {6, 10, 1}, {3, 5, 0}} {
		s := p.AddShard(Shard{MissingBytes: int64(j.size)})
		p.Jobs = append(p.Jobs, Job{ID: fmt.Sprint(i), NeedBy: now.Add(time.Duration(j.need) * time.Second), Priority: j.priority, Shards: []Range{{s, s + 1}}})
	}
	plan, err := Make(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := planned(p, plan); got != [2]int{1, 1} || !plan.Exact {
		t.Errorf("on time %v, exact %v; want one of each", got, plan.Exact)
	}
}

// TestMooreAndTableAgree: of hundreds of jobs of one priority both find as many; of several, the table finds no fewer.
func TestMooreAndTableAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	better := 0
	for range 40 {
		for _, priorities := range []int{1, 2} {
			p := &Problem{Now: now, Links: []Link{{"link", []Rate{{BitsPerSecond: 8}}}}, Routes: [][]uint16{nil}}
			for j := range 200 {
				s := p.AddShard(Shard{MissingBytes: 1 + r.Int64N(100)})
				p.Jobs = append(p.Jobs, Job{
					ID: fmt.Sprint(j), NeedBy: now.Add(time.Duration(100+r.IntN(3_000)) * time.Second), Priority: r.IntN(priorities), Shards: []Range{{s, s + 1}},
				})
			}
			m := newModel(p)
			d := &decider{timeline: newTimeline(m)}
			bring, _ := d.bringInOrder(m.due)
			moore := m.moore(m.due, bring)
			table, ok := m.table(m.due, 0)
			if !ok {
				t.Fatal("the table is too large")
			}
			a, b := d.count(moore), d.count(table)
			if a.better(b) || priorities == 1 && b.better(a) || len(table) == 200 {
				t.Fatalf("%d priorities: Moore's algorithm keeps %v, the table %v", priorities, a, b)
			}
			if b.better(a) {
				better++
			}
			for _, kept := range [][]uint32{moore, table} {
				if onTime := d.onTime(kept); !slices.Equal(onTime, d.count(kept)) {
					t.Fatalf("of %v kept %v are on time", d.count(kept), onTime)
				}
			}
		}
	}
	if better == 0 {
		t.Error("the table never found more than Moore's algorithm: the cases are too easy")
	}
}

// TestNearOptimum compares, over links and budgets that jobs share, with all orders of jobs.
func TestNearOptimum(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	var quick, want [2]int
	for i := range 1000 {
		s := drawSmall(r, 2+r.IntN(5))
		p := s.problem()
		plan, err := Make(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		best := s.best()
		if got := planned(p, plan); got != best || !plan.Exact {
			t.Errorf("case %d: %v on time, exact %v, the best is %v\n%+v", i, got, plan.Exact, best, s)
		}
		// Without the search, as it is for many jobs.
		fast, err := makePlan(p, nil, effort{better: betterSteps})
		if err != nil {
			t.Fatal(err)
		}
		got := planned(p, fast)
		for c := range got {
			quick[c] += got[c]
			want[c] += best[c]
		}
		if fast.Exact && got != best {
			t.Errorf("case %d: %v on time is said to be exact, the best is %v\n%+v", i, got, best, s)
		}
	}
	t.Logf("without the search %v are on time, of %v", quick, want)
	if quick[0]*20 < want[0]*19 || quick[1]*20 < want[1]*19 {
		t.Errorf("without the search %v are on time; the best orders have %v", quick, want)
	}
}

// TestEightJobs is the largest number of jobs of which all orders are looked at.
func TestEightJobs(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for i := range 8 {
		s := drawSmall(r, 8)
		p := s.problem()
		plan, err := Make(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, best := planned(p, plan), s.best()
		if got[0] < best[0] || got[1] < best[1]-1 {
			t.Errorf("case %d: %v on time, the best is %v\n%+v", i, got, best, s)
		}
	}
}

// TestSharedShardsAreExactWithoutBudgets: with any number of links, where money holds nobody, the best set is found and known to be the best.
func TestSharedShardsAreExactWithoutBudgets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		r := rand.New(rand.NewPCG(seed, 1))
		s := drawSmall(r, 2+r.IntN(7))
		s.left, s.whole = []int{1000, 1000}, []int{1000, 1000}
		p := s.problem()
		plan, err := Make(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		var best [2]int
		for set := range 1 << s.jobs {
			if got, ok := s.setOnTime(uint(set)); ok && (got[0] > best[0] || got[0] == best[0] && got[1] > best[1]) {
				best = got
			}
		}
		if got := planned(p, plan); got != best || !plan.Exact {
			t.Fatalf("%v on time, exact %v; the best set is %v", got, plan.Exact, best)
		}
	})
}

// setOnTime tells whether a set can be on time: by each need-by, each link must have carried all that is needed by then.
func (s *small) setOnTime(set uint) (count [2]int, ok bool) {
	for j := range s.jobs {
		if set>>j&1 == 0 {
			continue
		}
		if s.need[j] < 0 {
			return count, false
		}
		count[1-s.rank[j]]++
		var work [2]int
		seen := map[int]bool{}
		for k := range s.jobs {
			if set>>k&1 == 0 || s.need[k] > s.need[j] {
				continue
			}
			for _, i := range s.needs[k] {
				if !seen[i] {
					work[s.link[i]] += s.bytes[i]
				}
				seen[i] = true
			}
		}
		for l := range work {
			uses := slices.ContainsFunc(s.needs[j], func(i int) bool { return s.link[i] == l })
			if uses && work[l] > s.need[j] {
				return count, false
			}
		}
	}
	return count, bits.OnesCount(set) == count[0]+count[1]
}
