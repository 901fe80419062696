package lease

import "time"

// Clock measures how much time has passed. It has nothing to do with the time of day, which anybody may set.
type Clock interface {
	// Elapsed since some moment.
	Elapsed() time.Duration
	// After has a value when so much time has passed.
	After(d time.Duration) <-chan time.Time
}

// machineClock is that of this machine. It stands still while the machine sleeps: who looks then looks for longer, and who holds finds out by its
// next renewal that it slept.
type machineClock struct{ from time.Time }

func newMachineClock() machineClock {
	return machineClock{time.Now()} //nolint:forbidigo // of it only differences are taken, which no one sets
}

func (c machineClock) Elapsed() time.Duration {
	return time.Since(c.from) //nolint:forbidigo // as above
}

func (machineClock) After(d time.Duration) <-chan time.Time { return time.After(d) }
