package sync

import (
	"context"
	"errors"
	"slices"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/exchange"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

// giveBack settles what is held for a purpose and not in use.
func (g *Grants) giveBack(ctx context.Context, st store.Store, of manifest.GrantFor) error {
	list, err := g.s.Ledger.Grants(&of)
	for _, u := range list {
		if u.Claimed != 0 {
			err = errors.Join(err, g.settleOne(ctx, st, u))
		}
	}
	return err
}

// look looks after what earlier processes left of the grants of a store: what is certainly this agent's is used further, or settled. Who calls it is
// alone.
func (g *Grants) look(ctx context.Context, r *paidReader, c cost.Crossing) error {
	if g.looked[c.Link.Source] {
		return nil
	}
	list, err := g.s.Ledger.Grants(nil)
	if err != nil {
		return err
	}
	place, err := g.s.Manifest.Place()
	if err != nil {
		return err
	}
	for _, u := range list {
		if u.For.Source != c.Link.Source || u.Mine {
			continue
		}
		if u.Claimed == 0 {
			if err := g.lookAtAsked(ctx, r, u.HeldGrant); err != nil {
				return err
			}
			continue
		}
		holder, found, err := exchange.ReadClaim(ctx, r, g.s.Name, u.ID)
		if err != nil && !errors.Is(err, exchange.ErrBad) {
			return err
		}
		// Settled by whoever has this manifest too, such as the machine before it was put back from an image: nothing is left of it.
		_, settled, err := exchange.ReadSettlement(ctx, r, g.s.Name, u.ID)
		if err != nil && !errors.Is(err, exchange.ErrBad) {
			return err
		}
		settled = settled || err != nil
		if !found || settled && u.Closed == 0 || holder.Nonce != u.Nonce || u.Place != place || !g.s.Ledger.Sound() {
			g.s.Log.Warn("a grant is not used further: it was settled, this manifest is not where it was claimed, or what was used of it is not known. What is "+
				"not settled counts as spent", "grant", u.ID, "dataset", u.For.Dataset)
			if err := g.s.Ledger.DropGrant(u.ID); err != nil {
				return err
			}
			continue
		}
		g.s.Ledger.Resume(u.ID)
		if u.For == c.GrantFor() && u.Closed == 0 {
			continue
		}
		if err := g.settleOne(ctx, r.from, u); err != nil {
			g.s.Log.Warn("what was used of a grant could not be told; it is tried again", "grant", u.ID, "error", err)
		}
	}
	g.looked[c.Link.Source] = true
	return nil
}

// lookAtAsked looks after a grant that an earlier process asked for. If that one died while it claimed it, it may have it, and nothing was read on it.
func (g *Grants) lookAtAsked(ctx context.Context, r *paidReader, held manifest.HeldGrant) error {
	if held.Nonce != "" {
		_, err := g.take(ctx, r, held)
		return forgiven(err)
	}
	if held.Void.Time().Add(clocksDiffer).Before(g.s.Manifest.Now()) { // nobody answers it any more
		return g.s.Ledger.DropGrant(held.ID)
	}
	return nil
}

// settle tells the origin what was used of the grants for a purpose, and of those that nobody reads on, whatever became of the run. What cannot be
// told now is told by a later run; until then all that was granted counts as spent.
func (g *Grants) settle(ctx context.Context, c cost.Crossing) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if err := g.settleIdle(ctx, c); err != nil {
		g.s.Log.Warn("the agent beside the source was not told what was used of a grant; a later run tells it", "dataset", c.Dataset, "error", err)
	}
}

func (g *Grants) settleIdle(ctx context.Context, c cost.Crossing) error {
	list, err := g.s.Ledger.Grants(nil)
	if err != nil {
		return err
	}
	// What an earlier process left may be another agent's: who has a copy of its manifest would tell less than was used.
	theirs := func(u cost.HeldUse) bool { return u.Claimed != 0 && !u.Mine && u.For.Source == c.Link.Source }
	if slices.ContainsFunc(list, theirs) {
		if err := g.lookFirst(ctx, c); err != nil {
			return err
		}
		if list, err = g.s.Ledger.Grants(nil); err != nil {
			return err
		}
	}
	of := c.GrantFor()
	old := manifest.At(g.s.Manifest.Now().Add(-idleAfter))
	for _, u := range list {
		if !u.Mine || u.For != of && u.Claimed > old || !g.idle(u.For) {
			continue
		}
		st, openErr := g.open(ctx, u.For.Source)
		if openErr == nil {
			openErr = g.settleOne(ctx, st, u)
		}
		err = errors.Join(err, openErr)
	}
	return err
}

func (g *Grants) lookFirst(ctx context.Context, c cost.Crossing) error {
	leave, err := g.alone(ctx)
	if err != nil {
		return err
	}
	defer leave()
	st, err := g.open(ctx, c.Link.Source)
	if err != nil {
		return err
	}
	return g.look(ctx, g.reader(st, c), c)
}

func (g *Grants) settleOne(ctx context.Context, st store.Store, u cost.HeldUse) error {
	used, closed, err := g.s.Ledger.CloseGrant(u.ID)
	if err != nil || !closed {
		return err
	}
	// The claim once more: without it nobody knows whose settlement it is, and somebody may have removed what was there.
	holder, err := exchange.PutClaim(ctx, st, exchange.Claim{ID: u.ID, Edge: g.s.Name, Nonce: u.Nonce, Time: u.Claimed.Time()})
	if err != nil {
		return err
	}
	if holder.Nonce != u.Nonce {
		g.s.Log.Error("what was used of a grant cannot be told, because it was claimed by somebody else since; all of it counts as spent", "grant", u.ID)
		return g.s.Ledger.DropGrant(u.ID)
	}
	// Told again it must be the same: the answer may have been lost.
	err = exchange.PutSettlement(ctx, st, exchange.Settlement{
		ID: u.ID, Edge: g.s.Name, Nonce: u.Nonce, Bytes: used.SettledBytes, Requests: used.SettledRequests, NanoUSD: used.SettledNanoUSD, Time: used.Closed.Time(),
	})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return err
	}
	return errors.Join(err, g.s.Ledger.DropGrant(u.ID))
}
