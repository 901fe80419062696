package daemon

import (
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// What one caller may ask in a second, over time and at once. A dashboard asks a few times a second, a script of somebody who waits perhaps a hundred times.
const (
	perSecond = 200
	atOnce    = 400
	// strangersPerSecond are requests of one address that come without a token that counts.
	strangersPerSecond = 5
	strangersAtOnce    = 20
	// mostCallers are remembered.
	mostCallers = 4096
)

// errRate: one caller asks too often.
var errRate = errors.New("too many requests; wait a second before the next one")

// rates hold each caller to a number of requests in a second. It is safe for concurrent use.
type rates struct {
	limit rate.Limit
	burst int
	now   func() time.Time

	mu   sync.Mutex
	list map[string]*rate.Limiter
}

func newRates(limit float64, burst int, now func() time.Time) *rates {
	return &rates{limit: rate.Limit(limit), burst: burst, now: now, list: map[string]*rate.Limiter{}}
}

// allow tells whether a caller may ask now.
func (r *rates) allow(who string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	one := r.list[who]
	if one == nil {
		if len(r.list) >= mostCallers {
			r.forget(now)
		}
		one = rate.NewLimiter(r.limit, r.burst)
		r.list[who] = one
	}
	return one.AllowN(now, 1)
}

// forget those who did not ask for a while, or, where all of so many do, everybody: they begin anew.
func (r *rates) forget(now time.Time) {
	for who, one := range r.list {
		if one.TokensAt(now) >= float64(r.burst) {
			delete(r.list, who)
		}
	}
	if len(r.list) >= mostCallers {
		clear(r.list)
	}
}
