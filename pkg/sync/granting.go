package sync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/exchange"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

const (
	// clocksDiffer is by how much two agents' clocks may differ.
	clocksDiffer = 10 * time.Minute
	// longestGrant is how long a grant lives at most, whatever is asked for.
	longestGrant = 7 * 24 * time.Hour
	// refusalBytes are what a refusal may say, and refusalStands how long it can be read.
	refusalBytes  = 1000
	refusalStands = time.Hour
	// unsettledLife is how long after its end a grant that was claimed may still be settled. Then all of it is spent for good, and forgotten.
	unsettledLife = 45 * 24 * time.Hour
)

// Granted is what an origin did about what edges ask for.
type Granted struct {
	Granted, Refused, Settled, Revoked int
	// Bytes and NanoUSD that were granted, and USD that came back with what was settled.
	Bytes   int64
	NanoUSD cost.NanoUSD
}

// Grant answers what edges ask for in the stores of datasets: it grants what the budgets let them read, books what they used, and takes back
// what nobody claimed. It must not run twice at a time. What fails is tried again by the next call; the rest is done.
func (s *Syncer) Grant(ctx context.Context, list []Source) (out Granted, err error) {
	done := map[string]bool{}
	for _, src := range list {
		if done[src.Dataset.Store] {
			continue
		}
		done[src.Dataset.Store] = true
		g := &granting{s: s, ctx: ctx, at: src, all: list, out: &out}
		if one := g.run(); one != nil {
			err = errors.Join(err, fmt.Errorf("grants for store %s: %w", src.Dataset.Store, one))
		}
	}
	return out, err
}

// granting is one pass over what is asked for in one store.
type granting struct {
	s   *Syncer
	ctx context.Context
	at  Source   // one of its datasets
	all []Source // all datasets, of this store and others
	out *Granted

	now   time.Time
	given map[[2]string]manifest.GivenGrant // by edge and id
	may   *bool                             // this ledger is the one that grants here
}

func (g *granting) run() error {
	g.now = g.s.Manifest.Now()
	states, err := exchange.GrantStates(g.ctx, g.at.exchange())
	if err != nil && !errors.Is(err, exchange.ErrBad) {
		return err
	}
	list, listErr := g.s.Ledger.Given()
	if listErr != nil {
		return errors.Join(err, listErr)
	}
	g.given = map[[2]string]manifest.GivenGrant{}
	for _, one := range list {
		if one.For.Source == g.at.Dataset.Store {
			g.given[[2]string{one.Edge, one.ID}] = one
		}
	}
	seen := map[[2]string]exchange.GrantState{}
	for _, st := range states { // first: what comes back can be granted again
		k := [2]string{st.Edge, st.ID}
		seen[k] = st
		if one, known := g.given[k]; known && st.Settled && one.Stands() && one.Disputed == 0 {
			err = errors.Join(err, tolerable(g.settle(one)))
		}
	}
	for _, st := range states {
		// What was claimed was answered, by a ledger that this one knows nothing of.
		if _, known := g.given[[2]string{st.Edge, st.ID}]; !known && st.Asked && !st.Settled && !st.Claimed {
			err = errors.Join(err, tolerable(g.answer(st)))
		}
	}
	for k, one := range g.given {
		err = errors.Join(err, tolerable(g.tend(one, seen[k])))
	}
	return err
}

// tolerable passes over what somebody else is changing: the next look finds out.
func tolerable(err error) error {
	if errors.Is(err, exchange.ErrRaced) {
		return nil
	}
	return err
}

