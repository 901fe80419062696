package main

import (
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// printRoutes says what a plan costs beside its bytes, and what the other ways would cost.
func printRoutes(g *globals, p *plan.Plan) error {
	e := p.Estimate
	for _, f := range e.Fixed {
		_, _ = fmt.Fprintf(g.out, "         beside the price of the bytes, %s costs %s whether or not they move\n", f.Link, f)
	}
	if e.ExpectedCreditUSD > 0 {
		_, _ = fmt.Fprintf(g.out, "credit   %s are expected back on a later bill; no budget counts on it\n", e.ExpectedCreditUSD)
	}
	printKeeping(g, p)
	if len(p.Alternatives) == 0 {
		return nil
	}
	t := newTable(g.out)
	t.row("\nPRICE", "ROUTE")
	printed := false
	for _, a := range p.Alternatives {
		if !printed && a.USD > e.USD {
			t.row(e.USD, "this one")
			printed = true
		}
		t.row(a.USD, a.What) // three lines, because they stand in no 80 columns beside each other
		t.row("", difference(a))
		t.row("", a.How)
	}
	if !printed {
		t.row(e.USD, "this one")
	}
	return t.flush()
}

// difference of an alternative to the plan, in words.
func difference(a plan.Alternative) string {
	s := "the same"
	switch {
	case a.SavesUSD > 0:
		s = fmt.Sprintf("saves %s", a.SavesUSD)
	case a.SavesUSD < 0:
		s = fmt.Sprintf("costs %s more", -a.SavesUSD)
	}
	for _, f := range a.Fixed {
		s += fmt.Sprintf(", and %s for the link", f)
	}
	if a.UnknownFixed {
		s += ", and what the link itself costs"
	}
	if !a.Verified {
		s += " (not verified)"
	}
	return s
}

func printKeeping(g *globals, p *plan.Plan) {
	k := p.Keeping
	if k == nil || k.Bytes == 0 && k.EarlyDeletionUSD == 0 || p.Route.Destination.Provider == "onprem" {
		return
	}
	class := p.Route.DestinationClass
	if class == "" {
		class = "the default class"
	}
	switch {
	case !k.Known:
		_, _ = fmt.Fprintf(g.out, "storage  %s of new replicas in %s of %s, for which the price book has no price\n", size(k.Bytes), class, p.Route.Destination.Provider)
	case k.Bytes > 0:
		kept := ""
		if k.Seconds > 0 {
			kept = fmt.Sprintf(", %s for %s", k.USD, seconds(time.Duration(k.Seconds)*time.Second))
		}
		_, _ = fmt.Fprintf(g.out, "storage  %s a month for %s of new replicas in %s%s\n", k.MonthUSD, size(k.Bytes), class, kept)
	}
	if k.MinimumSeconds > 0 {
		_, _ = fmt.Fprintf(g.out, "         %s charges for %d days at least\n", class, int64(k.MinimumSeconds/(24*60*60)))
	}
	if k.EarlyDeletionUSD > 0 {
		_, _ = fmt.Fprintf(g.out, "         what is replaced costs up to %s for the rest of that time\n", k.EarlyDeletionUSD)
	}
}

// printPacks says what of a plan may cross packed.
func printPacks(g *globals, p *plan.Plan) error {
	if p.Packs == nil {
		return nil
	}
	text := fmt.Sprintf("packs: the agent beside the source is asked for %s of missing chunks, if it is there; they cross packed where that is smaller", size(p.Packs.Bytes))
	if p.Packs.Why != "" {
		text = fmt.Sprintf("packs: nobody is asked for %s of missing chunks: %s", size(p.Packs.Bytes), p.Packs.Why)
	}
	_, err := fmt.Fprintln(g.out, text)
	return err
}
