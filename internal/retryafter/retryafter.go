// Package retryafter reads the header by which a server asks to be left alone for a while.
package retryafter

import (
	"net/http"
	"strconv"
	"time"
)

// Of an answer: how long to wait, 0 if it does not say, or the time is over. A date is compared with the answer's own, since clocks differ; with now where
// it has none, unless now is zero.
func Of(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if seconds, err := strconv.ParseInt(v, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	until, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	if sent, err := http.ParseTime(h.Get("Date")); err == nil {
		now = sent
	}
	if now.IsZero() {
		return 0
	}
	return max(0, until.Sub(now))
}
