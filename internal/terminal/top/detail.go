package top

import (
	tea "charm.land/bubbletea/v2"

	"github.com/datagravity/datagravity/internal/terminal"
	"github.com/datagravity/datagravity/internal/terminal/overview"
)

// detail is all about one item. It stays as it was when it was opened.
type detail struct {
	list   string
	item   overview.Item
	fields []overview.Field
	// waiting for the rest of it; err is why that did not come.
	waiting bool
	err     error
	// top is the first line on the screen.
	top int
}

// open shows all about the chosen item.
func (m *model) open() tea.Cmd {
	i, ok := m.now().chosen()
	if !ok {
		return nil
	}
	d := &detail{list: m.list().Name, item: i, fields: overview.Details(m.last, m.list().Name, i)}
	m.detail = d
	cmd := m.show(d)
	d.waiting = cmd != nil
	return cmd
}

func (m *model) keyInDetail(name string) tea.Cmd {
	d := m.detail
	switch name {
	case "q":
		return tea.Quit
	case "esc", "enter", "backspace", "left":
		m.detail = nil
	case "?":
		m.help = true
	default:
		lines := len(m.detailLines())
		d.top = max(0, min(d.top+m.step(name, lines, m.body()-1), lines-m.body()))
	}
	return nil
}

// detailLines are all lines of the detail.
func (m *model) detailLines() []string {
	d := m.detail
	lines := overview.FieldLines(m.theme, m.width, d.fields)
	switch {
	case d.err != nil:
		lines = append(lines, "", m.line().Add(terminal.Bad, "the rest could not be had: "+d.err.Error()).String())
	case d.waiting:
		lines = append(lines, "", m.line().Add(terminal.Faint, "asking for the rest …").String())
	}
	return lines
}
