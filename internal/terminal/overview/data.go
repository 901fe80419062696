package overview

import (
	"fmt"
	"strings"

	"github.com/datagravity/datagravity/internal/terminal"
	"github.com/datagravity/datagravity/internal/words"
	"github.com/datagravity/datagravity/pkg/observe"
)

// data is what is where: each dataset at each destination, and those that are nowhere yet.
func data(o observe.Overview) List {
	l := List{Name: "data", Empty: "no dataset is configured", Columns: []terminal.Column{
		{Title: "DATASET", Least: 10}, {Title: "AT", Least: 8}, {Title: "THERE", Drop: 2}, {Title: "", Right: true}, {Title: "SHARDS", Right: true, Drop: 4}, {Title: "BYTES", Right: true, Drop: 5},
		{Title: "MISSING", Right: true}, {Title: "BYTES", Right: true, Drop: 1}, {Title: "OLDER", Right: true, Drop: 7}, {Title: "WRONG", Right: true, Drop: 3}, {Title: "PROVEN", Drop: 3}, {Title: "SEEN", Drop: 6},
	}}
	if o.Holdings.Why != "" {
		l.Empty = o.Holdings.Why
	}
	for i, h := range o.Holdings.List {
		c := newCells(h.Dataset+"\x00"+h.Destination, i)
		share, role, unsound := ratio(float64(h.HeldBytes), float64(h.HeldBytes+h.MissingBytes)), terminal.Good, terminal.Plain
		if h.MissingShards > 0 {
			share = min(share, ratio(float64(h.HeldShards), float64(h.HeldShards+h.MissingShards)))
			role = terminal.Plain
		}
		if h.Unsound > 0 {
			unsound = terminal.Bad
		}
		c.text(terminal.Accent, h.Dataset).text(terminal.Plain, h.Destination)
		if h.Snapshot == nil { // nobody knows what all of it is: what jobs brought counts as older
			c.number(terminal.Note, "-", -1).number(terminal.Note, "-", -1)
		} else {
			c.number(role, terminal.Bar(barCells, share), share).number(role, percent(share), share)
		}
		c.count(h.HeldShards).size(h.HeldBytes).count(h.MissingShards).size(h.MissingBytes).count(h.OtherShards).number(unsound, fmt.Sprint(h.Unsound), float64(h.Unsound))
		c.when(h.Verified, o.At).when(h.Seen, o.At)
		l.Items = append(l.Items, c.Item)
	}
	return l
}

// datasetWords say what a dataset has, in a few words.
func datasetWords(d observe.Dataset, o observe.Overview) string {
	if d.Snapshot == nil {
		return fmt.Sprintf("not indexed yet: datagravity index %s", d.Name)
	}
	text := words.Count(d.Shards, "shard") + ", " + words.Size(d.Bytes)
	if d.Listed != nil {
		text += ", listed " + From(*d.Listed, o.At)
	}
	return text
}

func problems(o observe.Overview) List {
	l := List{Name: "problems", Empty: "no warning and no error since this process began", Columns: []terminal.Column{
		{Title: "LAST"}, {Title: "LEVEL", Drop: 3}, {Title: "TIMES", Right: true, Drop: 2}, {Title: "KIND", Drop: 1}, {Title: "WHAT", Least: 20}, {Title: "WHAT TO DO", Least: 12, Drop: 4},
	}}
	for i, p := range o.Problems {
		c := newCells(p.Level+"\x00"+p.Text+"\x00"+p.Error, i)
		role := terminal.Note
		if p.Level == "error" {
			role = terminal.Bad
		}
		c.number(terminal.Plain, From(p.Last, o.At), -float64(p.Last.UnixNano())).text(role, p.Level).count(p.Count).text(terminal.Plain, p.Kind)
		c.text(terminal.Plain, ProblemText(p)).text(terminal.Plain, p.Do)
		l.Items = append(l.Items, c.Item)
	}
	return l
}

// ProblemText says what happened, to what, and why.
func ProblemText(p observe.Problem) string {
	text := p.Text
	for _, name := range []string{"job", "dataset", "destination", "path", "store"} {
		if v := p.About[name]; v != "" && !strings.Contains(text, v) {
			text += " " + name + "=" + v
		}
	}
	if p.Error != "" {
		text += ": " + p.Error
	}
	return text
}
