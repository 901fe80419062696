package overview

import (
	"github.com/datagravity/datagravity/internal/terminal"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/observe"
)

// budgets has a row for each limit: a budget can have one in US dollars and one in bytes.
func budgets(o observe.Overview) List {
	l := List{Name: "budgets", Empty: "no budget is configured: nothing bounds what is spent", Columns: []terminal.Column{
		{Title: "BUDGET", Least: 8}, {Title: "WINDOW", Drop: 3}, {Title: "SPENT, RESERVED", Drop: 2}, {Title: "", Right: true}, {Title: "SPENT", Right: true}, {Title: "RESERVED", Right: true, Drop: 5},
		{Title: "LEFT", Right: true}, {Title: "LIMIT", Right: true, Drop: 1}, {Title: "A DAY", Right: true, Drop: 6}, {Title: "USED UP", Drop: 4},
	}}
	for i, b := range o.Budgets {
		if b.LimitUSD == nil && b.LimitBytes == nil {
			l.Items = append(l.Items, budgetItem(o, i, false))
		}
		if b.LimitUSD != nil {
			l.Items = append(l.Items, budgetItem(o, i, false))
		}
		if b.LimitBytes != nil {
			l.Items = append(l.Items, budgetItem(o, i, true))
		}
	}
	return l
}

const (
	nearlyUsed = 0.8 // of a limit: somebody may want to look
	budgetBar  = 16
)

func budgetItem(o observe.Overview, i int, inBytes bool) Item {
	b := o.Budgets[i]
	c := newCells(b.Name, i)
	if inBytes {
		c.Key += "\x00bytes"
	}
	amount := func(role terminal.Role, usd, bytes int64) {
		text, n := usdOrBytes(cost.NanoUSD(usd), bytes, inBytes)
		c.number(role, text, n)
	}
	spent, reserved, limit, left := float64(b.SpentUSD), float64(b.ReservedUSD), 0.0, 0.0
	if inBytes {
		spent, reserved, limit, left = float64(b.SpentBytes), float64(b.ReservedBytes), float64(*b.LimitBytes)+float64(b.ExtraBytes), float64(*b.LeftBytes)
	} else if b.LimitUSD != nil {
		limit, left = float64(*b.LimitUSD)+float64(b.ExtraUSD), float64(*b.LeftUSD)
	}
	bounded := inBytes || b.LimitUSD != nil
	share, role := 0.0, terminal.Plain
	if bounded {
		share = 1 - ratio(left, limit)
	}
	switch {
	case b.Doubt != "", bounded && left <= 0:
		role = terminal.Bad
	case share >= nearlyUsed:
		role = terminal.Note
	case bounded:
		role = terminal.Good
	}
	c.text(terminal.Accent, b.Name).text(terminal.Plain, b.Window)
	switch {
	case b.Doubt != "":
		c.number(role, "unknown: "+b.Doubt, 2).number(role, "", 2)
	case bounded:
		c.number(role, terminal.Bar(budgetBar, ratio(spent, limit), ratio(reserved, limit)), share).number(role, percent(share), share)
	default:
		c.number(terminal.Faint, "no limit", -1).number(terminal.Faint, "", -1)
	}
	amount(terminal.Plain, int64(b.SpentUSD), b.SpentBytes)
	amount(terminal.Plain, int64(b.ReservedUSD), b.ReservedBytes)
	if bounded {
		amount(role, int64(left), int64(left))
		amount(terminal.Plain, int64(limit), int64(limit))
	} else {
		c.number(terminal.Faint, "-", 1e18).number(terminal.Faint, "-", 1e18)
	}
	amount(terminal.Plain, int64(b.PerDayUSD), b.PerDayBytes)
	switch {
	case bounded && left <= 0:
		c.number(terminal.Bad, "used up", 0)
	case b.ExhaustedAt != nil && bounded:
		c.number(terminal.Note, From(*b.ExhaustedAt, o.At), float64(b.ExhaustedAt.Unix()))
	default:
		c.number(terminal.Faint, "-", 1e18)
	}
	return c.Item
}
