package schedule

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
)

// The month of the simulation: each day has jobs of its own, which are asked for in its course and needed before it ends, so that a bound that
// nobody can pass, not even with foresight, can be found for each day and added up.
const (
	monthDays   = 30
	jobsPerDay  = 17 // 510 in all
	linkRate    = 100
	dayMoney    = 1200
	monthMoney  = 34000
	secondsADay = 24 * 3600
)

// monthJob is a job of the month.
type monthJob struct {
	Job
	link, asked, need int // seconds after the month began
	shards            []int64
	moved             int   // shards that are there
	part              int64 // bytes of the next one that are
	done, gone        bool
}

// month is what happens: jobs, what the links really carry, and what is left of the budgets.
type month struct {
	jobs       []*monthJob
	real       [2][]int64 // by link and hour: bytes a second
	begin      time.Time
	day, month int64 // left
	turns      []Turn
	running    map[string]bool
	// Counted.
	onTime, flips, steps int
	fault                string
}

func newMonth(seed uint64, money bool) *month {
	r := rand.New(rand.NewPCG(seed, 11))
	m := &month{begin: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), day: dayMoney, month: monthMoney, running: map[string]bool{}}
	if !money {
		m.day, m.month = -1, -1
	}
	for l := range m.real {
		for range monthDays * 24 {
			m.real[l] = append(m.real[l], linkRate*int64(85+r.IntN(31))/100)
		}
	}
	for d := range monthDays {
		for i := range jobsPerDay {
			j := &monthJob{link: i % 2, asked: d*secondsADay + r.IntN(10*3600)}
			j.need = min((d+1)*secondsADay-1, j.asked+3600*(2+r.IntN(16)))
			for range 4 + r.IntN(30) {
				j.shards = append(j.shards, int64(10_000+r.IntN(40_000)))
			}
			j.Job = Job{ID: fmt.Sprintf("d%02dj%02d", d, i), NeedBy: m.time(j.need), Asked: m.time(j.asked)}
			m.jobs = append(m.jobs, j)
		}
	}
	return m
}

func (m *month) time(second int) time.Time { return m.begin.Add(time.Duration(second) * time.Second) }

// price of a shard in nano-USD: ten for each MB or part of it on the first link, five on the second.
func (j *monthJob) price(shard int) int64 {
	return (j.shards[shard] + 999) / 1000 * int64(2-j.link) / 10
}

// problem at a second, as those who plan see it: links are thought to carry what they do on average.
func (m *month) problem(second int) (*Problem, []*monthJob) {
	p := &Problem{Now: m.time(second), Routes: [][]uint16{{0, 1}}}
	for l := range m.real {
		p.Links = append(p.Links, Link{fmt.Sprint("link", l), []Rate{{BitsPerSecond: 8 * linkRate}}})
	}
	day, all := Budget{Name: "day", LeftNanoUSD: cost.NanoUSD(m.day), LeftBytes: -1, LimitNanoUSD: dayMoney}, Budget{Name: "month", LeftNanoUSD: cost.NanoUSD(m.month), LeftBytes: -1}
	for d := range monthDays + 1 {
		if reset := m.time(d * secondsADay); reset.After(p.Now) {
			day.Resets = append(day.Resets, reset)
		}
	}
	p.Budgets = []Budget{day, all}
	var open []*monthJob
	for _, j := range m.jobs {
		if j.asked > second || j.done || j.gone {
			continue
		}
		from := uint32(p.Shards())
		for i := j.moved; i < len(j.shards); i++ {
			s := Shard{Link: uint16(j.link), MissingBytes: j.shards[i], NanoUSD: cost.NanoUSD(j.price(i))}
			if i == j.moved && j.part > 0 {
				s.MissingBytes, s.NanoUSD = s.MissingBytes-j.part, 0 // paid for when it began
			}
			p.AddShard(s)
		}
		job := j.Job
		job.Running = m.running[j.ID]
		job.Shards = []Range{{from, uint32(p.Shards())}}
		p.Jobs, open = append(p.Jobs, job), append(open, j)
	}
	return p, open
}

