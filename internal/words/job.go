package words

import (
	"fmt"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/dispatch"
)

// Job says how a job stands, in a few words.
func Job(s dispatch.Status) string {
	there := ""
	if s.ETA != nil {
		there = ": there " + Clock(s.ETA)
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
		return "on time" + there + ", " + Span(margin) + " before it is needed"
	case dispatch.Late:
		if s.MarginSeconds == nil {
			return "late" + there
		}
		return "late by " + Span(-margin) + there
	case dispatch.Unresolved:
		return "not looked at yet"
	case dispatch.Held:
		for _, p := range s.Places {
			if p.State == dispatch.Held {
				return Held(p)
			}
		}
		return "held by a budget"
	case dispatch.Blocked:
		return "cannot be had as it is"
	}
	return string(s.State)
}

// Held names the budget, and what it would have to have.
func Held(p dispatch.Place) string {
	var needs []string
	if p.NeedsUSD > 0 {
		needs = append(needs, p.NeedsUSD.String())
	}
	if p.NeedsBytes > 0 {
		needs = append(needs, Size(p.NeedsBytes))
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

// JobName is what a job is about: dataset, destinations, selection.
func JobName(s dispatch.Status) string {
	name := s.Dataset
	if s.Snapshot != "" {
		name += "@" + shortDigest(s.Snapshot)
	}
	var to []string
	for _, p := range s.Places {
		to = append(to, p.Destination)
	}
	name += " -> " + listed(to)
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

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
