package saturating

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// Add is the sum, or the largest value where that is beyond it.
func TestAdd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Int64Range(0, math.MaxInt64).Draw(t, "a")
		b := rapid.Int64Range(0, math.MaxInt64).Draw(t, "b")
		want := new(big.Int).Add(big.NewInt(a), big.NewInt(b))
		if !want.IsInt64() {
			want.SetInt64(math.MaxInt64)
		}
		if got := Add(a, b); got != want.Int64() {
			t.Errorf("%d + %d is %d, want %d", a, b, got, want)
		}
	})
}
