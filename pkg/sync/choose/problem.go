package choose

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
)

// ErrProblem: the input contradicts itself. The text names the job, shard, route or budget.
var ErrProblem = errors.New("nothing can be chosen from this")

// MostValue is the largest value of a job.
const MostValue = 1_000_000_000_000

// mostSum of all charges.
const mostSum = math.MaxInt64 / 4

// Job is what needs shards.
type Job struct {
	// ID is unique, and breaks ties.
	ID string
	// StartBy is by when moving must begin: the need-by less the time that moving takes. Zero: nobody said when.
	StartBy  time.Time
	Priority int
	// Value that having all shards is worth, in any unit that the jobs share; 0 counts as 1.
	Value int64
	// Part: some of the shards are welcome where not all fit.
	Part bool
	// Shards are numbers that [Problem.AddShard] gave, each once, in the order in which a part is filled.
	Shards []uint32
}

// Budget is what a budget has left.
type Budget struct {
	Name string
	// LeftNanoUSD and LeftBytes are -1 without a limit of that kind.
	LeftNanoUSD cost.NanoUSD
	LeftBytes   int64
	// LimitNanoUSD and LimitBytes of a whole window, for the words alone; 0: not known.
	LimitNanoUSD cost.NanoUSD
	LimitBytes   int64
}

// Charge is what an offer uses of the budgets of a route, by its place in [Problem.Routes].
type Charge struct {
	Route   uint16
	NanoUSD cost.NanoUSD
	Bytes   int64 // on the wire
}

// Offer is a source that a shard can be read from, by its place in [Problem.Sources], and what that uses.
type Offer struct {
	Source  uint16
	Charges []Charge
}

// price of an offer in money.
func (o Offer) price() cost.NanoUSD {
	var sum cost.NanoUSD
	for _, c := range o.Charges {
		sum = cost.AddNanoUSD(sum, c.NanoUSD)
	}
	return sum
}

// Problem is a decision to be made. Shards are columns, because there can be millions.
type Problem struct {
	// Now decides what is late.
	Now     time.Time
	Jobs    []Job
	Budgets []Budget
	// Routes are the budgets, by their places, that count what goes over each.
	Routes [][]uint16
	// Sources are the names of what shards are read from.
	Sources []string

	offerEnd    []uint32 // by shard: where its offers end
	source      []uint16 // by offer, a shard's cheapest first
	chargeEnd   []uint32 // by offer: where its charges end
	chargeRoute []uint16
	chargeUSD   []int64
	chargeBytes []int64
}

// Grow makes room for so many shards, offers and charges in all.
func (p *Problem) Grow(shards, offers, charges int) {
	p.offerEnd = slices.Grow(p.offerEnd, shards)
	p.source = slices.Grow(p.source, offers)
	p.chargeEnd = slices.Grow(p.chargeEnd, offers)
	p.chargeRoute = slices.Grow(p.chargeRoute, charges)
	p.chargeUSD = slices.Grow(p.chargeUSD, charges)
	p.chargeBytes = slices.Grow(p.chargeBytes, charges)
}

// Shards is how many there are.
func (p *Problem) Shards() int { return len(p.offerEnd) }

// AddShard adds a shard and returns its number. It sorts the offers, and keeps nothing of them.
func (p *Problem) AddShard(offers ...Offer) uint32 {
	if len(offers) > 1 {
		slices.SortStableFunc(offers, func(a, b Offer) int {
			return cmp.Or(cmp.Compare(a.price(), b.price()), cmp.Compare(a.Source, b.Source))
		})
	}
	for _, o := range offers {
		for _, c := range o.Charges {
			p.chargeRoute = append(p.chargeRoute, c.Route)
			p.chargeUSD = append(p.chargeUSD, int64(c.NanoUSD))
			p.chargeBytes = append(p.chargeBytes, c.Bytes)
		}
		p.source = append(p.source, o.Source)
		p.chargeEnd = append(p.chargeEnd, uint32(len(p.chargeRoute)))
	}
	p.offerEnd = append(p.offerEnd, uint32(len(p.source)))
	return uint32(len(p.offerEnd) - 1)
}

