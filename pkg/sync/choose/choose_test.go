package choose

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/cost"
)

var now = time.Date(2026, 12, 1, 9, 30, 0, 0, time.UTC)

// drawn is a small problem as it was made, before it became columns.
type drawn struct {
	Problem
	offers [][]Offer
}

// smallProblem has so few jobs and shards that all choices can be looked at.
func smallProblem(t *rapid.T) drawn {
	d := drawn{Problem: Problem{Now: now, Sources: []string{"origin", "near", "lab"}}}
	amount := rapid.Int64Range(0, 12)
	apart := rapid.IntRange(0, 2).Draw(t, "apart") == 0 // in several classes
	for i := range rapid.IntRange(1, 3).Draw(t, "budgets") {
		limit := func(name string) int64 {
			if rapid.IntRange(0, 5).Draw(t, name+" is no limit") == 0 {
				return -1
			}
			return rapid.Int64Range(0, 40).Draw(t, name)
		}
		d.Budgets = append(d.Budgets, Budget{Name: fmt.Sprint("b", i), LeftNanoUSD: cost.NanoUSD(limit("usd left")), LeftBytes: limit("bytes left")})
	}
	for range rapid.IntRange(1, 4).Draw(t, "routes") {
		var route []uint16
		for b := range d.Budgets {
			if rapid.IntRange(0, 2).Draw(t, "covered") > 0 {
				route = append(route, uint16(b))
			}
		}
		d.Routes = append(d.Routes, route)
	}
	shards := rapid.IntRange(1, 7).Draw(t, "shards")
	for range shards {
		var offers []Offer
		for source := range rapid.IntRange(1, 3).Draw(t, "offers") {
			o := Offer{Source: uint16(source)}
			for range rapid.IntRange(0, 2).Draw(t, "charges") {
				o.Charges = append(o.Charges, Charge{
					Route: uint16(rapid.IntRange(0, len(d.Routes)-1).Draw(t, "route")), NanoUSD: cost.NanoUSD(amount.Draw(t, "usd")), Bytes: amount.Draw(t, "bytes"),
				})
			}
			offers = append(offers, o)
		}
		d.AddShard(slices.Clone(offers)...)
		d.offers = append(d.offers, offers)
	}
	for j := range rapid.IntRange(1, 8).Draw(t, "jobs") {
		job := Job{ID: fmt.Sprint("job", j), Value: rapid.Int64Range(0, 20).Draw(t, "value")}
		if apart {
			job.Priority = rapid.IntRange(0, 1).Draw(t, "priority")
			if days := rapid.IntRange(-1, 2).Draw(t, "days"); days < 2 {
				job.StartBy = now.Add(time.Duration(days) * 24 * time.Hour)
			}
		}
		for s := range uint32(shards) {
			if rapid.IntRange(0, 2).Draw(t, "needed") == 0 {
				job.Shards = append(job.Shards, s)
			}
		}
		d.Jobs = append(d.Jobs, job)
	}
	return d
}

// possible tells by trying all sources whether some jobs fit the budgets together.
func (d *drawn) possible(taken []bool) bool {
	var shards []int
	for s := range d.offers {
		for j, job := range d.Jobs {
			if taken[j] && slices.Contains(job.Shards, uint32(s)) {
				shards = append(shards, s)
				break
			}
		}
	}
	used := make([]Use, len(d.Budgets))
	var from func(i int) bool
	from = func(i int) bool {
		if i == len(shards) {
			return true
		}
		for _, o := range d.offers[shards[i]] {
			d.count(used, o, 1)
			if d.within(used) && from(i+1) {
				return true
			}
			d.count(used, o, -1)
		}
		return false
	}
	return from(0)
}

func (d *drawn) count(used []Use, o Offer, sign int64) {
	for _, c := range o.Charges {
		for _, b := range d.Routes[c.Route] {
			used[b].NanoUSD += cost.NanoUSD(sign) * c.NanoUSD
			used[b].Bytes += sign * c.Bytes
		}
	}
}

func (d *drawn) within(used []Use) bool {
	for b, u := range used {
		if left := d.Budgets[b]; left.LeftNanoUSD >= 0 && u.NanoUSD > left.LeftNanoUSD || left.LeftBytes >= 0 && u.Bytes > left.LeftBytes {
			return false
		}
	}
	return true
}

