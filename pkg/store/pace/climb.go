package pace

import "time"

const (
	// window is the least time over which throughput is measured. Below a second the start of a TCP connection, a pause of
	// a disk or of a garbage collector are as long as what is measured.
	window = time.Second
	// leastRequests of a window: parts differ in size, the last of a shard most of all.
	leastRequests = 8
	// share of a proportional gain that a step up must bring to be kept: below a quarter, the requests wait for each
	// other at the service. More would take noise for it, less would climb to Max on noise.
	share = 0.25
	// hold is the time after a step that did not pay until the next is tried. A step down costs a quarter of the throughput
	// for as long as it takes to see it, about 1.5 s of every 30.
	hold = 15 * time.Second
	// decreasePause is the least time between two decreases: the services count requests by the second.
	decreasePause = time.Second
)

// phase of a climb.
type phase int

const (
	settling  phase = iota // requests of the former limit end
	measuring              // the limit stands still, payload bytes are counted
	growing                // towards the ceiling, as long as the limit is what requests wait for
)

// trial is what the limit was changed for since the last measurement.
type trial int

const (
	none trial = iota
	up
	down
)

// climb finds the height of a limit. It knows nothing of waiting; the gate's lock guards it.
//
// Measure at a standing limit, step up, let the requests of the old limit end, measure again, and judge: that is one round,
// of a second and two round trips at least. A step doubles the limit until the first sign of trouble, and adds a quarter
// after it. A step that does not pay is undone; the next goes down, since the plateau may have begun below.
type climb struct {
	limit, max int
	doubling   bool
	ceiling    int // of the present growth
	trouble    int // limit at which the service throttled last; 0: none, or it was passed since

	phase phase
	trial trial
	from  uint64 // slots up to this one were given before the phase began
	left  int    // settling: requests that must end first
	grown int    // growing: successes since the last step
	idle  int    // growing: successes that nobody waited behind

	// What was measured since began.
	began                 time.Time
	bytes                 int64
	requests, data, bound int // all, those with payload, those that others waited behind

	// The last measurement, which a trial is compared with.
	baseLimit int
	baseRate  float64 // payload bytes/s

	descend   bool // the next trial goes down
	holdUntil time.Time

	decreased   time.Time
	decreasedAt uint64 // slots given before the last decrease: their throttling is the same trouble
	decreases   int64
}

func newClimb(start, most int) climb {
	return climb{limit: start, max: most, doubling: true, left: start}
}

// success counts a request that the service answered. slot is the request's number, last that of the newest one, waited
// whether others wait for a slot: only then is the limit what holds them up.
func (c *climb) success(slot, last uint64, payloadBytes int64, waited bool, now time.Time) {
	if slot <= c.from {
		return
	}
	switch c.phase {
	case settling:
		if c.left--; c.left <= 0 {
			c.measure(now)
		}
	case measuring:
		c.requests++
		c.bytes += payloadBytes
		if payloadBytes > 0 {
			c.data++
		}
		if waited {
			c.bound++
		}
		if c.requests >= max(c.limit, leastRequests) && now.Sub(c.began) >= window {
			c.judge(last, now)
		}
	case growing:
		c.grow(last, waited, now)
	}
}

func (c *climb) settle(last uint64) { c.phase, c.from, c.left = settling, last, c.limit }

func (c *climb) measure(now time.Time) {
	c.phase, c.began = measuring, now
	c.bytes, c.requests, c.data, c.bound = 0, 0, 0, 0
}

// grow adds one for each success while doubling, and one for each limit's worth of successes after that.
func (c *climb) grow(last uint64, waited bool, now time.Time) {
	if !waited {
		// What was measured before is no longer comparable once the load has changed.
		if c.idle++; c.idle > c.limit {
			c.trial = none
			c.measure(now)
		}
		return
	}
	if c.grown++; c.doubling || c.grown >= c.limit {
		c.grown = 0
		c.limit++
	}
	if c.limit >= c.ceiling {
		c.settle(last)
	}
}

// judge ends a measurement.
func (c *climb) judge(last uint64, now time.Time) {
	switch {
	case c.bound*10 < c.requests*9:
		// Too few requests to need the limit: nothing is learned about it.
		c.trial = none
		c.measure(now)
		return
	case c.data*2 < c.requests:
		// Listings and looks at objects: their bytes say nothing, so that only throttling ends the climb.
		c.trial, c.descend = none, false
		if c.limit >= c.max {
			c.measure(now)
			return
		}
		c.step(last, now)
		return
	}
	rate := float64(c.bytes) / now.Sub(c.began).Seconds()
	if !c.paid(rate) {
		c.limit, c.doubling = c.baseLimit, false
		c.descend, c.trial = c.trial == up, none
		c.holdUntil = now.Add(hold)
		c.settle(last)
		return
	}
	c.baseLimit, c.baseRate, c.trial = c.limit, rate, none
	if now.Before(c.holdUntil) {
		c.measure(now)
		return
	}
	c.step(last, now)
}

// paid tells whether a trial's change is to be kept.
func (c *climb) paid(rate float64) bool {
	change := float64(c.limit)/float64(c.baseLimit) - 1 // not used without a trial, which has a base
	switch c.trial {
	case up, down:
		// A step down may lose as little as a step up must win.
		return rate >= c.baseRate*(1+share*change)
	default:
		return true
	}
}

// step begins the next trial.
func (c *climb) step(last uint64, now time.Time) {
	switch {
	case c.descend && c.limit > 1:
		c.trial = down
		c.limit = min(c.limit-1, c.limit*3/4)
		c.limit = max(c.limit, 1)
		c.settle(last)
	case c.limit >= c.max:
		// The plateau may have come down since.
		c.descend, c.holdUntil = true, now.Add(hold)
		c.measure(now)
	default:
		c.descend, c.trial = false, up
		c.phase, c.from, c.grown, c.idle = growing, last, 0, 0
		c.ceiling = min(c.next(), c.max)
	}
}

// next is the limit that a step up aims at.
func (c *climb) next() int {
	if c.limit >= c.trouble {
		c.trouble = 0
	}
	switch {
	case c.doubling:
		return 2 * c.limit
	case c.limit*4 >= c.trouble*3 && c.trouble > 0:
		return c.limit + max(1, c.limit/8) // slowly where it hurt before
	default:
		return c.limit + max(1, c.limit/4)
	}
}

// throttled halves the limit, once for all requests that were under way together and at most once in decreasePause.
func (c *climb) throttled(slot, last uint64, now time.Time) {
	if slot <= c.decreasedAt || now.Sub(c.decreased) < decreasePause {
		return
	}
	c.decreases++
	c.decreased, c.decreasedAt = now, last
	c.trouble = c.limit
	c.limit = max(1, c.limit/2)
	c.doubling, c.descend, c.trial, c.holdUntil = false, false, none, time.Time{}
	c.settle(last)
}
