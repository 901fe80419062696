package dispatch

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs/schedule"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// Agenda is which job's shards move when.
type Agenda struct {
	Now   time.Time
	Links []AgendaLink
	// Resets are when windows of budgets begin, the next of each.
	Resets []time.Time

	board *board
	plan  *schedule.Plan
	spans map[turn]stretch
}

// stretch is when a job's own shards move to a destination: from the first to the last.
type stretch struct{ start, end time.Time }

// AgendaLink is a link with what it is forecast to carry.
type AgendaLink struct {
	Source      string `json:"source"`
	Destination string `json:"destination"`
	// BitsPerSecond as it is now, and Measured where that comes from what moved over it.
	BitsPerSecond int64 `json:"bits_per_second"`
	Measured      bool  `json:"measured"`
	// Paused is why nothing may move.
	Paused string `json:"paused,omitempty"`
	Turns  []Turn `json:"turns"`
}

// Name of the link.
func (l AgendaLink) Name() string { return linkKey{l.Source, l.Destination}.String() }

// Turn is a stretch of time in which a link works for a job.
type Turn struct {
	Job   string    `json:"job"`
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	Bytes int64     `json:"bytes"`
}

// Agenda plans. Nothing is asked of any store.
func (d *Dispatcher) Agenda(context.Context) (*Agenda, error) {
	d.planning.Lock()
	defer d.planning.Unlock()
	return d.agenda()
}

// agenda plans with d.planning held.
func (d *Dispatcher) agenda() (*Agenda, error) {
	b, err := d.current()
	if err != nil {
		return nil, err
	}
	for i := range b.problem.Jobs {
		b.problem.Jobs[i].Running = false
	}
	d.mu.Lock()
	for _, c := range d.carries {
		if i, on := b.at[c.job]; on {
			b.problem.Jobs[i].Running = true
		}
	}
	d.mu.Unlock()
	p, err := schedule.Make(b.problem, d.turns)
	if err != nil {
		return nil, err
	}
	d.turns = p.Turns
	a := &Agenda{Now: b.problem.Now, board: b, plan: p, spans: map[turn]stretch{}}
	for _, u := range b.problem.Budgets {
		if len(u.Resets) > 0 {
			a.Resets = append(a.Resets, u.Resets[0])
		}
	}
	for i, l := range b.links {
		link := AgendaLink{Source: l.source, Destination: l.destination, BitsPerSecond: b.problem.Links[i].Rates[0].BitsPerSecond, Measured: b.measured[i], Turns: []Turn{}}
		if err := d.sync.Ledger.Gate(b.subjects[i]); err != nil {
			link.Paused = oneLine(err)
		}
		for _, w := range p.Work[i] {
			id := b.jobs[w.Job].ID
			link.Turns = append(link.Turns, Turn{id, w.From, w.To, w.Bytes})
			s, some := a.spans[turn{id, l.destination}]
			if !some {
				s.start = w.From
			}
			s.end = w.To
			a.spans[turn{id, l.destination}] = s
		}
		a.Links = append(a.Links, link)
	}
	return a, nil
}

// The bounds on how far a plan looks: windows of a budget, and changes of a link's limit.
const (
	mostWindows = 62
	mostRates   = 64
	reach       = 400 * 24 * time.Hour
)

// standing has the board know what budgets have left and what links carry by now. d.planning must be held.
func (d *Dispatcher) standing(b *board) (err error) {
	now := d.now()
	if b.uses, err = d.sync.Ledger.Uses(); err != nil {
		return err
	}
	b.problem.Budgets = b.problem.Budgets[:0]
	for _, u := range b.uses {
		usd, bytes := u.LeftWithApproved()
		one := schedule.Budget{
			Name: u.Budget.Name, LeftNanoUSD: usd, LeftBytes: bytes, LimitNanoUSD: u.Budget.LimitNanoUSD, LimitBytes: u.Budget.LimitBytes,
			AsksApproval: u.Budget.Ask,
		}
		// After a clock that was ahead the open window is a later one than the clock's.
		from := now
		if u.From.After(from) {
			from = u.From
		}
		for t := u.Budget.Period.Next(from); !t.IsZero() && t.Sub(now) < reach && len(one.Resets) < mostWindows; t = u.Budget.Period.Next(t) {
			one.Resets = append(one.Resets, t)
		}
		b.problem.Budgets = append(b.problem.Budgets, one)
	}
	b.measured = make([]bool, len(b.links))
	return d.sync.Manifest.View(func(tx *manifest.Tx) error {
		for i, l := range b.links {
			s, known, err := tx.Speed(l.source, l.destination)
			if err != nil {
				return err
			}
			bits := d.BitsPerSecond
			if known && s.BytesPerSecond > 0 {
				bits, b.measured[i] = min(s.BytesPerSecond, math.MaxInt64/8)*8, true
			}
			b.problem.Links[i].Rates = d.rates(b.subjects[i], now, bits)
		}
		return nil
	})
}

// rates of a link: what it was measured to carry, but no more than its limit at each time.
func (d *Dispatcher) rates(l cost.Link, now time.Time, bits int64) (list []schedule.Rate) {
	for at := now; ; {
		limit, until := d.catalog.Bandwidth(l, at)
		r := schedule.Rate{BitsPerSecond: bits, Until: until}
		if limit > 0 {
			r.BitsPerSecond = min(bits, int64(limit))
		}
		if len(list) == mostRates-1 {
			r.Until = time.Time{}
		}
		if list = append(list, r); r.Until.IsZero() {
			return list
		}
		at = until
	}
}

// at tells of a job's place in the plan; false: it has none.
func (a *Agenda) at(id string) (entry, schedule.JobPlan, bool) {
	i, ok := a.board.at[id]
	if !ok {
		return entry{}, schedule.JobPlan{}, false
	}
	return a.board.jobs[i], a.plan.Jobs[i], true
}

// order of the jobs: those that are ready last, the others by their turns, those without a turn by their ids.
func (a *Agenda) order() []string {
	list := make([]string, 0, len(a.board.jobs))
	seen := make(map[string]bool, len(a.board.jobs))
	add := func(id string) {
		if !seen[id] {
			seen[id] = true
			list = append(list, id)
		}
	}
	for _, t := range a.plan.Turns {
		add(t.ID)
	}
	rest := make([]string, 0, len(a.board.jobs))
	for i := range a.board.jobs {
		rest = append(rest, a.board.jobs[i].ID)
	}
	slices.Sort(rest)
	for _, id := range rest {
		add(id)
	}
	return list
}
