package overview

import (
	"github.com/datagravity/datagravity/internal/terminal"
	"github.com/datagravity/datagravity/pkg/observe"
)

// attention is what needs somebody, as a list.
func attention(o observe.Overview) List {
	l := List{Name: "to look at", Empty: "all is well", Columns: []terminal.Column{
		{Title: "WHAT"}, {Title: "ABOUT", Least: 8}, {Title: "WHY", Least: 16}, {Title: "WHAT TO DO", Least: 16, Drop: 1},
	}}
	for i, a := range o.Attention() {
		c := newCells(a.Kind+"\x00"+a.About, i)
		c.text(attentionRole(a.Kind), a.Kind).text(terminal.Accent, a.About).text(terminal.Plain, a.Text).text(terminal.Plain, a.Do)
		l.Items = append(l.Items, c.Item)
	}
	return l
}

// attentionRole tells what is bad from what somebody decided.
func attentionRole(kind string) terminal.Role {
	switch kind {
	case "held", "paused", "nobody-works", "budget-spent":
		return terminal.Note
	}
	return terminal.Bad
}
