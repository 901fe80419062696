package main

import "time"

// progress of a kind with the code that is tried now.
type progress struct {
	Kind
	tests []Test
	runs  int
	// took is how long each was run with this code, total how long all were, spent how long of that in this session.
	took         map[Test]time.Duration
	total, spent time.Duration
	// broken: its tests do not run.
	broken bool
}

// reached tells whether enough was tried: the number or the time, and every test of the kind at least once.
func (p *progress) reached() bool {
	for _, t := range p.tests {
		if p.took[t] == 0 {
			return false
		}
	}
	return p.runs >= p.Whole && p.total >= p.For
}

// test is the one that had the least time.
func (p *progress) test() (least Test) {
	for i, t := range p.tests {
		if i == 0 || p.took[t] < p.took[least] {
			least = t
		}
	}
	return least
}

// choose returns the kind that is next: of those that are not done the one that had least time in this session, so that each has the same share of it
// until it is done; nil if nothing is left that fits into the time.
func choose(all []*progress, left time.Duration, more bool) (next *progress) {
	for _, p := range all {
		if len(p.tests) == 0 || p.broken || p.reached() && !more || p.Takes > left {
			continue
		}
		if next == nil || p.spent < next.spent {
			next = p
		}
	}
	return next
}
