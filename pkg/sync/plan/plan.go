package plan

import (
	"fmt"
	"sort"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// Plan is what must happen so that a selection of a dataset is at a destination.
type Plan struct {
	Dataset     string
	Snapshot    chunker.Digest // zero: what the source lists now
	Destination Destination
	Route       Route
	For         Payer
	Items       []Item
	Estimate    Estimate
	// Folder of the snapshot, in a layout that has one.
	Folder string
	// Unnamed: the layout has a folder for the snapshot, whose name needs digests that are not known yet. Nothing can move before they are.
	Unnamed bool
	// Keeping and Alternatives are what [Plan.Weigh] found.
	Keeping      *Keeping
	Alternatives []Alternative
	// Packs says, at an edge, whether an origin is asked to pack what is missing.
	Packs *Packs
	// Beside is set if pins keep the plan out of the mirror, and it goes beside it.
	Beside *Beside
	// Room is set if the destination has a capacity.
	Room *Room
	// Removals are the objects that go: evicted ones before anything moves, deleted ones after everything else succeeded.
	Removals []Removal
	// Guard says why the deletions will be refused; nil: they will not.
	Guard error
}

// Packs are what an origin may make of what a plan reads from the source: whether they are smaller only it can tell.
type Packs struct {
	// Bytes of missing chunks that are asked for.
	Bytes int64 `json:"bytes"`
	// Why nobody is asked; "": an origin is, if one is alive then.
	Why string `json:"why,omitempty"`
}

// Payer is who moving is for, and charged to: what budgets select by beside the dataset and its way.
type Payer struct{ Job, Team string } // "" if nobody said

// Subject is what budgets select what moves over a link by.
func (p Payer) Subject(link cost.Link, dataset string) cost.Subject {
	return cost.Subject{Link: link, Dataset: dataset, Team: p.Team, Job: p.Job}
}

// Finish orders the items into waves and prices them.
func (p *Plan) Finish(l *cost.Ledger, m *manifest.Manifest, partBytes int64, bitsPerSecond float64) error {
	sort.SliceStable(p.Items, func(i, j int) bool {
		if p.Items[i].Rank != p.Items[j].Rank {
			return p.Items[i].Rank < p.Items[j].Rank
		}
		return p.Items[i].Path < p.Items[j].Path
	})
	var err error
	p.Estimate, err = p.Route.price(l.Book(), p.Items, partBytes, bitsPerSecond, monthToDate(l, m))
	return err
}

// Blocked are the items that nothing will move: refused, missing and blocked ones.
func (p *Plan) Blocked() (out []Item) {
	for _, it := range p.Items {
		if it.Way == Refused || it.Way == Missing || it.Way == Blocked {
			out = append(out, it)
		}
	}
	return out
}

// Pending tells whether anything is left to do.
func (p *Plan) Pending() bool {
	for _, it := range p.Items {
		if it.Way != Have {
			return true
		}
	}
	return false
}

// Over is what budgets select what the plan moves over a link by.
func (p *Plan) Over(link cost.Link) cost.Subject { return p.For.Subject(link, p.Dataset) }

// Trusted tells whether the budgets may rest on the plan's prices. Error: [cost.ErrUntrusted].
func (p *Plan) Trusted(l *cost.Ledger) error {
	for _, u := range p.Estimate.reserved {
		if err := l.CheckPrices(p.Over(u.link), p.Route.Trust, u.rates...); err != nil {
			return fmt.Errorf("the plan for %s to %s: %w", p.Dataset, p.Destination.Name, err)
		}
	}
	return nil
}

// Fits tells whether all of the plan fits the budgets now, those of every link that it goes over, and whether they may rest on its prices. Errors:
// [cost.ErrBudget] with the budget, what it has left and what is needed; [cost.ErrUntrusted].
func (p *Plan) Fits(l *cost.Ledger) error {
	if err := p.Trusted(l); err != nil {
		return err
	}
	var demands []cost.Demand
	for _, u := range p.Estimate.reserved {
		demands = append(demands, cost.Demand{Subject: p.Over(u.link), NanoUSD: u.usd, Bytes: u.bytes})
	}
	if err := l.Check(demands...); err != nil {
		return fmt.Errorf("the plan for %s to %s: %w; --partial runs what fits", p.Dataset, p.Destination.Name, err)
	}
	return nil
}
