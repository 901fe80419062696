package choose

import (
	"fmt"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
)

// Why says in words why a job runs now: how soon it is needed, and what of it does not come from its cheapest source.
func (c *Choice) Why(p *Problem, r Run) string {
	cl := c.Classes[r.Class]
	var s strings.Builder
	s.WriteString(cl.needed(p.Now))
	switch {
	case r.Shards == r.Shared && r.Shards > 0:
		s.WriteString("; all that it needs is brought for others")
	case r.Shared > 0:
		fmt.Fprintf(&s, "; %d of its %d shards are brought for others", r.Shared, r.Shards)
	}
	if r.Detours > 0 {
		fmt.Fprintf(&s, "; %d shards are not read where that is cheapest, because a budget does not cover it there: %s more", r.Detours, r.Extra)
	}
	return s.String()
}

// Why says in words what holds a job, and what would have to change for it to run.
func (h Hold) Why(p *Problem, c *Choice) string {
	var s strings.Builder
	s.WriteString("held by ")
	for i, l := range h.Lacks {
		if i > 0 {
			s.WriteString(" and ")
		}
		l.write(&s, p.Budgets[l.Budget])
	}
	if len(h.Lacks) == 0 {
		s.WriteString("what runs before it")
	}
	fmt.Fprintf(&s, "; %s", c.Classes[h.Class].needed(p.Now))
	if n := c.runLater(h.Class); n > 0 {
		fmt.Fprintf(&s, "; %d needed less soon run, since without them it would not fit either", n)
	}
	total := len(p.Jobs[h.Job].Shards)
	switch {
	case h.Shards > h.Shared:
		fmt.Fprintf(&s, "; a part runs: %d of %d shards", h.Shards, total)
	case h.Shards > 0:
		fmt.Fprintf(&s, "; %d of its %d shards are brought for others", h.Shards, total)
	}
	if !p.Jobs[h.Job].Part {
		for _, l := range h.Lacks {
			if l.passesLimit(p.Budgets[l.Budget]) {
				s.WriteString("; it will not fit the next window either: raise that budget, or let a part of it run")
				break
			}
		}
	}
	return s.String()
}

// runLater counts the jobs that run and are needed less soon.
func (c *Choice) runLater(class int) (n int) {
	for _, r := range c.Run {
		if r.Class > class && r.Shards > r.Shared {
			n++
		}
	}
	return n
}

// passesLimit tells that the job adds more than the budget allows in a whole window.
func (l Lack) passesLimit(b Budget) bool {
	return b.LimitNanoUSD > 0 && l.Needs.NanoUSD > b.LimitNanoUSD || b.LimitBytes > 0 && l.Needs.Bytes > b.LimitBytes
}

func (l Lack) write(s *strings.Builder, b Budget) {
	fmt.Fprintf(s, "budget %q", b.Name)
	if l.NanoUSD > 0 {
		fmt.Fprintf(s, " needing %s more (it adds %s, and what runs leaves %s)", l.NanoUSD, l.Needs.NanoUSD, l.Left.NanoUSD)
	}
	if l.Bytes > 0 {
		and := ""
		if l.NanoUSD > 0 {
			and = ", and"
		}
		fmt.Fprintf(s, "%s needing %d bytes more (it adds %d, and what runs leaves %d)", and, l.Bytes, l.Needs.Bytes, l.Left.Bytes)
	}
}

// needed says how soon.
func (c ClassResult) needed(now time.Time) string {
	when := "nobody said by when it is needed"
	if !c.Day.IsZero() {
		switch days := int(c.Day.Sub(now.UTC().Truncate(day)) / day); days {
		case 0:
			when = "must begin today"
		case 1:
			when = "must begin by tomorrow"
		default:
			when = fmt.Sprintf("must begin within %d days", days)
		}
	}
	if c.Priority != 0 {
		when += fmt.Sprintf(", priority %d", c.Priority)
	}
	return when
}

// Missing is the largest amount of money that a budget lacks for the job, 0 if only bytes hold it.
func (h Hold) Missing() (most cost.NanoUSD) {
	for _, l := range h.Lacks {
		most = max(most, l.NanoUSD)
	}
	return most
}
