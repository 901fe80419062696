package lease

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

var (
	// ErrHeld: another agent writes there. The error is a [*HeldError].
	ErrHeld = errors.New("another datagravity writes there")
	// ErrLost: a lease that was held is no longer.
	ErrLost = errors.New("the lease was lost")
)

// HeldError says who is in the way, and what can be done.
type HeldError struct {
	Store  string // URL, for people
	Prefix string // that the other lease is for
	Holder Holder
	Since  time.Time // by the holder's clock
	// Length of the lease, and how much of it is left if nobody renews it: from now on somebody must look.
	Length, Left time.Duration
	// Again is when another look is worth its request.
	Again time.Duration
}

// Error names the holder and says what to do.
func (e *HeldError) Error() string {
	text := fmt.Sprintf("%s: %s %q is being written to by %s, since %s; two that bring the same there pay for it twice. "+
		"Let it finish, or stop it there. If it is gone, its lease is over once nobody has renewed it for %s while somebody looks",
		ErrHeld, e.Store, e.Prefix, e.Holder, e.Since.UTC().Format(time.RFC3339), e.Length)
	if e.Left < e.Length {
		text += fmt.Sprintf(" (%s of that are left)", e.Left.Round(time.Second))
	}
	return text
}

// Unwrap is the kind.
func (e *HeldError) Unwrap() error { return ErrHeld }

// Holder is who holds a lease.
type Holder struct {
	// Manifest and Place tell one manifest from another, and from copies of it.
	Manifest string `json:"manifest"`
	Place    string `json:"place"`
	// What people want to know.
	Host    string `json:"host"`
	PID     int    `json:"pid"`
	Command string `json:"command"`
	Agent   string `json:"agent"`
}

// String reads "process 4242 on gpu7 (datagravity sync c4 --to aws), agent iowa". What another process wrote is cut and cleaned.
func (h Holder) String() string {
	s := fmt.Sprintf("process %d on %s", h.PID, clean(h.Host))
	if h.Command != "" {
		s += " (" + clean(h.Command) + ")"
	}
	if h.Agent != "" && h.Agent != h.Host {
		s += ", agent " + clean(h.Agent)
	}
	return s
}

// mostText of a holder's words is shown.
const mostText = 200

// clean makes text of others fit for a terminal and a log.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if runes := []rune(s); len(runes) > mostText {
		s = string(runes[:mostText]) + "…"
	}
	if s == "" {
		return "an unnamed one"
	}
	return s
}

// same tells whether two are one manifest in one place.
func (h Holder) same(o Holder) bool {
	return h.Manifest == o.Manifest && h.Place == o.Place && h.Manifest != ""
}
