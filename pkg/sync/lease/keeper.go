package lease

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// Store is what leases need of a store. It is told from others by ==.
type Store interface {
	URL() string
	List(ctx context.Context, o store.ListOptions) (store.Page, error)
	ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error
	Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error)
	Delete(ctx context.Context, ref store.Ref) error
}

var _ Store = store.Store(nil)

// DefaultLength is how long a lease outlives a holder that is gone. It is renewed three times in it: 18 small writes an hour.
const DefaultLength = 10 * time.Minute

const (
	// renewals in a length: two may fail in a row.
	renewals = 3
	// looks in a length, of those who wait for its end.
	looks = 20
	// mostLinger is how long a lease is kept that nobody needs any more, in case somebody soon does.
	mostLinger = 10 * time.Second
	// races is how often a lease is tried for that others try for at the same moment.
	races = 4
	// mostBackoff before it is tried again.
	mostBackoff = time.Second
	// removeWithin bounds the last request of a process.
	removeWithin = 10 * time.Second
)

// believed is the share of a length for which a holder believes in a lease that it could not renew: clocks of two machines run unequally fast.
const believed = 0.9

// Options of a Keeper.
type Options struct {
	Holder Holder
	// Length of the leases; 0: [DefaultLength].
	Length time.Duration
	// Now is the time of day, for people.
	Now   func() time.Time
	Clock Clock // nil: the machine's
	Log   *slog.Logger
}

// Keeper keeps the leases of a process. All that the process does under one prefix of a store shares one. It is safe for concurrent use.
type Keeper struct {
	o       Options
	process string

	mu     sync.Mutex // guards what follows, and the mutable fields of leases
	leases map[place]*lease
	views  map[Store]*view
	closed bool
	wg     sync.WaitGroup
}

// place is what a lease is for. A store is the one that was opened: URLs do not tell two with different endpoints apart.
type place struct {
	st     Store
	prefix string
}

// New makes a keeper; Close it.
func New(o Options) *Keeper {
	if o.Length == 0 {
		o.Length = DefaultLength
	}
	if o.Clock == nil {
		o.Clock = newMachineClock()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Keeper{o: o, process: rand.Text(), leases: map[place]*lease{}, views: map[Store]*view{}}
}

// Held is the use of a lease.
type Held struct {
	l    *lease
	once sync.Once
}

// Err is nil as long as the lease is held; then [ErrLost].
func (h *Held) Err() error { return h.l.standing() }

// Release ends the use. The lease is removed a moment after its last one.
func (h *Held) Release() { h.once.Do(h.l.release) }

// Hold takes the lease for a prefix of a store, or shares the one that this process has. If another agent has one over any of the same keys, it waits for
// it to be given up, or to be over, up to so long. Errors: [ErrHeld] with a [*HeldError], and those of the store.
func (k *Keeper) Hold(ctx context.Context, st Store, prefix string, wait time.Duration) (*Held, error) {
	until := k.o.Clock.Elapsed() + wait
	for told := false; ; {
		h, err := k.hold(ctx, st, prefix)
		left := until - k.o.Clock.Elapsed()
		if !errors.Is(err, ErrHeld) || left <= 0 {
			return h, err
		}
		again := k.o.Length / looks
		var held *HeldError
		if errors.As(err, &held) {
			again = held.Again
		}
		if !told {
			told = true
			k.o.Log.Warn("waiting for another datagravity that writes to the same place", "for_at_most", wait.String(), "why", err)
		}
		select {
		case <-k.o.Clock.After(min(again, left)):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Refused tells whether a lease was refused and may still be, so that a [Keeper.Look] may be worth its request.
func (k *Keeper) Refused() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, v := range k.views {
		if v.refused {
			return true
		}
	}
	return false
}

// Look tells whether another agent that was in the way in this store, when leases were last looked at, still is in the way of a prefix. Nothing is
// taken; where nobody was, nothing is asked. Errors as of Hold.
func (k *Keeper) Look(ctx context.Context, st Store, prefix string) error {
	v, unlock, err := k.view(ctx, st)
	if err != nil {
		return err
	}
	defer unlock()
	if !v.refused {
		return nil
	}
	_, err = v.look(urgent(ctx), prefix)
	return err
}

// hold tries once.
func (k *Keeper) hold(ctx context.Context, st Store, prefix string) (*Held, error) {
	l, err := k.use(st, prefix)
	if err != nil {
		return nil, err
	}
	if err := l.lock(ctx); err != nil {
		l.release()
		return nil, err
	}
	defer l.unlock()
	if l.mine() {
		return &Held{l: l}, nil
	}
	if err := l.take(urgent(ctx)); err != nil {
		l.release()
		return nil, err
	}
	return &Held{l: l}, nil
}

var errClosed = errors.New("leases are taken no more")

// use counts one more use of a lease, which may not be taken yet.
func (k *Keeper) use(st Store, prefix string) (*lease, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil, errClosed
	}
	at := place{st, prefix}
	l := k.leases[at]
	if l == nil {
		l = &lease{k: k, at: at, key: keyOf(prefix), requests: make(chan struct{}, 1), changed: make(chan struct{}, 1)}
		k.leases[at] = l
	}
	l.users++
	return l, nil
}

// Close removes the leases that are still there.
func (k *Keeper) Close() {
	k.mu.Lock()
	k.closed = true
	for _, l := range k.leases {
		l.tell()
	}
	k.mu.Unlock()
	k.wg.Wait()
}

// linger is how long a lease is kept that nobody uses.
func (k *Keeper) linger() time.Duration { return min(mostLinger, k.o.Length/renewals) }

// urgent has requests go before those for data: a renewal that waits behind a long line of parts comes too late.
func urgent(ctx context.Context) context.Context {
	return store.WithPriority(ctx, store.Priority{Slack: math.MinInt64})
}

// about says which lease an error is about.
func (l *lease) about(err error) error {
	return fmt.Errorf("lease for %s %q: %w", l.at.st.URL(), l.at.prefix, err)
}
