package cost

import (
	"errors"
	"fmt"
	"sync"

	"github.com/datagravity/datagravity/internal/saturating"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// ErrNoGrant: the budget is another agent's, and it has granted too little for this. Nothing was sent. [Ledger.Reserve] returns a [*NoGrant].
var ErrNoGrant = errors.New("not granted")

// Stops tells errors of the ledger that are about all that would move: whatever else is tried over the link fails as well.
func Stops(err error) bool {
	return errors.Is(err, ErrBudget) || errors.Is(err, ErrNoGrant) || errors.Is(err, ErrPaused) || errors.Is(err, ErrOverrun)
}

// NoGrant is what would have to be granted.
type NoGrant struct {
	Crossing Crossing // the one that did not fit
	// Bytes and Requests of all that were to be reserved together for the same subject.
	Bytes, Requests int64
}

// Is tells that it is an [ErrNoGrant], and so an [ErrBudget].
func (e *NoGrant) Is(target error) bool { return target == ErrNoGrant || target == ErrBudget }

// Error says what there is too little of.
func (e *NoGrant) Error() string {
	return fmt.Sprintf("%v: reading up to %d bytes of dataset %s over %s is more than the agent beside the source has granted", ErrNoGrant, e.Bytes,
		e.Crossing.Dataset, e.Crossing.Link.Name())
}

// Granter gets more granted.
type Granter interface {
	// More returns without error when there is so much more to reserve on.
	More(short *NoGrant) error
}

// holding are the grants that this process may use: the manifest may be a copy, and have those of another.
type holding struct {
	mu      sync.Mutex
	ids     map[string]bool
	granter Granter
}

func (h *holding) has(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ids[id]
}

func (h *holding) set(id string, use bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ids == nil {
		h.ids = map[string]bool{}
	}
	h.ids[id] = use
}

// AskThrough has a granter asked where too little is granted. Without one that is an error at once.
func (l *Ledger) AskThrough(g Granter) {
	l.holding.mu.Lock()
	defer l.holding.mu.Unlock()
	l.holding.granter = g
}

// more asks for what was missing, if that is why it was refused, and can be asked for.
func (l *Ledger) more(refused error, all []Crossing) (asked bool, err error) {
	var short *NoGrant
	l.holding.mu.Lock()
	g := l.holding.granter
	l.holding.mu.Unlock()
	if g == nil || !errors.As(refused, &short) {
		return false, nil
	}
	short.Bytes, short.Requests = 0, 0
	for _, c := range all {
		if l.NeedsGrant(c) && c.Subject() == short.Crossing.Subject() {
			short.Bytes, short.Requests = short.Bytes+c.Bytes, short.Requests+c.requestCount()
		}
	}
	return true, g.More(short)
}

// NeedsGrant tells that the bytes leave a store whose budgets are another agent's.
func (l *Ledger) NeedsGrant(c Crossing) bool {
	return l.granted[c.Link.Source] && c.From == c.Link.SourceLocation && !c.inPlace()
}

// grantFor is what a grant for the subject is for.
func (s Subject) grantFor() manifest.GrantFor {
	return manifest.GrantFor{Source: s.Link.Source, Dest: s.Link.Dest, Dataset: s.Dataset, Team: s.Team, Job: s.Job}
}

// GrantFor is what a grant for the crossing is for.
func (c Crossing) GrantFor() manifest.GrantFor { return c.Subject().grantFor() }

// owedWindow counts what was read of a store before there was a grant: what tells whether there is anything to ask for.
func owedWindow(source string) string { return manifest.WindowID("", "owed "+source) }

// MaxOwed bounds what may be read without a grant, until one is had that takes it over.
const MaxOwed = 64 << 20

// drawable is a grant within an admission, or what may be owed.
type drawable struct {
	id       string // of the window
	bytes    int64
	requests int64
	w        manifest.Window
	used     bool
}

func (g *drawable) fits(bytes, requests int64) bool {
	return bytes <= g.bytes-g.w.SettledBytes-g.w.ReservedBytes && requests <= g.requests-g.w.SettledRequests-g.w.ReservedRequests
}

// grant draws a crossing from a grant, or on credit, or says that there is none.
func (a *admission) grant(o *manifest.Open, c Crossing) (refused, err error) {
	list, err := a.drawables(c)
	if err != nil {
		return nil, err
	}
	for _, g := range list {
		if g.fits(o.Bytes, o.Requests) {
			g.w.ReservedBytes, g.w.ReservedRequests, g.w.ReservedNanoUSD = g.w.ReservedBytes+o.Bytes, g.w.ReservedRequests+o.Requests, g.w.ReservedNanoUSD+o.NanoUSD
			g.used = true
			o.Windows = append(o.Windows, g.id)
			return nil, nil
		}
	}
	return &NoGrant{Crossing: c, Bytes: o.Bytes, Requests: o.Requests}, nil
}

// drawables are what a crossing may draw from.
func (a *admission) drawables(c Crossing) (list []*drawable, err error) {
	want := c.Subject().grantFor()
	list, known := a.grants[want]
	if !known {
		err = a.tx.HeldGrants(func(g manifest.HeldGrant) (bool, error) {
			if g.For != want || g.Claimed == 0 || g.Closed != 0 || a.now >= g.Expires || !a.l.holding.has(g.ID) {
				return true, nil
			}
			w, _, err := a.tx.Window(g.Window())
			list = append(list, &drawable{id: g.Window(), bytes: g.Bytes, requests: g.Requests, w: w})
			return true, err
		})
		if err != nil {
			return nil, err
		}
		a.grants[want] = list
	}
	if c.Credit == 0 {
		return list, nil
	}
	owed := a.owed[c.Link.Source]
	if owed == nil {
		owed = &drawable{id: owedWindow(c.Link.Source)}
		if owed.w, _, err = a.tx.Window(owed.id); err != nil {
			return nil, err
		}
		a.owed[c.Link.Source] = owed
	}
	owed.bytes, owed.requests = c.Credit, c.Credit
	return append(list[:len(list):len(list)], owed), nil
}

// writeGrants makes durable what was drawn.
func (a *admission) writeGrants() error {
	for _, list := range a.grants {
		for _, g := range list {
			if err := g.write(a.tx); err != nil {
				return err
			}
		}
	}
	for _, g := range a.owed {
		if err := g.write(a.tx); err != nil {
			return err
		}
	}
	return nil
}

func (g *drawable) write(tx *manifest.Tx) error {
	if !g.used {
		return nil
	}
	return tx.PutWindow(g.id, g.w)
}

// applyGrant is apply for what was drawn from a grant. One that is not held any more is over.
func applyGrant(tx *manifest.Tx, id string, d manifest.Window) error {
	w, ok, err := tx.Window(id)
	if err != nil || !ok {
		return err
	}
	w.SettledBytes, w.SettledNanoUSD = saturating.Add(w.SettledBytes, d.SettledBytes), saturating.Add(w.SettledNanoUSD, d.SettledNanoUSD)
	w.SettledRequests = saturating.Add(w.SettledRequests, d.SettledRequests)
	w.ReservedBytes, w.ReservedNanoUSD = w.ReservedBytes+d.ReservedBytes, w.ReservedNanoUSD+d.ReservedNanoUSD
	w.ReservedRequests += d.ReservedRequests
	return tx.PutWindow(id, w)
}
