package metrics

import (
	"cmp"
	"context"
	"slices"

	"github.com/datagravity/datagravity/pkg/dispatch"
)

// mostJobs are shown one by one, and mostPlaces are those of one of them.
const (
	mostJobs   = 50
	mostPlaces = 10
)

var states = []dispatch.State{dispatch.Ready, dispatch.OnTime, dispatch.Late, dispatch.Unresolved, dispatch.Held, dispatch.Blocked}

// jobSummary is what is shown of all jobs.
type jobSummary struct {
	counts map[dispatch.State]int
	// waiting are not ready, the one with the least time left first.
	waiting []dispatch.Status
	left    int // out of waiting
}

func (c *collector) readJobs(ctx context.Context) (any, error) {
	list, err := c.o.Reader.Jobs.List(ctx)
	if err != nil {
		return nil, err
	}
	return summarize(list), nil
}

// summarize counts jobs, and chooses those that are shown.
func summarize(list []dispatch.Status) jobSummary {
	s := jobSummary{counts: map[dispatch.State]int{}}
	for _, st := range list {
		s.counts[st.State]++
		if st.State != dispatch.Ready {
			s.waiting = append(s.waiting, st)
		}
	}
	slices.SortStableFunc(s.waiting, byMargin)
	if len(s.waiting) > mostJobs {
		s.left = len(s.waiting) - mostJobs
		s.waiting = slices.Clone(s.waiting[:mostJobs]) // the others are let go
	}
	return s
}

// byMargin orders jobs by the time that they have left; those of which nobody knows it come last, and of those the held and the blocked first.
func byMargin(a, b dispatch.Status) int {
	switch {
	case a.MarginSeconds != nil && b.MarginSeconds != nil:
		return cmp.Compare(*a.MarginSeconds, *b.MarginSeconds)
	case a.MarginSeconds != nil:
		return -1
	case b.MarginSeconds != nil:
		return 1
	}
	return cmp.Compare(slices.Index(states, b.State), slices.Index(states, a.State))
}

func (c *scrape) jobs(s jobSummary) {
	for _, state := range states {
		c.send(jobsByState, float64(s.counts[state]), string(state))
	}
	for _, st := range s.waiting {
		if st.MarginSeconds != nil {
			c.send(jobMargin, float64(*st.MarginSeconds), st.ID, st.Dataset, string(st.State))
		}
		c.sendTime(jobETA, st.ETA, st.ID, st.Dataset)
		c.sendTime(jobNeedBy, st.NeedBy, st.ID, st.Dataset)
		for _, p := range st.Places[:min(len(st.Places), mostPlaces)] {
			c.send(jobMissing, float64(p.MissingShards), st.ID, st.Dataset, p.Destination)
			c.send(jobMissingB, float64(p.MissingBytes), st.ID, st.Dataset, p.Destination)
		}
	}
	c.send(leftOut, float64(s.left), "jobs")
}
