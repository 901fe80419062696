package schedule

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
)

// ErrProblem: the input contradicts itself. The text names the job, shard, link, route or budget.
var ErrProblem = errors.New("nothing can be planned from this")

// mostSum of the bytes, and of the money, of all shards: no sum of some of them overflows.
const mostSum = math.MaxInt64 / 16

// Rate is what a link is forecast to carry until a moment.
type Rate struct {
	// Until is when the next rate begins; zero in the last one, which holds for ever.
	Until time.Time
	// BitsPerSecond is 0 where the link is closed.
	BitsPerSecond int64
}

// Link is what shards come over. Different links carry at the same time and take nothing from each other.
type Link struct {
	Name  string
	Rates []Rate
}

// Budget is what a budget allows, in the window that is open and in those that follow.
type Budget struct {
	Name string
	// LeftNanoUSD and LeftBytes of the open window are -1 without a limit of that kind.
	LeftNanoUSD cost.NanoUSD
	LeftBytes   int64
	// LimitNanoUSD and LimitBytes are what each later window begins with, of the kinds that have a limit.
	LimitNanoUSD cost.NanoUSD
	LimitBytes   int64
	// Resets are when the next windows begin, ascending and after Now. None: this window never ends. After the last one
	// nothing is planned any more, so list as many as the plan should reach.
	Resets []time.Time
	// AsksApproval: what does not fit waits for somebody's approval as well as for the next window.
	AsksApproval bool
}

// Range of shard numbers: From is in it, To is not.
type Range struct{ From, To uint32 }

// Job is what needs shards.
type Job struct {
	// ID is unique, and breaks ties.
	ID string
	// NeedBy is when all shards must be there. Zero: nobody said.
	NeedBy   time.Time
	Priority int
	// Asked orders jobs without a need-by.
	Asked time.Time
	// Shards are sorted and do not overlap.
	Shards []Range
	// Running: its shards are moving now.
	Running bool
	// Blocked says why the job cannot run whatever the budgets allow, such as a missing source. "": it can.
	Blocked string
}

// Shard is one object at one destination.
type Shard struct {
	// Link brings it; Route are the budgets that count it. Both are places in the problem.
	Link, Route uint16
	// MissingBytes of payload are to come; 0 when it is there. An empty object that is missing has 1.
	MissingBytes int64
	// WireBytes and NanoUSD are the most that it may take of each budget of its route.
	WireBytes int64
	NanoUSD   cost.NanoUSD
}

// Problem is what there is to plan. Shards are columns, because there can be millions.
type Problem struct {
	Now     time.Time
	Links   []Link
	Budgets []Budget
	// Routes are lists of budgets, by their places.
	Routes [][]uint16
	Jobs   []Job

	link, route   []uint16
	missing, wire []int64
	usd           []int64
	checked       checkedShards
}

// checkedShards is what is known of the first shards, so that a plan does not look at a million of them again. They only ever arrive.
type checkedShards struct {
	shards           int
	links, routes    int // how many of them they need there to be
	bytes, wire, usd int64
}

// Grow makes room for so many shards.
func (p *Problem) Grow(shards int) {
	p.link, p.route = slices.Grow(p.link, shards), slices.Grow(p.route, shards)
	p.missing, p.wire, p.usd = slices.Grow(p.missing, shards), slices.Grow(p.wire, shards), slices.Grow(p.usd, shards)
}

// Shards is how many there are.
func (p *Problem) Shards() int { return len(p.missing) }

// AddShard adds a shard and returns its number. Planning is fastest where shards that are needed together, over the same
// link, have numbers that follow each other.
func (p *Problem) AddShard(s Shard) uint32 {
	p.link, p.route = append(p.link, s.Link), append(p.route, s.Route)
	p.missing, p.wire, p.usd = append(p.missing, s.MissingBytes), append(p.wire, s.WireBytes), append(p.usd, int64(s.NanoUSD))
	return uint32(len(p.missing) - 1)
}

// Arrived notes that a shard is there.
func (p *Problem) Arrived(shard uint32) { p.missing[shard] = 0 }

// Missing is how many bytes of a shard are to come, 0 when it is there.
func (p *Problem) Missing(shard uint32) int64 { return p.missing[shard] }

// WireBytes are the most that a shard may take of each budget of its route.
func (p *Problem) WireBytes(shard uint32) int64 { return p.wire[shard] }

