package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A run has all of the memory in flight while its connections are slow, and a near run's share of it else.
func TestRoom(t *testing.T) {
	const unit, all = 8 << 20, DefaultMemoryBytes / (8 << 20)
	synctest.Test(t, func(t *testing.T) {
		// fill takes room until none is left, and tells how often.
		fill := func(r *room) (n int) {
			for {
				ctx, stop := context.WithTimeout(t.Context(), time.Second)
				got, err := r.get(ctx, unit)
				stop()
				if err != nil {
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Fatal(err)
					}
					return n
				}
				if got != unit {
					t.Fatalf("%d bytes", got)
				}
				n++
			}
		}
		r := newRoom(DefaultMemoryBytes, false)
		if n := fill(r); n != nearBytes/unit {
			t.Errorf("near: %d in flight, want %d", n, nearBytes/unit)
		}
		r.adapt(true)
		if n := fill(r); n != all-nearBytes/unit {
			t.Errorf("then slow: %d more, want %d", n, all-nearBytes/unit)
		}
		r.adapt(false) // nothing is free yet
		for range all - 1 {
			r.put(unit)
		}
		r.adapt(false)
		if n := fill(r); n != nearBytes/unit-1 {
			t.Errorf("near again, with one in flight: %d more, want %d", n, nearBytes/unit-1)
		}
		if n := fill(newRoom(DefaultMemoryBytes, true)); n != all {
			t.Errorf("slow: %d in flight, want %d", n, all)
		}
		for size, want := range map[int64]int{16 << 20: 2, 96 << 20: 10, 4 * DefaultMemoryBytes: 40} {
			if n := fill(newRoom(size, false)); n != want {
				t.Errorf("near, of %d bytes: %d in flight, want %d", size, n, want)
			}
		}
		// One part may be larger than a near run's share.
		large := newRoom(DefaultMemoryBytes, false)
		if got, err := large.get(t.Context(), DefaultMemoryBytes); err != nil || got != nearBytes {
			t.Errorf("%d bytes, %v", got, err)
		}
	})
}
