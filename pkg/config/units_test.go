package config

import (
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseSize(t *testing.T) {
	for s, want := range map[string]Size{
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
	for v, want := range map[Size]string{
		0: "0", 1: "1", 999: "999", 1000: "1KB", 1001: "1001", 1024: "1KiB", 96 << 20: "96MiB", 3 << 29: "1536MiB", 1e10: "10GB", 5 << 40: "5TiB",
	} {
		if got := v.String(); got != want {
			t.Errorf("%d bytes are written %q, want %q", int64(v), got, want)
		}
	}
}

func TestSizeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := rapid.SampledFrom(units).Draw(t, "unit").bytes
		v := Size(rapid.Int64Range(0, math.MaxInt64/u).Draw(t, "count") * u)
		text, err := v.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back Size
		if err := back.UnmarshalText(text); err != nil || back != v {
			t.Fatalf("%d is written %s and read as %d, %v", int64(v), text, int64(back), err)
		}
	})
}

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

func TestUnknownName(t *testing.T) {
	for _, c := range []struct {
		name  string
		known []string
		want  string
	}{
		{"c5", []string{"laion", "c4"}, `unknown dataset "c5"; did you mean "c4"? (configured: c4, laion)`},
		{"C4", []string{"c4"}, `unknown dataset "C4"; did you mean "c4"? (configured: c4)`},
		{"fineweb", []string{"c4"}, `unknown dataset "fineweb" (configured: c4)`},
		{"ab", []string{"cd"}, `unknown dataset "ab" (configured: cd)`},
		{"c4", nil, `unknown dataset "c4" (none is configured)`},
	} {
		if got := UnknownName("dataset", c.name, c.known).Error(); got != c.want {
			t.Errorf("%s\nwant %s", got, c.want)
		}
	}
}

func TestErrorText(t *testing.T) {
	for _, c := range []struct {
		e    Error
		want string
	}{
		{Error{Path: "f", Line: 2, Column: 3, Field: "a.b", Message: "m"}, "f:2:3: a.b: m"},
		{Error{Path: "f", Field: "a.b", Message: "m"}, "f: a.b: m"},
		{Error{Path: "f", Line: 2, Column: 3, Message: "m"}, "f:2:3: m"},
		{Error{Message: "m"}, "m"},
	} {
		if got := c.e.Error(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	first, second := &Error{Message: "1"}, &Error{Message: "2"}
	var found *Error
	if err := error(Errors{first, second}); !errors.As(err, &found) || found != first || err.Error() != "1\n2" || !errors.Is(err, second) {
		t.Errorf("several: %v, found %v", err, found)
	}
}
