package tee

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/fault"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

const rangeBytes = 1000

// object of so many ranges, each of other bytes.
func object(t *testing.T, s store.Store, ranges int) (store.Ref, []byte) {
	t.Helper()
	var b []byte
	for i := range ranges {
		b = append(b, bytes.Repeat([]byte{byte(i), byte(i >> 8)}, rangeBytes/2)...)
	}
	o, err := s.Put(context.Background(), "o", b, store.WriteOptions{Condition: store.IfAbsent()})
	if err != nil {
		t.Fatal(err)
	}
	return o.Ref(), b
}

// readAll reads every range in order, with a pause after each.
func readAll(ctx context.Context, r *Reader, ref store.Ref, want []byte, pause time.Duration) error {
	for off := 0; off < len(want); off += rangeBytes {
		p := make([]byte, rangeBytes)
		if err := r.ReadRange(ctx, ref, int64(off), p); err != nil {
			return err
		}
		if !bytes.Equal(p, want[off:off+rangeBytes]) {
			return fmt.Errorf("wrong bytes at %d", off)
		}
		time.Sleep(pause)
	}
	r.End()
	return nil
}

func TestEachRangeIsReadOnce(t *testing.T) {
	for _, pauses := range [][]time.Duration{{0, 0, 0}, {time.Millisecond, 2 * time.Millisecond, 50 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			m := mem.New(mem.Options{Latency: func(string, int64) time.Duration { return time.Millisecond }})
			ref, want := object(t, m, 100)
			tee := New(m, Options{BufferBytes: 20 * rangeBytes})
			var readers []*Reader
			for range pauses {
				readers = append(readers, tee.Reader())
			}
			var all sync.WaitGroup
			ended := make([]time.Duration, len(pauses))
			start := time.Now()
			for i, r := range readers {
				all.Go(func() {
					if err := readAll(t.Context(), r, ref, want, pauses[i]); err != nil {
						t.Error(err)
					}
					ended[i] = time.Since(start)
				})
			}
			all.Wait()
			if got := m.Stats()["read"]; got.Requests != 100 || got.ReceivedBytes != int64(len(want)) {
				t.Errorf("%d requests, %d bytes, for an object of %d", got.Requests, got.ReceivedBytes, len(want))
			}
			// The fast ones are ahead of the slowest by what the buffer holds.
			if slow := ended[len(ended)-1]; pauses[0] > 0 && ended[0] > slow-15*pauses[2] {
				t.Errorf("the fast reader ended after %v, the slow one after %v", ended[0], slow)
			}
			if tee.kept != 0 || len(tee.entries) != 0 {
				t.Errorf("%d bytes and %d entries are left", tee.kept, len(tee.entries))
			}
		})
	}
}

// A reader that does not come holds the others up once for each range that does not fit, and no longer.
func TestReaderThatNeverComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mem.New(mem.Options{})
		ref, want := object(t, m, 12)
		tee := New(m, Options{BufferBytes: 10 * rangeBytes})
		a, lost := tee.Reader(), tee.Reader()
		start := time.Now()
		if err := readAll(t.Context(), a, ref, want, 0); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 2*30*time.Second {
			t.Errorf("it took %v", took)
		}
		if err := readAll(t.Context(), lost, ref, want, 0); err != nil {
			t.Fatal(err)
		}
		if n := m.Stats()["read"].Requests; n != 12+2 {
			t.Errorf("%d requests", n)
		}
	})
}

// Nothing is kept for a reader of what it does not want.
func TestOnlyWhatIsWanted(t *testing.T) {
	m := mem.New(mem.Options{})
	ref, want := object(t, m, 50)
	tee := New(m, Options{BufferBytes: 2 * rangeBytes})
	a, b := tee.Reader(), tee.Reader()
	b.Want(map[string]bool{"another": true})
	if err := readAll(t.Context(), a, ref, want, 0); err != nil {
		t.Fatal(err)
	}
	if tee.kept != 0 || len(tee.entries) != 0 {
		t.Errorf("%d bytes and %d entries are left", tee.kept, len(tee.entries))
	}
}

// A failure of the one that reads is not the others': they read by themselves. Bytes that were wrong are asked for again.
func TestFailuresAndRepeats(t *testing.T) {
	m := mem.New(mem.Options{})
	ref, want := object(t, m, 2)
	f := fault.Wrap(m, fault.Plan{Rules: []fault.Rule{{Kind: fault.Before, Op: "read", Nth: 1, Err: store.ErrTransient}}})
	tee := New(f, Options{})
	a, b := tee.Reader(), tee.Reader()
	p := make([]byte, rangeBytes)
	if err := a.ReadRange(t.Context(), ref, 0, p); !errors.Is(err, store.ErrTransient) {
		t.Fatalf("%v", err)
	}
	for _, r := range []*Reader{b, a, a, b} {
		clear(p)
		if err := r.ReadRange(t.Context(), ref, 0, p); err != nil || !bytes.Equal(p, want[:rangeBytes]) {
			t.Fatalf("%v", err)
		}
	}
	f.VerifyAllHit(t)
	// b read for both, and a for both once more.
	if n := m.Stats()["read"].Requests; n != 2 {
		t.Errorf("%d requests", n)
	}
	changed := ref
	changed.ETag = "other"
	if err := a.ReadRange(t.Context(), changed, 0, p); !errors.Is(err, store.ErrChanged) {
		t.Errorf("%v", err)
	}
}

// Room that a failed read gives back goes to whoever waits for it, at once.
func TestRoomOfAFailedRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mem.New(mem.Options{Latency: func(string, int64) time.Duration { return time.Second }})
		ref, _ := object(t, m, 2)
		tee := New(m, Options{BufferBytes: rangeBytes})
		a, b := tee.Reader(), tee.Reader()
		tee.Reader() // wants all of it, and never comes
		changed := ref
		changed.ETag = "other"
		failed := make(chan error)
		go func() { failed <- a.ReadRange(t.Context(), changed, 0, make([]byte, rangeBytes)) }()
		synctest.Wait()
		start := time.Now()
		if err := b.ReadRange(t.Context(), ref, 0, make([]byte, rangeBytes)); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("it took %v: one read after the other takes 2 s", took)
		}
		if err := <-failed; !errors.Is(err, store.ErrChanged) {
			t.Errorf("%v", err)
		}
	})
}

func TestCancelledWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mem.New(mem.Options{Latency: func(op string, _ int64) time.Duration { return time.Hour }})
		tee := New(m, Options{})
		a, b := tee.Reader(), tee.Reader()
		ref := store.Ref{Key: "o", ETag: "x"}
		leading, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- a.ReadRange(leading, ref, 0, make([]byte, 1)) }()
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.ReadRange(short, ref, 0, make([]byte, 1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		stop()
		if err := <-ended; err == nil {
			t.Error("the cancelled read succeeded")
		}
	})
}
