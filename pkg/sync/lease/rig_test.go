package lease

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// bubbleClock is the clock of a machine in a synctest bubble: it began some time ago, and runs a little wrong.
type bubbleClock struct {
	from time.Time
	rate float64
}

func (c bubbleClock) Elapsed() time.Duration {
	return time.Duration(c.rate * float64(time.Since(c.from)))
}

func (c bubbleClock) After(d time.Duration) <-chan time.Time {
	return time.After(time.Duration(float64(d)/c.rate) + 1) // as a timer, never too early
}

// machine is where a process runs.
type machine struct {
	name  string
	clock Clock
	off   time.Duration // of its time of day
}

func here(name string) machine { return machine{name: name, clock: bubbleClock{time.Now(), 1}} }

func (m machine) keeper(length time.Duration) *Keeper {
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("RIG_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("machine", m.name)
	}
	return New(Options{
		Holder: Holder{Manifest: "manifest-of-" + m.name, Place: "disk-of-" + m.name, Host: m.name, PID: 4242, Command: "datagravity sync c4 --to aws", Agent: "agent-" + m.name},
		Length: length, Now: func() time.Time { return time.Now().Add(m.off) }, Clock: m.clock, Log: log,
	})
}

// crashing is a store as a process sees it, until that process is gone.
type crashing struct {
	Store
	mu     sync.Mutex
	gone   bool
	broken error // what requests end with, where it is not nil
	counts map[string]int
	// wrote is when the last write of a key began that had an effect.
	wrote map[string]time.Time
}

func (c *crashing) may(op string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	c.counts[op]++
	if c.gone {
		return errors.New("the process is gone")
	}
	return c.broken
}

func (c *crashing) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	if err := c.may("list"); err != nil {
		return store.Page{}, err
	}
	return c.Store.List(ctx, o)
}

func (c *crashing) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	if err := c.may("read"); err != nil {
		return err
	}
	return c.Store.ReadRange(ctx, ref, off, p)
}

func (c *crashing) Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error) {
	if err := c.may("put"); err != nil {
		return store.Object{}, err
	}
	began := time.Now()
	out, err := c.Store.Put(ctx, key, data, o)
	if err == nil {
		c.mu.Lock()
		if c.wrote == nil {
			c.wrote = map[string]time.Time{}
		}
		c.wrote[key] = began
		c.mu.Unlock()
	}
	return out, err
}

func (c *crashing) Delete(ctx context.Context, ref store.Ref) error {
	if err := c.may("delete"); err != nil {
		return err
	}
	return c.Store.Delete(ctx, ref)
}

func (c *crashing) lastWrite(key string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wrote[key]
}

func (c *crashing) crash() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
}

func (c *crashing) fails(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = err
}

func (c *crashing) taken() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.counts
	c.counts = nil
	return out
}

func leasesIn(t *testing.T, s store.Store) (keys []string) {
	t.Helper()
	page, err := s.List(t.Context(), store.ListOptions{Prefix: Prefix})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range page.Objects {
		keys = append(keys, o.Key)
	}
	return keys
}

func mustHold(t *testing.T, k *Keeper, s Store, prefix string) *Held {
	t.Helper()
	h, err := k.Hold(t.Context(), s, prefix, 0)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func refused(t *testing.T, k *Keeper, s Store, prefix string) *HeldError {
	t.Helper()
	h, err := k.Hold(t.Context(), s, prefix, 0)
	var held *HeldError
	if !errors.As(err, &held) || !errors.Is(err, ErrHeld) {
		t.Fatalf("got %v, %v, want a refusal", h, err)
	}
	return held
}
