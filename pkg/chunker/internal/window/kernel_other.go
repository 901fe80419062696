//go:build !amd64

package window

// There is no vector form: see docs/performance.md for what the form in Go reaches.
var (
	blocks func(data *byte, from, to int, threshold uint32) int
	kernel = generic
)