// best value of a class by looking at every set of its jobs.
func (d *drawn) best(before []bool, jobs []uint32) (best int64) {
	for set := range 1 << len(jobs) {
		taken, value := slices.Clone(before), int64(0)
		for i, j := range jobs {
			if set>>i&1 == 1 {
				taken[j] = true
				value += max(1, d.Jobs[j].Value)
			}
		}
		if value > best && d.possible(taken) {
			best = value
		}
	}
	return best
}

func TestNoWorseThanExhaustiveSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := smallProblem(t)
		c, err := Choose(&d.Problem)
		if err != nil {
			t.Fatal(err)
		}
		before := make([]bool, len(d.Jobs))
		for i, cl := range d.classes() {
			best := d.best(before, cl.jobs)
			r := c.Classes[i]
			if r.Value*100 < best*95 {
				t.Errorf("class %d: value %d, by exhaustive search %d", i, r.Value, best)
			}
			if r.Exact && r.Value != best {
				t.Errorf("class %d: value %d is said to be the best, but that is %d", i, r.Value, best)
			}
			if r.Bound < best {
				t.Errorf("class %d: no choice is said to pass %d, but one has %d", i, r.Bound, best)
			}
			value := int64(0)
			for _, run := range c.Run {
				if run.Class == i {
					before[run.Job] = true
					value += max(1, d.Jobs[run.Job].Value)
				}
			}
			if value != r.Value {
				t.Errorf("class %d: the value is %d, the jobs that run have %d", i, r.Value, value)
			}
		}
	})
}

// TestHeuristicsAlone looks at what the orders and the exchange reach where no search comes after them, as in large classes: the best, or
// nearly, most of the time. It is no promise for any one problem; what is promised there is the bound.
func TestHeuristicsAlone(t *testing.T) {
	within := 0
	const problems = 300
	for seed := range uint64(problems) {
		d := tightProblem(rand.New(rand.NewPCG(seed, 7)))
		s := newState(&d.Problem)
		s.work, s.relief = mostSteps, reliefSteps
		jobs := d.classes()[0].jobs
		first := s.greedy(jobs, byUSD)
		s.undo(0)
		_, s.shadow = s.bound(jobs, first.value)
		f := s.improve(jobs, s.greedy(jobs, byShadow))
		if best := d.best(make([]bool, len(d.Jobs)), jobs); f.value*100 >= best*95 {
			within++
		}
	}
	if t.Logf("%d of %d within 5 %%", within, problems); within*100 < problems*95 {
		t.Errorf("%d of %d problems are within 5 %% of the best", within, problems)
	}
}

// tightProblem has ten jobs that share shards, of which two limits leave room for about half.
func tightProblem(r *rand.Rand) *drawn {
	d := &drawn{Problem: Problem{Now: now, Sources: []string{"origin"}, Routes: [][]uint16{{0, 1}}}}
	var usd, bytes int64
	for s := range 24 {
		c := Charge{Route: 0, NanoUSD: cost.NanoUSD(10 + r.IntN(90)), Bytes: int64(10 + r.IntN(90))}
		d.offers = append(d.offers, []Offer{{Charges: []Charge{c}}})
		d.AddShard(d.offers[s]...)
		usd, bytes = usd+int64(c.NanoUSD), bytes+c.Bytes
	}
	d.Budgets = []Budget{{Name: "money", LeftNanoUSD: cost.NanoUSD(usd / 2), LeftBytes: -1}, {Name: "bytes", LeftNanoUSD: -1, LeftBytes: bytes * 55 / 100}}
	for j := range 10 {
		job := Job{ID: fmt.Sprint("job", j), Value: int64(10 + r.IntN(50))}
		for s := range uint32(24) {
			if r.IntN(6) == 0 {
				job.Shards = append(job.Shards, s)
			}
		}
		d.Jobs = append(d.Jobs, job)
	}
	return d
}

func TestFitsEveryBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := smallProblem(t)
		for j := range d.Jobs {
			d.Jobs[j].Part = rapid.Bool().Draw(t, "part")
		}
		c, err := Choose(&d.Problem)
		if err != nil {
			t.Fatal(err)
		}
		used := make([]Use, len(d.Budgets))
		var usd cost.NanoUSD
		for s, source := range c.Source {
			if source == Later {
				continue
			}
			at := slices.IndexFunc(d.offers[s], func(o Offer) bool { return o.Source == source })
			if at < 0 {
				t.Fatalf("shard %d comes from %d, which does not offer it", s, source)
			}
			d.count(used, d.offers[s][at], 1)
			usd += d.offers[s][at].price()
		}
		if !d.within(used) {
			t.Errorf("used %v, left %+v", used, d.Budgets)
		}
		if !slices.Equal(used, c.Budgets) || usd != c.NanoUSD {
			t.Errorf("reported %v and %v, used %v and %v", c.Budgets, c.NanoUSD, used, usd)
		}
		d.checkJobs(t, c)
	})
}

