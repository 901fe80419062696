//go:build race

package proof

// The race detector makes trials ten times slower, and sees in a tenth of them what goes on at the same time; all of them are tried without it.
func init() { raced = true }
