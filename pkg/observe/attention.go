package observe

import (
	"fmt"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
)

// Attention is something that needs somebody: it does not come right by itself, or not in time.
type Attention struct {
	// Kind is one of unhealthy, nobody-works, late, held, blocked, budget-unknown, budget-spent, unsound, paused.
	Kind string
	// About is the name of the job, the budget, the destination or the link; "" of the process.
	About string
	// Text is what is so, and Do what can be done about it.
	Text string
	Do   string
}

// daemonCommand is the one that works on jobs for as long as it runs.
const daemonCommand = "daemon"

// Attention is what needs somebody, the gravest kind first. None: all is well.
func (o Overview) Attention() (list []Attention) {
	add := func(kind, about, text, do string) { list = append(list, Attention{kind, about, text, do}) }
	if !o.Health.OK {
		add("unhealthy", "", o.Health.Why, "look at the problems and at the process's log; where nothing has moved for long, restart it: it goes on from what is recorded")
	}
	waiting := 0
	for _, j := range o.Jobs {
		if j.State != dispatch.Ready {
			waiting++
		}
	}
	if waiting > 0 && o.Agent.Command != daemonCommand {
		add("nobody-works", "", fmt.Sprintf("jobs that are not ready: %d, and no daemon runs that brings them their shards", waiting),
			"start datagravity daemon, or once: datagravity sync --all")
	}
	for _, state := range []dispatch.State{dispatch.Blocked, dispatch.Held, dispatch.Late} {
		for _, j := range o.Jobs {
			if j.State == state {
				add(string(state), j.ID, jobText(j), jobDo(j))
			}
		}
	}
	for _, b := range o.Budgets {
		switch {
		case b.Doubt != "":
			add("budget-unknown", b.Name, "nobody knows what was spent ("+b.Doubt+"), so that all of its window counts as spent",
				"look at the bill, then: datagravity budget reset --reason TEXT")
		case b.Spent():
			add("budget-spent", b.Name, "nothing is left of it in "+b.Window, "datagravity budget approve --budget "+quoted(b.Name)+" --extra USD --reason TEXT --expires 24h lets more be spent, once")
		}
	}
	for _, h := range o.Holdings.List {
		if h.Unsound > 0 {
			add("unsound", h.Dataset+" -> "+h.Destination, fmt.Sprintf("objects that are not what was put there: %d, changed by somebody else or damaged", h.Unsound),
				fmt.Sprintf("datagravity repair %s --to %s", quoted(h.Dataset), quoted(h.Destination)))
		}
	}
	for _, p := range o.Pauses {
		add("paused", p.Link, "paused since "+p.Since.UTC().Format(time.RFC3339), "datagravity resume --link "+quoted(p.Link)+" lets it go on")
	}
	return list
}

// Spent tells that nothing is left of one of its limits.
func (b Budget) Spent() bool {
	return b.LeftUSD != nil && *b.LeftUSD <= 0 || b.LeftBytes != nil && *b.LeftBytes <= 0
}

// jobText says why a job is not well.
func jobText(j dispatch.Status) string {
	if j.Why != "" {
		return j.Why
	}
	return "it is " + string(j.State)
}

// jobDo says what can be done about a job that is not well.
func jobDo(j dispatch.Status) string {
	switch j.State {
	case dispatch.Held:
		for _, p := range j.Places {
			if p.Budget == "" {
				continue
			}
			extra := ""
			if p.NeedsUSD > 0 {
				extra += " --extra " + wholeCents(p.NeedsUSD)
			}
			if p.NeedsBytes > 0 {
				extra += fmt.Sprintf(" --extra-bytes %dMiB", (p.NeedsBytes+1<<20-1)>>20)
			}
			return fmt.Sprintf("datagravity budget approve --job %s%s --reason TEXT --expires 24h, or wait for the next window of budget %s", quoted(j.ID), extra, p.Budget)
		}
		return "datagravity budget list tells what is left; budget approve lets more be spent, once"
	case dispatch.Late:
		return fmt.Sprintf("give it a higher priority (datagravity jobs add), more bandwidth, or another destination: datagravity place %s ranks them", quoted(j.ID))
	case dispatch.Blocked, dispatch.Unresolved, dispatch.OnTime, dispatch.Ready:
	}
	return fmt.Sprintf("datagravity jobs show %s --shards tells which shards; change the job, or take it back: jobs remove", quoted(j.ID))
}

// quoted is a name as a shell takes it: a job may be called anything.
func quoted(name string) string {
	plain := name != "" && name[0] != '-'
	for _, r := range name {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@", r) {
			plain = false
		}
	}
	if plain {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// wholeCents is a positive amount of US dollars as the command line takes it, rounded up to cents.
func wholeCents(n cost.NanoUSD) string {
	const cent = 10_000_000
	cents := (int64(n)-1)/cent + 1
	return fmt.Sprintf("%d.%02d", cents/100, cents%100)
}
