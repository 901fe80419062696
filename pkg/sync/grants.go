package sync

import (
	"context"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

const (
	// grantWait is how long an origin is waited for: it looks every few seconds. What it grants later serves the next run.
	grantWait = 45 * time.Second
	// askLife is how long a request stands that was not answered.
	askLife = 24 * time.Hour
	// readFor is how long a grant is asked for. A run that takes longer asks again.
	readFor = 12 * time.Hour
	// A grant of leastAsked is asked for where less is needed: it pays for what is published, and for most small changes. What is not used goes
	// back.
	leastAsked         = 64 << 20
	leastAskedRequests = 2000
	// slackPercent of what a plan reads is asked for beside, and slackBytes: requests that break off are paid for, too.
	slackPercent = 5
	slackBytes   = 8 << 20
	// settleTime is how long telling the origin what was used may take, whatever became of the sync.
	settleTime = 20 * time.Second
	// idleAfter is when a grant for which nobody said that he reads goes back: it was had for a single read.
	idleAfter = time.Minute
)

// ErrNotGranted: no origin has answered yet; it may, and the next run uses what it grants. It is an [ErrNotReady] and a [cost.ErrNoGrant].
var ErrNotGranted error = notGranted{}

type notGranted struct{}

func (notGranted) Error() string { return "no agent beside the source has granted it yet" }

func (notGranted) Is(target error) bool { return target == ErrNotReady || target == cost.ErrNoGrant }

// Grants asks origins for what this agent may read of their stores, and tells them what was used. The zero value asks nobody. It is
// a [cost.Granter]; docs/agents.md tells how it goes.
type Grants struct {
	s    *Syncer
	open func(ctx context.Context, store string) (store.Store, error)

	// wait for an answer, and poll at first.
	wait, poll time.Duration
	// asking has room for one: who asks is alone, so that two that lack the same do not both ask for it.
	asking chan struct{}
	// looked are the stores whose grants of earlier processes were looked after.
	looked map[string]bool

	mu    sync.Mutex
	users map[manifest.GrantFor][]*context.Context
}

// NewGrants has a syncer ask for what it may read. open opens the exchange of a configured store.
func NewGrants(s *Syncer, open func(ctx context.Context, store string) (store.Store, error)) *Grants {
	g := &Grants{s: s, open: open, wait: grantWait, poll: firstPoll, asking: make(chan struct{}, 1), looked: map[string]bool{}, users: map[manifest.GrantFor][]*context.Context{}}
	s.Ledger.AskThrough(g)
	return g
}

// enter says that something is about to be read over a link for somebody. leave settles what was granted for that, when nobody else
// reads for the same.
func (g *Grants) enter(ctx context.Context, link cost.Link, dataset string, payer plan.Payer) (leave func()) {
	if g == nil {
		return func() {}
	}
	c := cost.Crossing{Link: link, Dataset: dataset, Team: payer.Team, Job: payer.Job}
	of := c.GrantFor()
	g.mu.Lock()
	defer g.mu.Unlock()
	user := &ctx
	g.users[of] = append(g.users[of], user)
	return func() {
		g.mu.Lock()
		g.users[of] = slices.DeleteFunc(g.users[of], func(one *context.Context) bool { return one == user })
		last := len(g.users[of]) == 0
		if last {
			delete(g.users, of)
		}
		g.mu.Unlock()
		if last {
			g.settle(ctx, c)
		}
	}
}

// context is that of somebody who reads for a purpose.
func (g *Grants) context(of manifest.GrantFor) context.Context {
	g.mu.Lock()
	defer g.mu.Unlock()
	if list := g.users[of]; len(list) > 0 {
		return *list[len(list)-1]
	}
	return context.Background()
}

// More is [cost.Granter.More].
func (g *Grants) More(short *cost.NoGrant) error {
	return g.get(g.context(short.Crossing.GrantFor()), short.Crossing, wanted{short.Bytes, short.Bytes, short.Requests})
}

// ensure has a plan's reads granted before the first of them. With q.Partial what is not granted is deferred.
func (g *Grants) ensure(ctx context.Context, q Request, p *plan.Plan, out *Report) error {
	if g == nil {
		return nil
	}
	bytes, requests := p.FromSource(g.s.Engine.PartBytes())
	if requests == 0 {
		return nil
	}
	c, err := g.s.lookup(p.Route.Link, q.Source.Name, q.Source.For, bytes, cost.OpRead, q.Source.Store)
	if err != nil || !g.s.Ledger.NeedsGrant(c) {
		return err
	}
	w := wanted{bytes: bytes + bytes*slackPercent/100 + slackBytes, least: bytes, requests: 2*requests + leastAskedRequests/4}
	if q.Partial {
		w.least = min(w.least, 2*slackBytes)
	}
	if err := g.get(ctx, c, w); err != nil || !q.Partial {
		return err
	}
	return g.deferred(q, p, c.GrantFor(), out)
}

// deferred takes out of a plan, from its end, what was not granted.
func (g *Grants) deferred(q Request, p *plan.Plan, of manifest.GrantFor, out *Report) error {
	left, err := g.left(of)
	if err != nil {
		return err
	}
	all := p.Items
	fits := sort.Search(len(all), func(n int) bool {
		p.Items = all[:n+1]
		bytes, _ := p.FromSource(g.s.Engine.PartBytes()) // without slack: reading the answer took some of it
		return bytes > left
	})
	p.Items = all[:fits:fits]
	for _, it := range all[fits:] {
		if it.Moves() {
			out.Deferred = append(out.Deferred, it)
		} else {
			p.Items = append(p.Items, it)
		}
	}
	return p.Finish(g.s.Ledger, g.s.Manifest, g.s.Engine.PartBytes(), g.s.BitsPerSecond)
}

// left is the most that one grant has left.
func (g *Grants) left(of manifest.GrantFor) (most int64, err error) {
	list, err := g.s.Ledger.Grants(&of)
	for _, u := range list {
		bytes, _ := u.Left()
		most = max(most, bytes)
	}
	return most, err
}

// wanted is what is asked for; with less than least of it nothing can be done.
type wanted struct{ bytes, least, requests int64 }

// get returns without error when so much can be reserved, or as much of it as was granted.
func (g *Grants) get(ctx context.Context, c cost.Crossing, w wanted) error {
	leave, err := g.alone(ctx)
	if err != nil {
		return err
	}
	defer leave()
	of := c.GrantFor()
	if ok, err := g.has(of, w); ok || err != nil {
		return err // somebody else asked
	}
	st, err := g.open(ctx, c.Link.Source)
	if err != nil {
		return err
	}
	r := g.reader(st, c)
	if err := g.look(ctx, r, c); err != nil {
		return err
	}
	if ok, err := g.has(of, w); ok || err != nil {
		return err
	}
	return g.ask(ctx, r, c, w)
}

// alone waits until nobody else asks.
func (g *Grants) alone(ctx context.Context) (leave func(), err error) {
	select {
	case g.asking <- struct{}{}:
		return func() { <-g.asking }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// idle tells that nobody said that he reads for a purpose.
func (g *Grants) idle(of manifest.GrantFor) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.users[of]) == 0
}

// has tells whether one grant has so much left.
func (g *Grants) has(of manifest.GrantFor, w wanted) (bool, error) {
	list, err := g.s.Ledger.Grants(&of)
	for _, u := range list {
		if b, n := u.Left(); w.bytes <= b && w.requests <= n {
			return true, err
		}
	}
	return false, err
}
