package choose_test

import (
	"testing"

	"github.com/datagravity/datagravity/pkg/sync/choose"
	"github.com/datagravity/datagravity/pkg/sync/choose/choosetest"
)

// company has a million shards, 1,000 jobs and 20 budgets.
var company = choosetest.Large{Shards: 1_000_000, Jobs: 1000}

func benchmark(b *testing.B, l choosetest.Large) {
	p := l.Problem()
	b.ResetTimer()
	b.ReportMetric(float64(len(p.Budgets)), "budgets")
	for range b.N {
		c, err := choose.Choose(p)
		if err != nil {
			b.Fatal(err)
		}
		var value, bound int64
		for _, r := range c.Classes {
			value += r.Value
			bound += r.Bound
		}
		b.ReportMetric(float64(len(c.Run)), "run")
		b.ReportMetric(float64(len(c.Held)), "held")
		b.ReportMetric(100*float64(bound-value)/float64(max(1, bound)), "%from-bound")
	}
}

func BenchmarkChoose(b *testing.B) { benchmark(b, company) }

func BenchmarkChooseOneDay(b *testing.B) {
	l := company
	l.OneDay = true
	benchmark(b, l)
}

func BenchmarkChooseScattered(b *testing.B) {
	l := company
	l.Scattered = true
	benchmark(b, l)
}

func BenchmarkChooseScatteredOneDay(b *testing.B) {
	l := company
	l.Scattered, l.OneDay = true, true
	benchmark(b, l)
}
