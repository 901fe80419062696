package overview

import (
	"cmp"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/internal/terminal"
	"github.com/datagravity/datagravity/internal/words"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/observe"
)

// List is a table of one kind of things.
type List struct {
	Name    string // jobs
	Columns []terminal.Column
	Items   []Item
	// Empty is what there is to say when there are none.
	Empty string
}

// Item is a row of a list.
type Item struct {
	// Key tells it from all others of its list, also in a later overview.
	Key   string
	Cells []terminal.Cell
	// Sort has what each column is sorted by.
	Sort []Value
	// Index is its place in the slice of the overview that the list shows.
	Index int
}

// Value is what a cell is sorted by: its number, then its text.
type Value struct {
	Number float64
	Text   string
}

// Compare is negative if v comes first.
func (v Value) Compare(w Value) int {
	return cmp.Or(cmp.Compare(v.Number, w.Number), cmp.Compare(v.Text, w.Text))
}

// cells puts an item together.
type cells struct{ Item }

// mostColumns is how many a list has at most.
const mostColumns = 12

func newCells(key string, index int) cells {
	return cells{Item{Key: key, Index: index, Cells: make([]terminal.Cell, 0, mostColumns), Sort: make([]Value, 0, mostColumns)}}
}

func (c *cells) text(role terminal.Role, text string) *cells {
	return c.value(role, text, Value{Text: text})
}

func (c *cells) number(role terminal.Role, text string, n float64) *cells {
	return c.value(role, text, Value{Number: n})
}

func (c *cells) value(role terminal.Role, text string, v Value) *cells {
	c.Cells, c.Sort = append(c.Cells, terminal.Cell{Text: text, Role: role}), append(c.Sort, v)
	return c
}

func (c *cells) count(n int) *cells { return c.number(terminal.Plain, fmt.Sprint(n), float64(n)) }

func (c *cells) size(n int64) *cells { return c.number(terminal.Plain, words.Size(n), float64(n)) }

// when is a time, told from now; none are sorted behind all that are.
func (c *cells) when(t *time.Time, now time.Time) *cells {
	if t == nil {
		return c.number(terminal.Faint, "-", 1e18)
	}
	return c.number(terminal.Plain, From(*t, now), float64(t.Unix()))
}

// From is a time as seen from another: "in 2h10m", "3m ago", "now".
func From(t, now time.Time) string {
	switch d := t.Sub(now).Round(time.Second); {
	case d > 0:
		return "in " + long(d)
	case d < 0:
		return long(-d) + " ago"
	}
	return "now"
}

// long is a duration, in days where it has several.
func long(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 3*day {
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	}
	return words.Span(d)
}

// perSecond is a speed.
func perSecond(bytes int64) string {
	if bytes <= 0 {
		return "-"
	}
	return words.Size(bytes) + "/s"
}

// ratio is how much of a whole is there; of nothing all is.
func ratio(part, whole float64) float64 {
	if whole <= 0 {
		return 1
	}
	return max(0, min(1, part/whole))
}

// percent is rounded down, so that 100 % is all of it.
func percent(share float64) string { return fmt.Sprintf("%d%%", int(share*100)) }

// Lists are the lists of an overview, in the order of the tabs. speeds may be older than it; nil draws none.
func Lists(o observe.Overview, speeds []observe.Speeds) []List {
	return []List{jobs(o), transfers(o), links(o, speeds), budgets(o), data(o), problems(o), attention(o)}
}

// usdOrBytes is an amount of a budget.
func usdOrBytes(usd cost.NanoUSD, bytes int64, inBytes bool) (string, float64) {
	if inBytes {
		return words.Size(bytes), float64(bytes)
	}
	return usd.String(), float64(usd)
}
