package engine

import (
	"sync"
	"time"
)

// splitter finds into how many ranges a part is best read at the same time. One stream is all a fast link needs, and more
// are more requests; where every connection is slow, whatever the link could carry, several fill a buffer sooner, so that it
// is sent sooner. No figure of one connection can tell the two apart, so it is tried: a step up that did not raise the
// throughput of the whole run is taken back, and tried again much later.
type splitter struct {
	now func() time.Time

	mu     sync.Mutex
	ranges int     // in use
	before float64 // bytes/s of the window before the last step; 0: there was none
	helped bool    // a step up did raise the throughput: the streams are slow, not the link
	worse  int     // steps up that did not help
	rest   int     // windows until the next step is tried

	start time.Time // of the window
	bytes int64
	parts int
}

const (
	splitMost        = 4       // ranges of a part
	splitLeastBytes  = 1 << 20 // of a range
	splitGain        = 1.1     // what a step up has to bring
	splitWindow      = 1500 * time.Millisecond
	splitWindowParts = 16
	splitRest        = 20 // windows, longer after each step that did not help
)

func newSplitter(now func() time.Time) *splitter { return &splitter{now: now, ranges: 1} }

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
	return s.helped
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
	if s.before > 0 && rate < s.before*splitGain {
		s.ranges /= 2
		s.helped = s.helped && s.ranges > 1
		s.before = 0
		s.worse++
		s.rest = splitRest * s.worse
		return
	}
	s.helped = s.helped || s.before > 0
	s.before = 0
	if s.rest > 0 {
		s.rest--
		return
	}
	if s.ranges < splitMost {
		s.before = rate
		s.ranges *= 2
	}
}
