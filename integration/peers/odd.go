package main

import (
	"fmt"
	"math"

	"github.com/datagravity/datagravity/internal/corpus"
	"github.com/datagravity/datagravity/pkg/chunker"
)

// oddInput looks at data without the randomness that content-defined cutting lives on. Its chunks must not become tiny, which
// makes recipes large, nor all forced at the most, and the search must not become slow.
func oddInput(s *session) ([]row, error) {
	size := s.scaled(dataBytes / 4)
	p := chunker.ParamsFor(chunker.AlgorithmPlain, 64<<10)
	inputs := []struct {
		name string
		data []byte
	}{
		{"random", corpus.Random(1, size)}, {"zeros", corpus.Zeros(size)},
		{"bytes of 0 and 1", corpus.Bits(1, size)}, {"label maps", corpus.Masks(1, size)},
	}
	for _, period := range []int{1, 2, 3, 7, 8, 16, 100, 4096} {
		inputs = append(inputs, struct {
			name string
			data []byte
		}{fmt.Sprintf("period %d", period), corpus.Pattern(period, size)})
	}
	var list []contestant
	var means []float64 // of what was asked for
	for _, in := range inputs {
		mean, err := ourMean(in.data, p)
		if err != nil {
			return nil, err
		}
		means = append(means, mean/float64(p.AvgBytes))
		s.say("%-20s mean chunk %.2f of the average asked for", in.name, mean/float64(p.AvgBytes))
		list = append(list, contestant{"ours, " + in.name, 1, func() error {
			return chunker.Boundaries(in.data, p, func(int64) {})
		}})
	}
	rates, err := s.race(size, list)
	if err != nil {
		return nil, err
	}
	least, most, slowest := math.Inf(1), 0.0, math.Inf(1)
	for i := 1; i < len(inputs); i++ {
		least, most, slowest = min(least, means[i]), max(most, means[i]), min(slowest, rates[i])
	}
	return []row{
		told("random input: mean chunk to the average asked for", "x", means[0]),
		told("odd input: least mean chunk to the average asked for", "x", least).atLeast(0.5),
		told("odd input: most mean chunk to the average asked for", "x", most).atMost(2),
		told("odd input: slowest search to that of random data", "GB/s", slowest).beside("random data", rates[0]).ratioAtLeast(0.333),
	}, nil
}
