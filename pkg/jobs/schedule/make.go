package schedule

import (
	"slices"
	"time"
)

// Turn is a job's place in the order in which jobs get theirs, and what that order was made from. The turns of one plan, given to the next,
// keep it from moving what nothing speaks against.
type Turn struct {
	ID       string    `json:"id"`
	NeedBy   time.Time `json:"need_by"`
	Priority int       `json:"priority"`
}

// Make plans. before are the turns of the plan before this one; nil: there was none. Errors: [ErrProblem].
func Make(p *Problem, before []Turn) (*Plan, error) {
	e := effort{betterSteps, searchSteps}
	if len(before) > 0 {
		e = effort{againSteps, againSearch}
	}
	return makePlan(p, before, e)
}

// effort is how many steps may be taken in looking for something better, in all, and in the search of a part.
type effort struct{ better, search int }

func makePlan(p *Problem, before []Turn, e effort) (*Plan, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	m := newModel(p)
	d := &decider{timeline: newTimeline(m), steps: e.better, searchSteps: e.search}
	old := m.order(before)
	plan := &Plan{Now: p.Now, Exact: true}
	order := make([]uint32, 0, len(p.Jobs))
	for i, part := range m.parts {
		best := d.decide(part, old[i])
		plan.Exact = plan.Exact && best.exact
		order = append(order, d.settle(part, best, old[i])...)
	}
	plan.report(d.timeline, order)
	plan.Turns = make([]Turn, 0, len(order))
	for _, j := range order {
		plan.Turns = append(plan.Turns, Turn{p.Jobs[j].ID, p.Jobs[j].NeedBy, p.Jobs[j].Priority})
	}
	return plan, nil
}

// order finds the jobs of earlier turns again, by part. Those that are gone or changed are left out.
func (m *model) order(before []Turn) [][]uint32 {
	old := make([][]uint32, len(m.parts))
	if len(before) == 0 {
		return old
	}
	ids := make(map[string]uint32, len(m.Jobs))
	for j := range m.Jobs {
		ids[m.Jobs[j].ID] = uint32(j)
	}
	for _, t := range before {
		j, ok := ids[t.ID]
		if !ok || m.part[j] < 0 || !m.Jobs[j].NeedBy.Equal(t.NeedBy) || m.Jobs[j].Priority != t.Priority {
			continue
		}
		delete(ids, t.ID) // of one that is named twice the first turn counts
		old[m.part[j]] = append(old[m.part[j]], j)
	}
	return old
}

// settle is the order for a part: the earlier one with what is new put in, unless the best has more on time. What is running goes first where
// that costs nobody their time.
func (d *decider) settle(part []uint32, best decision, old []uint32) []uint32 {
	order := append(slices.Clone(best.kept), without(part, best.kept)...)
	most := d.onTime(order)
	if len(old) > 0 {
		if best.stay == nil {
			best.stay = d.stay(part, old).kept
		}
		for _, kept := range [][]uint32{best.stay, best.kept, part} {
			if in := d.putIn(part, kept, old); !most.better(d.onTime(in)) {
				order = in
				break
			}
		}
	}
	running := slices.DeleteFunc(slices.Clone(order), func(j uint32) bool { return !d.Jobs[j].Running })
	if len(running) > 0 {
		if first := append(running, without(order, running)...); !slices.Equal(first, order) && !most.better(d.onTime(first)) {
			order = first
		}
	}
	return order
}

// putIn puts the jobs of a part that have no turn yet into the old order: those to be on time by need-by, the others by need-by among those
// that are late too.
func (d *decider) putIn(part, kept, old []uint32) []uint32 {
	fresh := without(part, old)
	if len(fresh) == 0 {
		return old
	}
	in := membership(kept)
	// Merged rather than inserted one by one: fresh is in the order of need-by. tail is where what is on time ends.
	tail := len(old)
	for tail > 0 && !in(old[tail-1]) {
		tail--
	}
	var order []uint32
	for _, late := range []bool{false, true} {
		list := old[:tail]
		if late {
			list = old[tail:]
		}
		some := slices.DeleteFunc(slices.Clone(fresh), func(j uint32) bool { return in(j) == late })
		for _, k := range list {
			for len(some) > 0 && d.sooner(some[0], k) < 0 {
				order, some = append(order, some[0]), some[1:]
			}
			order = append(order, k)
		}
		order = append(order, some...)
	}
	return order
}

// onTime counts the jobs that are on time in an order.
func (d *decider) onTime(order []uint32) score {
	d.reset()
	s := make(score, d.ranks)
	for _, j := range order {
		if o := d.place(j, never); d.need[j] != never && o.eta <= d.need[j] {
			s[d.rank[j]]++
		}
	}
	return s
}
