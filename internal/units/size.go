// Package units reads and writes quantities as people do.
package units

import (
	"fmt"
	"math"
	"math/big"
	"strconv"

	"github.com/datagravity/datagravity/internal/lazyre"
)

// byteUnits in the order in which FormatSize prefers them among forms of equal length.
var byteUnits = []struct {
	name  string
	bytes int64
}{
	{"PiB", 1 << 50}, {"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"PB", 1e15}, {"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"kB", 1e3}, {"B", 1},
}

var sizePattern = lazyre.New(`^([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)$`)

// ParseSize reads a number of bytes: 512, 64KiB, 1.5GiB, 10GB. The number must come out as whole bytes below 2^63.
func ParseSize(s string) (int64, error) {
	bad := func(why string) (int64, error) {
		return 0, fmt.Errorf("size %q: %s; write bytes as 512, 64KiB, 8MiB, 2GiB, 5TiB (binary) or 10GB (decimal)", s, why)
	}
	m := sizePattern.FindStringSubmatch(s)
	if m == nil || len(s) > 40 {
		return bad("not a number with a unit")
	}
	bytes := int64(0)
	for _, u := range byteUnits {
		if m[2] == u.name {
			bytes = u.bytes
		}
	}
	switch {
	case m[2] == "":
		bytes = 1
	case bytes == 0:
		return bad(fmt.Sprintf("unknown unit %q", m[2]))
	}
	v, ok := new(big.Rat).SetString(m[1])
	if !ok {
		return bad("not a number with a unit")
	}
	v.Mul(v, new(big.Rat).SetInt64(bytes))
	switch {
	case !v.IsInt():
		return bad("not a whole number of bytes")
	case !v.Num().IsInt64():
		return bad(fmt.Sprintf("more than %d bytes", int64(math.MaxInt64)))
	}
	return v.Num().Int64(), nil
}

// FormatSize is the shortest exact form that [ParseSize] reads: "64KiB", "10GB", "1001".
func FormatSize(n int64) string {
	best := strconv.FormatInt(n, 10)
	for _, u := range byteUnits {
		if n == 0 || u.bytes == 1 || n%u.bytes != 0 {
			continue
		}
		if f := strconv.FormatInt(n/u.bytes, 10) + u.name; len(f) < len(best) || best == strconv.FormatInt(n, 10) {
			best = f
		}
	}
	return best
}