// carryOut what a plan says from one second to another: its work in its order, at the rates that there really are, and nothing that is to
// begin in a later window.
func (m *month) carryOut(plan *Plan, open []*monthJob, from, to int) {
	m.running = map[string]bool{}
	for l, work := range plan.Work {
		room := m.real[l][from/3600] * int64(to-from)
		at := func() int { return to - int(room/m.real[l][from/3600]) }
		for _, w := range work {
			j := open[w.Job]
			if plan.Jobs[w.Job].Start.Truncate(24 * time.Hour).After(m.time(from)) {
				continue
			}
			for j.moved < len(j.shards) && room > 0 {
				if j.part == 0 {
					price := j.price(j.moved)
					if m.day >= 0 && (price > m.day || price > m.month) {
						m.fault = fmt.Sprintf("%s begins a shard of %d with %d left of the day and %d of the month", j.ID, price, m.day, m.month)
						return
					}
					if m.day >= 0 {
						m.day, m.month = m.day-price, m.month-price
					}
				}
				n := min(room, j.shards[j.moved]-j.part)
				room, j.part = room-n, j.part+n
				if j.part == j.shards[j.moved] {
					j.moved, j.part = j.moved+1, 0
				}
			}
			if j.moved < len(j.shards) {
				m.running[j.ID] = true
				break
			}
			if !j.done && at() <= j.need {
				m.onTime++
			}
			j.done = true
		}
	}
}

// run the month: it is planned again every quarter of an hour, and when a job is asked for.
func (m *month) run(t *testing.T, each func(second int, p *Problem, plan *Plan)) {
	var steps []int
	for s := 0; s < monthDays*secondsADay; s += 900 {
		steps = append(steps, s)
	}
	for _, j := range m.jobs {
		steps = append(steps, j.asked)
	}
	slices.Sort(steps)
	steps = append(slices.Compact(steps), monthDays*secondsADay)
	for i, s := range steps[:len(steps)-1] {
		if s%secondsADay == 0 && m.day >= 0 {
			m.day = dayMoney
		}
		for _, j := range m.jobs {
			j.gone = j.gone || !j.done && j.need < s // nobody waits for what comes too late
		}
		p, open := m.problem(s)
		plan, err := Make(p, m.turns)
		if err != nil {
			t.Fatal(err)
		}
		m.steps++
		if each != nil {
			each(s, p, plan)
		}
		m.turns = plan.Turns
		if m.carryOut(plan, open, s, steps[i+1]); m.fault != "" {
			t.Fatalf("at %s: %s", m.time(s), m.fault)
		}
	}
}

// mostOnTime is a number of jobs that nobody can have on time, or more: of each day and link all sets are tried, stopped and resumed at will
// and knowing what the links will carry; then sets of both links are paired within the money of the day, and days within that of the month.
func (m *month) mostOnTime() int {
	const no = int64(1) << 60
	month := []int64{0} // by number on time so far: the least money
	for d := range monthDays {
		var cheapest [2][]int64 // by number on time on a link: the least money
		for l := range 2 {
			var jobs []*monthJob
			for _, j := range m.jobs[d*jobsPerDay : (d+1)*jobsPerDay] {
				if j.link == l {
					jobs = append(jobs, j)
				}
			}
			cheapest[l] = slices.Repeat([]int64{no}, len(jobs)+1)
			for set := range 1 << len(jobs) {
				var some []*monthJob
				usd := int64(0)
				for i, j := range jobs {
					if set>>i&1 == 1 {
						some = append(some, j)
						for s := range j.shards {
							usd += j.price(s)
						}
					}
				}
				if usd < cheapest[l][len(some)] && m.possible(some, l) {
					cheapest[l][len(some)] = usd
				}
			}
		}
		next := slices.Repeat([]int64{no}, len(month)+jobsPerDay)
		for n, before := range month {
			if before == no {
				continue
			}
			for a, x := range cheapest[0] {
				for b, y := range cheapest[1] {
					if m.day < 0 && x < no && y < no {
						next[n+a+b] = 0
					} else if x+y <= dayMoney && before+x+y <= monthMoney {
						next[n+a+b] = min(next[n+a+b], before+x+y)
					}
				}
			}
		}
		month = next
	}
	best := 0
	for n, usd := range month {
		if usd < no {
			best = n
		}
	}
	return best
}

