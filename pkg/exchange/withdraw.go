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

// Withdraw removes a want, its answer and its packs: the edge has what it asked for, or no longer wants it. What is absent is no error.
// What the origin writes at this moment stays, and [CollectWants] removes it. Errors: the store's; to withdraw again goes on.
func Withdraw(ctx context.Context, d Collector, edge, id string) error {
	c := corner{edge, id}
	if err := c.check(); err != nil {
		return fmt.Errorf("withdraw a want: %w", err)
	}
	// The want first: while it has no answer the origin would answer it again. The answer next: it names only what is there.
	err := removeAny(ctx, d, c.wantKey())
	if err == nil {
		err = removeAny(ctx, d, c.answerKey())
	}
	if err == nil {
		err = listAll(ctx, d, c.packFolder(), func(o store.Object) error {
			if _, ok := digestOf(o.Key, c.packFolder(), chunksSuffix); !ok {
				return nil
			}
			return removeAny(ctx, d, o.Key)
		})
	}
	if err != nil {
		return fmt.Errorf("withdraw %s: %w", c, err)
	}
	return nil
}

func removeAny(ctx context.Context, d Collector, key string) error {
	err := d.Delete(ctx, store.Ref{Key: key})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// CollectWants removes what edges and origins left: wants that expired more than grace before now, answers and packs whose want has
// expired, and those whose want is gone if the store says that they are older than grace. What belongs to a live want is never removed.
// A want that cannot be read may be live: it stays, and with it what belongs to it, until it is older than any want can be; one that a
// newer datagravity wrote stays for good. [Wants] tells of both.
//
// The origin calls it, not while it answers. It returns how many objects and how many bytes were removed, also beside an error, the
// store's.
func CollectWants(ctx context.Context, st Collector, now time.Time, grace time.Duration) (removed int, bytes int64, err error) {
	c := wantCollection{collection: collection{ctx: ctx, st: st}, now: now, grace: max(0, grace), corners: map[corner]*left{}}
	if err := c.run(); err != nil {
		return c.removed, c.bytes, fmt.Errorf("collect wants: %w", err)
	}
	return c.removed, c.bytes, nil
}

type wantCollection struct {
	collection
	now     time.Time
	grace   time.Duration
	corners map[corner]*left
}

// left is what lies in a corner.
type left struct {
	want           *store.Object
	answers, packs []named // at most one answer
}

func (c *wantCollection) at(k corner) *left {
	if c.corners[k] == nil {
		c.corners[k] = &left{}
	}
	return c.corners[k]
}

func (c *wantCollection) run() error {
	if err := c.list(); err != nil {
		return err
	}
	for _, k := range slices.SortedFunc(maps.Keys(c.corners), func(a, b corner) int { return strings.Compare(a.path(), b.path()) }) {
		if err := c.clear(k, c.corners[k]); err != nil {
			return err
		}
	}
	return nil
}

// list lists the wants last: whatever lies in a corner was written after its want, so that one that is not found is gone.
func (c *wantCollection) list() error {
	err := listAll(c.ctx, c.st, chunksPrefix, func(o store.Object) error {
		if k, id, ok := cornerOfPack(o.Key); ok {
			l := c.at(k)
			l.packs = append(l.packs, named{o, id})
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = listAll(c.ctx, c.st, answersPrefix, func(o store.Object) error {
		if k, ok := cornerOfDocument(o.Key, answersPrefix, answerSuffix); ok {
			c.at(k).answers = []named{{Object: o}}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return listAll(c.ctx, c.st, wantsPrefix, func(o store.Object) error {
		if k, ok := cornerOfDocument(o.Key, wantsPrefix, wantSuffix); ok {
			c.at(k).want = &o
		}
		return nil
	})
}

// clear removes what is not needed in a corner.
func (c *wantCollection) clear(k corner, l *left) error {
	// Not by the list: it may be there again, under the same id.
	w, found, err := readWant(c.ctx, c.st, k, c.now)
	switch {
	case errors.Is(err, ErrBad):
		if errors.Is(err, ErrVersion) || l.want == nil || !l.want.Modified.Before(c.now.Add(-MaxLifetime-clockSkew-c.grace)) {
			return nil
		}
		return c.remove(l, true)
	case replaced(err):
		return nil // it does not stand still, so that somebody needs it
	case err != nil:
		return err
	case !found:
		l.want = nil
		c.before = c.now.Add(-c.grace)
		return errors.Join(c.removeAll(l.answers, nil), c.removeAll(l.packs, nil))
	case !expired(w.Expires, c.now):
		return nil
	}
	return c.remove(l, expired(w.Expires.Add(c.grace), c.now))
}

// remove removes the answer, then the packs, of whatever age, and then the want if it shall go, too.
func (c *wantCollection) remove(l *left, want bool) error {
	c.before = c.now.Add(futureMost + MaxLifetime) // nothing is younger
	if err := c.removeAll(l.answers, nil); err != nil {
		return err
	}
	if err := c.removeAll(l.packs, nil); err != nil || !want || l.want == nil {
		return err
	}
	return c.removeAll([]named{{Object: *l.want}}, nil)
}
