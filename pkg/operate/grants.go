package operate

import (
	"context"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// Grant is what an agent may read on the budgets of another.
type Grant struct {
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

func grantOf(id, side, edge string, f manifest.GrantFor) Grant {
	return Grant{ID: id, Side: side, Edge: edge, Dataset: f.Dataset, From: f.Source, To: f.Dest, Team: f.Team, Job: f.Job}
}

// expiry is null where there is none.
func expiry(m manifest.Millis) *time.Time {
	if m == 0 {
		return nil
	}
	t := m.Time().UTC()
	return &t
}

func givenOf(g manifest.GivenGrant, now time.Time) Grant {
	r := grantOf(g.ID, "given", g.Edge, g.For)
	r.Bytes, r.Requests, r.USD, r.Why = g.Bytes, g.Requests, cost.NanoUSD(g.NanoUSD), g.Refused
	r.UsedBytes, r.UsedUSD, r.Expires = g.SettledBytes, cost.NanoUSD(g.SettledUSD), expiry(g.Expires)
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

func heldOf(u cost.HeldUse, name string, now time.Time) Grant {
	r := grantOf(u.ID, "held", name, u.For)
	r.Bytes, r.Requests, r.USD = u.Bytes, u.Requests, cost.NanoUSD(u.NanoUSD)
	r.UsedBytes, r.UsedUSD = u.SettledBytes+u.ReservedBytes, cost.NanoUSD(u.SettledNanoUSD+u.ReservedNanoUSD)
	r.State = "asked"
	if u.Claimed != 0 {
		r.State, r.Expires = "granted", expiry(u.Expires)
		if u.Closed != 0 || now.After(u.Expires.Time()) {
			r.State = "over"
		}
	}
	return r
}

// Grants are those that this agent gave, then those that it holds.
func (l *Local) Grants(context.Context) ([]Grant, error) {
	given, err := l.ledger().Given()
	if err != nil {
		return nil, err
	}
	held, err := l.ledger().Grants(nil)
	if err != nil {
		return nil, err
	}
	now, out := l.now(), make([]Grant, 0, len(given)+len(held))
	for _, one := range given {
		out = append(out, givenOf(one, now))
	}
	for _, one := range held {
		out = append(out, heldOf(one, l.Sync.Name, now))
	}
	return out, nil
}
