package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
)

// row is one line of the table and one element of build/bench-AREA.json.
type row struct {
	Name     string   `json:"name"`
	Ours     float64  `json:"ours"`
	Peer     *float64 `json:"peer"` // null without a peer
	PeerName string   `json:"peer_name"`
	Unit     string   `json:"unit"`
	// Ratio is ours to the peer's, the peer's to ours where the unit is "x faster", and ours to the target without a peer.
	// It is null where that is a division by zero.
	Ratio *float64 `json:"ratio"`
	// Target is null where a row only tells. It is a limit on the ratio where the peer is what we are measured by, and on
	// ours, in the row's unit, where the promise is absolute.
	Target *float64 `json:"target"`
	Met    bool     `json:"met"`

	limit string // the target as the table shows it
}

// ratioAtMost is met while ours is at most target times the peer's.
func ratioAtMost(name, unit string, ours, peer, target float64) row {
	r := withPeer(name, unit, ours, peer, ratioOf(ours, peer))
	r.Target, r.limit = &target, fmt.Sprintf("ratio <= %g", target)
	r.Met = r.Ratio != nil && *r.Ratio <= target
	return r
}

// faster is met if the peer takes at least target times as long. ours and peer are seconds.
func faster(name string, ours, peer, target float64) row {
	r := withPeer(name, "x faster", ours, peer, ratioOf(peer, ours))
	r.Target, r.limit = &target, fmt.Sprintf("ratio >= %g", target)
	r.Met = r.Ratio != nil && *r.Ratio >= target
	return r
}

// atMost is met while ours is at most target, whatever the peer's is.
func atMost(name, unit string, ours, peer, target float64) row {
	r := withPeer(name, unit, ours, peer, ratioOf(ours, peer))
	r.Target, r.limit, r.Met = &target, fmt.Sprintf("ours <= %g", target), ours <= target
	return r
}

// alone is met while ours is at most target; nobody else is measured.
func alone(name, unit string, ours, target float64) row {
	return row{
		Name: name, Ours: ours, PeerName: "none", Unit: unit, Ratio: ratioOf(ours, target), Target: &target, Met: ours <= target,
		limit: fmt.Sprintf("ours <= %g", target),
	}
}

// atLeast is met if ours is target or more, whatever the peer's is.
func atLeast(name, unit string, ours, peer, target float64) row {
	r := withPeer(name, unit, ours, peer, ratioOf(ours, peer))
	r.Target, r.limit, r.Met = &target, fmt.Sprintf("ours >= %g", target), ours >= target
	return r
}

// noted is a figure that nothing depends on; nobody else is measured.
func noted(name, unit string, ours float64) row {
	return row{Name: name, Ours: ours, PeerName: "none", Unit: unit, Met: true, limit: "none"}
}

// told is a comparison that nothing depends on.
func told(name, unit string, ours, peer float64) row {
	r := withPeer(name, unit, ours, peer, ratioOf(ours, peer))
	r.Met, r.limit = true, "none"
	return r
}

func withPeer(name, unit string, ours, peer float64, ratio *float64) row {
	return row{Name: name, Ours: ours, Peer: &peer, PeerName: peerName, Unit: unit, Ratio: ratio}
}

func ratioOf(a, b float64) *float64 {
	if b == 0 {
		return nil
	}
	q := a / b
	return &q
}

func printTable(out io.Writer, rows []row) error {
	t := tabwriter.NewWriter(out, 2, 4, 2, ' ', 0)
	fmt.Fprintln(t, "\nROW\tOURS\tPEER\tUNIT\tRATIO\tTARGET\tMET")
	met := 0
	for _, r := range rows {
		answer := "NO"
		if r.Met {
			answer = "yes"
			met++
		}
		peer := r.PeerName
		if r.Peer != nil {
			peer = figure(*r.Peer) + " " + r.PeerName
		}
		ratio := "-"
		if r.Ratio != nil {
			ratio = fmt.Sprintf("%.2f", *r.Ratio)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, figure(r.Ours), peer, r.Unit, ratio, r.limit, answer)
	}
	fmt.Fprintf(t, "\n%d of %d met\n", met, len(rows))
	return t.Flush()
}

// figure writes a number with the digits that mean something here.
func figure(v float64) string {
	switch {
	case v == float64(int64(v)):
		return fmt.Sprintf("%d", int64(v))
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func writeResults(path string, rows []row) error {
	data, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}
