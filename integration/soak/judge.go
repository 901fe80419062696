package soak

import (
	"fmt"
	"math"
	"slices"
)

// Sample is one look at the process: seconds since the beginning, and one value of a series.
type Sample struct {
	Second float64 `json:"s"`
	Value  float64 `json:"v"`
}

// Limit of a series that is to be flat.
type Limit struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	// PerHour is how much it may grow in an hour, in units.
	PerHour float64 `json:"per_hour"`
	// Noise is how much the line may rise over the whole run and be no growth: what the series does by itself.
	Noise float64 `json:"noise"`
}

// Verdict on a series. Slopes are in units an hour.
type Verdict struct {
	Limit
	Slope float64 `json:"slope"`
	// Low and High are the ends of the slope's 95 % confidence interval.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Rise of the line over what was judged, in units.
	Rise float64 `json:"rise"`
	// Start and End of the line.
	Start  float64 `json:"start"`
	End    float64 `json:"end"`
	Blocks int     `json:"blocks"`
	Flat   bool    `json:"flat"`
}

// String is a line about it.
func (v Verdict) String() string {
	word := "flat"
	if !v.Flat {
		word = "GROWS"
	}
	return fmt.Sprintf("%s %s: %.4g to %.4g %s, %+.3g an hour (%+.3g to %+.3g), allowed %+.3g", v.Name, word, v.Start, v.End, v.Unit, v.Slope, v.Low, v.High, v.PerHour)
}

// blocks into which what is judged is divided, at most; with fewer samples each is a block of its own.
const blocks = 24

// Judge a series from the end of the warm-up on, in seconds. Samples are in the order of time. With fewer than four samples after the warm-up nothing can be
// said, which is an error.
func Judge(l Limit, series []Sample, warmup float64) (Verdict, error) {
	v := Verdict{Limit: l}
	from := slices.IndexFunc(series, func(s Sample) bool { return s.Second >= warmup })
	if from < 0 || len(series)-from < 4 {
		return v, fmt.Errorf("%s: %d samples after %v s of warm-up are too few", l.Name, max(0, len(series)-max(from, 0)), warmup)
	}
	points := medians(series[from:])
	v.Blocks = len(points)
	var slopes []float64
	for i, a := range points {
		for _, b := range points[i+1:] {
			slopes = append(slopes, (b.Value-a.Value)/(b.Second-a.Second)*3600)
		}
	}
	slices.Sort(slopes)
	v.Slope = median(slopes)
	v.Low, v.High = interval(slopes, len(points))
	hours := (points[len(points)-1].Second - points[0].Second) / 3600
	var at []float64
	for _, p := range points {
		at = append(at, p.Value-v.Slope*(p.Second-points[0].Second)/3600)
	}
	slices.Sort(at)
	v.Start = median(at)
	v.Rise = v.Slope * hours
	v.End = v.Start + v.Rise
	v.Flat = !trend(points) || v.Slope <= l.PerHour || v.Rise <= l.Noise
	return v, nil
}

// trend tells whether values rise with time, with 97.5 % confidence, by Mann and Kendall's test: how many pairs are in order beyond those that are not. A
// staircase passes for a line here, although most of the slopes between two of its points are 0. Equal pairs count for neither, which is on the safe side.
func trend(points []Sample) bool {
	n, s := float64(len(points)), 0.0
	for i, a := range points {
		for _, b := range points[i+1:] {
			switch {
			case b.Value > a.Value:
				s++
			case b.Value < a.Value:
				s--
			}
		}
	}
	return (s-1)/math.Sqrt(n*(n-1)*(2*n+5)/18) > 1.96
}

// medians of the blocks, each at the middle of its samples.
func medians(series []Sample) (out []Sample) {
	n := min(blocks, len(series))
	for i := range n {
		part := series[i*len(series)/n : (i+1)*len(series)/n]
		values := make([]float64, len(part))
		for j, s := range part {
			values[j] = s.Value
		}
		slices.Sort(values)
		out = append(out, Sample{(part[0].Second + part[len(part)-1].Second) / 2, median(values)})
	}
	return out
}

// median of sorted values.
func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// interval of the slope with 95 % confidence, from the sorted slopes between n points: the ranks that the normal approximation of Kendall's S gives.
func interval(slopes []float64, n int) (low, high float64) {
	c := 1.96 * math.Sqrt(float64(n*(n-1)*(2*n+5))/18)
	half := int((float64(len(slopes)) - c) / 2)
	return slopes[max(0, half)], slopes[min(len(slopes)-1, len(slopes)-max(0, half)-1)]
}
