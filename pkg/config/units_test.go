package config

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestUSDInAFile: an amount goes through YAML without a float on its way.
func TestUSDInAFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := USD(rapid.Int64Range(1, math.MaxInt64).Draw(t, "nano"))
		text, err := v.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		c, err := parse("x.yaml", "/", []byte("agent: {location: azure:eastus, state: s}\nbudgets: [{name: a, usd: "+string(text)+"}]\n"))
		if err != nil || c.Budgets[0].USD != v {
			t.Fatalf("%d is written %s and read as %+v, %v", int64(v), text, c, err)
		}
	})
}

func TestDurationText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := Duration(rapid.Int64Min(0).Draw(t, "ns"))
		text, err := v.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back Duration
		if err := back.UnmarshalText(text); err != nil || back != v {
			t.Fatalf("%d is written %s and read as %d, %v", int64(v), text, int64(back), err)
		}
	})
}
