package main

import (
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/cost/bill"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// fromBills is what bills add to a row of cost ledger.
type fromBills struct {
	Corrections cost.NanoUSD `json:"corrections_usd"`
	Credits     cost.NanoUSD `json:"credits_usd"`
	// Net is what was metered with both.
	Net cost.NanoUSD `json:"net_usd"`
	// State is the least sure one of the row's lines.
	State string `json:"state"`
	// ByState is what was metered, by the state of the lines.
	ByState map[string]cost.NanoUSD `json:"usd_by_state"`
}

// add counts a metered line.
func (f *fromBills) add(state string, usd cost.NanoUSD) {
	f.State = bill.LessSure(f.State, state)
	f.ByState[state] += usd
	f.Net += usd
}

// onTheBill is the key of what bills added, where rows are told apart by what a bill does not know: teams, datasets, shards, activities.
const onTheBill = "(from bills)"

// addAdjustments puts what bills added to the rows of their links, months or states. Where only a team's, a job's or a dataset's lines are wanted
// nothing is added: a bill does not know whose they are.
func (o ledgerFlags) addAdjustments(sums map[string]ledgerJSON, states bill.States) {
	states.Adjustments(func(d bill.Adjustment) {
		line := manifest.Line{LineKey: manifest.LineKey{Month: d.Month, From: d.From, To: d.To}}
		if !o.selects(line) {
			return
		}
		k := onTheBill
		switch o.by {
		case "link", "month":
			k = ledgerBy[o.by](line)
		case "state":
			k = d.State
		}
		if k == onTheBill && d.USD == 0 {
			return
		}
		s := rowOf(sums, k)
		if d.Kind == manifest.KindCredit {
			s.Credits += d.USD
		} else {
			s.Corrections += d.USD
		}
		s.Net += d.USD
		s.State = bill.LessSure(s.State, d.State)
		sums[k] = s
	})
}

// rowOf is the row of a key, a new one if there is none yet.
func rowOf(sums map[string]ledgerJSON, key string) ledgerJSON {
	s, ok := sums[key]
	if !ok {
		s.Key, s.ByState = key, map[string]cost.NanoUSD{}
	}
	return s
}
