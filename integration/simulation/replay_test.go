package simulation

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestReplay runs schedules three times each; what happened must be the same, to the moment, each time.
func TestReplay(t *testing.T) {
	for _, seed := range replayed {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			first := byMoment(run(t, seed).log)
			for range 2 {
				again := byMoment(run(t, seed).log)
				if i, differ := apart(first, again); differ {
					t.Fatalf("event %d was\n%s\nand is\n%s", i, around(first, i), around(again, i))
				}
			}
			t.Logf("%d events", len(first))
		})
	}
}

// replayed are seeds with one agent and with two, with and without budgets.
var replayed = []uint64{0, 2, 3, 4, 13, 14, 17, 25, 34, 40}

// byMoment puts events of one moment in the order of their text. Which of them is noted first is the scheduler's: all that a context ends, ends in the moment in which
// it does. If it mattered to what comes later, that would differ.
func byMoment(log []string) []string {
	moment := func(event string) string {
		at, _, _ := strings.Cut(strings.TrimSpace(event), " ")
		return at
	}
	log = slices.Clone(log)
	for from := 0; from < len(log); {
		to := from + 1
		for to < len(log) && moment(log[to]) == moment(log[from]) {
			to++
		}
		slices.Sort(log[from:to])
		from = to
	}
	return log
}

// apart is where two logs differ.
func apart(a, b []string) (int, bool) {
	if slices.Equal(a, b) {
		return 0, false
	}
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i, true
		}
	}
	return min(len(a), len(b)), true
}

// around are the events about a place of a log.
func around(log []string, i int) string {
	return strings.Join(log[max(0, min(i, len(log))-4):min(i+3, len(log))], "\n")
}