// answer decides about one request.
func (g *granting) answer(st exchange.GrantState) error {
	if may, err := g.mayGrant(); !may || err != nil {
		return err
	}
	q, found, err := exchange.ReadGrantRequest(g.ctx, g.at.exchange(), st.Edge, st.ID)
	if err != nil || !found {
		return err
	}
	if over := q.Expires.Add(clocksDiffer); g.now.After(over.Add(clocksDiffer)) {
		// Nobody waits for the answer, by whatever clock: it is not looked at again and again until it is collected.
		return exchange.RemoveGrant(g.ctx, g.at.exchange(), st.Edge, st.ID)
	} else if g.now.After(over) {
		return nil
	}
	if _, found, err := exchange.ReadGrant(g.ctx, g.at.exchange(), st.Edge, st.ID); found || err != nil {
		return err // this ledger forgot that it answered
	}
	one := manifest.GivenGrant{
		ID: q.ID, Edge: q.Edge, To: q.Location, DestinationAt: q.DestinationLocation,
		For:     manifest.GrantFor{Source: g.at.Dataset.Store, Dest: q.Destination, Dataset: q.Dataset, Team: q.Team, Job: q.Job},
		Expires: manifest.At(g.expires(q)), Void: manifest.At(q.Expires.Add(2 * clocksDiffer)),
	}
	c, err := g.crossing(one, q.Bytes, q.Requests)
	if err == nil && !g.has(q.Dataset) {
		err = fmt.Errorf("there is no dataset %s in store %s", q.Dataset, one.For.Source)
	}
	if err == nil {
		err = errors.Join(g.s.Ledger.CheckPrices(c.Subject(), g.s.Routes.Trust, c.Rate), g.s.Ledger.Gate(c.Link))
	}
	if err != nil {
		one.Refused = err.Error()
	}
	if one, err = g.s.Ledger.Give(one, c, q.LeastBytes); err != nil {
		return err
	}
	if one.Refused != "" { // there is nothing to be claimed, and the edge looks at once
		one.Void = manifest.At(g.now.Add(refusalStands))
		if err := g.s.Ledger.MarkGiven(one.Edge, one.ID, func(now *manifest.GivenGrant, _ manifest.Millis) { now.Void = one.Void }); err != nil {
			return err
		}
	}
	g.given[[2]string{one.Edge, one.ID}] = one
	return nil
}

// expires is when a grant ends: when the edge will have read, by either clock, and in time for it to be claimed.
func (g *granting) expires(q exchange.GrantRequest) time.Time {
	life := max(q.Until.Sub(q.Time), clocksDiffer)
	return g.now.Add(min(life, longestGrant))
}

// crossing is what a grant is for, at this agent's prices.
func (g *granting) crossing(one manifest.GivenGrant, bytes, requests int64) (c cost.Crossing, err error) {
	c = cost.Crossing{
		Link: cost.Link{Source: one.For.Source, SourceLocation: g.at.Location, Dest: one.For.Dest}, From: g.at.Location, Dataset: one.For.Dataset,
		Team: one.For.Team, Job: one.For.Job, Activity: "grant", Bytes: bytes, Requests: map[cost.Op]int64{cost.OpRead: requests},
		RequestPrices: requestPrices(g.at.Store, g.at.Location),
	}
	if c.To, err = store.ParseLocation(one.To); err != nil {
		return c, err
	}
	if one.DestinationAt != "" {
		if c.Link.DestLocation, err = store.ParseLocation(one.DestinationAt); err != nil {
			return c, err
		}
	}
	c.Rate, err = g.s.Ledger.Book().Transfer(c.From, c.To, g.s.Routes.FromStore(one.For.Source))
	return c, err
}

func (g *granting) has(dataset string) bool {
	for _, src := range g.all {
		if src.Name == dataset && src.Dataset.Store == g.at.Dataset.Store {
			return true
		}
	}
	return false
}

// publish tells the edge. The mark comes first: whoever grants after us, with an older ledger, must know.
func (g *granting) publish(one manifest.GivenGrant) error {
	if may, err := g.mayGrant(); !may || err != nil {
		return err
	}
	var account string
	err := g.s.Manifest.View(func(tx *manifest.Tx) (err error) {
		account, err = tx.ID()
		return err
	})
	if err != nil {
		return err
	}
	if one.Reservation != 0 {
		if err := g.mark(account, one.Reservation); err != nil {
			return err
		}
	}
	err = exchange.PutGrant(g.ctx, g.at.exchange(), exchange.Grant{
		ID: one.ID, Edge: one.Edge, Dataset: one.For.Dataset, Origin: g.s.Name, Account: account, Sequence: max(1, one.Reservation),
		Bytes: one.Bytes, Requests: one.Requests, NanoUSD: one.NanoUSD, Refused: printable(one.Refused), Time: one.Given.Time(), Expires: one.Expires.Time(),
	})
	if errors.Is(err, store.ErrConflict) {
		g.s.Log.Error("a request was answered by another ledger; what was set aside for it is given back", "edge", one.Edge, "grant", one.ID)
		return g.s.Ledger.RevokeGiven(one.Edge, one.ID)
	}
	if err != nil {
		return err
	}
	if one.Refused != "" {
		g.out.Refused++
		g.s.Log.Info("refused to let an edge read", "edge", one.Edge, "dataset", one.For.Dataset, "why", one.Refused)
	} else {
		g.out.Granted, g.out.Bytes, g.out.NanoUSD = g.out.Granted+1, g.out.Bytes+one.Bytes, cost.AddNanoUSD(g.out.NanoUSD, cost.NanoUSD(one.NanoUSD))
		g.s.Log.Info("granted what an edge may read", "edge", one.Edge, "dataset", one.For.Dataset, "bytes", one.Bytes, "usd", cost.NanoUSD(one.NanoUSD).String(),
			"expires", one.Expires.Time())
	}
	return g.s.Ledger.MarkGiven(one.Edge, one.ID, func(one *manifest.GivenGrant, now manifest.Millis) { one.Published = now })
}

