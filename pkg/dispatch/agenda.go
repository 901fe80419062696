package dispatch

import (
	"context"
	"math"
	"reflect"
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
	// spans by job and link, as the board has them: when its own shards move.
	spans []stretch
}

// stretch is when a job's own shards move over a link, from the first to the last; zero: none of them does.
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

// agendaAge is how long a plan stands if nothing changed that it was made from: who declares a job is told of it by the plan that the next pass
// works by.
const agendaAge = time.Second

// made is a plan and what it was made from.
type made struct {
	agenda  *Agenda
	board   *board
	version int
	budgets []schedule.Budget
	links   []schedule.Link
	running []string
}

// holds tells whether a plan would still come out the same.
func (m *made) holds(b *board, running []string) bool {
	return m != nil && m.board == b && m.version == b.version && b.problem.Now.Sub(m.agenda.Now).Abs() <= agendaAge &&
		slices.EqualFunc(m.budgets, b.problem.Budgets, func(x, y schedule.Budget) bool { return reflect.DeepEqual(x, y) }) &&
		slices.EqualFunc(m.links, b.problem.Links, func(x, y schedule.Link) bool { return reflect.DeepEqual(x, y) }) &&
		slices.Equal(m.running, running)
}

// agenda plans with d.planning held, unless what was planned a moment ago still holds.
func (d *Dispatcher) agenda() (*Agenda, error) {
	b, err := d.current()
	if err != nil {
		return nil, err
	}
	var running []string
	d.mu.Lock()
	for _, c := range d.carries {
		running = append(running, c.job)
	}
	d.mu.Unlock()
	slices.Sort(running)
	if d.made.holds(b, running) {
		a := *d.made.agenda
		a.Links = slices.Clone(a.Links)
		d.pauses(b, &a)
		return &a, nil
	}
	a, err := d.makeAgenda(b, running)
	if err != nil {
		return nil, err
	}
	d.made = &made{
		agenda: a, board: b, version: b.version, budgets: slices.Clone(b.problem.Budgets), links: slices.Clone(b.problem.Links), running: running,
	}
	return a, nil
}

// pauses says which links are paused now.
func (d *Dispatcher) pauses(b *board, a *Agenda) {
	for i := range a.Links {
		a.Links[i].Paused = d.refusedAt(a.Links[i].Destination)
		if err := d.sync.Ledger.Gate(b.subjects[i]); err != nil {
			a.Links[i].Paused = oneLine(err)
		}
	}
}

func (d *Dispatcher) makeAgenda(b *board, running []string) (*Agenda, error) {
	for i := range b.problem.Jobs {
		b.problem.Jobs[i].Running = false
	}
	for _, id := range running {
		if i, on := b.at[id]; on {
			b.problem.Jobs[i].Running = true
		}
	}
	p, err := schedule.Make(b.problem, d.turns)
	if err != nil {
		return nil, err
	}
	d.turns = p.Turns
	a := &Agenda{Now: b.problem.Now, board: b, plan: p, spans: make([]stretch, len(b.jobs)*len(b.links))}
	for _, u := range b.problem.Budgets[:len(b.uses)] {
		if len(u.Resets) > 0 {
			a.Resets = append(a.Resets, u.Resets[0])
		}
	}
	for i, l := range b.links {
		link := AgendaLink{Source: l.source, Destination: l.destination, BitsPerSecond: b.problem.Links[i].Rates[0].BitsPerSecond, Measured: b.measured[i], Turns: make([]Turn, 0, len(p.Work[i]))}
		for _, w := range p.Work[i] {
			id := b.jobs[w.Job].ID
			link.Turns = append(link.Turns, Turn{id, w.From, w.To, w.Bytes})
			if s := &a.spans[w.Job*len(b.links)+i]; s.start.IsZero() {
				*s = stretch{w.From, w.To}
			} else {
				s.end = w.To
			}
		}
		a.Links = append(a.Links, link)
	}
	d.pauses(b, a)
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
	for _, a := range b.counted {
		u := b.uses[a.Use]
		usd, bytes := u.LeftFor(a.Job)
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
