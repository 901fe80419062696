package schedule

import (
	"cmp"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
)

// Alternative is a destination that a job could have its shards at.
type Alternative struct {
	Name string
	// Shards that are missing there, all over one link, and what they may take of the budgets of a route at the most.
	Missing     Amount
	Link, Route uint16
	WireBytes   int64
	NanoUSD     cost.NanoUSD
}

// Option is an alternative, and what would become of the job there.
type Option struct {
	Alternative
	Job JobPlan
	// Costs are how many other jobs would no longer be on time.
	Costs int
}

// Place ranks destinations for a job that is not in the problem yet. It plans once for each, with the turns of the current plan. First come those
// where the job is on time and costs nobody else their time, then those where it is on time or has nobody waiting for it, then the others;
// within these the ones that ask for less money, then fewer bytes, then those that are ready sooner. The job's own shards are not
// looked at. Errors: [ErrProblem].
func Place(p *Problem, now *Plan, job Job, where []Alternative) ([]Option, error) {
	options := make([]Option, 0, len(where))
	for _, a := range where {
		// A copy: what is appended must not be seen by others that plan from the same problem.
		q := *p
		q.Jobs = append(slices.Clip(p.Jobs), job)
		q.link, q.route = slices.Clip(p.link), slices.Clip(p.route)
		q.missing, q.wire, q.usd = slices.Clip(p.missing), slices.Clip(p.wire), slices.Clip(p.usd)
		one := q.AddShard(Shard{Link: a.Link, Route: a.Route, MissingBytes: a.Missing.Bytes, WireBytes: a.WireBytes, NanoUSD: a.NanoUSD})
		q.Jobs[len(p.Jobs)].Shards = []Range{{one, one + 1}}
		plan, err := Make(&q, now.Turns)
		if err != nil {
			return nil, err
		}
		o := Option{Alternative: a, Job: plan.Jobs[len(p.Jobs)]}
		if o.Job.State != Ready {
			o.Job.Missing.Shards = a.Missing.Shards
		}
		for j := range p.Jobs {
			if now.Jobs[j].State == OnTime && plan.Jobs[j].State != OnTime {
				o.Costs++
			}
		}
		options = append(options, o)
	}
	slices.SortStableFunc(options, func(a, b Option) int {
		return cmp.Or(cmp.Compare(a.grade(), b.grade()), cmp.Compare(a.NanoUSD, b.NanoUSD), cmp.Compare(a.Missing.Bytes, b.Missing.Bytes),
			sooner(a.Job.ETA, b.Job.ETA), cmp.Compare(a.Name, b.Name))
	})
	return options, nil
}

func (o *Option) grade() int {
	good := o.Job.State == Ready || o.Job.State == OnTime
	switch {
	case good && o.Costs == 0:
		return 0
	case good:
		return 1
	}
	return 2
}

// sooner puts never last.
func sooner(a, b time.Time) int {
	if a.IsZero() != b.IsZero() {
		if a.IsZero() {
			return 1
		}
		return -1
	}
	return a.Compare(b)
}
