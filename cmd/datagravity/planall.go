package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/operate"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/choose"
)

// plansJSON is what plan prints with --json for several destinations or needs.
type plansJSON struct {
	Plans  []operate.Plan `json:"plans"`
	Choice choiceJSON     `json:"choice"`
}

// choiceJSON says which needs run now, and what holds the others.
type choiceJSON struct {
	Runs    []chosenJSON       `json:"runs"`
	Held    []chosenJSON       `json:"held"`
	Failed  []failedJSON       `json:"failed"`
	Budgets []budgetChoiceJSON `json:"budgets"`
	USD     cost.NanoUSD       `json:"usd"`
	Bytes   int64              `json:"wire_bytes"`
	// unresolved jobs have no needs yet.
	unresolved int
}

// chosenJSON is a need, and what of it runs now.
type chosenJSON struct {
	Dataset      string          `json:"dataset"`
	Destination  string          `json:"destination"`
	Globs        []string        `json:"shards"`
	NeedBy       manifest.Millis `json:"need_by"`
	Priority     int             `json:"priority"`
	Value        int64           `json:"value"`
	ShardCount   int             `json:"shard_count"`
	RunCount     int             `json:"run_count"`
	SharedCount  int             `json:"shared_count"`
	USD          cost.NanoUSD    `json:"usd"`
	Bytes        int64           `json:"wire_bytes"`
	DetourCount  int             `json:"detour_count"`
	DetourUSD    cost.NanoUSD    `json:"detour_usd"`
	Lacks        []lackJSON      `json:"lacks,omitempty"`
	Why          string          `json:"why"`
	name, counts string
}

type lackJSON struct {
	Budget     string       `json:"budget"`
	USD        cost.NanoUSD `json:"usd"`
	Bytes      int64        `json:"bytes"`
	NeedsUSD   cost.NanoUSD `json:"needs_usd"`
	NeedsBytes int64        `json:"needs_bytes"`
}

type failedJSON struct {
	Dataset     string `json:"dataset,omitempty"`
	Destination string `json:"destination,omitempty"`
	Error       string `json:"error"`
}

type budgetChoiceJSON struct {
	Name  string        `json:"name"`
	USD   cost.NanoUSD  `json:"usd"`
	Left  *cost.NanoUSD `json:"left_usd"`
	Bytes int64         `json:"bytes"`
	// LeftBytes is null without a limit.
	LeftBytes *int64 `json:"left_bytes"`
}

// add counts what else runs now under a budget.
func (b *budgetChoiceJSON) add(usd cost.NanoUSD, bytes int64) {
	b.USD, b.Bytes = cost.AddNanoUSD(b.USD, usd), b.Bytes+bytes
	if b.Left != nil {
		left := max(0, *b.Left-usd)
		b.Left = &left
	}
	if b.LeftBytes != nil {
		left := max(0, *b.LeftBytes-bytes)
		b.LeftBytes = &left
	}
}

// runPlans plans for several destinations, or every open need, and says what runs now under all budgets together.
func runPlans(ctx context.Context, g *globals, args []string, sel selectionFlags, o planFlags) (err error) {
	a, err := g.beginPlan(o)
	if err != nil {
		return err
	}
	defer closing(a, &err)
	var list []dgsync.Request
	var gone []error
	unresolved := 0
	if o.all {
		list, gone, unresolved, err = a.openRequests(ctx)
	} else {
		var names []string
		if names, err = sel.destinations(); err == nil {
			list, err = a.requests(ctx, args[0], names, sel, o.charge)
		}
	}
	if err != nil {
		return err
	}
	for i := range list {
		list[i].Check, list[i].Adopt = o.check, o.adopt
	}
	c, err := a.sync.Choose(ctx, list)
	if err != nil {
		return ended(ctx, err)
	}
	failed := errors.Join(append(append([]error{c.Held()}, gone...), named(c)...)...)
	if g.json {
		out := plansJSON{Plans: []operate.Plan{}, Choice: choiceDocument(c, gone)}
		for _, p := range c.Plans {
			if p != nil { // one that cannot be read, or has no room, is no plan
				out.Plans = append(out.Plans, operate.PlanOf(p, a.told(p.Fits(a.ledger)), nil, o.list))
			}
		}
		return saying(g.printJSON(out), failed)
	}
	if !o.all {
		for _, p := range c.Plans {
			if p == nil {
				continue
			}
			_, _ = fmt.Fprintf(g.out, "to %s\n", p.Destination.Name)
			if err := errors.Join(printPlan(g, p, o), printRoom(g, p, o.list)); err != nil {
				return err
			}
			_, _ = fmt.Fprintln(g.out)
		}
	}
	choice := choiceDocument(c, gone)
	choice.unresolved = unresolved
	return errors.Join(printChoice(g, choice), failed)
}

