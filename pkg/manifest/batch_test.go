package manifest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"
)

// queueUp has calls wait behind one that is running, so that they share the next transaction, and returns their errors.
func queueUp(t *testing.T, m *Manifest, calls ...func(*Tx) error) []error {
	t.Helper()
	running, goOn := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		once := sync.OnceFunc(func() { close(running) })
		first <- m.Batch(func(*Tx) error { once(); <-goOn; return nil })
	}()
	<-running
	errs := make([]error, len(calls))
	var wg sync.WaitGroup
	for i, f := range calls {
		wg.Go(func() { errs[i] = m.Batch(f) })
		for { // in this order
			m.queue.mu.Lock()
			n := len(m.queue.waiting)
			m.queue.mu.Unlock()
			if n == i+1 {
				break
			}
		}
	}
	close(goOn)
	wg.Wait()
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	return errs
}

func needIDs(t *testing.T, m *Manifest) string {
	t.Helper()
	var ids []string
	view(t, m, func(tx *Tx) error {
		return tx.Needs(func(n Need) (bool, error) { ids = append(ids, n.ID); return true, nil })
	})
	return strings.Join(ids, " ")
}

func TestBatchSharesATransaction(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	put := func(id string) func(*Tx) error { return func(tx *Tx) error { return tx.PutNeed(Need{ID: id}) } }
	var seen []int
	see := func(tx *Tx) error { seen = append(seen, tx.b.ID()); return nil }
	for _, err := range queueUp(t, m, put("a"), see, put("b"), see) {
		if err != nil {
			t.Error(err)
		}
	}
	if len(seen) != 2 || seen[0] != seen[1] {
		t.Errorf("transactions %v, want one", seen)
	}
	if ids := needIDs(t, m); ids != "a b" {
		t.Errorf("needs %q", ids)
	}
}

// The error of one is its own; what it did is undone, and what the others did is done once.
func TestBatchMateFails(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	no := errors.New("no")
	add := func(id string, fail error) func(*Tx) error {
		return func(tx *Tx) error {
			n, _, err := tx.Need(id)
			n.ID, n.Shards = id, n.Shards+1
			return errors.Join(err, tx.PutNeed(n), fail)
		}
	}
	// The third fails only because of what the second one, that is undone, did before it.
	dependent := func(tx *Tx) error {
		if _, there, _ := tx.Need("bad"); there {
			return errors.New("it saw what was undone")
		}
		return add("dependent", nil)(tx)
	}
	errs := queueUp(t, m, add("a", nil), add("bad", no), dependent, add("b", nil), add("worse", no))
	for i, want := range []error{nil, no, nil, nil, no} {
		if !errors.Is(errs[i], want) {
			t.Errorf("call %d: %v, want %v", i, errs[i], want)
		}
	}
	if ids := needIDs(t, m); ids != "a b dependent" {
		t.Errorf("needs %q", ids)
	}
	view(t, m, func(tx *Tx) error {
		return tx.Needs(func(n Need) (bool, error) {
			if n.Shards != 1 {
				t.Errorf("%s was done %d times", n.ID, n.Shards)
			}
			return true, nil
		})
	})
}

// A defect in one caller's function reaches that caller as the panic it is, and leaves the manifest usable.
func TestPanicOfACaller(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	panics := func(call func(func(*Tx) error) error) (p any) {
		defer func() { p = recover() }()
		_ = call(func(tx *Tx) error {
			_ = tx.PutNeed(Need{ID: "x"})
			panic("a defect")
		})
		return nil
	}
	for name, call := range map[string]func(func(*Tx) error) error{"view": m.View, "update": m.Update, "batch": m.Batch} {
		if p := panics(call); p != "a defect" {
			t.Errorf("%s: recovered %v", name, p)
		}
	}
	if ids := needIDs(t, m); ids != "" {
		t.Errorf("needs %q", ids)
	}
	if err := m.Batch(func(tx *Tx) error { return tx.PutNeed(Need{ID: "y"}) }); err != nil {
		t.Error(err)
	}
}

func TestBatchConcurrently(t *testing.T) {
	m := open(t, memoryDir(t), Options{})
	const writers, rounds = 32, 100
	var g errgroup.Group
	odd := errors.New("odd")
	for w := range writers {
		g.Go(func() error {
			for i := range rounds {
				err := m.Batch(func(tx *Tx) error {
					n, _, err := tx.Need("sum")
					n.ID, n.Shards = "sum", n.Shards+1
					if err := errors.Join(err, tx.PutNeed(n)); err != nil || i%7 != 0 {
						return err
					}
					return odd
				})
				if errors.Is(err, odd) != (i%7 == 0) {
					return fmt.Errorf("writer %d, round %d: %w", w, i, err)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	view(t, m, func(tx *Tx) error {
		n, _, err := tx.Need("sum")
		if want := writers * (rounds - (rounds+6)/7); n.Shards != want {
			t.Errorf("%d, want %d", n.Shards, want)
		}
		return err
	})
}

// The disk fills up: the transaction fails as a whole, what was there stays, and writing works again when there is room.
func TestFullDisk(t *testing.T) {
	big := strings.Repeat("x", 3000)
	for size := 128 << 10; size <= 1<<20; size += 56 << 10 {
		dir := memoryDir(t)
		m := open(t, dir, Options{maxBytes: size})
		n := 0
		var err error
		for ; err == nil && n < 2000; n++ {
			err = m.Batch(func(tx *Tx) error {
				return errors.Join(tx.PutNeed(Need{ID: fmt.Sprintf("%05d", n), Dataset: big}), tx.PutWindow("w", Window{SettledBytes: int64(n)}))
			})
		}
		if err == nil || errors.Is(err, ErrCorrupt) {
			t.Fatalf("limit %d: %v after %d needs", size, err, n)
		}
		n-- // the one that failed
		check := func() {
			t.Helper()
			if ids := needIDs(t, m); len(ids) != max(0, 6*n-1) {
				t.Errorf("limit %d: %d needs, want %d", size, len(ids)/6+1, n)
			}
			view(t, m, func(tx *Tx) error {
				w, _, err := tx.Window("w")
				if want := int64(n - 1); w.SettledBytes != want {
					t.Errorf("limit %d: window %d, want %d", size, w.SettledBytes, want)
				}
				return err
			})
		}
		check()
		if err := m.Close(); err != nil {
			t.Errorf("limit %d: %v", size, err)
		}
		m = open(t, dir, Options{})
		check()
		update(t, m, func(tx *Tx) error { return tx.PutNeed(Need{ID: "room"}) })
	}
}
