package lease

import (
	"context"
	"errors"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// view is what this process knows of the leases of a store.
type view struct {
	k  *Keeper
	st Store
	// one looks at a time
	one chan struct{}
	// seen are the leases, by key.
	seen map[string]sight
	// looked is when it last looked, by the clock; refused: that found another's in the way.
	looked  time.Duration
	refused bool
}

// sight is a lease as it was first seen with this ETag.
type sight struct {
	etag  string
	since time.Duration // by the clock: no earlier than it was there
	doc   document
	// bad: it is no lease.
	bad bool
}

// view returns that of a store, for one at a time. Whoever has it may be waiting for a store that does not answer: the wait for it ends with ctx.
func (k *Keeper) view(ctx context.Context, st Store) (v *view, unlock func(), err error) {
	k.mu.Lock()
	v = k.views[st]
	if v == nil {
		v = &view{k: k, st: st, one: make(chan struct{}, 1), seen: map[string]sight{}}
		k.views[st] = v
	}
	k.mu.Unlock()
	select {
	case v.one <- struct{}{}:
		return v, func() { <-v.one }, nil
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
}

// look lists the leases. It returns those that are over and in the way of a prefix, with all that an earlier process on this manifest left, and a
// [*HeldError] if one is in the way that is not over.
func (v *view) look(ctx context.Context, prefix string) (over []store.Ref, err error) {
	clock := v.k.o.Clock
	if v.refused {
		// Many jobs that wait for one destination share one look.
		if held, recent := v.judge(prefix, clock.Elapsed()); held != nil && recent {
			return nil, held
		}
	}
	asked := clock.Elapsed()
	if err := v.list(ctx); err != nil {
		return nil, err
	}
	v.looked = clock.Elapsed()
	for key, s := range v.seen {
		switch {
		case s.bad, s.doc.Process == v.k.process:
		case s.doc.same(v.k.o.Holder), overlap(s.doc.Prefix, prefix) && asked-s.since >= s.doc.length():
			over = append(over, store.Ref{Key: key, ETag: s.etag})
		}
	}
	if held, _ := v.judge(prefix, asked); held != nil {
		v.refuse(true)
		return nil, held
	}
	v.refuse(false)
	return over, nil
}

func (v *view) refuse(yes bool) {
	v.k.mu.Lock()
	defer v.k.mu.Unlock()
	v.refused = yes
}

// judge tells which lease is in the way, of several the one that stays for longest, and whether the last look at it was a moment ago.
func (v *view) judge(prefix string, at time.Duration) (held *HeldError, recent bool) {
	for _, s := range v.seen {
		length := s.doc.length()
		left := length - (at - s.since)
		if s.bad || !overlap(s.doc.Prefix, prefix) || s.doc.Process == v.k.process || s.doc.same(v.k.o.Holder) || left <= 0 || held != nil && left <= held.Left {
			continue
		}
		held = &HeldError{
			Store: v.st.URL(), Prefix: s.doc.Prefix, Holder: s.doc.Holder, Since: s.doc.Since, Length: length, Left: min(left, length), Again: min(left, length/looks),
		}
		recent = at-v.looked < length/looks
	}
	return held, recent
}

// list brings what is known up to date.
func (v *view) list(ctx context.Context) error {
	there := map[string]bool{}
	for token := ""; ; {
		page, err := v.st.List(ctx, store.ListOptions{Prefix: Prefix, Token: token})
		if err != nil {
			return err
		}
		for _, o := range page.Objects {
			there[o.Key] = true
			if s, known := v.seen[o.Key]; known && s.etag == o.ETag {
				continue
			}
			s, found, err := v.read(ctx, o)
			if err != nil {
				return err
			}
			if !found { // given up or renewed while we look: the ETag that it has now was not seen yet
				delete(v.seen, o.Key)
				continue
			}
			v.seen[o.Key] = s
		}
		if token = page.Next; token == "" {
			break
		}
	}
	for key := range v.seen {
		if !there[key] {
			delete(v.seen, key)
		}
	}
	return nil
}

// readTries is how often a lease is read that is renewed meanwhile.
const readTries = 3

func (v *view) read(ctx context.Context, o store.Object) (s sight, found bool, err error) {
	for try := 1; ; try++ {
		s = sight{etag: o.ETag, bad: true}
		if o.Size > 0 && o.Size <= maxDocumentBytes {
			b := make([]byte, o.Size)
			if err = v.st.ReadRange(ctx, o.Ref(), 0, b); err == nil {
				s.doc, err = decode(o.Key, b)
				s.bad = err != nil
				err = nil
			}
		}
		s.since = v.k.o.Clock.Elapsed()
		if !errors.Is(err, store.ErrChanged) && !errors.Is(err, store.ErrNotFound) {
			return s, err == nil, err
		}
		// Whoever renews it is alive. That is worth another look, or else it would not be seen.
		page, listErr := v.st.List(ctx, store.ListOptions{Prefix: o.Key, Max: 1})
		if listErr != nil {
			return s, false, listErr
		}
		if len(page.Objects) == 0 || page.Objects[0].Key != o.Key {
			return s, false, nil
		}
		if o = page.Objects[0]; try == readTries {
			return s, false, err
		}
	}
}
