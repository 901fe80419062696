package terminal

import (
	"math"
	"strings"
)

// Bar shows shares of a whole, each between 0 and 1, one after the other: what is spent, then what is set aside. What is more than nothing is at least a
// cell, so that nobody overlooks it, and what is less than all leaves one free.
func Bar(width int, shares ...float64) string {
	if width <= 0 {
		return ""
	}
	var b strings.Builder
	used, sum := 0, 0.0
	for i, share := range shares {
		if !(share > 0) { // NaN too
			continue
		}
		sum = min(1, sum+share)
		upTo := int(math.Round(sum * float64(width)))
		if sum < 1 {
			upTo = min(upTo, width-1)
		}
		n := max(upTo-used, min(1, width-used))
		b.WriteString(strings.Repeat([]string{"█", "▓"}[min(i, 1)], n))
		used += n
	}
	return b.String() + strings.Repeat("░", width-used)
}

// levels of a spark line. Nothing at all is a dot in the middle, so that it is told from little.
var levels = []rune("▁▂▃▄▅▆▇█")

// Spark shows how numbers went, the newest at the right end, where there are more than cells as means of several. They are drawn as shares of their most.
func Spark(width int, numbers []int64) string {
	if width <= 0 {
		return ""
	}
	each := max(1, (len(numbers)+width-1)/width)
	var means []float64
	for end := len(numbers); end > 0; end -= each {
		sum := 0.0
		from := max(0, end-each)
		for _, n := range numbers[from:end] {
			sum += float64(max(0, n))
		}
		means = append(means, sum/float64(end-from))
	}
	most := 0.0
	for _, m := range means {
		most = max(most, m)
	}
	out := make([]rune, 0, width)
	for range width - len(means) {
		out = append(out, ' ')
	}
	for i := len(means) - 1; i >= 0; i-- {
		switch m := means[i]; {
		case m <= 0:
			out = append(out, '·')
		default:
			out = append(out, levels[min(len(levels)-1, int(m/most*float64(len(levels))))])
		}
	}
	return string(out)
}
