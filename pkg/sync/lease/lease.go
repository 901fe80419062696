package lease

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/datagravity/datagravity/internal/crashpoint"
	"github.com/datagravity/datagravity/pkg/store"
)

// lease of this process on a prefix of a store.
type lease struct {
	k   *Keeper
	at  place
	key string
	// requests is held by whoever makes requests about it; changed has a value when something below did.
	requests, changed chan struct{}

	// By k.mu:
	users int
	// taken: it was written, and is looked after. lost is why it no longer counts all the same.
	taken bool
	lost  error
	etag  string
	doc   document
	// good is when the last write that succeeded began, by the clock; idle since when nobody uses it.
	good, idle time.Duration
}

func (l *lease) lock(ctx context.Context) error {
	select {
	case l.requests <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *lease) unlock() { <-l.requests }

func (l *lease) tell() {
	select {
	case l.changed <- struct{}{}:
	default: // it is known already
	}
}

func (l *lease) release() {
	l.k.mu.Lock()
	defer l.k.mu.Unlock()
	if l.users--; l.users > 0 {
		return
	}
	l.idle = l.k.o.Clock.Elapsed()
	if !l.taken {
		delete(l.k.leases, l.at)
		return
	}
	l.tell()
}

// mine tells whether it is held now.
func (l *lease) mine() bool { return l.taken && l.standing() == nil }

// standing is why it is not held, nil if it is.
func (l *lease) standing() error {
	l.k.mu.Lock()
	defer l.k.mu.Unlock()
	return l.stands()
}

// stands is standing with k.mu held.
func (l *lease) stands() error {
	if l.lost == nil && l.k.o.Clock.Elapsed()-l.good > time.Duration(believed*float64(l.k.o.Length)) {
		return fmt.Errorf("%w: %s %q could not be renewed for so long that another agent may have it; nothing more is begun", ErrLost, l.at.st.URL(), l.at.prefix)
	}
	return l.lost
}

// take writes it, with requests held.
func (l *lease) take(ctx context.Context) error {
	v, unlock, err := l.k.view(ctx, l.at.st)
	if err != nil {
		return err
	}
	defer unlock()
	for race := 1; ; race++ {
		over, err := v.look(ctx, l.at.prefix)
		if err != nil {
			return l.failed(err)
		}
		raced, err := l.write(ctx, v, over)
		switch {
		case err != nil:
			return l.failed(err)
		case !raced:
			l.began()
			return nil
		case race == races:
			return l.failed(fmt.Errorf("%w: several try for it at the same moment; try again", ErrHeld))
		}
		select {
		case <-l.k.o.Clock.After(rand.N(min(l.k.o.Length/looks, mostBackoff) + 1)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (l *lease) failed(err error) error {
	var held *HeldError
	if errors.As(err, &held) {
		return err
	}
	if errors.Is(err, store.ErrPermission) {
		err = fmt.Errorf("%w; a destination needs the rights below %s that datagravity doctor --policy prints; agent.lease: 0s takes no leases", err, store.Private)
	}
	return l.about(err)
}

// write removes what is over, writes the lease, and looks whether another one came into being at the same moment. raced: somebody was quicker, or as
// quick, and nothing of ours is there.
func (l *lease) write(ctx context.Context, v *view, over []store.Ref) (raced bool, err error) {
	condition := store.IfAbsent()
	if s, there := v.seen[l.key]; there {
		condition = store.IfMatch(s.etag)
	}
	for _, ref := range over {
		if ref.Key == l.key {
			continue
		}
		if err := l.at.st.Delete(ctx, ref); errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrChanged) {
			return true, nil // it was renewed
		} else if err != nil {
			return false, err
		}
	}
	crashpoint.Hit(crashpoint.LeaseOver)
	doc := document{
		Datagravity: version, Kind: kind, Prefix: l.at.prefix, LengthSeconds: l.k.o.Length.Seconds(), Holder: l.k.o.Holder, Process: l.k.process,
		Since: l.k.o.Now().UTC().Truncate(time.Second), Renewal: rand.Uint64N(1 << 52), // after an earlier one of this process its bytes are others
	}
	o, began, err := l.put(ctx, doc, condition)
	if conflict(err) {
		return true, nil
	} else if err != nil {
		return false, err
	}
	// What others wrote before this was there is in the next listing. What they write later sees this.
	v.seen[l.key] = sight{etag: o.ETag, doc: doc, since: l.k.o.Clock.Elapsed()}
	if _, err = v.look(ctx, l.at.prefix); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeWithin)
		defer cancel()
		err = errors.Join(err, l.remove(ctx, o))
		var held *HeldError
		if errors.As(err, &held) {
			v.refuse(false) // it takes its own back, too
			delete(v.seen, l.key)
			return true, nil
		}
		return false, err
	}
	l.k.mu.Lock()
	defer l.k.mu.Unlock()
	l.etag, l.doc, l.good, l.lost = o.ETag, doc, began, nil
	return false, nil
}

// put writes the document. began is a moment before it can have been there.
func (l *lease) put(ctx context.Context, doc document, c store.Condition) (o store.Object, began time.Duration, err error) {
	b, err := doc.encode()
	if err != nil {
		return o, 0, err
	}
	began = l.k.o.Clock.Elapsed()
	o, err = l.at.st.Put(ctx, l.key, b, store.WriteOptions{Condition: c, Properties: store.Properties{ContentType: contentType}})
	crashpoint.Hit(crashpoint.LeaseWritten)
	return o, began, err
}

// conflict tells that what was to be there is not.
func conflict(err error) bool {
	return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrChanged)
}

func (l *lease) remove(ctx context.Context, o store.Object) error {
	err := l.at.st.Delete(ctx, store.Ref{Key: l.key, ETag: o.ETag})
	if conflict(err) {
		return nil // somebody else's by now
	}
	return err
}
