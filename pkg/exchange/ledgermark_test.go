package exchange

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

func TestLedgerMark(t *testing.T) {
	ctx := context.Background()
	now := noon
	s := storeAt(&now)
	mark := func(sequence uint64) LedgerMark {
		m := someMark()
		m.Sequence = sequence
		return m
	}
	read := func(sequence uint64) store.Object {
		t.Helper()
		m, at, found, err := ReadLedgerMark(ctx, s)
		if err != nil || !found || m.Sequence != sequence || at.Key != markKey || at.ETag == "" {
			t.Fatalf("%+v at %+v, %v, %v", m, at, found, err)
		}
		return at
	}
	if err := PutLedgerMark(ctx, s, mark(0), store.Object{}, false); err != nil {
		t.Fatal(err)
	}
	first := read(0)
	if err := PutLedgerMark(ctx, s, mark(1), first, true); err != nil {
		t.Fatal(err)
	}
	second := read(1)
	// The same once more is no error; another one is, whatever was there before.
	if err := PutLedgerMark(ctx, s, mark(1), first, true); err != nil {
		t.Error(err)
	}
	for _, before := range []struct {
		o     store.Object
		found bool
	}{{first, true}, {store.Object{}, false}} {
		err := PutLedgerMark(ctx, s, mark(2), before.o, before.found)
		if !errors.Is(err, ErrRaced) || !errors.Is(err, store.ErrConflict) || !strings.HasPrefix(err.Error(), "write the mark of the ledger: ") {
			t.Errorf("%+v: %v", before, err)
		}
		read(1)
	}
	// It was removed meanwhile.
	if err := s.Delete(ctx, store.Ref{Key: markKey}); err != nil {
		t.Fatal(err)
	}
	if err := PutLedgerMark(ctx, s, mark(2), second, true); !errors.Is(err, ErrRaced) {
		t.Error(err)
	}
	// One that is damaged can be replaced by who has looked at it.
	overwrite(t, s, markKey, []byte("{"))
	m, at, found, err := ReadLedgerMark(ctx, s)
	if !errors.Is(err, ErrBad) || !found || m != (LedgerMark{}) || at.ETag == "" {
		t.Fatalf("%+v at %+v, %v, %v", m, at, found, err)
	}
	if err := PutLedgerMark(ctx, s, mark(3), at, true); err != nil {
		t.Fatal(err)
	}
	read(3)
}

// Two origins write the mark at once, over nothing or over the same one: one of them grants.
func TestLedgerMarkRace(t *testing.T) {
	ctx := context.Background()
	for round := range 50 {
		s := mem.New(mem.Options{})
		var before store.Object
		if round%2 == 1 {
			marks.mustPut(t, s, someMark())
			_, before, _, _ = ReadLedgerMark(ctx, s)
		}
		errs := make([]error, 8)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() {
				m := someMark()
				m.Account, m.Sequence = fmt.Sprintf("%016x", i), 43
				errs[i] = PutLedgerMark(ctx, s, m, before, round%2 == 1)
			})
		}
		all.Wait()
		m, _, _, err := ReadLedgerMark(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		for i, err := range errs {
			if mine := m.Account == fmt.Sprintf("%016x", i); mine != (err == nil) || !mine && !errors.Is(err, ErrRaced) {
				t.Errorf("%d: %v, and there is %+v", i, err, m)
			}
		}
	}
}
