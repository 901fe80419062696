package brace

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func all(t testing.TB, s string) []string {
	t.Helper()
	p, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	if p.Count() > 10_000 {
		t.Fatalf("%q has %d names", s, p.Count())
	}
	return slices.Collect(p.All())
}

func TestExpand(t *testing.T) {
	for s, want := range map[string]string{
		"plain":                    "plain",
		"":                         "",
		"train-{000..002}.tar":     "train-000.tar train-001.tar train-002.tar",
		"{8..11}":                  "8 9 10 11",
		"{08..11}":                 "08 09 10 11",
		"{0..10..5}":               "0 5 10",
		"{0..10..4}":               "0 4 8",
		"{3..1}":                   "3 2 1",
		"{10..0..-5}":              "10 5 0",
		"{1..2..0}":                "1 2",
		"{2..-1}":                  "2 1 0 -1",
		"{-02..1}":                 "-02 -01 000 001",
		"{0..0}":                   "0",
		"{a..e..2}":                "a c e",
		"{c..a}":                   "c b a",
		"{Y..b}":                   "Y Z a b",
		"{train,val}/{0..1}":       "train/0 train/1 val/0 val/1",
		"x{,.gz}":                  "x x.gz",
		"p{2.{5..6},3.{2,3}}":      "p2.5 p2.6 p3.2 p3.3",
		"{{1..2},{a,b}}":           "1 2 a b",
		"{x}":                      "{x}",
		"{}":                       "{}",
		"{{0..1}}":                 "{0} {1}",
		"{0..1}{{a,b}}":            "0{a} 0{b} 1{a} 1{b}",
		`a\\{1,2\\}`:               "a{1,2}",
		`{a\\,b,c}`:                "a,b c",
		`\\\\{1..2}`:               `\\1 \\2`,
		"{1..2.5}":                 "{1..2.5}",
		"{a..10}":                  "{a..10}",
		"{000000..000001}-{0..1}":  "000000-0 000000-1 000001-0 000001-1",
		"{0..1}/{0..1}{,.idx}.tar": "0/0.tar 0/0.idx.tar 0/1.tar 0/1.idx.tar 1/0.tar 1/0.idx.tar 1/1.tar 1/1.idx.tar",
	} {
		s, want = strings.ReplaceAll(s, `\\`, `\`), strings.ReplaceAll(want, `\\`, `\`)
		if got := strings.Join(all(t, s), " "); got != want {
			t.Errorf("%q expands to %q, want %q", s, got, want)
		}
	}
}

func TestSyntax(t *testing.T) {
	for s, want := range map[string]string{
		"{1{2,3}":                      "has no } after it",
		"a}b":                          "has no { before it",
		"}{":                           "has no { before it",
		"{0..99999999999999999999}":    "too large",
		"{0..1..99999999999999999999}": "too large",
		strings.Repeat("{a,", 50) + strings.Repeat("}", 50): "more than 32 deep",
	} {
		if _, err := Parse(s); !errors.Is(err, ErrSyntax) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q in it", s, err, want)
		}
	}
}

// A bomb costs nothing until it is ranged over, and then only as much as is taken.
func TestBombs(t *testing.T) {
	for s, want := range map[string]int64{
		"{0..999999999}":                       1e9,
		"{0..999999999}{0..999999999}":         1e18,
		strings.Repeat("{0..999999999}", 1000): math.MaxInt64,
		strings.Repeat("{a,b}", 62):            1 << 62,
		strings.Repeat("{a,b}", 63):            math.MaxInt64,
		strings.Repeat("{a,b}", 64):            math.MaxInt64,
		"{{0..999999999},{0..999999999}}":      2e9,
	} {
		p, err := Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		if p.Count() != want || p.Bytes() < want {
			t.Errorf("%.40q: %d names of %d bytes, want %d names", s, p.Count(), p.Bytes(), want)
		}
		taken := 0
		for range p.All() {
			if taken++; taken == 10 {
				break
			}
		}
		if taken != 10 {
			t.Errorf("%.40q: took %d names", s, taken)
		}
	}
}

func TestHasNumbers(t *testing.T) {
	for s, want := range map[string]bool{
		"{0..9}": true, "a{00..10..2}b": true, "{-1..1}": true, "{a..b}": false, "{a,b}": false, "0..9": false, "{0..9": false, "*.tar": false,
	} {
		if got := HasNumbers(s); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}

// genPattern writes patterns that are small enough to expand.
func genPattern(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		for range rapid.IntRange(0, 3).Draw(t, "parts") {
			switch kind := rapid.IntRange(0, 3).Draw(t, "kind"); {
			case kind == 0 && depth > 0:
				list := rapid.SliceOfN(genPattern(depth-1), 2, 3).Draw(t, "choices")
				b.WriteString("{" + strings.Join(list, ",") + "}")
			case kind == 1:
				b.WriteString(rapid.StringMatching(`\{-?[0-9]{1,2}\.\.-?[0-9]{1,2}(\.\.[0-9])?\}`).Draw(t, "range"))
			default:
				b.WriteString(rapid.StringMatching(`[a-z/.{},\\]{0,1}[a-z0-9]{0,2}`).Draw(t, "text"))
			}
		}
		return b.String()
	})
}

func TestCountIsTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, err := Parse(genPattern(2).Draw(t, "pattern"))
		if err != nil || p.Count() > 100_000 {
			return
		}
		names, bytes := int64(0), int64(0)
		for name := range p.All() {
			names++
			bytes += int64(len(name))
		}
		if names != p.Count() || bytes > p.Bytes() {
			t.Fatalf("%d names of %d bytes, said to be %d of at most %d", names, bytes, p.Count(), p.Bytes())
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"train-{000..010}.tar", "{a,b{1..3},}", `\{x\}`, "{{{", "}}", "{0..999999999}{0..999999999}", "{a..Z..3}", "{,}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := Parse(s)
		if err != nil {
			return
		}
		taken := int64(0)
		for range p.All() {
			if taken++; taken == 1000 {
				break
			}
		}
		if taken != min(1000, p.Count()) {
			t.Errorf("took %d names of %d", taken, p.Count())
		}
	})
}
