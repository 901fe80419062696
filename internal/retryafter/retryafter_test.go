package retryafter

import (
	"net/http"
	"testing"
	"time"
)

func TestOf(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for _, c := range []struct {
		header, date string
		want         time.Duration
	}{
		{"", "", 0}, {"12", "", 12 * time.Second}, {"0", "", 0}, {"-3", "", 0}, {"soon", "", 0}, {"1.5", "", 0},
		{"99999999999999999999", "", 0},
		{at(90 * time.Second), "", 90 * time.Second},
		{at(-time.Hour), "", 0},
		// The server's clock is an hour before ours.
		{at(time.Hour + time.Minute), at(time.Hour), time.Minute},
		{at(time.Minute), at(time.Hour), 0},
		{at(time.Minute), "today", time.Minute},
		{now.Add(time.Minute).Format(time.RFC850), at(0), time.Minute},
	} {
		h := http.Header{"Retry-After": {c.header}, "Date": {c.date}}
		if got := Of(h, now); got != c.want {
			t.Errorf("Retry-After %q, Date %q: %s, want %s", c.header, c.date, got, c.want)
		}
	}
	for date, want := range map[string]time.Duration{"": 0, at(0): time.Minute} {
		if got := Of(http.Header{"Retry-After": {at(time.Minute)}, "Date": {date}}, time.Time{}); got != want {
			t.Errorf("without a clock, Date %q: %s, want %s", date, got, want)
		}
	}
}
