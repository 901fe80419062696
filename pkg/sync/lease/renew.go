package lease

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// began has the lease be looked after from now on.
func (l *lease) began() {
	l.k.mu.Lock()
	defer l.k.mu.Unlock()
	if l.taken {
		l.tell() // it was lost and is taken anew; who looks after it is still there
		return
	}
	l.taken = true
	l.k.wg.Go(l.keep)
}

// keep renews the lease while it is used, and removes it afterwards. One request is under way at a time.
func (l *lease) keep() {
	every := l.k.o.Length / renewals
	next := l.k.o.Clock.Elapsed() + every
	for {
		wait, ends := l.due(next)
		if ends && wait <= 0 {
			if l.end() {
				return
			}
			continue
		}
		if wait > 0 {
			select {
			case <-l.k.o.Clock.After(wait):
			case <-l.changed:
			}
			continue
		}
		ok := l.renew(every)
		if next = l.k.o.Clock.Elapsed() + every; !ok {
			next = l.k.o.Clock.Elapsed() + every/renewals
		}
	}
}

// due is how long to wait until something is to be done, and whether that is the end of it.
func (l *lease) due(next time.Duration) (wait time.Duration, ends bool) {
	l.k.mu.Lock()
	defer l.k.mu.Unlock()
	now := l.k.o.Clock.Elapsed()
	switch {
	case l.k.closed:
		return 0, true
	case l.users == 0:
		if end := l.idle + l.k.linger() - now; end <= next-now || l.lost != nil {
			return end, true
		}
	case l.lost != nil: // until it is given up, or taken anew
		return l.k.o.Length, false
	}
	return next - now, false
}

// end removes the lease. false: somebody uses it again.
func (l *lease) end() bool {
	l.requests <- struct{}{}
	defer l.unlock()
	l.k.mu.Lock()
	if l.users > 0 && !l.k.closed {
		l.k.mu.Unlock()
		return false
	}
	lost, etag := l.lost, l.etag
	l.k.mu.Unlock()
	if lost == nil {
		ctx, cancel := context.WithTimeout(context.Background(), removeWithin)
		defer cancel()
		if err := l.remove(urgent(ctx), store.Object{ETag: etag}); err != nil {
			l.k.o.Log.Warn("a lease could not be removed; others wait until it is over", "store", l.at.st.URL(), "prefix", l.at.prefix, "length", l.k.o.Length, "error", err)
		}
	}
	l.k.mu.Lock()
	defer l.k.mu.Unlock()
	l.taken = false
	if l.lost == nil {
		l.lost = fmt.Errorf("%w: it was given up", ErrLost)
	}
	if l.users == 0 {
		delete(l.k.leases, l.at)
	}
	return true
}

// renew writes the lease anew under the ETag that it has. false: that is to be tried again.
func (l *lease) renew(within time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	ctx = urgent(ctx)
	if l.lock(ctx) != nil {
		return false
	}
	defer l.unlock()
	l.k.mu.Lock()
	doc, etag, lost := l.doc, l.etag, l.lost
	l.k.mu.Unlock()
	if lost != nil {
		return true
	}
	doc.Renewal++
	o, began, err := l.put(ctx, doc, store.IfMatch(etag))
	if conflict(err) {
		o, doc, err = l.stillOurs(ctx)
		if errors.Is(err, errGone) {
			return l.again(ctx)
		}
		if err == nil {
			// An answer was lost. When it was written nobody knows, so that it counts from the next renewal on.
			l.k.mu.Lock()
			defer l.k.mu.Unlock()
			l.etag, l.doc = o.ETag, doc
			return false
		}
	}
	l.k.mu.Lock()
	defer l.k.mu.Unlock()
	if errors.Is(err, ErrLost) {
		l.lost = err
		l.k.o.Log.Error("another agent took a lease over, or removed it; nothing more is begun there", "store", l.at.st.URL(), "prefix", l.at.prefix, "error", err)
		return true
	}
	if err != nil {
		l.k.o.Log.Warn("a lease was not renewed; it is tried again", "store", l.at.st.URL(), "prefix", l.at.prefix, "error", err)
		return false
	}
	l.etag, l.doc, l.good = o.ETag, doc, began
	return true
}

// again takes a lease anew that was removed: by somebody who took one over other, overlapping keys, or who tidied up.
func (l *lease) again(ctx context.Context) (ok bool) {
	err := l.take(ctx)
	if err == nil {
		return true
	}
	var held *HeldError
	if !errors.As(err, &held) {
		l.k.o.Log.Warn("a lease was removed by somebody, and is not back; it is tried again", "error", err)
		return false
	}
	l.k.mu.Lock()
	defer l.k.mu.Unlock()
	l.lost = l.takenOver(held.Holder, held.Since)
	l.k.o.Log.Error("another agent took a lease over; nothing more is begun there", "error", l.lost)
	return true
}

func (l *lease) takenOver(by Holder, since time.Time) error {
	return fmt.Errorf("%w: %s %q was not renewed in time, and %s has it since %s; the next run goes on from the finished parts once that is done",
		ErrLost, l.at.st.URL(), l.at.prefix, by, since.UTC().Format(time.RFC3339))
}

// errGone: nothing is there any more.
var errGone = errors.New("the lease is gone")

// stillOurs looks at who has the lease, after a write was refused. Errors: [ErrLost], errGone, and those of the store.
func (l *lease) stillOurs(ctx context.Context) (store.Object, document, error) {
	page, err := l.at.st.List(ctx, store.ListOptions{Prefix: l.key, Max: 1})
	if err != nil {
		return store.Object{}, document{}, err
	}
	if len(page.Objects) == 0 || page.Objects[0].Key != l.key {
		return store.Object{}, document{}, errGone
	}
	o := page.Objects[0]
	b := make([]byte, min(o.Size, maxDocumentBytes))
	if err := l.at.st.ReadRange(ctx, o.Ref(), 0, b); err != nil {
		return o, document{}, err
	}
	doc, err := decode(l.key, b)
	switch {
	case err != nil:
		return o, doc, fmt.Errorf("%w: %s %q was overwritten with something else (%w)", ErrLost, l.at.st.URL(), l.at.prefix, err)
	case doc.Process != l.k.process:
		return o, doc, l.takenOver(doc.Holder, doc.Since)
	}
	return o, doc, nil
}
