package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/datagravity/datagravity/internal/words"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
)

// The words for people are the same wherever they are said; see [words].

func span(d time.Duration) string       { return words.Span(d) }
func clock(t *time.Time) string         { return words.Clock(t) }
func jobWords(s dispatch.Status) string { return words.Job(s) }
func heldWords(p dispatch.Place) string { return words.Held(p) }
func jobName(s dispatch.Status) string  { return words.JobName(s) }

// stateAndReason says how a job stands and why. A reason that begins with the state itself stands alone, and so does that of a job that was not
// looked at.
func stateAndReason(state dispatch.State, eta *time.Time, why string) string {
	is := jobWords(dispatch.Status{State: state, ETA: eta})
	first, _, _ := strings.Cut(is, " ")
	switch {
	case why == "":
		return is
	case is == "" || state == dispatch.Unresolved || strings.HasPrefix(why, first):
		return why
	}
	return is + ": " + why
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
		shards, bytes := counted(s.ShardCount, s.ShardCount, s.Bytes)
		t.row(s.ID, jobName(s), clock(s.NeedBy), s.Priority, shards, bytes, jobWords(s))
	}
	return t.flush()
}

// counted are shards and bytes of a job; none as long as nobody knows what it selects.
func counted(selected, shards int, bytes int64) (string, string) {
	if selected == 0 {
		return "-", "-"
	}
	return strconv.Itoa(shards), size(bytes)
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
	if d.ShardCount > 0 {
		_, _ = fmt.Fprintf(g.out, "selected  %d shards, %s\n", d.ShardCount, size(d.Bytes))
	}
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
		missing, bytes := counted(d.ShardCount, p.MissingShards, p.MissingBytes)
		t.row(p.Destination, strings.ReplaceAll(string(p.State), "_", " "), missing, bytes, clock(p.ETA), usd, why)
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
