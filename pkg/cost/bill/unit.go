package bill

import (
	"math"
	"strings"
)

// units of volume, in lower case and without a plural's s. The second column is what a unit with a decimal prefix has at AWS, Microsoft and
// Google, and presumably at Oracle: powers of 1024. The third is what FOCUS says of it, which others are taken at.
//
// Of the 548 transfer rows of the public FOCUS 1.0 sample, all in "GB" and of AWS and Microsoft, every one is whole bytes at
// 2^30, and one in nine at 10^9, which is chance. Google's catalogue says 2^30.
var units = map[string]struct{ binary, standard int64 }{
	"b": {1, 1}, "by": {1, 1}, "byte": {1, 1},
	"kb": {1 << 10, 1e3}, "kilobyte": {1 << 10, 1e3}, "kib": {1 << 10, 1 << 10}, "kibibyte": {1 << 10, 1 << 10}, "kiby": {1 << 10, 1 << 10},
	"mb": {1 << 20, 1e6}, "megabyte": {1 << 20, 1e6}, "mib": {1 << 20, 1 << 20}, "mebibyte": {1 << 20, 1 << 20}, "miby": {1 << 20, 1 << 20},
	"gb": {1 << 30, 1e9}, "gigabyte": {1 << 30, 1e9}, "gib": {1 << 30, 1 << 30}, "gibibyte": {1 << 30, 1 << 30}, "giby": {1 << 30, 1 << 30},
	"tb": {1 << 40, 1e12}, "terabyte": {1 << 40, 1e12}, "tib": {1 << 40, 1 << 40}, "tebibyte": {1 << 40, 1 << 40}, "tiby": {1 << 40, 1 << 40},
	"pb": {1 << 50, 1e15}, "petabyte": {1 << 50, 1e15}, "pib": {1 << 50, 1 << 50}, "pebibyte": {1 << 50, 1 << 50}, "piby": {1 << 50, 1 << 50},
}

// binaryProviders write GB for 2^30 bytes.
var binaryProviders = map[string]bool{"aws": true, "azure": true, "gcp": true, "oracle": true}

// unitBytes is how many bytes a unit of a transfer row has. Oracle counts egress in "GB Months", which are GB; Microsoft has
// "10 GB" as a unit.
func unitBytes(provider, unit string) (bytes int64, ok bool) {
	name := strings.ToLower(strings.TrimSpace(unit))
	count := int64(1)
	if i := strings.IndexByte(name, ' '); i > 0 {
		if n := wholeNumber(name[:i]); n > 0 {
			count, name = n, strings.TrimSpace(name[i:])
		}
	}
	for _, month := range []string{" month", " months", "-months", "-month", "/month"} {
		name = strings.TrimSuffix(name, month)
	}
	u, ok := units[name]
	if !ok {
		u, ok = units[strings.TrimSuffix(name, "s")]
	}
	if !ok {
		return 0, false
	}
	bytes = u.standard
	if binaryProviders[provider] {
		bytes = u.binary
	}
	if count > math.MaxInt64/bytes {
		return 0, false
	}
	return bytes * count, true
}

// wholeNumber is a count of up to 6 digits, 0 for anything else.
func wholeNumber(s string) (n int64) {
	if len(s) > 6 {
		return 0
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + int64(c-'0')
	}
	return n
}