// named are the errors of what could not be planned, each with its need.
func named(c *dgsync.Chosen) (list []error) {
	for i, err := range c.Errs {
		if err != nil {
			q := c.Requests[i]
			list = append(list, fmt.Errorf("%s: %w", requestName(q), err))
		}
	}
	return list
}

func choiceDocument(c *dgsync.Chosen, gone []error) choiceJSON {
	out := choiceJSON{Runs: []chosenJSON{}, Held: []chosenJSON{}, Failed: []failedJSON{}, Budgets: []budgetChoiceJSON{}, USD: c.Choice.NanoUSD, Bytes: c.Choice.Bytes}
	describe := func(job int, part choose.Part, why string) chosenJSON {
		q := c.Requests[c.Jobs[job]]
		total := len(c.Problem.Jobs[job].Shards)
		d := chosenJSON{
			Dataset: q.Source.Name, Destination: q.Destination.Name, Globs: append([]string{}, q.Selection.Globs...), NeedBy: manifest.At(q.Wish.NeedBy),
			Priority: q.Wish.Priority, Value: max(1, q.Wish.Value), ShardCount: total, RunCount: part.Shards, SharedCount: part.Shared, USD: part.NanoUSD,
			Bytes: part.Bytes, DetourCount: part.Detours, DetourUSD: part.Extra, Why: why,
			name: requestName(q), counts: fmt.Sprintf("%d of %d", part.Shards, total),
		}
		if total == 0 {
			d.counts, d.Why = "-", "all of it is there"
		}
		return d
	}
	for _, r := range c.Choice.Run {
		out.Runs = append(out.Runs, describe(r.Job, r.Part, c.Choice.Why(c.Problem, r)))
	}
	for _, h := range c.Choice.Held {
		d := describe(h.Job, h.Part, h.Why(c.Problem, c.Choice))
		for _, l := range h.Lacks {
			d.Lacks = append(d.Lacks, lackJSON{c.Problem.Budgets[l.Budget].Name, l.NanoUSD, l.Bytes, l.Needs.NanoUSD, l.Needs.Bytes})
		}
		out.Held = append(out.Held, d)
	}
	for i, err := range c.Errs {
		if err != nil {
			out.Failed = append(out.Failed, failedJSON{c.Requests[i].Source.Name, c.Requests[i].Destination.Name, err.Error()})
		}
	}
	for _, err := range gone {
		out.Failed = append(out.Failed, failedOf(err))
	}
	rows := map[string]int{}
	for i, b := range c.Problem.Budgets {
		u := c.Choice.Budgets[i]
		if at, known := rows[b.Name]; known { // with what is approved for a job alone: one budget for who looks
			out.Budgets[at].add(u.NanoUSD, u.Bytes)
			continue
		}
		rows[b.Name] = len(out.Budgets)
		row := budgetChoiceJSON{Name: b.Name, USD: u.NanoUSD, Bytes: u.Bytes}
		if b.LeftNanoUSD >= 0 {
			left := b.LeftNanoUSD - u.NanoUSD
			row.Left = &left
		}
		if b.LeftBytes >= 0 {
			left := b.LeftBytes - u.Bytes
			row.LeftBytes = &left
		}
		out.Budgets = append(out.Budgets, row)
	}
	return out
}

// printChoice says what runs now and in which order, and what holds the others.
func printChoice(g *globals, c choiceJSON) error {
	if len(c.Runs)+len(c.Held)+len(c.Failed) == 0 {
		if c.unresolved == 0 {
			_, err := fmt.Fprintln(g.out, nothingOpen)
			return err
		}
		_, err := fmt.Fprint(g.out, notLookedAt(c.unresolved))
		return err
	}
	t := newTable(g.out)
	t.row("", "NEED", "SHARDS", "ON THE WIRE", "AT MOST", "")
	for i, r := range c.Runs {
		t.row(i+1, r.name, r.counts, size(r.Bytes), r.USD, r.Why)
	}
	for _, h := range c.Held {
		t.row("held", h.name, h.counts, size(h.Bytes), h.USD, h.Why)
	}
	for _, f := range c.Failed {
		t.row("failed", needName(f.Dataset, f.Destination, nil, ""), "", "", "", f.Error)
	}
	if err := t.flush(); err != nil {
		return err
	}
	_, _ = fmt.Fprint(g.out, notLookedAt(c.unresolved))
	if len(c.Budgets) == 0 {
		return nil
	}
	_, _ = fmt.Fprintln(g.out)
	t = newTable(g.out)
	t.row("BUDGET", "RUNS NOW", "", "LEFT AFTER THAT")
	for _, b := range c.Budgets {
		left := ""
		if b.Left != nil {
			left = b.Left.String()
		}
		if b.LeftBytes != nil {
			if left != "" {
				left += ", "
			}
			left += size(*b.LeftBytes)
		}
		t.row(b.Name, b.USD, size(b.Bytes), left)
	}
	return t.flush()
}
