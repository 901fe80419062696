package engine

import (
	"context"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
)

// The last parts of a shard decide when it is there, and one connection that crawls holds all of it up. A read that takes much
// longer than reads of this run do is made a second time beside the first, and whichever comes first counts. Both are paid for, so
// that this happens only at the end of a shard, and only where the budgets have room for it beside everything that is planned.
const (
	hedgeTimes   = 4           // what others took, and
	hedgeAtLeast = time.Second // this
	hedgeSamples = 8           // reads before anything is called slow
	hedgeParts   = 2           // the last ones of a shard
)

// readTimes is how long reads of parts took.
type readTimes struct {
	mu      sync.Mutex
	samples int
	perByte float64 // seconds, an average in which the last ones count most
}

func (t *readTimes) took(n int64, d time.Duration) {
	if n < pooledFrom {
		return // latency, not throughput
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	one := d.Seconds() / float64(n)
	if t.samples == 0 {
		t.perByte = one
	}
	t.perByte += (one - t.perByte) / 8
	t.samples++
}

// slow is after how long a read of n bytes is one that crawls; 0 while nothing is known.
func (t *readTimes) slow(n int64) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.samples < hedgeSamples {
		return 0
	}
	return time.Duration(hedgeTimes*t.perByte*float64(n)*float64(time.Second)) + hedgeAtLeast
}

// readPatiently is readSplit, hedged for the last parts of a shard.
func (s *shard) readPatiently(ctx context.Context, off int64, p []byte) (receipts []receipt, err error) {
	start := s.m.Now()
	defer func() {
		if err == nil {
			s.times.took(int64(len(p)), s.m.Now().Sub(start))
		}
	}()
	after := s.times.slow(int64(len(p)))
	if after == 0 {
		return s.readSplit(ctx, off, p)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	first := make(chan read, 1)
	go func() {
		receipts, err := s.readSplit(ctx, off, p)
		first <- read{receipts: receipts, err: err}
	}()
	ticker := time.NewTicker(after)
	defer ticker.Stop()
	for {
		select {
		case r := <-first:
			return r.receipts, r.err
		case <-ticker.C:
			if s.ending() && s.affords(int64(len(p))) {
				s.log.Info("a read crawls and is made a second time", "path", s.it.Path, "offset", off, "bytes", len(p))
				return s.race(ctx, cancel, first, off, p)
			}
		}
	}
}

// read is how one of two reads ended.
type read struct {
	buf      []byte // of the second one, to be given back
	receipts []receipt
	err      error
}

// race reads a second time. It never returns before the first read has ended, since that writes into p.
func (s *shard) race(ctx context.Context, cancel context.CancelFunc, first chan read, off int64, p []byte) ([]receipt, error) {
	again, stop := context.WithCancel(ctx)
	defer stop()
	second := make(chan read, 1)
	go func() {
		buf, err := s.mem.get(again, int64(len(p)))
		if err != nil {
			second <- read{err: err}
			return
		}
		receipts, err := s.readSplit(again, off, buf)
		second <- read{buf, receipts, err}
	}()
	var one, two read
	select {
	case one = <-first:
		if one.err == nil || ctx.Err() != nil {
			stop()
		}
		two = <-second
	case two = <-second:
		if two.err == nil {
			cancel()
		}
		one = <-first
	}
	if two.buf != nil {
		defer s.mem.put(two.buf)
	}
	switch {
	case two.err != nil:
		return one.receipts, one.err
	case one.err == nil:
		// Both came; the second one is paid for all the same.
		return one.receipts, s.settleHeld(two.receipts...)
	}
	copy(p, two.buf)
	s.hedged.Add(1)
	return two.receipts, nil
}

// ending tells whether only the last parts of the shard are left.
func (s *shard) ending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.parts) >= len(s.spans)-hedgeParts
}

// affords tells whether n bytes more fit the budgets, beside everything that is still planned.
func (s *shard) affords(n int64) bool {
	if s.ledger.Free(s.readCrossing(n)) {
		return true
	}
	left := cost.WithMargin(s.left.Load()+n, 0)
	usd := cost.AddNanoUSD(s.Route.In.Price(left, nil), s.Route.Out.Price(left, nil))
	return s.ledger.Check(cost.Demand{Subject: s.readCrossing(n).Subject(), NanoUSD: usd, Bytes: left}) == nil
}
