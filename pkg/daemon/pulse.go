package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Pulse tells whether the work goes on. Work is stuck when nothing of it moves for [Pulse.Limit], though none of the reasons that are known makes it wait,
// or when the locks that everything needs cannot be had.
//
// What counts as moving: bytes on the wire, requests, bytes that a bandwidth limit lets pass, events of the engine, and that something begins or ends.
// A pass lists and asks for itself; what moves meanwhile says nothing of the transfers beside it, whose clock stands for as long.
type Pulse struct {
	// Limit is how long nothing may move.
	Limit time.Duration
	// Now is a clock that goes on when the time of day is set, as that of [time.Now] does.
	Now func() time.Time
	// Moved is a number that changes when anything moves.
	Moved func() int64
	// Work names what is under way beside a pass. It takes the lock that it is guarded by.
	Work func() []string
	// Waiting is why nothing needs to move; "": there is no reason.
	Waiting func() string
	// Probe takes the locks of the manifest, and returns why it cannot be used.
	Probe func() error

	mu sync.Mutex
	// at is when the clocks were last advanced, and moved what Moved was then.
	at    time.Time
	moved int64
	work  []string
	// begun are the runs of timers and the like that are under way.
	begun map[string]time.Time
	// passing tells that a pass runs; passed is when one last began or ended.
	passing bool
	passed  time.Time
	// busyUntil is when something that is done between passes must be over; zero: nothing is.
	busyUntil time.Time
	busyWith  string
	// How long the pass, and the work beside it, did not move.
	passQuiet, workQuiet time.Duration
	// looking is when a look began that has not come back, and looked when the last one did.
	looking, looked time.Time
	broken          error // what Probe found
	ended           string
}

// probeMost is how long the manifest's locks can be held in one go: a large transaction on a slow disk takes seconds.
const probeMost = 2 * time.Minute

func (p *Pulse) every() time.Duration { return min(max(p.Limit/10, time.Second/2), 10*time.Second) }

func (p *Pulse) probeLimit() time.Duration { return min(p.Limit, probeMost) }

// Run looks now and then until the context ends.
func (p *Pulse) Run(ctx context.Context) {
	p.mu.Lock()
	p.at = p.Now()
	p.passed, p.looked = p.at, p.at
	p.moved = p.Moved()
	p.mu.Unlock()
	ticker := time.NewTicker(p.every())
	defer ticker.Stop()
	for {
		p.look()
		select {
		case <-ctx.Done():
			p.last()
			return
		case <-ticker.C:
		}
	}
}

// last waits a while for a look that is under way, so that the manifest is not closed under it.
func (p *Pulse) last() {
	for end := p.Now().Add(stopWithin); p.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		p.mu.Lock()
		looking := !p.looking.IsZero()
		p.mu.Unlock()
		if !looking {
			return
		}
	}
}

// look probes beside whoever waits for the answer, unless the look before has not come back yet.
func (p *Pulse) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.looking.IsZero() {
		return
	}
	p.looking = p.Now()
	go func() {
		err := p.Probe()
		work := p.Work()
		moved, waits := p.Moved(), p.Waiting() != ""
		p.mu.Lock()
		defer p.mu.Unlock()
		p.advance(p.Now(), moved, work, waits)
		p.broken = err
		p.looking, p.looked = time.Time{}, p.Now()
	}()
}

// advance brings the clocks to a time. A look that came late, because the machine slept or the process was stopped, counts as one in time.
func (p *Pulse) advance(now time.Time, moved int64, work []string, waits bool) {
	passed := min(now.Sub(p.at), 2*p.every())
	moves := moved != p.moved || !slices.Equal(work, p.work)
	p.at, p.moved, p.work = now, moved, work
	switch {
	case moves || waits:
		p.passQuiet = 0
		if !p.passing {
			p.workQuiet = 0
		}
	case p.passing:
		p.passQuiet += passed
	case len(work)+len(p.begun) == 0:
		p.workQuiet = 0
	default:
		p.workQuiet += passed
	}
}

// Pass is told when a pass begins; what it returns, when it has ended.
func (p *Pulse) Pass() (ended func()) {
	p.mark(true)
	return func() { p.mark(false) }
}

func (p *Pulse) mark(passing bool) {
	moved, waits := p.Moved(), p.Waiting() != ""
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.Now()
	p.advance(now, moved, p.work, waits)
	p.passing, p.passed, p.passQuiet = passing, now, 0
}

// Began is told when something else begins; what it returns, when it has ended.
func (p *Pulse) Began(name string) (ended func()) {
	set := func(begins bool) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.begun == nil {
			p.begun = map[string]time.Time{}
		}
		if p.workQuiet = 0; begins {
			p.begun[name] = p.Now()
		} else {
			delete(p.begun, name)
		}
	}
	set(true)
	return func() { set(false) }
}

// Busy says that there are no passes for a while, and until when that must be over; ended, that there are passes again.
func (p *Pulse) Busy(with string, within time.Duration) (ended func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busyUntil, p.busyWith = p.Now().Add(within), with
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.busyUntil, p.passed, p.passQuiet, p.workQuiet = time.Time{}, p.Now(), 0, 0
	}
}

// Ended says that the loop is over, and why.
func (p *Pulse) Ended(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = why
}

// SetLimit changes the limit.
func (p *Pulse) SetLimit(limit time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Limit = limit
}

// Healthy tells whether the work goes on, or why it does not.
func (p *Pulse) Healthy() (ok bool, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.Now()
	switch {
	case p.ended != "":
		return false, "the loop is over: " + p.ended
	case p.broken != nil:
		return false, "the manifest cannot be used: " + p.broken.Error()
	case !p.looking.IsZero() && now.Sub(p.looking) > p.probeLimit():
		return false, fmt.Sprintf("the locks of the manifest or of the jobs have been held for %s", round(now.Sub(p.looking)))
	case p.looking.IsZero() && !p.looked.IsZero() && now.Sub(p.looked) > p.probeLimit()+2*p.every():
		return false, fmt.Sprintf("nobody has looked for %s", round(now.Sub(p.looked)))
	case !p.busyUntil.IsZero():
		if now.After(p.busyUntil) {
			return false, p.busyWith + " takes too long"
		}
	case p.passing && p.passQuiet > p.Limit:
		return false, fmt.Sprintf("the pass that began at %s has not moved for %s", p.passed.UTC().Format(time.TimeOnly), round(p.passQuiet))
	case p.workQuiet > p.Limit:
		return false, fmt.Sprintf("nothing has moved for %s of: %s", round(p.workQuiet), strings.Join(p.underWay(), ", "))
	case !p.passing && !p.passed.IsZero() && now.Sub(p.passed) > longest+p.Limit:
		return false, fmt.Sprintf("no pass has begun since %s", p.passed.UTC().Format(time.TimeOnly))
	}
	return true, ""
}

func (p *Pulse) underWay() []string {
	list := slices.Clone(p.work)
	for name := range p.begun {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

func round(d time.Duration) time.Duration { return d.Round(time.Second) }
