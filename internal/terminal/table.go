package terminal

// Column of a table.
type Column struct {
	Title string
	// Right aligns numbers at their end.
	Right bool
	// Least is the width under which the column is of no use; 0: that of its widest cell. What has less than that is cut.
	Least int
	// Drop: where the table is too wide, columns with a higher one go first, before others are cut; 0 stays.
	Drop int
}

// Cell of a table.
type Cell struct {
	Text string
	Role Role
}

// Row is a line of cells; Under is how all of it looks, Plain: each cell for itself.
type Row struct {
	Cells []Cell
	Under Role
}

// gap is between two columns.
const gap = 2

// Table lays rows out in columns that fit a width; 0: any. The first line has the titles. Columns that find no room are left out from the right; as they
// are told apart by their titles, nothing is mistaken for another.
func Table(t *Theme, width int, columns []Column, rows []Row) []string {
	widths := make([]int, len(columns))
	for i, c := range columns {
		widths[i] = Width(Clean(c.Title))
	}
	for _, r := range rows {
		for i, c := range r.Cells {
			widths[i] = max(widths[i], Width(Clean(c.Text)))
		}
	}
	if width > 0 {
		squeeze(width, columns, widths)
	}
	lines := make([]string, 0, len(rows)+1)
	title := Row{Cells: make([]Cell, len(columns))}
	for i, c := range columns {
		title.Cells[i] = Cell{c.Title, Faint}
	}
	for _, r := range append([]Row{title}, rows...) {
		lines = append(lines, tableLine(t, width, columns, widths, r))
	}
	return lines
}

func tableLine(t *Theme, width int, columns []Column, widths []int, r Row) string {
	l := NewLine(t, width)
	l.under = r.Under
	at, last := 0, -1
	for i := range columns {
		if widths[i] > 0 {
			last = i
		}
	}
	for i, c := range columns {
		w := widths[i]
		if w == 0 {
			continue
		}
		text, role := "", Plain
		if i < len(r.Cells) {
			text, role = Fit(Clean(r.Cells[i].Text), w), r.Cells[i].Role
		}
		if c.Right {
			l.To(at + w - Width(text))
		} else {
			l.To(at)
		}
		l.Add(role, text)
		at += w
		if i != last {
			at += gap
		}
	}
	if r.Under != Plain && width > 0 {
		l.To(width)
	}
	return l.String()
}

// squeeze makes widths fit: columns are narrowed to their least, then dropped, then what is left is cut. A width of 0 is a column that is dropped.
func squeeze(width int, columns []Column, widths []int) {
	least := func(i int) int {
		if c := columns[i]; c.Least > 0 {
			return min(c.Least, widths[i])
		}
		return widths[i]
	}
	sum := func(of func(int) int) (n int) {
		for i, w := range widths {
			if w > 0 {
				n += of(i) + gap
			}
		}
		return n - gap
	}
	for sum(least) > width {
		drop := 0
		for i, c := range columns {
			if widths[i] > 0 && c.Drop > 0 && (columns[drop].Drop == 0 || widths[drop] == 0 || c.Drop >= columns[drop].Drop) {
				drop = i
			}
		}
		if columns[drop].Drop == 0 || widths[drop] == 0 {
			break
		}
		widths[drop] = 0
	}
	// The widest that may be narrowed is, cell by cell.
	for sum(func(i int) int { return widths[i] }) > width {
		widest := -1
		for i := range widths {
			if widths[i] > least(i) && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break // the line cuts what is too much
		}
		widths[widest]--
	}
}
