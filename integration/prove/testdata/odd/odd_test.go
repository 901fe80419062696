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

// The process dies in seed 7 or 17, and 6 or 16 is on its way then. 17 does no harm alone.
func TestOddTogether(t *testing.T) {
	underway := make(chan bool)
	alone := os.Getenv(proof.RunsEnv) == "1"
	proof.RunTogether(t, "odd", 4, func(_ *testing.T, seed uint64) {
		switch {
		case os.Getenv("ODD") == "" || alone && seed != 7:
		case seed%10 == 6:
			close(underway)
			select {}
		case seed%10 == 7:
			if !alone {
				<-underway
			}
			os.Exit(3)
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
