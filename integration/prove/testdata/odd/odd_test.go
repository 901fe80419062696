// Package odd has trials that fail, that die and that are skipped, for the tests of integration/prove.
package odd

import (
	"os"
	"testing"

	"github.com/datagravity/datagravity/internal/proof"
)

func TestOdd(t *testing.T) {
	proof.Run(t, "odd", 4, func(t *testing.T, seed uint64) {
		switch {
		case os.Getenv("ODD") == "":
		case seed == 7:
			os.Exit(3)
		case seed == 4:
			t.Skip("nothing to try")
		case seed%2 == 1:
			t.Error("odd")
		}
	})
}

func TestNothing(t *testing.T) {}

func TestFailsOutside(t *testing.T) {
	proof.Run(t, "odd", 4, func(*testing.T, uint64) {})
	t.Error("not a trial")
}

func FuzzLong(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		if os.Getenv("ODD") != "" && len(b) > 0 {
			t.Error("not empty")
		}
	})
}
