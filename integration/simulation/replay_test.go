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
			first := run(t, seed)
			for range 2 {
				again := run(t, seed)
				if i, differ := apart(first.log, again.log); differ {
					t.Fatalf("event %d was\n%s\nand is\n%s", i, around(first.log, i), around(again.log, i))
				}
			}
			t.Logf("%d events", len(first.log))
		})
	}
}

// replayed are seeds with one agent and with two, with and without budgets.
var replayed = []uint64{0, 2, 3, 4, 13, 14, 17, 25, 34, 40}

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
