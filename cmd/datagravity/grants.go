package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
)

func newGrants(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "grants", Short: "What agents elsewhere may read on this one's budgets, or this one on another's", Args: cobra.NoArgs,
		Long: `An edge reads of a source's store what the agent beside it, whose budgets they are, has granted it. Beside a source this lists what was granted
to whom, until a day after it was settled; at an edge, what it asked for and holds.

What is granted is set aside in every budget that counts it until the edge has said what it used. A grant that is over and was not settled counts
as spent, whole, until that is said: an edge that died says it when it runs again. After 45 days it is spent for good.`,
		RunE: func(*cobra.Command, []string) error {
			return withManifest(g, func(a *app) error { return listGrants(a) })
		},
	}
}

// grantJSON is one row of budget grants --json.
type grantJSON struct {
	ID string `json:"id"`
	// Side is given or held.
	Side    string `json:"side"`
	Edge    string `json:"edge"`
	Dataset string `json:"dataset"`
	From    string `json:"from"` // store
	To      string `json:"to,omitempty"`
	Team    string `json:"team,omitempty"`
	Job     string `json:"job,omitempty"`
	// State is asked, granted, refused, over, settled or revoked.
	State    string       `json:"state"`
	Why      string       `json:"why,omitempty"`
	Bytes    int64        `json:"bytes"`
	Requests int64        `json:"requests"`
	USD      cost.NanoUSD `json:"usd"`
	// What was used of it, as far as this agent knows.
	UsedBytes int64        `json:"used_bytes"`
	UsedUSD   cost.NanoUSD `json:"used_usd"`
	Expires   *time.Time   `json:"expires"`
}

func grantRow(id, side, edge string, f manifest.GrantFor) grantJSON {
	return grantJSON{ID: id, Side: side, Edge: edge, Dataset: f.Dataset, From: f.Source, To: f.Dest, Team: f.Team, Job: f.Job}
}

func givenRow(g manifest.GivenGrant, now time.Time) grantJSON {
	r := grantRow(g.ID, "given", g.Edge, g.For)
	r.Bytes, r.Requests, r.USD, r.Why = g.Bytes, g.Requests, cost.NanoUSD(g.NanoUSD), g.Refused
	r.UsedBytes, r.UsedUSD, r.Expires = g.SettledBytes, cost.NanoUSD(g.SettledUSD), timeOrNull(g.Expires.Time())
	switch {
	case g.Refused != "":
		r.State = "refused"
	case g.Revoked:
		r.State = "revoked"
	case g.Settled != 0:
		r.State = "settled"
	case now.After(g.Expires.Time()):
		r.State = "over"
	default:
		r.State = "granted"
	}
	return r
}

func heldRow(u cost.HeldUse, name string, now time.Time) grantJSON {
	r := grantRow(u.ID, "held", name, u.For)
	r.Bytes, r.Requests, r.USD = u.Bytes, u.Requests, cost.NanoUSD(u.NanoUSD)
	r.UsedBytes, r.UsedUSD = u.SettledBytes+u.ReservedBytes, cost.NanoUSD(u.SettledNanoUSD+u.ReservedNanoUSD)
	r.State = "asked"
	if u.Claimed != 0 {
		r.State, r.Expires = "granted", timeOrNull(u.Expires.Time())
		if u.Closed != 0 || now.After(u.Expires.Time()) {
			r.State = "over"
		}
	}
	return r
}

func listGrants(a *app) error {
	given, err := a.ledger.Given()
	if err != nil {
		return err
	}
	held, err := a.ledger.Grants(nil)
	if err != nil {
		return err
	}
	now := a.m.Now()
	rows := make([]grantJSON, 0, len(given)+len(held))
	for _, one := range given {
		rows = append(rows, givenRow(one, now))
	}
	for _, one := range held {
		rows = append(rows, heldRow(one, a.sync.Name, now))
	}
	if a.json {
		return a.printJSON(rows)
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(a.out, "nothing is granted")
		return err
	}
	t := newTable(a.out)
	t.row("GRANT", "EDGE", "DATASET", "LINK", "BYTES", "USD", "USED", "STATE", "UNTIL")
	for _, r := range rows {
		link, until := r.From, "-"
		if r.To != "" {
			link += "->" + r.To
		}
		if r.Expires != nil {
			until = r.Expires.Format(time.RFC3339)
		}
		t.row(r.ID[:min(len(r.ID), 8)], r.Edge, r.Dataset, link, size(r.Bytes), r.USD, size(r.UsedBytes), r.State, until)
	}
	return t.flush()
}
