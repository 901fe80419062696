package main

import "fmt"

// row is one line of the table of integration/bench, which says what the fields mean.
type row struct {
	Name     string   `json:"name"`
	Ours     float64  `json:"ours"`
	Peer     *float64 `json:"peer"` // null without a peer
	PeerName string   `json:"peer_name"`
	Unit     string   `json:"unit"`
	Ratio    *float64 `json:"ratio"` // ours to the peer's, or to the target without a peer; null where that is a division by zero
	Target   *float64 `json:"target"`
	Met      bool     `json:"met"`
	// Limit is the target in words: what it limits, and from which side.
	Limit string `json:"limit"`
}

// told is a row that nothing depends on.
func told(name, unit string, ours float64) row {
	return row{Name: name, Ours: ours, PeerName: "none", Unit: unit, Met: true, Limit: "none"}
}

// beside adds a peer's figure.
func (r row) beside(peerName string, peer float64) row {
	r.Peer, r.PeerName, r.Ratio = &peer, peerName, over(r.Ours, peer)
	return r
}

// atLeast is met if ours is target or more.
func (r row) atLeast(target float64) row { return r.limited("ours >= %g", target, r.Ours >= target) }

// atMost is met if ours is target or less.
func (r row) atMost(target float64) row { return r.limited("ours <= %g", target, r.Ours <= target) }

// ratioAtLeast is met if ours is at least target times the peer's.
func (r row) ratioAtLeast(target float64) row {
	return r.limited("ratio >= %g", target, r.Ratio != nil && *r.Ratio >= target)
}

// ratioAtMost is met if ours is at most target times the peer's.
func (r row) ratioAtMost(target float64) row {
	return r.limited("ratio <= %g", target, r.Ratio != nil && *r.Ratio <= target)
}

func (r row) limited(words string, target float64, met bool) row {
	r.Target, r.Limit, r.Met = &target, fmt.Sprintf(words, target), met
	if r.Peer == nil {
		r.Ratio = over(r.Ours, target)
	}
	return r
}

func over(a, b float64) *float64 {
	if b == 0 {
		return nil
	}
	q := a / b
	return &q
}
