package simulation

import (
	"fmt"
	"slices"
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
					t.Fatalf("event %d was\n%s\nand is\n%s", i, line0(first.log, i), line0(again.log, i))
				}
			}
			t.Logf("%d events", len(first.log))
		})
	}
}

var replayed = []uint64{2, 3, 11, 17, 23, 40}

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

func line0(log []string, i int) string {
	if i < len(log) {
		return log[i]
	}
	return "nothing"
}
