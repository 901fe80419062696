package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
)

// span is a duration for people: 40m, 2h10m, 45s.
func span(d time.Duration) string {
	if d >= time.Minute {
		d = d.Round(time.Minute)
	}
	s := d.Round(time.Second).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// clock is a time for people; "-" where nobody knows it.
func clock(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// jobWords say how a job stands, in a few words.
func jobWords(s dispatch.Status) string {
	there := ""
	if s.ETA != nil {
		there = ": there " + clock(s.ETA)
	}
	margin := time.Duration(0)
	if s.MarginSeconds != nil {
		margin = time.Duration(*s.MarginSeconds) * time.Second
	}
	switch s.State {
	case dispatch.Ready:
		return "ready"
	case dispatch.OnTime:
		if s.MarginSeconds == nil {
			return "on the way" + there
		}
		return "on time" + there + ", " + span(margin) + " before it is needed"
	case dispatch.Late:
		if s.MarginSeconds == nil {
			return "late" + there
		}
		return "late by " + span(-margin) + there
	case dispatch.Unresolved:
		return "not looked at yet"
	case dispatch.Held:
		for _, p := range s.Places {
			if p.State == dispatch.Held {
				return heldWords(p)
			}
		}
		return "held by a budget"
	case dispatch.Blocked:
		return "cannot be had as it is"
	}
	return string(s.State)
}

// stateAndReason says how a job stands and why. A reason that begins with the state itself stands alone, and so does that of a job that was not
// looked at.
func stateAndReason(state dispatch.State, eta *time.Time, why string) string {
	words := jobWords(dispatch.Status{State: state, ETA: eta})
	first, _, _ := strings.Cut(words, " ")
	switch {
	case why == "":
		return words
	case words == "" || state == dispatch.Unresolved || strings.HasPrefix(why, first):
		return why
	}
	return words + ": " + why
}

// heldWords name the budget, and what it would have to have.
func heldWords(p dispatch.Place) string {
	var needs []string
	if p.NeedsUSD > 0 {
		needs = append(needs, p.NeedsUSD.String())
	}
	if p.NeedsBytes > 0 {
		needs = append(needs, size(p.NeedsBytes))
	}
	words := "held by a budget"
	if p.Budget != "" {
		words = fmt.Sprintf("held by budget %q", p.Budget)
	}
	if len(needs) > 0 {
		words += " needing " + strings.Join(needs, " and ") + " more"
	}
	return words
}

// jobName is what a job is about: dataset, destinations, selection.
func jobName(s dispatch.Status) string {
	name := s.Dataset
	if s.Snapshot != "" {
		name += "@" + shortDigest(s.Snapshot)
	}
	var to []string
	for _, p := range s.Places {
		to = append(to, p.Destination)
	}
	name += " -> " + list(to)
	if len(s.Selection) > 0 {
		name += " (" + shortTerms(s.Selection) + ")"
	}
	return name
}

// shortDigest is enough of a digest to name it by.
func shortDigest(text string) string {
	hex := strings.TrimPrefix(text, "blake3:")
	return hex[:min(12, len(hex))]
}

// shortTerms are a selection for one line: a list of paths can be megabytes.
func shortTerms(terms []string) string {
	const most = 60
	text := strings.Join(terms, " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// documented has lists in a document be [] and never null.
func documented(list []dispatch.Status) []dispatch.Status {
	out := make([]dispatch.Status, len(list))
	for i, s := range list {
		if s.Selection == nil {
			s.Selection = []string{}
		}
		if s.Places == nil {
			s.Places = []dispatch.Place{}
		}
		out[i] = s
	}
	return out
}

func (g *globals) printJobs(list []dispatch.Status) error {
	if g.json {
		return g.printJSON(documented(list))
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(g.out, "no jobs: datagravity jobs add, jobs apply or stage declare them")
		return err
	}
	t := newTable(g.out)
	t.row("JOB", "WHAT", "NEED BY", "PRIORITY", "SHARDS", "BYTES", "STATE")
	for _, s := range list {
		t.row(s.ID, jobName(s), clock(s.NeedBy), s.Priority, s.ShardCount, size(s.Bytes), jobWords(s))
	}
	return t.flush()
}

// printRegistered is a line for each job that was taken in.
func (g *globals) printRegistered(list []dispatch.Status) error {
	if g.json {
		return g.printJSON(documented(list))
	}
	for _, s := range list {
		if _, err := fmt.Fprintf(g.out, "job %s: %s: %s\n", s.ID, jobName(s), jobWords(s)); err != nil {
			return err
		}
	}
	return nil
}

func (g *globals) printJob(d dispatch.Detail, shards bool) error {
	slices.SortStableFunc(d.Shards, func(a, b dispatch.ShardStatus) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Destination, b.Destination))
	})
	d.Status = documented([]dispatch.Status{d.Status})[0]
	if g.json {
		return g.printJSON(d)
	}
	_, _ = fmt.Fprintf(g.out, "job %s: %s\n", d.ID, jobWords(d.Status))
	if d.Why != "" {
		_, _ = fmt.Fprintln(g.out, d.Why)
	}
	_, _ = fmt.Fprintf(g.out, "\nwhat      %s\n", jobName(d.Status))
	_, _ = fmt.Fprintf(g.out, "selected  %d shards, %s\n", d.ShardCount, size(d.Bytes))
	_, _ = fmt.Fprintf(g.out, "need by   %s, priority %d\n", clock(d.NeedBy), d.Priority)
	if d.Team != "" {
		_, _ = fmt.Fprintf(g.out, "team      %s\n", d.Team)
	}
	if d.Origin != "" {
		_, _ = fmt.Fprintf(g.out, "declared  by %s\n", d.Origin)
	}
	for _, n := range d.Notes {
		_, _ = fmt.Fprintf(g.out, "note      %s\n", n)
	}
	_, _ = fmt.Fprintln(g.out)
	t := newTable(g.out)
	t.row("DESTINATION", "STATE", "MISSING", "BYTES", "ETA", "AT MOST", "")
	for _, p := range d.Places {
		why, usd := p.Why, "-"
		if p.State == dispatch.Held && why == "" {
			why = heldWords(p)
		}
		if p.USD != cost.NanoUSD(0) {
			usd = p.USD.String()
		}
		t.row(p.Destination, strings.ReplaceAll(string(p.State), "_", " "), p.MissingShards, size(p.MissingBytes), clock(p.ETA), usd, why)
	}
	if err := t.flush(); err != nil || !shards {
		return err
	}
	_, _ = fmt.Fprintln(g.out)
	t = newTable(g.out)
	t.row("SHARD", "DESTINATION", "BYTES", "")
	for _, sh := range d.Shards {
		why := "there"
		if !sh.Present {
			why = "missing"
			if sh.Why != "" {
				why += ": " + sh.Why
			}
		}
		t.row(sh.Path, sh.Destination, size(sh.Bytes), why)
	}
	return t.flush()
}