// NanoUSD is the most that a shard may take of each budget of its route.
func (p *Problem) NanoUSD(shard uint32) cost.NanoUSD { return cost.NanoUSD(p.usd[shard]) }

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrProblem}, args...)...)
}

func (p *Problem) check() error {
	for i, l := range p.Links {
		if err := l.check(i); err != nil {
			return err
		}
	}
	for i, b := range p.Budgets {
		if err := b.check(i, p.Now); err != nil {
			return err
		}
	}
	for i, budgets := range p.Routes {
		for j, b := range budgets {
			if int(b) >= len(p.Budgets) || slices.Contains(budgets[:j], b) {
				return bad("route %d names budget %d, of %d, twice or in vain", i, b, len(p.Budgets))
			}
		}
	}
	if err := p.checkShards(); err != nil {
		return err
	}
	return p.checkJobs()
}

func (p *Problem) checkShards() error {
	c := p.checked
	if len(p.Links) < c.links || len(p.Routes) < c.routes {
		c = checkedShards{} // which one needs more
	}
	for s := c.shards; s < len(p.missing); s++ {
		if int(p.link[s]) >= len(p.Links) || int(p.route[s]) >= len(p.Routes) {
			return bad("shard %d comes over link %d of %d and route %d of %d", s, p.link[s], len(p.Links), p.route[s], len(p.Routes))
		}
		if p.missing[s] < 0 || p.wire[s] < 0 || p.usd[s] < 0 {
			return bad("shard %d misses %d bytes, %d on the wire, for %d nano-USD; want 0 or more", s, p.missing[s], p.wire[s], p.usd[s])
		}
		if p.missing[s] > mostSum-c.bytes || p.wire[s] > mostSum-c.wire || p.usd[s] > mostSum-c.usd {
			return bad("the shards up to %d have no sum that can be counted", s)
		}
		c.bytes, c.wire, c.usd = c.bytes+p.missing[s], c.wire+p.wire[s], c.usd+p.usd[s]
		c.links, c.routes = max(c.links, int(p.link[s])+1), max(c.routes, int(p.route[s])+1)
		c.shards = s + 1
	}
	p.checked = c
	return nil
}

func (l Link) check(at int) error {
	for i, r := range l.Rates {
		if r.BitsPerSecond < 0 {
			return bad("link %d, %q, is forecast to carry %d bit/s; want 0 or more", at, l.Name, r.BitsPerSecond)
		}
		last := i == len(l.Rates)-1
		if r.Until.IsZero() != last || i > 0 && !last && !l.Rates[i-1].Until.Before(r.Until) {
			return bad("link %d, %q: rate %d is until %s; want ascending times, and none in the last rate", at, l.Name, i, r.Until)
		}
	}
	if len(l.Rates) == 0 {
		return bad("link %d, %q, has no rate; one of 0 says that it is closed", at, l.Name)
	}
	return nil
}

func (b Budget) check(at int, now time.Time) error {
	if b.LeftNanoUSD < -1 || b.LeftBytes < -1 {
		return bad("budget %d, %q, has %d nano-USD and %d bytes left; want 0 or more, or -1 for no limit", at, b.Name, b.LeftNanoUSD, b.LeftBytes)
	}
	if b.LimitNanoUSD < 0 || b.LimitBytes < 0 {
		return bad("budget %d, %q, is limited to %d nano-USD and %d bytes; want 0 or more", at, b.Name, b.LimitNanoUSD, b.LimitBytes)
	}
	last := now
	for _, t := range b.Resets {
		if !t.After(last) {
			return bad("budget %d, %q: a window begins at %s; want times after now, ascending", at, b.Name, t)
		}
		last = t
	}
	return nil
}

func (p *Problem) checkJobs() error {
	ids := make(map[string]bool, len(p.Jobs))
	for i := range p.Jobs {
		j := &p.Jobs[i]
		if ids[j.ID] {
			return bad("two jobs have the id %q", j.ID)
		}
		ids[j.ID] = true
		end := uint32(0)
		for _, r := range j.Shards {
			if r.From < end || r.To <= r.From || int(r.To) > p.Shards() {
				return bad("job %q needs shards %d to %d of %d; want ranges that ascend, are not empty and do not overlap", j.ID, r.From, r.To, p.Shards())
			}
			end = r.To
		}
	}
	return nil
}
