package choose

import (
	"cmp"
	"slices"
	"time"
)

// class is a set of jobs that are needed equally soon.
type class struct {
	jobs []uint32 // in the order of their ids
	// day by which moving must begin, zero for never, and the priority.
	day      time.Time
	priority int
}

// classes sorts the jobs into classes, the first to be served first.
func (p *Problem) classes() []class {
	order := make([]uint32, len(p.Jobs))
	for j := range order {
		order[j] = uint32(j)
	}
	slices.SortFunc(order, func(a, b uint32) int {
		return cmp.Or(compareDays(p.day(a), p.day(b)), -cmp.Compare(p.Jobs[a].Priority, p.Jobs[b].Priority), cmp.Compare(p.Jobs[a].ID, p.Jobs[b].ID))
	})
	var list []class
	for _, j := range order {
		day, priority := p.day(j), p.Jobs[j].Priority
		if n := len(list); n == 0 || !list[n-1].day.Equal(day) || list[n-1].priority != priority {
			list = append(list, class{day: day, priority: priority})
		}
		last := &list[len(list)-1]
		last.jobs = append(last.jobs, j)
	}
	return list
}

const day = 24 * time.Hour

// day by which moving a job's shards must begin, today if that is over. Zero: nobody said.
func (p *Problem) day(job uint32) time.Time {
	at := p.Jobs[job].StartBy
	if at.IsZero() {
		return at
	}
	if at.Before(p.Now) {
		at = p.Now
	}
	return at.UTC().Truncate(day)
}

// compareDays puts never last.
func compareDays(a, b time.Time) int {
	if a.IsZero() != b.IsZero() {
		if a.IsZero() {
			return 1
		}
		return -1
	}
	return a.Compare(b)
}