// printable is what a document may carry of a text.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	if len(text) > refusalBytes {
		text = strings.ToValidUTF8(text[:refusalBytes], "") + "…"
	}
	return text
}

// settle books what an edge says that it used.
func (g *granting) settle(one manifest.GivenGrant) error {
	said, found, err := exchange.ReadSettlement(g.ctx, g.at.exchange(), one.Edge, one.ID)
	if err != nil && !errors.Is(err, exchange.ErrBad) || err == nil && !found {
		return err
	}
	holder, found, claimErr := exchange.ReadClaim(g.ctx, g.at.exchange(), one.Edge, one.ID)
	if err = errors.Join(err, claimErr); err != nil && !errors.Is(err, exchange.ErrBad) {
		return err
	}
	if err != nil || !found || holder.Nonce != said.Nonce || holder.Revoked {
		g.s.Log.Error("the settlement of a grant is not by whom it was claimed; all of the grant counts as spent", "edge", one.Edge, "grant", one.ID, "error", err)
		return g.s.Ledger.MarkGiven(one.Edge, one.ID, func(one *manifest.GivenGrant, now manifest.Millis) { one.Disputed = now })
	}
	c, err := g.crossing(one, said.Bytes, said.Requests)
	if err != nil {
		return err
	}
	err = g.s.Ledger.SettleGiven(one.Edge, one.ID, c, cost.Moved{Bytes: said.Bytes, Requests: c.Requests})
	if errors.Is(err, cost.ErrOverrun) {
		g.s.Log.Error("an edge read more than it was granted", "edge", one.Edge, "error", err)
		err = nil
	}
	if err == nil {
		g.out.Settled++
	}
	return err
}

// tend publishes what was granted, takes back what nobody claimed, and removes what is over.
func (g *granting) tend(one manifest.GivenGrant, st exchange.GrantState) error {
	var err error
	if err = g.s.Manifest.View(func(tx *manifest.Tx) (err error) {
		one, _, err = tx.GivenGrant(one.Edge, one.ID)
		return err
	}); err != nil {
		return err
	}
	over := g.now.After(one.Expires.Time().Add(clocksDiffer))
	if one.Stands() && st.Claimed && one.Claimed == 0 {
		if err := g.s.Ledger.MarkGiven(one.Edge, one.ID, func(one *manifest.GivenGrant, now manifest.Millis) { one.Claimed = now }); err != nil {
			return err
		}
	}
	switch {
	case one.Published == 0 && !over:
		return g.publish(one)
	case one.Stands() && over && st.Asked && !st.Claimed && one.Claimed == 0:
		// Where the request is gone too, somebody removed what there was, and it may have been claimed. So it was where a claim was seen before.
		return g.revoke(one)
	case one.Stands() && g.now.After(one.Expires.Time().Add(unsettledLife)):
		g.s.Log.Warn("nobody has said what was used of a grant that is long over; all of it is spent", "edge", one.Edge, "grant", one.ID)
		return g.s.Ledger.ChargeGiven(one.Edge, one.ID) // the next pass removes what belongs to it
	case one.Stands() || one.Settled == 0 && g.now.Before(one.Void.Time()):
		return nil
	case one.Removed == 0:
		if err := exchange.RemoveGrant(g.ctx, g.at.exchange(), one.Edge, one.ID); err != nil {
			return err
		}
		return g.s.Ledger.MarkGiven(one.Edge, one.ID, func(one *manifest.GivenGrant, now manifest.Millis) { one.Removed = now })
	case g.now.After(one.Void.Time()):
		// Not before: a request that is put back from a copy would be answered again.
		return g.s.Ledger.DropGiven(one.Edge, one.ID)
	}
	return nil
}

// revoke claims a grant that nobody claimed in time, so that nobody can.
func (g *granting) revoke(one manifest.GivenGrant) error {
	holder, err := exchange.PutClaim(g.ctx, g.at.exchange(), exchange.Claim{ID: one.ID, Edge: one.Edge, Nonce: randomID(), Revoked: true, Time: g.now})
	if err != nil || !holder.Revoked {
		return err // it was claimed at the last moment: it counts as spent until it is settled
	}
	g.out.Revoked++
	return g.s.Ledger.RevokeGiven(one.Edge, one.ID)
}
