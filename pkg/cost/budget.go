package cost

import (
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// ErrBudget: a reservation or a plan does not fit a budget. Nothing was sent for it.
var ErrBudget = errors.New("over budget")

// Budget limits what a calendar month (UTC) may use over a source-destination pair. A transfer must fit every budget
// that covers it.
type Budget struct {
	Name string
	// From and To select by a store's or destination's configured name, by location ("azure:eastus") or by provider
	// ("azure"); "" selects everything. Source and destination are those of the data, wherever the agent is.
	From, To string
	// LimitNanoUSD and LimitBytes are per window; 0 means no limit of that kind. Bytes are those on the wire over links
	// between different locations.
	LimitNanoUSD NanoUSD
	LimitBytes   int64
}

// Link is what a transfer goes over, as budgets and people name it.
type Link struct {
	Source, Dest                 string // configured names; Dest is "" for reading only
	SourceLocation, DestLocation store.Location
}

// Name is the link's name in pauses and reports: "training->s3-east".
func (l Link) Name() string {
	if l.Dest == "" {
		return l.Source
	}
	return l.Source + "->" + l.Dest
}

// Covers tells whether the budget counts what goes over a link.
func (b Budget) Covers(l Link) bool {
	return selects(b.From, l.Source, l.SourceLocation) && selects(b.To, l.Dest, l.DestLocation)
}

func selects(selector, name string, loc store.Location) bool {
	return selector == "" || selector == name || selector == loc.String() || selector == loc.Provider
}

// WindowOf names the calendar month of a time, in UTC: "2026-11".
func WindowOf(t time.Time) string { return t.UTC().Format("2006-01") }

// Use is how a budget stands in its present window.
type Use struct {
	Budget Budget
	// Window is the month that is open, and Clock the one that the clock says. The window is the later one after the clock
	// was ahead: a closed window does not open again.
	Window   string
	Clock    string
	Settled  NanoUSD
	Reserved NanoUSD
	// Bytes on the wire.
	SettledBytes  int64
	ReservedBytes int64
}

// Left is what can still be reserved: USD and bytes, each -1 without a limit of that kind.
func (u Use) Left() (NanoUSD, int64) {
	usd, bytes := NanoUSD(-1), int64(-1)
	if u.Budget.LimitNanoUSD > 0 {
		usd = max(0, u.Budget.LimitNanoUSD-u.Settled-u.Reserved)
	}
	if u.Budget.LimitBytes > 0 {
		bytes = max(0, u.Budget.LimitBytes-u.SettledBytes-u.ReservedBytes)
	}
	return usd, bytes
}

// fits tells why an amount does not fit, or nil.
func (u Use) fits(amount NanoUSD, bytes int64) error {
	usdLeft, bytesLeft := u.Left()
	advice := "raise the budget, wait for the next window, or choose fewer shards"
	if u.Window > u.Clock {
		advice = fmt.Sprintf("the clock says %s and was ahead once, so that the window of %s stays open until the clock passes "+
			"it; raise the budget, or choose fewer shards", u.Clock, u.Window)
	}
	switch {
	case usdLeft >= 0 && amount > usdLeft:
		return fmt.Errorf("%w: budget %q has %s left of %s for %s (%s spent, %s reserved), and this needs up to %s; %s",
			ErrBudget, u.Budget.Name, usdLeft, u.Budget.LimitNanoUSD, u.Window, u.Settled, u.Reserved, amount, advice)
	case bytesLeft >= 0 && bytes > bytesLeft:
		return fmt.Errorf("%w: budget %q has %d bytes left of %d for %s, and this needs up to %d; %s", ErrBudget, u.Budget.Name,
			bytesLeft, u.Budget.LimitBytes, u.Window, bytes, advice)
	}
	return nil
}
