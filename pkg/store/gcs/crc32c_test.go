package gcs

import (
	"hash/crc32"
	"testing"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/store"
)

// TestCheckValue pins the polynomial: the check value of CRC-32C for "123456789" is e3069283 (RFC 3720, B.4 uses the same).
func TestCheckValue(t *testing.T) {
	a, b := crc32.Checksum([]byte("1234"), castagnoli), crc32.Checksum([]byte("56789"), castagnoli)
	if got := store.Hex32(combine(a, b, 5)); got != "e3069283" {
		t.Errorf("got %s", got)
	}
}

func TestCombineIsConcatenation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole := rapid.SliceOfN(rapid.Byte(), 0, 5000).Draw(t, "bytes")
		var parts []store.Part
		for rest := whole; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "part")
			parts = append(parts, store.Part{Number: len(parts) + 1, Size: int64(n), CRC32C: store.Hex32(crc32.Checksum(rest[:n], castagnoli))})
			rest = rest[n:]
		}
		got, err := wholeSum(parts, store.CompleteOptions{})
		if want := crc32.Checksum(whole, castagnoli); err != nil || got == nil || *got != want {
			t.Fatalf("got %v, %v, want %08x", got, err, want)
		}
	})
}

// TestCombineOfZeros has a length that no test could hash: 5 TiB less one byte, as that of a byte less shifted by one.
func TestCombineOfZeros(t *testing.T) {
	zero := crc32.Checksum([]byte{0}, castagnoli)
	zeros := func(n int64) uint32 { // by halving
		sum, one := uint32(0), zero
		for size := int64(1); n > 0; n >>= 1 {
			if n&1 == 1 {
				sum = combine(sum, one, size)
			}
			one, size = combine(one, one, size), size*2
		}
		return sum
	}
	if got, want := zeros(1<<20), crc32.Checksum(make([]byte, 1<<20), castagnoli); got != want {
		t.Fatalf("1 MiB: got %08x, want %08x", got, want)
	}
	const big = maxObject - 1
	if zeros(big) != combine(zeros(big-1), zero, 1) {
		t.Error("the order of combining changes the sum")
	}
}

func TestWholeSum(t *testing.T) {
	part := store.Part{Number: 1, Size: 4, CRC32C: store.Hex32(crc32.Checksum([]byte("data"), castagnoli))}
	other := store.Checksums{CRC32C: "00000001"}
	for name, c := range map[string]struct {
		parts []store.Part
		sums  store.Checksums
		want  string // "" none, "error"
	}{
		"parts alone":        {[]store.Part{part}, store.Checksums{}, part.CRC32C},
		"both":               {[]store.Part{part}, store.Checksums{CRC32C: part.CRC32C}, part.CRC32C},
		"disagree":           {[]store.Part{part}, other, "error"},
		"told alone":         {[]store.Part{{Number: 1, Size: 4}}, other, "00000001"},
		"neither":            {[]store.Part{{Number: 1, Size: 4}}, store.Checksums{}, ""},
		"malformed of part":  {[]store.Part{{Number: 1, Size: 4, CRC32C: "xyz"}}, store.Checksums{}, "error"},
		"malformed of whole": {[]store.Part{part}, store.Checksums{CRC32C: "1"}, "error"},
		"no parts":           {nil, store.Checksums{}, "00000000"},
	} {
		got, err := wholeSum(c.parts, store.CompleteOptions{Checksums: c.sums})
		text := ""
		switch {
		case err != nil:
			text = "error"
		case got != nil:
			text = store.Hex32(*got)
		}
		if text != c.want {
			t.Errorf("%s: got %q (%v), want %q", name, text, err, c.want)
		}
	}
}
