package soak

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// made is a series of half an hour, a sample each two seconds: a level, a rise in an hour, a saw as garbage collection makes it, and noise.
func made(seed uint64, level, perHour, saw, noise float64) (out []Sample) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	for s := 0.0; s < 1800; s += 2 {
		out = append(out, Sample{s, level + perHour*s/3600 + saw*math.Mod(s, 14)/14 + noise*rnd.NormFloat64()})
	}
	return out
}

// The judge finds leaks in series that have one, and none in those that go up and down, whatever the noise is.
func TestJudge(t *testing.T) {
	limit := Limit{Name: "memory", Unit: "MiB", PerHour: 1, Noise: 1}
	warm := func(s []Sample) []Sample { // and a start that is not to be judged
		for i := range s {
			if s[i].Second < 300 {
				s[i].Value *= s[i].Second / 300
			}
		}
		return s
	}
	jump := func(s []Sample) []Sample { // an outlier of some minutes
		for i := range s {
			if s[i].Second > 900 && s[i].Second < 1100 {
				s[i].Value *= 3
			}
		}
		return s
	}
	stairs := func(s []Sample) []Sample { // a file that grows by doubling
		for i := range s {
			s[i].Value = math.Exp2(math.Ceil(math.Log2(s[i].Value)))
		}
		return s
	}
	for name, c := range map[string]struct {
		series func(seed uint64) []Sample
		flat   bool
	}{
		"level":                     {func(seed uint64) []Sample { return warm(made(seed, 60, 0, 0, 0.5)) }, true},
		"a saw":                     {func(seed uint64) []Sample { return warm(made(seed, 60, 0, 20, 2)) }, true},
		"a constant":                {func(seed uint64) []Sample { return made(seed, 12, 0, 0, 0) }, true},
		"it shrinks":                {func(seed uint64) []Sample { return warm(made(seed, 60, -30, 0, 1)) }, true},
		"a peak":                    {func(seed uint64) []Sample { return jump(warm(made(seed, 60, 0, 5, 1))) }, true},
		"a leak":                    {func(seed uint64) []Sample { return warm(made(seed, 60, 12, 0, 0.5)) }, false},
		"a leak under a saw":        {func(seed uint64) []Sample { return warm(made(seed, 60, 30, 20, 2)) }, false},
		"a leak with a peak":        {func(seed uint64) []Sample { return jump(warm(made(seed, 60, 12, 0, 0.5))) }, false},
		"a leak by doubling":        {func(seed uint64) []Sample { return stairs(made(seed, 1, 20, 0, 0)) }, false},
		"a leak from the beginning": {func(seed uint64) []Sample { return made(seed, 10, 40, 0, 0) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(50) {
				v, err := Judge(limit, c.series(seed), 360)
				if err != nil || v.Flat != c.flat {
					t.Fatalf("seed %d: %v, %v", seed, v, err)
				}
			}
		})
	}
}

// One descriptor or goroutine each minute is found within half an hour, and a level that jumps between whole numbers is none.
func TestJudgeCounts(t *testing.T) {
	limit := Limit{Name: "open files", PerHour: 2, Noise: 3}
	for perMinute, flat := range map[float64]bool{0: true, 0.01: true, 1: false} {
		series := made(1, 20, 60*perMinute, 0, 2)
		for i := range series {
			series[i].Value = math.Round(series[i].Value)
		}
		if v, err := Judge(limit, series, 300); err != nil || v.Flat != flat {
			t.Errorf("%v a minute: %v, %v", perMinute, v, err)
		}
	}
}

func TestJudgeSaysWhatItKnows(t *testing.T) {
	v, err := Judge(Limit{}, made(1, 50, 6, 0, 0), 0)
	if err != nil || math.Abs(v.Slope-6) > 1e-9 || math.Abs(v.Low-6) > 1e-9 || math.Abs(v.Start-50.03) > 0.1 || v.Blocks != blocks {
		t.Errorf("%+v, %v", v, err)
	}
	for _, series := range [][]Sample{nil, made(1, 1, 0, 0, 0)[:3]} {
		if v, err := Judge(Limit{}, series, 0); err == nil {
			t.Errorf("%d samples: %v", len(series), v)
		}
	}
	if v, err := Judge(Limit{}, made(1, 1, 0, 0, 0), 1796); err == nil {
		t.Errorf("all but two samples are warm-up: %v", v)
	}
}

func TestGraph(t *testing.T) {
	series := map[string][]Sample{"memory": made(1, 60, 12, 5, 1), "files": made(2, 0, 0, 0, 0)}
	var verdicts []Verdict
	for _, name := range []string{"memory", "files"} {
		v, err := Judge(Limit{Name: name, Unit: "<MiB>", PerHour: 1}, series[name], 300)
		if err != nil {
			t.Fatal(err)
		}
		verdicts = append(verdicts, v)
	}
	svg := Graph(series, verdicts, 300)
	d := xml.NewDecoder(strings.NewReader(svg))
	lines := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "polyline" {
			lines++
		}
	}
	if lines != 2 || strings.Contains(svg, "NaN") || !strings.Contains(svg, "memory GROWS") || !strings.Contains(svg, "files flat") {
		t.Errorf("%d lines: %.300s", lines, svg)
	}
}
