package engine

import (
	"sync"
	"time"
)

// splitter finds into how many ranges a part is best read at the same time. One stream is all a fast link needs, and more
// are more requests; where every connection is slow, whatever the link could carry, several fill a buffer sooner, so that it
// is sent sooner. No figure of one connection can tell the two apart, so it is tried: a step up that did not raise the
// throughput of the whole run is taken back, and so is a step down that lowered it.
type splitter struct {
	now func() time.Time

	mu     sync.Mutex
	ranges int     // in use
	up     bool    // the way of the last step
	before float64 // bytes/s of the window before the last step; 0: there was none
	slow   bool    // the streams are slow, not the link
	far    bool    // they are slow whatever was tried: a connection over a long way is at first, and often for good
	worse  int     // steps that were taken back
	rest   int     // windows until the next step is tried

	start time.Time // of the window
	bytes int64
	parts int
}

const (
	splitMost        = 4       // ranges of a part
	splitLeastBytes  = 1 << 20 // of a range
	splitGain        = 1.1     // what a step up has to bring, and a step down must not cost
	splitWindow      = 1500 * time.Millisecond
	splitWindowParts = 16
	splitRest        = 20 // windows, longer after each step that was taken back
	// farAway is more than a store of the same region takes to answer a small request when nothing is wrong, and less than one on
	// another continent can.
	farAway = 20 * time.Millisecond
)

// newSplitter begins as is right for a round trip, of the store that is farther away; 0: not known. Over a long way whole parts are read, too: memory
// for more of them (see room) fills the link with half the requests.
func newSplitter(now func() time.Time, roundTrip time.Duration) *splitter {
	far := roundTrip >= farAway
	return &splitter{now: now, ranges: 1, slow: far, far: far}
}

// count tells into how many ranges to read so many bytes.
func (s *splitter) count(n int64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(max(1, min(int64(s.ranges), n/splitLeastBytes)))
}

// slowStreams tells whether every connection is slow, whatever the link could carry.
func (s *splitter) slowStreams() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.slow
}

// done tells that a part was read, proven and written.
func (s *splitter) done(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.start.IsZero() {
		s.start = now // the first part ends a time in which nothing was full yet
		return
	}
	s.bytes += n
	s.parts++
	if took := now.Sub(s.start); took >= splitWindow && s.parts >= splitWindowParts {
		s.step(float64(s.bytes) / took.Seconds())
		s.start, s.bytes, s.parts = now, 0, 0
	}
}

// step decides at the end of a window.
func (s *splitter) step(rate float64) {
	if s.before > 0 && s.judge(rate) {
		return
	}
	if s.rest > 0 {
		s.rest--
		return
	}
	switch s.ranges {
	case 1:
		s.up = true
	case splitMost:
		s.up = false
	}
	s.before = rate
	s.move(s.up)
}

// judge ends a trial, and tells whether the step was taken back.
func (s *splitter) judge(rate float64) (back bool) {
	if s.up {
		back = rate < s.before*splitGain
	} else {
		back = rate*splitGain < s.before
	}
	s.before = 0
	if back {
		s.move(!s.up)
		s.up = !s.up
		s.worse++
		s.rest = splitRest * s.worse
	} else if s.ranges == splitMost {
		s.rest = splitRest
	}
	s.slow = s.far || s.ranges > 1
	return back
}

func (s *splitter) move(up bool) {
	if up {
		s.ranges *= 2
	} else {
		s.ranges /= 2
	}
}
