package fault

import (
	"fmt"
	"time"
)

// Kind is what goes wrong.
type Kind int

// The kinds of fault. Those that fail do so with the Rule's Err, or the one named here.
const (
	// Before fails without any effect (ErrTransient).
	Before Kind = iota + 1
	// After lets the call have its effect and loses the answer (ErrTransient).
	After
	// Throttle fails without effect, with the Rule's RetryAfter (ErrThrottled).
	Throttle
	// Auth fails as expired credentials do (ErrAuth).
	Auth
	// ShortRead fills the first Rule.Bytes of what was to be read and fails (ErrTransient).
	ShortRead
	// CorruptRead flips one bit of what was read and reports success.
	CorruptRead
	// CorruptWrite flips one bit of what Put or UploadPart sends; its checksums stay those of the right bytes.
	CorruptWrite
	// Latency waits Rule.Wait and goes on.
	Latency
	// ListEmpty answers a listing with nothing, as an unmounted directory does.
	ListEmpty
)

var kindNames = [...]string{"", "before", "after", "throttle", "auth", "short-read", "corrupt-read", "corrupt-write", "latency", "list-empty"}

// String is the kind's name in messages.
func (k Kind) String() string {
	if k < Before || k > ListEmpty {
		return fmt.Sprintf("kind %d", int(k))
	}
	return kindNames[k]
}

// Rule plans one fault. A call must match Op, Key and Continued; of the matching calls, those that Nth, Probability and
// Times choose meet the fault.
type Rule struct {
	Kind Kind
	// Op is the operation as in store.Error ("read", "put", "part", ...); "" is every one the kind can happen to.
	Op string
	// Key is a doublestar glob on the key (on the prefix, for listings); "" is every key.
	Key string
	// Continued takes only listings that go on from a token: pages after the first.
	Continued bool
	// Nth is the number, from 1, of the only matching call to hit; 0: any.
	Nth int
	// Probability of each matching call, 0 to 1; 0 is always.
	Probability float64
	// Times limits how often the rule hits; 0: no limit.
	Times int

	// Err is the kind of error to fail with, one of the store.Err variables; nil is the Kind's own.
	Err error
	// RetryAfter goes with the error.
	RetryAfter time.Duration
	// NotSent marks the error of a Before as one that provably never reached the service.
	NotSent bool
	// Wait of a Latency.
	Wait time.Duration
	// Bytes that a ShortRead still delivers.
	Bytes int
	// Optional rules need not hit to satisfy VerifyAllHit.
	Optional bool
}

// String names the rule in messages.
func (r Rule) String() string {
	op, key := r.Op, r.Key
	if op == "" {
		op = "any op"
	}
	if key == "" {
		key = "**"
	}
	s := fmt.Sprintf("%v on %s %s", r.Kind, op, key)
	if r.Continued {
		s += " (later pages)"
	}
	if r.Nth > 0 {
		s += fmt.Sprintf(" call %d", r.Nth)
	}
	if r.Probability > 0 {
		s += fmt.Sprintf(" with probability %g", r.Probability)
	}
	return s
}

// Plan is the faults of one store.
type Plan struct {
	Seed  uint64
	Rules []Rule
}
