package exchange

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// RemoveGrant removes all that belongs to a grant: the origin has accounted for it. What is absent is no error. Errors: the store's; to
// remove again goes on.
func RemoveGrant(ctx context.Context, d Collector, edge, id string) error {
	c := corner{edge, id}
	if err := c.check(); err != nil {
		return fmt.Errorf("remove a grant: %w", err)
	}
	for _, key := range c.grantKeys() {
		if err := removeAny(ctx, d, key); err != nil {
			return fmt.Errorf("remove %s: %w", c.of(grantKind), err)
		}
	}
	return nil
}

// CollectGrants removes what edges and origins left: all that belongs to a grant that keep denies, if the store says that each object of it is
// older than grace at now. A grant that keep keeps, and one of which an object is young, stays whole.
//
// The origin calls it, not while it grants; keep are the grants that its ledger has not closed. It returns how many objects were removed,
// also beside an error, the store's.
func CollectGrants(ctx context.Context, st Collector, now time.Time, grace time.Duration, keep func(edge, id string) bool) (removed int, err error) {
	c := grantCollection{ctx: ctx, st: st, before: now.Add(-max(0, grace)), old: map[corner]bool{}}
	if err := c.run(keep); err != nil {
		return c.removed, fmt.Errorf("collect grants: %w", err)
	}
	return c.removed, nil
}

type grantCollection struct {
	ctx     context.Context
	st      Collector
	before  time.Time
	old     map[corner]bool // whether all objects of a corner are
	removed int
}

func (c *grantCollection) run(keep func(edge, id string) bool) error {
	// The asks last: a grant that is found has its request before it and its claim behind it.
	err := listAll(c.ctx, c.st, grantsPrefix, func(o store.Object) error {
		k, ok := cornerOfDocument(o.Key, grantsPrefix, grantSuffix)
		c.found(k, ok, o)
		return nil
	})
	if err != nil {
		return err
	}
	err = listAll(c.ctx, c.st, asksPrefix, func(o store.Object) error {
		k, _, ok := cornerOfAsk(o.Key)
		c.found(k, ok, o)
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range slices.SortedFunc(maps.Keys(c.old), func(a, b corner) int { return strings.Compare(a.path(), b.path()) }) {
		if !c.old[k] || keep(k.edge, k.id) {
			continue
		}
		if err := c.clear(k); err != nil {
			return err
		}
	}
	return nil
}

func (c *grantCollection) found(k corner, ours bool, o store.Object) {
	if !ours {
		return
	}
	old, known := c.old[k]
	c.old[k] = (old || !known) && !c.young(o)
}

func (c *grantCollection) young(o store.Object) bool { return o.Modified.After(c.before) }

// clear removes a corner, unless something in it was written since it was listed.
func (c *grantCollection) clear(k corner) error {
	var list []store.Object
	for _, key := range k.grantKeys() {
		o, err := c.st.Head(c.ctx, key)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return err
		case c.young(o):
			return nil
		default:
			list = append(list, o)
		}
	}
	for _, o := range list {
		err := c.st.Delete(c.ctx, o.Ref())
		switch {
		case errors.Is(err, store.ErrConflict):
			return nil // written anew: what comes behind it in the order must stay, too
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return err
		default:
			c.removed++
		}
	}
	return nil
}
