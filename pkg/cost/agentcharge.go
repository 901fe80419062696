package cost

import (
	"errors"
	"fmt"
	"strings"

	"github.com/datagravity/datagravity/pkg/store"
)

// AgentCharge is what the agent's network charges for each GiB between the agent and a store: a NAT gateway, a private
// endpoint, a proxy. No price list says what a byte passes; the operator does.
type AgentCharge struct {
	Name string `json:"name"`
	// With is the other side: "provider:region", "provider:*" or "*". As with [Override], a star is never the agent's own place:
	// a NAT gateway that charges for the store beside it is named with that location.
	With string `json:"with"`
	// Direction is "in" (what the agent reads), "out" (what it writes) or "both".
	Direction     string  `json:"direction"`
	NanoUSDPerGiB NanoUSD `json:"usd_per_gib"`
}

// Check tells what is wrong with the charge, or nil.
func (c AgentCharge) Check() error {
	switch {
	case c.Name == "":
		return errors.New("a charge at the agent needs a name, for example nat-gateway")
	case c.Direction != "in" && c.Direction != "out" && c.Direction != "both":
		return fmt.Errorf("charge %q at the agent: direction %q: want in, out or both", c.Name, c.Direction)
	case c.NanoUSDPerGiB < 0:
		return fmt.Errorf("charge %q at the agent: %s per GiB: a price cannot be negative", c.Name, c.NanoUSDPerGiB.dollars())
	}
	if err := checkPattern(c.With); err != nil {
		return fmt.Errorf("charge %q at the agent: with: %w", c.Name, err)
	}
	return nil
}

// covers tells whether the charge is due on a hop of the agent's. Where both sides are the agent's place it cannot be told what is
// read from what is written: a charge on either counts.
func (c AgentCharge) covers(agent, from, to store.Location) bool {
	into, out := to == agent && c.Direction != "out", from == agent && c.Direction != "in"
	switch {
	case from == to:
		return (into || out) && !strings.HasSuffix(c.With, "*") && matchLocation(c.With, from)
	case into:
		return matchLocation(c.With, from)
	case out:
		return matchLocation(c.With, to)
	}
	return false
}

// charged adds what the agent's network charges to a rate.
func (o RouteOptions) charged(r Rate, from, to store.Location) Rate {
	if o.Agent.IsZero() {
		return r
	}
	agent := o.Agent
	agent.Region = strings.ToLower(agent.Region)
	for _, c := range o.AgentCharges {
		if !c.covers(agent, from, to) || c.NanoUSDPerGiB == 0 {
			continue
		}
		perUnit := c.NanoUSDPerGiB
		if r.UnitBytes != GiB {
			var p product
			p.add(r.UnitBytes, c.NanoUSDPerGiB)
			perUnit = p.perUp(GiB)
		}
		r.AgentNanoUSDPerUnit = AddNanoUSD(r.AgentNanoUSDPerUnit, perUnit)
		r.AgentCharges = append(r.AgentCharges, c)
		if r.Pool == "" {
			r.Pool = "agent charges"
		}
		r.Explanation += fmt.Sprintf(" %s at the agent adds %s per GiB.", c.Name, c.NanoUSDPerGiB.dollars())
	}
	return r
}