// possible tells whether a link can carry what some jobs need from when they are asked for to when they are needed: between any two such
// moments it must carry what is asked for and needed between them. For one machine that may stop and resume that is necessary and enough.
func (m *month) possible(jobs []*monthJob, l int) bool {
	for _, first := range jobs {
		for _, last := range jobs {
			var bytes int64
			for _, j := range jobs {
				if j.asked >= first.asked && j.need <= last.need {
					for _, s := range j.shards {
						bytes += s
					}
				}
			}
			if bytes > 0 && bytes > m.carried(l, first.asked, last.need) {
				return false
			}
		}
	}
	return true
}

// carried is what a link really carries from one second to another.
func (m *month) carried(l, from, to int) (bytes int64) {
	for s := from; s < to; {
		end := min(to, (s/3600+1)*3600)
		bytes += m.real[l][s/3600] * int64(end-s)
		s = end
	}
	return bytes
}

// orderOf what both plans know.
func orderOf(turns, other []Turn) (list []string) {
	known := map[string]bool{}
	for _, t := range other {
		known[t.ID] = true
	}
	for _, t := range turns {
		if known[t.ID] {
			list = append(list, t.ID)
		}
	}
	return list
}

// TestMonth carries out a month of plans under budgets of the day and the month, with links that carry what they were thought to only on average.
// No budget is passed: carryOut fails if the plan lets something begin that there is no money for.
func TestMonth(t *testing.T) {
	m := newMonth(1, true)
	causes := 0
	m.run(t, func(_ int, p *Problem, plan *Plan) {
		if slices.Equal(orderOf(m.turns, plan.Turns), orderOf(plan.Turns, m.turns)) {
			return
		}
		// Turns changed. There is a cause if what is running came first, or if more are on time than with the turns as they were and the new
		// jobs put in.
		d := &decider{timeline: newTimeline(newModel(p))}
		now := d.order(plan.Turns)
		for part, old := range d.order(m.turns) {
			known := slices.DeleteFunc(slices.Clone(now[part]), func(j uint32) bool { return !slices.Contains(old, j) })
			if slices.Equal(known, old) {
				continue
			}
			running := slices.DeleteFunc(slices.Clone(old), func(j uint32) bool { return !p.Jobs[j].Running })
			onTime := slices.DeleteFunc(slices.Clone(now[part]), func(j uint32) bool { return plan.Jobs[j].State != OnTime })
			if slices.Equal(append(running, without(old, running)...), known) || d.onTime(now[part]).better(d.onTime(d.putIn(d.parts[part], onTime, old))) {
				causes++
			} else {
				m.flips++
			}
		}
	})
	most := m.mostOnTime()
	t.Logf("%d of %d jobs on time, at most %d could be; %d plans, turns changed %d times for a cause, %d without", m.onTime, len(m.jobs), most, m.steps, causes, m.flips)
	if m.onTime*100 < most*95 {
		t.Errorf("%d jobs are on time; with foresight it could be %d", m.onTime, most)
	}
	if most > len(m.jobs)*97/100 || m.flips > 0 || causes == 0 {
		t.Errorf("at most %d of %d could be on time, turns changed %d times without a cause and %d times for one", most, len(m.jobs), m.flips, causes)
	}
}

// TestMonthWithoutBudgets: where links are all that is scarce, each of the plans is known to be the best for what is known when it is made.
func TestMonthWithoutBudgets(t *testing.T) {
	m := newMonth(2, false)
	m.run(t, func(second int, _ *Problem, plan *Plan) {
		if !plan.Exact {
			t.Fatalf("the plan at second %d is not known to be the best", second)
		}
	})
	if most := m.mostOnTime(); m.onTime*100 < most*95 {
		t.Errorf("%d jobs are on time; with foresight it could be %d", m.onTime, most)
	} else {
		t.Logf("%d of %d jobs on time, at most %d could be", m.onTime, len(m.jobs), most)
	}
}
