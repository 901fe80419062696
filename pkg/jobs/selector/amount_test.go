package selector

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/internal/units"
	"github.com/datagravity/datagravity/pkg/chunker"
)

// The order of a seed is written down, so that no change makes another of it unseen.
func TestShuffledIsForEver(t *testing.T) {
	for _, tt := range []struct {
		seed uint64
		path string
		want string
	}{
		{0, "", "blake3:71e0a99173564931c0b8acc52d2685a8e39c64dc52e3d02390fdac2a12b155cb"},
		{7, "train/shard-000000.tar", "blake3:3bba4e8335a64612a0efb1f46b00b7930dfc397e1d9c53cfdd598cd90080f1fa"},
	} {
		if got := Shuffled(tt.seed, tt.path).String(); got != tt.want {
			t.Errorf("%d, %q: %s", tt.seed, tt.path, got)
		}
	}
}

// What is taken is the longest beginning of the order that fits, and a smaller amount takes a beginning of a larger one's.
func TestAmountsAreBeginnings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &memory{sizes: map[string]int64{}, format: "auto"}
		for i, n := range rapid.SliceOfN(rapid.Int64Range(0, 9), 1, 30).Draw(t, "sizes") {
			m.sizes[fmt.Sprintf("%02d", i)] = n
		}
		m.sort()
		seed := rapid.Uint64().Draw(t, "seed")
		order := slices.Clone(m.paths)
		suffix := ""
		if rapid.Bool().Draw(t, "shuffled") {
			suffix = fmt.Sprintf(" seed=%d", seed)
			slices.SortFunc(order, func(a, b string) int {
				x, y := Shuffled(seed, a), Shuffled(seed, b)
				return bytes.Compare(x[:], y[:])
			})
		}
		amount := rapid.Int64Range(0, 100).Draw(t, "amount")
		of := rapid.SampledFrom([]string{"", " of **"}).Draw(t, "of")
		s, err := Parse([]string{fmt.Sprintf("bytes:%d%s%s", amount, suffix, of)}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		left := amount
		for _, p := range order {
			if left -= m.sizes[p]; left < 0 {
				break
			}
			want = append(want, p)
		}
		got, err := s.Resolve(t.Context(), m)
		if len(want) == 0 {
			if !errors.Is(err, ErrNothingSelected) {
				t.Fatal(err)
			}
			return
		}
		if err != nil || !slices.Equal(got.Paths, want) {
			t.Fatalf("%v, %v; want %v", got.Paths, err, want)
		}
	})
}

// What a range picks is what stands at its numbers.
func TestRangesPick(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := many(20)
		text := rapid.StringMatching(`[0-9]{1,2}(-[0-9]{0,2})?(,[0-9]{1,2}(-[0-9]{0,2})?){0,3}`).Draw(t, "numbers")
		n, err := parseNumbers(text)
		if err != nil {
			return
		}
		var want []string
		for i, p := range m.paths {
			if slices.ContainsFunc(n, func(in interval) bool { return in.first <= int64(i) && int64(i) <= in.last }) {
				want = append(want, p)
			}
		}
		s, err := Parse([]string{"range:" + text}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Resolve(t.Context(), m)
		if n.least() > 20 {
			if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "there are 20") {
				t.Fatal(err)
			}
			return
		}
		if err != nil || !slices.Equal(got.Paths, want) {
			t.Fatalf("%v, %v; want %v", got.Paths, err, want)
		}
	})
}

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int64{"0": 0, "512": 512, "7B": 7, "64KiB": 64 << 10, "1.5GiB": 3 << 29, "100GB": 1e11, "5TiB": 5 << 40, "1kB": 1000, "9223372036854775807": 1<<63 - 1} {
		if got, err := units.ParseSize(s); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", s, got, err, want)
		}
	}
}

// Of a large dataset only what can still be selected is kept; what is selected is the same.
func TestAmountsOfManyShards(t *testing.T) {
	m := many(6_000)
	for seed := range uint64(2) {
		keys := map[string]chunker.Digest{}
		for _, p := range m.paths {
			keys[p] = Shuffled(seed, p)
		}
		order := slices.Clone(m.paths)
		slices.SortFunc(order, func(a, b string) int {
			x, y := keys[a], keys[b]
			return bytes.Compare(x[:], y[:])
		})
		for _, amount := range []int64{1 << 20, 100 << 20, 3 << 30, 10 << 30, 1 << 50} {
			var want []string
			left := amount
			for _, p := range order {
				if left -= m.sizes[p]; left < 0 {
					break
				}
				want = append(want, p)
			}
			got, err := parse(t, fmt.Sprintf("bytes:%d seed=%d", amount, seed)).Resolve(t.Context(), m)
			if len(want) == 0 {
				if !errors.Is(err, ErrNothingSelected) {
					t.Errorf("%d, seed %d: %v", amount, seed, err)
				}
				continue
			}
			if err != nil || !slices.Equal(got.Paths, want) {
				t.Errorf("%d, seed %d: %d shards, %v; want %d", amount, seed, len(got.Paths), err, len(want))
			}
		}
	}
}
