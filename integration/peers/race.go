package main

import (
	"fmt"
	"runtime"
	"slices"
	"time"
)

// contestant is one way to do what a race is about.
type contestant struct {
	name  string
	cores int // GOMAXPROCS while it runs
	run   func() error
}

// race lets the contestants take turns and returns the rate of each in GB/s, over work of sizeBytes.
func (s *session) race(sizeBytes int64, list []contestant) ([]float64, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	rates := make([][]float64, len(list))
	for round := range s.runs + 1 {
		// What the others left is not swept on anybody's time.
		runtime.GC()
		for i, c := range list {
			runtime.GOMAXPROCS(c.cores)
			start := time.Now()
			if err := c.run(); err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			took := time.Since(start)
			if round > 0 {
				rates[i] = append(rates[i], float64(sizeBytes)/1e9/took.Seconds())
			}
		}
	}
	medians := make([]float64, len(list))
	for i, c := range list {
		medians[i] = median(rates[i])
		s.say("%-52s %d core(s)  %6.2f GB/s  (%.2f to %.2f)", c.name, c.cores, medians[i], slices.Min(rates[i]), slices.Max(rates[i]))
	}
	return medians, nil
}

func median(of []float64) float64 {
	v := slices.Sorted(slices.Values(of))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