// offers of a shard: the first and one past the last.
func (p *Problem) offers(shard uint32) (first, end uint32) {
	return before(p.offerEnd, shard), p.offerEnd[shard]
}

// charges of an offer: the first and one past the last.
func (p *Problem) charges(offer uint32) (first, end uint32) {
	return before(p.chargeEnd, offer), p.chargeEnd[offer]
}

// before is where the entries of i begin in a column of ends.
func before(ends []uint32, i uint32) uint32 {
	if i == 0 {
		return 0
	}
	return ends[i-1]
}

func (p *Problem) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrProblem}, args...)...)
	}
	if len(p.Budgets) > math.MaxUint16 || len(p.Routes) > math.MaxUint16 || len(p.Sources) >= math.MaxUint16 {
		return bad("%d budgets, %d routes, %d sources: the most is %d", len(p.Budgets), len(p.Routes), len(p.Sources), math.MaxUint16-1)
	}
	for i, b := range p.Budgets {
		if b.LeftNanoUSD < -1 || b.LeftBytes < -1 {
			return bad("budget %d, %q, has %d nano-USD and %d bytes left; want 0 or more, or -1 for no limit", i, b.Name, b.LeftNanoUSD, b.LeftBytes)
		}
	}
	for i, budgets := range p.Routes {
		for j, b := range budgets {
			if int(b) >= len(p.Budgets) || slices.Contains(budgets[:j], b) {
				return bad("route %d names budget %d, of %d, twice or in vain", i, b, len(p.Budgets))
			}
		}
	}
	var usd, bytes int64
	for i, r := range p.chargeRoute {
		if int(r) >= len(p.Routes) || p.chargeUSD[i] < 0 || p.chargeBytes[i] < 0 {
			return bad("charge %d is for route %d of %d, %d nano-USD and %d bytes", i, r, len(p.Routes), p.chargeUSD[i], p.chargeBytes[i])
		}
		// So that no sum of some of them can overflow.
		if p.chargeUSD[i] > mostSum-usd || p.chargeBytes[i] > mostSum-bytes {
			return bad("charge %d, of %s for %d bytes: all together have no price that can be counted", i, cost.NanoUSD(p.chargeUSD[i]), p.chargeBytes[i])
		}
		usd += p.chargeUSD[i]
		bytes += p.chargeBytes[i]
	}
	for i, s := range p.source {
		if int(s) >= len(p.Sources) {
			return bad("offer %d is of source %d of %d", i, s, len(p.Sources))
		}
	}
	return p.checkJobs(bad)
}

func (p *Problem) checkJobs(bad func(string, ...any) error) error {
	ids := make(map[string]bool, len(p.Jobs))
	seenBy := make([]uint32, p.Shards()) // by shard: the last job that named it, counted from 1
	for i := range p.Jobs {
		j := &p.Jobs[i]
		if ids[j.ID] {
			return bad("two jobs have the id %q", j.ID)
		}
		ids[j.ID] = true
		if j.Value < 0 || j.Value > MostValue {
			return bad("job %q has the value %d; want 0 to %d", j.ID, j.Value, MostValue)
		}
		for _, s := range j.Shards {
			if int(s) >= p.Shards() {
				return bad("job %q needs shard %d of %d", j.ID, s, p.Shards())
			}
			if first, end := p.offers(s); first == end || end-first > math.MaxUint8 {
				return bad("job %q needs shard %d, which has %d offers; want 1 to %d", j.ID, s, end-first, math.MaxUint8)
			}
			if seenBy[s] == uint32(i+1) {
				return bad("job %q names shard %d twice", j.ID, s)
			}
			seenBy[s] = uint32(i + 1)
		}
	}
	return nil
}
