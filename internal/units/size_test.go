package units

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int64{
		"0": 0, "512": 512, "7B": 7, "64KiB": 64 << 10, "64 KiB": 64 << 10, "1.5GiB": 3 << 29, "10GB": 1e10, "5TiB": 5 << 40, "1kB": 1000,
		"0.5KiB": 512, "9223372036854775807": math.MaxInt64, "2PB": 2e15,
	} {
		if got, err := ParseSize(s); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", s, got, err, want)
		}
	}
	for s, want := range map[string]string{
		"": "not a number with a unit", "-1": "not a number with a unit", "1e3": "not a number with a unit", "0x10": "not a number with a unit",
		"64K": `unknown unit "K"`, "64kib": `unknown unit "kib"`, "1.5": "not a whole number of bytes", "0.3KiB": "not a whole number of bytes",
		"8192PiB": "more than 9223372036854775807 bytes", "1.": "not a number with a unit", ".5MiB": "not a number with a unit",
		"KiB": "not a number with a unit", "1 000": "not a number with a unit", strings.Repeat("9", 60): "not a number with a unit",
	} {
		if got, err := ParseSize(s); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "64KiB") {
			t.Errorf("ParseSize(%q) = %d, %v; want an error with %q and what to write", s, got, err, want)
		}
	}
}

func TestSizeString(t *testing.T) {
	for v, want := range map[int64]string{
		0: "0", 1: "1", 999: "999", 1000: "1KB", 1001: "1001", 1024: "1KiB", 96 << 20: "96MiB", 3 << 29: "1536MiB", 1e10: "10GB", 5 << 40: "5TiB",
	} {
		if got := FormatSize(v); got != want {
			t.Errorf("%d bytes are written %q, want %q", v, got, want)
		}
	}
}

func TestSizeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := rapid.SampledFrom(byteUnits).Draw(t, "unit").bytes
		v := rapid.Int64Range(0, math.MaxInt64/u).Draw(t, "count") * u
		text := FormatSize(v)
		if back, err := ParseSize(text); err != nil || back != v {
			t.Fatalf("%d is written %s and read as %d, %v", v, text, back, err)
		}
	})
}
