package admission

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/datagravity/datagravity/kubernetes/staging"
	"github.com/datagravity/datagravity/pkg/dispatch"
)

// longest is the most bytes of a daemon's words in a message. Kueue puts messages into events, which have room for 1,024.
const longest = 800

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= longest {
		return s
	}
	cut := longest
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// thing is the data of a job, for people.
func thing(st dispatch.Status) string {
	var at []string
	for _, p := range st.Places {
		at = append(at, p.Destination)
	}
	return st.Dataset + " at " + strings.Join(at, ", ")
}

func things(list []staging.Standing) string {
	var all []string
	for _, s := range list {
		digest := strings.TrimPrefix(s.Status.Snapshot, "blake3:")
		all = append(all, thing(s.Status)+", snapshot "+digest[:min(12, len(digest))])
	}
	return oneLine(strings.Join(all, "; "))
}

// about is a time to come in words that stay the same while an estimate moves by little: each change is a write to the cluster.
func about(eta, now time.Time) string {
	left := eta.Sub(now)
	grain := time.Hour
	switch {
	case left <= time.Minute:
		return "within a minute"
	case left <= time.Hour:
		grain = 5 * time.Minute
	case left <= 6*time.Hour:
		grain = 15 * time.Minute
	}
	at := eta.UTC().Truncate(grain)
	if at.Before(eta) {
		at = at.Add(grain)
	}
	if left < 18*time.Hour {
		return "by " + at.Format("15:04 UTC")
	}
	return "by " + at.Format("2006-01-02 15:04 UTC")
}
