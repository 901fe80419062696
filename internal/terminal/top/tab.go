package top

import (
	"slices"
	"strings"

	"github.com/datagravity/datagravity/internal/terminal/overview"
)

// tab is how one list is looked at.
type tab struct {
	// column that it is sorted by, -1: as it comes; down: the largest first.
	column int
	down   bool
	filter string

	// items that are shown, in their order; cursor is the chosen one of them, key what it is, top the first on the screen.
	items  []overview.Item
	cursor int
	key    string
	top    int
}

// arrange filters and sorts a list, and leaves the cursor on its item, or where it was if that is gone.
func (t *tab) arrange(l overview.List) {
	t.items = t.items[:0]
	want := strings.ToLower(t.filter)
	for _, i := range l.Items {
		if want == "" || matches(i, want) {
			t.items = append(t.items, i)
		}
	}
	if c := t.column; c >= 0 && c < len(l.Columns) {
		slices.SortStableFunc(t.items, func(a, b overview.Item) int {
			if t.down {
				a, b = b, a
			}
			return a.Sort[c].Compare(b.Sort[c])
		})
	}
	if n := slices.IndexFunc(t.items, func(i overview.Item) bool { return i.Key == t.key }); n >= 0 && t.key != "" {
		t.cursor = n
	}
	t.move(0)
}

func matches(i overview.Item, want string) bool {
	for _, c := range i.Cells {
		if strings.Contains(strings.ToLower(c.Text), want) {
			return true
		}
	}
	return false
}

// move the cursor by so many.
func (t *tab) move(by int) {
	t.cursor = max(0, min(t.cursor+by, len(t.items)-1))
	t.key = ""
	if len(t.items) > 0 {
		t.key = t.items[t.cursor].Key
	}
}

// visible are the items on a screen of so many rows; the cursor is always one of them.
func (t *tab) visible(rows int) []overview.Item {
	rows = max(1, rows)
	t.top = max(0, min(t.top, len(t.items)-rows))
	if t.cursor < t.top {
		t.top = t.cursor
	}
	if t.cursor >= t.top+rows {
		t.top = t.cursor - rows + 1
	}
	return t.items[t.top:min(len(t.items), t.top+rows)]
}

// chosen is the item under the cursor.
func (t *tab) chosen() (overview.Item, bool) {
	if t.cursor >= len(t.items) {
		return overview.Item{}, false
	}
	return t.items[t.cursor], true
}

// sortNext sorts by the next column that has a title, and after the last as it comes.
func (t *tab) sortNext(l overview.List) {
	for t.column++; t.column < len(l.Columns); t.column++ {
		if l.Columns[t.column].Title != "" {
			break
		}
	}
	if t.column >= len(l.Columns) {
		t.column, t.down = -1, false
	}
	t.arrange(l)
}
