package dashboard

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/observe"
)

func TestFormats(t *testing.T) {
	now := time.Date(2026, 11, 26, 14, 3, 0, 0, time.UTC)
	for _, c := range []struct{ got, want string }{
		{size(0), "0 B"}, {size(1023), "1023 B"}, {size(1024), "1 KiB"}, {size(1536), "1.5 KiB"}, {size(1<<20 - 1), "1 MiB"}, {size(1<<40 + 1<<38), "1.25 TiB"}, {size(999 << 20), "999 MiB"},
		{size(1000 << 20), "0.98 GiB"}, {size(math.MaxInt64), "8 EiB"}, {size(-2048), "-2 KiB"}, {rate(132 << 20), "132 MiB/s"},
		{count(0), "0"}, {count(999), "999"}, {count(1000), "1,000"}, {count(int64(-1234567)), "-1,234,567"},
		{usd(0), "$0.00"}, {usd(1), "<$0.01"}, {usd(cost.USD/100 - 1), "$0.01"}, {usd(1204*cost.USD + cost.USD*6/10), "$1,204.60"}, {usd(-3 * cost.USD), "−$3.00"}, {usd(cost.USD - 1), "$1.00"},
		{plural(1, "shard"), "1 shard"}, {plural(1500, "shard"), "1,500 shards"}, {plural(2, "entry"), "2 entries"},
		{span(0), "0 s"}, {span(90 * time.Second), "90 s"}, {span(12 * time.Minute), "12 min"}, {span(3*time.Hour + 12*time.Minute), "3 h 12 min"}, {span(52 * time.Hour), "2 d 4 h"},
		{span(23 * 24 * time.Hour), "23 d"}, {span(-5 * time.Minute), "5 min"}, {span(5 * 365 * 24 * time.Hour), "5 years"}, {span(math.MinInt64), "292 years"},
		{ago(now.Add(-time.Hour), now), "60 min ago"}, {ago(now.Add(3*time.Hour), now), "in 3 h"}, {ago(now, now), "now"},
		{clock(now.Add(time.Hour), now), "15:03"}, {clock(now.Add(24*time.Hour), now), "Fri 14:03"}, {clock(now.Add(20*24*time.Hour), now), "16 Dec"}, {clock(now.AddDate(1, 0, 0), now), "26 Nov 2027"},
		{shareText(1, 100000), "<1 %"}, {shareText(999, 1000), "99 %"}, {shareText(0, 0), "0 %"}, {percent(math.NaN()), "0.00%"}, {percent(7), "100.00%"},
		{clip("short"), "short"}, {visible("a\u202eb\x00"), "a\ufffdb\ufffd"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	if got := clip(strings.Repeat("é", 4096)); len(got) > longName+4 || strings.Contains(got, "\ufffd") {
		t.Errorf("%q", got)
	}
}

// An axis of time has now near its begin, all of its time on it, and no two marks in one place.
func TestTimeline(t *testing.T) {
	now := time.Date(2026, 11, 26, 14, 3, 0, 0, time.UTC)
	for _, long := range []time.Duration{0, time.Minute, time.Hour, 30 * time.Hour, 400 * 24 * time.Hour, 100 * 365 * 24 * time.Hour} {
		l := newTimeline(now, now.Add(long))
		if len(l.Ticks) < 2 || len(l.Ticks) > 10 {
			t.Errorf("%v: %d marks", long, len(l.Ticks))
		}
		last := -1.0
		for d := -2 * time.Hour; d <= long; d += max(long/50, time.Minute) {
			if x := l.x(now.Add(d)); x < last || x < 0 || x > 1 {
				t.Fatalf("%v: at %v it is %f after %f", long, d, x, last)
			} else {
				last = x
			}
		}
	}
}

// What was left begins with the limit, falls by what was spent, and leads to where the pace takes it.
func TestBurn(t *testing.T) {
	now := time.Date(2026, 11, 11, 0, 0, 0, 0, time.UTC)
	from, until, out := now.AddDate(0, 0, -10), now.AddDate(0, 0, 20), now.AddDate(0, 0, 5)
	limit, left, day := 30*cost.USD, 10*cost.USD, 20*cost.USD
	b := observe.BudgetDetail{
		Budget:   observe.Budget{Name: "b", Zone: "UTC", WindowFrom: &from, WindowUntil: &until, LimitUSD: &limit, LeftUSD: &left, SpentUSD: 20 * cost.USD, ExhaustedAt: &out},
		Burndown: []observe.Day{{Day: "2026-11-05", USD: day, LeftUSD: &left}},
	}
	c := burnOf(b, now)
	// A window of 30 days: the 5th begins at 4/30, the 6th at 5/30, now is at 10/30, and 15/30 is where nothing is left.
	want := "M0.0 25.0L133.3 25.0L166.7 75.0L333.3 75.0"
	if c.Left.Path != want || c.Forecast.Path != "M333.3 75.0L500.0 100.0" || c.Levels[2].Label != "$40.00" {
		t.Errorf("%s, %s, %v", c.Left.Path, c.Forecast.Path, c.Levels)
	}
	if b.WindowUntil = nil; burnOf(b, now) != nil {
		t.Error("a window without an end has a chart")
	}
}

// What is served of others is what was fetched: nobody has changed it by hand.
func TestThirdParty(t *testing.T) {
	f, err := os.Open(filepath.Join("third_party", "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		sum, name, _ := strings.Cut(lines.Text(), "  ")
		b, err := os.ReadFile(filepath.Join("third_party", name))
		if err != nil {
			t.Fatal(err)
		}
		if got := sha256.Sum256(b); hex.EncodeToString(got[:]) != sum {
			t.Errorf("%s is not what make assets fetched", name)
		}
	}
	if n < 7 {
		t.Errorf("%d files", n)
	}
}
