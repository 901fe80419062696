package main

import (
	"slices"
	"testing"
	"time"
)

func TestRandomMoments(t *testing.T) {
	one := randomMoments(1, int64(time.Second))
	if !slices.Equal(one, randomMoments(1, int64(time.Second))) {
		t.Error("the same seed gave other moments")
	}
	if slices.Equal(one, randomMoments(2, int64(time.Second))) {
		t.Error("another seed gave the same moments")
	}
	last := 0.0
	for _, m := range one {
		if m.sentShare < last || m.sentShare > killedOftenUntil || m.later < 0 || m.later >= time.Second {
			t.Errorf("%+v after %g", m, last)
		}
		last = m.sentShare
	}
	if len(one) != killedOftenTimes {
		t.Errorf("%d kills", len(one))
	}
}

func TestMomentComesAfterBytesAndTime(t *testing.T) {
	sent := int64(0)
	reached := moment{0.5, 20 * time.Millisecond}.reached(func() int64 { return sent }, 100)
	if reached() {
		t.Error("reached with nothing sent")
	}
	sent = 50
	if reached() {
		t.Error("reached without the wait")
	}
	time.Sleep(25 * time.Millisecond)
	if !reached() {
		t.Error("never reached")
	}
}
