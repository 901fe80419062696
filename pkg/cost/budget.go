package cost

import (
	"strings"

	"github.com/datagravity/datagravity/pkg/store"
)

// Budget limits what a window of time may use of what the budget counts. A transfer must fit every budget that counts it.
type Budget struct {
	Name string
	// From and To select by a store's or destination's configured name, by location ("azure:eastus") or by provider
	// ("azure"); "" selects everything. Source and destination are those of the data, wherever the agent is.
	From, To string
	// Dataset, Team and Job select by who the transfer is for; "" selects everything. A job that ends in * selects all whose name begins so.
	Dataset, Team, Job string
	// Period is the window; its zero value is calendar months in UTC.
	Period Period
	// LimitNanoUSD and LimitBytes are per window; 0 means no limit of that kind. Bytes are those on the wire over links
	// between different locations.
	LimitNanoUSD NanoUSD
	LimitBytes   int64
	// Thresholds are the shares of the limit, in hundredths of a percent and ascending, at which somebody is told once a window.
	Thresholds []int64
	// Ask: what does not fit waits for somebody's approval, and says how to give it. Otherwise it waits for the next window.
	Ask bool
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

// Subject is what budgets select by.
type Subject struct {
	Link               Link
	Dataset, Team, Job string // "" if nobody said
}

// Covers tells whether the budget's From and To select a link.
func (b Budget) Covers(l Link) bool {
	return selects(b.From, l.Source, l.SourceLocation) && selects(b.To, l.Dest, l.DestLocation)
}

// Counts tells whether a transfer counts against the budget.
func (b Budget) Counts(s Subject) bool {
	return b.Covers(s.Link) && (b.Dataset == "" || b.Dataset == s.Dataset) && (b.Team == "" || b.Team == s.Team) && selectsJob(b.Job, s.Job)
}

func selects(selector, name string, loc store.Location) bool {
	return selector == "" || selector == name || selector == loc.String() || selector == loc.Provider
}

func selectsJob(selector, job string) bool {
	if beginning, some := strings.CutSuffix(selector, "*"); some {
		return job != "" && strings.HasPrefix(job, beginning)
	}
	return selector == "" || selector == job
}
