package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	begin = "<!-- proof:begin, written by make proof -->\n"
	end   = "<!-- proof:end -->"
)

// table in Markdown.
func (r *Record) table() string {
	var b strings.Builder
	fmt.Fprintln(&b, "| kind | a run is one of these | tests | runs | wanted | failed | so at most | earlier code |")
	fmt.Fprintln(&b, "| --- | --- | --- | ---: | ---: | ---: | --- | --- |")
	for _, k := range kinds {
		t, wanted := r.total(k.Name), thousands(k.Whole)
		runs := thousands(t.Runs)
		if k.For > 0 {
			wanted = minutes(k.For)
			runs += " in " + minutes(time.Duration(t.Seconds*float64(time.Second)))
		}
		bound := "not bounded"
		if t.Bound != nil && *t.Bound < 1 {
			bound = percent(*t.Bound) + " fail"
		}
		earlier := ""
		if t.Earlier > 0 {
			earlier = fmt.Sprintf("%s runs, %s failed", thousands(t.Earlier), thousands(t.EarlierFailures))
		}
		var tests []string
		for _, test := range r.tests(k.Name) {
			tests = append(tests, fmt.Sprintf("`%s`", strings.TrimPrefix(test.Package, "./")+" "+test.Name))
		}
		if k.Name == Fuzz {
			tests = []string{fmt.Sprintf("%d native targets, `make fuzz`", len(tests))}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n",
			k.Name, k.What, strings.Join(tests, ", "), runs, wanted, thousands(t.Failures), bound, earlier)
	}
	if of := r.commits(); len(of) > 0 {
		fmt.Fprintf(&b, "\nRuns are those of the code that each test tried last, at %s; a run of other code counts as earlier.\n", strings.Join(of, ", "))
	}
	return b.String()
}

func (r *Record) total(kind string) Total {
	for _, t := range r.totals() {
		if t.Kind == kind {
			return t
		}
	}
	return Total{Kind: kind}
}

// commits of the code that was tried last.
func (r *Record) commits() (out []string) {
	latest := map[Test]Batch{}
	for _, b := range r.Batches {
		latest[b.Test] = b
	}
	for _, b := range r.Batches {
		if l := latest[b.Test]; l.Code == b.Code && !slices.Contains(out, "`"+b.Commit+"`") {
			out = append(out, "`"+b.Commit+"`")
		}
	}
	return out
}

// document replaces the table in a document.
func document(path, table string) error {
	b, err := os.ReadFile(path) //nolint:gosec // the caller's file
	if err != nil {
		return err
	}
	head, rest, ok := bytes.Cut(b, []byte(begin))
	_, tail, closed := bytes.Cut(rest, []byte(end))
	if !ok || !closed {
		return fmt.Errorf("%s has no place for the table: want a line %q and after it %q", path, strings.TrimSpace(begin), end)
	}
	return os.WriteFile(path, slices.Concat(head, []byte(begin), []byte(table), []byte(end), tail), 0o644) //nolint:gosec // a document
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func minutes(d time.Duration) string { return fmt.Sprintf("%d min", int(d.Minutes())) }

// percent rounds up, for it is a bound: two digits that count.
func percent(x float64) string {
	x *= 100
	scale := math.Pow(10, 1-math.Floor(math.Log10(x)))
	return fmt.Sprintf("%g %%", math.Ceil(x*scale-1e-9)/scale)
}
