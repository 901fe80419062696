package chunker

import (
	"testing"

	"pgregory.net/rapid"
)

func TestChecksumCheckValues(t *testing.T) {
	check := []byte("123456789")
	if got := CRC64NVME(check); got != 0xae8b14860a799888 {
		t.Errorf("CRC64NVME %#x", got)
	}
	if got := CRC32C(check); got != 0xe3069283 {
		t.Errorf("CRC32C %#x", got)
	}
}

func TestCombineChecksums(t *testing.T) {
	data := randomBytes(200000, 31)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, len(data)).Draw(t, "bytes")
		cut := rapid.IntRange(0, n).Draw(t, "cut")
		a, b, whole := data[:cut], data[cut:n], data[:n]
		if got := Combine64(CRC64NVME(a), CRC64NVME(b), int64(len(b))); got != CRC64NVME(whole) {
			t.Fatalf("CRC64NVME %#x, want %#x", got, CRC64NVME(whole))
		}
		if got := Combine32(CRC32C(a), CRC32C(b), int64(len(b))); got != CRC32C(whole) {
			t.Fatalf("CRC32C %#x, want %#x", got, CRC32C(whole))
		}
	})
}

// Lengths that no test can hold in memory: combining is associative, so two ways to the same whole must agree.
func TestCombineIsAssociative(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := rapid.Uint64().Draw(t, "a"), rapid.Uint64().Draw(t, "b"), rapid.Uint64().Draw(t, "c")
		lenB, lenC := rapid.Int64Range(0, 1<<61).Draw(t, "lenB"), rapid.Int64Range(0, 1<<61).Draw(t, "lenC")
		if x, y := Combine64(Combine64(a, b, lenB), c, lenC), Combine64(a, Combine64(b, c, lenC), lenB+lenC); x != y {
			t.Fatalf("64: %#x and %#x", x, y)
		}
		if x, y := Combine32(Combine32(uint32(a), uint32(b), lenB), uint32(c), lenC), Combine32(uint32(a), Combine32(uint32(b), uint32(c), lenC), lenB+lenC); x != y {
			t.Fatalf("32: %#x and %#x", x, y)
		}
	})
}
