// Package saturating adds amounts that stay at the largest value in place of wrapping to a negative one.
package saturating

import "math"

// Add sums two numbers that are not negative.
func Add(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