// checkJobs looks at what is said of each job.
func (d *drawn) checkJobs(t *rapid.T, c *Choice) {
	moving := func(j int) (n int) {
		for _, s := range d.Jobs[j].Shards {
			if c.Source[s] != Later {
				n++
			}
		}
		return n
	}
	if len(c.Run)+len(c.Held) != len(d.Jobs) {
		t.Errorf("%d run and %d are held of %d", len(c.Run), len(c.Held), len(d.Jobs))
	}
	taken := make([]bool, len(d.Jobs))
	for _, r := range c.Run {
		taken[r.Job] = true
		if moving(r.Job) != len(d.Jobs[r.Job].Shards) || r.Shards != len(d.Jobs[r.Job].Shards) {
			t.Errorf("%s runs, with %d of %d shards", d.Jobs[r.Job].ID, moving(r.Job), len(d.Jobs[r.Job].Shards))
		}
	}
	for _, h := range c.Held {
		if h.Shards < h.Shared || moving(h.Job) < h.Shards {
			t.Errorf("%s: %d shards move, said were %d, %d of them shared", d.Jobs[h.Job].ID, moving(h.Job), h.Shards, h.Shared)
		}
		if len(h.Lacks) == 0 {
			t.Errorf("%s is held by nothing", d.Jobs[h.Job].ID)
		}
		// With what is said to lack, it runs beside the others.
		richer := *d
		richer.Budgets = slices.Clone(d.Budgets)
		for _, l := range h.Lacks {
			richer.Budgets[l.Budget].LeftNanoUSD += l.NanoUSD
			richer.Budgets[l.Budget].LeftBytes += l.Bytes
			if l.NanoUSD < 0 || l.Bytes < 0 || l.NanoUSD+cost.NanoUSD(l.Bytes) == 0 {
				t.Errorf("%s lacks %+v", d.Jobs[h.Job].ID, l)
			}
		}
		with := slices.Clone(taken)
		with[h.Job] = true
		if !richer.possible(with) {
			t.Errorf("%s does not fit with %+v more", d.Jobs[h.Job].ID, h.Lacks)
		}
	}
}

// TestOrderOfInput: what is decided does not depend on where jobs and shards stand in the input.
func TestOrderOfInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := smallProblem(t)
		first, err := Choose(&d.Problem)
		if err != nil {
			t.Fatal(err)
		}
		names := func(p *Problem, c *Choice) (list []string) {
			for _, r := range c.Run {
				list = append(list, p.Jobs[r.Job].ID)
			}
			list = append(list, "held")
			for _, h := range c.Held {
				list = append(list, p.Jobs[h.Job].ID)
			}
			return list
		}
		other := d.Problem
		other.Jobs = slices.Clone(d.Jobs)
		for i, at := range rapid.Permutation(indexes(len(d.Jobs))).Draw(t, "order") {
			other.Jobs[i] = d.Jobs[at]
			other.Jobs[i].Shards = rapid.Permutation(d.Jobs[at].Shards).Draw(t, "shards")
		}
		second, err := Choose(&other)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := names(&d.Problem, first), names(&other, second); !slices.Equal(a, b) {
			t.Errorf("%v in one order, %v in another", a, b)
		}
		if !slices.Equal(first.Source, second.Source) {
			t.Errorf("sources %v in one order, %v in another", first.Source, second.Source)
		}
	})
}

func indexes(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// TestLaterJobsChangeNothing: which jobs run of those needed sooner does not depend on what is needed later.
func TestLaterJobsChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := smallProblem(t)
		all, err := Choose(&d.Problem)
		if err != nil {
			t.Fatal(err)
		}
		first := d.classes()[0]
		sooner := d.Problem
		sooner.Jobs = nil
		for _, j := range first.jobs {
			sooner.Jobs = append(sooner.Jobs, d.Jobs[j])
		}
		alone, err := Choose(&sooner)
		if err != nil {
			t.Fatal(err)
		}
		var a, b []string
		for _, r := range all.Run {
			if r.Class == 0 {
				a = append(a, d.Jobs[r.Job].ID)
			}
		}
		for _, r := range alone.Run {
			b = append(b, sooner.Jobs[r.Job].ID)
		}
		if !slices.Equal(a, b) {
			t.Errorf("%v with later jobs, %v without", a, b)
		}
	})
}
