package top

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/datagravity/datagravity/internal/terminal"
	"github.com/datagravity/datagravity/internal/terminal/overview"
	"github.com/datagravity/datagravity/internal/words"
)

// View is the whole screen.
func (m *model) View() tea.View {
	v := tea.NewView(strings.Join(m.lines(), "\n"))
	v.AltScreen = true
	v.WindowTitle = "datagravity top"
	return v
}

const (
	headLines, footLines = 3, 1
	// totalSpark is the width of the spark line of all links in the head.
	totalSpark = 20
)

// body is how many lines are between head and foot, and rows how many of them are items.
func (m *model) body() int { return max(1, m.height-headLines-footLines) }
func (m *model) rows() int { return max(1, m.body()-1) }

func (m *model) line() *terminal.Line { return terminal.NewLine(m.theme, m.width) }

// lines are as many as the terminal has, and none is wider than it.
func (m *model) lines() []string {
	if m.width <= 0 || m.height <= 0 {
		return nil
	}
	if m.width < leastWidth || m.height < leastHeight {
		lines := []string{
			m.line().Add(terminal.Bad, fmt.Sprintf("%dx%d is too small:", m.width, m.height)).String(),
			m.line().Add(terminal.Plain, fmt.Sprintf("%dx%d at least", leastWidth, leastHeight)).String(), m.line().Add(terminal.Plain, "q leaves").String(),
		}
		return lines[:min(len(lines), m.height)]
	}
	lines := append(m.head(), m.middle()...)
	for len(lines) < m.height-footLines {
		lines = append(lines, "")
	}
	return append(lines[:m.height-footLines], m.foot())
}

func (m *model) head() []string {
	return []string{m.who(), m.total(), m.tabLine()}
}

// who answers, or why nobody does.
func (m *model) who() string {
	if m.lost == nil {
		if !m.any {
			return m.line().Add(terminal.Faint, "asking who holds the manifest …").String()
		}
		return overview.Who(m.theme, m.width, m.last)
	}
	l := m.line()
	if !m.any {
		return l.Add(terminal.Bad, "NO ANSWER").Add(terminal.Plain, ", trying again: "+m.lost.Error()).String()
	}
	ago := words.Span(m.o.Now().Sub(m.since).Round(time.Second))
	if overview.Alone(m.last) {
		return l.Add(terminal.Note, "NO DAEMON").Add(terminal.Plain, " runs; what was recorded "+ago+" ago. datagravity daemon starts one").String()
	}
	return l.Add(terminal.Bad, "NO ANSWER for "+ago).Add(terminal.Plain, fmt.Sprintf(" from %s, process %d; trying again. ", m.last.Agent.Command, m.last.Agent.PID)).Add(terminal.Faint, m.lost.Error()).String()
}

// total says what all links do, and how the jobs are.
func (m *model) total() string {
	if !m.any {
		return ""
	}
	l := m.line()
	if n := len(m.lists[len(m.lists)-1].Items); n > 0 {
		l.Add(terminal.Note, fmt.Sprintf("%d to look at", n)).Add(terminal.Plain, "; ")
	}
	if speed, done, shards := overview.Total(m.last.Links); m.lost == nil && (speed > 0 || shards > 0) {
		l.Add(terminal.Good, words.Size(speed)+"/s ").Add(terminal.Accent, terminal.Spark(totalSpark, m.sum()))
		if shards > 0 {
			l.Add(terminal.Plain, fmt.Sprintf(" %d of %d shards", done, shards))
		}
		l.Add(terminal.Plain, "; ")
	}
	return l.Add(terminal.Plain, overview.Counts(m.last.Jobs)).String()
}

// sum of the speeds of all links, slot by slot from the newest.
func (m *model) sum() (all []int64) {
	for _, s := range m.speeds {
		for len(all) < len(s.Bytes) {
			all = append([]int64{0}, all...)
		}
		for i := range s.Bytes {
			all[len(all)-len(s.Bytes)+i] += s.Bytes[i]
		}
	}
	return all
}

// tabLine names the lists, as far as there is room.
func (m *model) tabLine() string {
	long := 0
	for _, l := range m.lists {
		long += len(l.Name) + len("1  ") + len(fmt.Sprintf(" %d", len(l.Items)))
	}
	line := m.line()
	for i, l := range m.lists {
		text, role := fmt.Sprint(i+1), terminal.Faint
		if i == m.tab {
			role = terminal.Chosen
		}
		if i == m.tab || long <= m.width {
			text += " " + l.Name
			if len(l.Items) > 0 {
				text += fmt.Sprintf(" %d", len(l.Items))
			}
		}
		line.Add(role, text).Add(terminal.Plain, "  ")
	}
	return line.String()
}

// middle is what is between head and foot.
func (m *model) middle() []string {
	switch {
	case m.help:
		return m.helpLines()
	case m.detail != nil:
		lines := m.detailLines()
		m.detail.top = max(0, min(m.detail.top, len(lines)-m.body()))
		return lines[m.detail.top:min(len(lines), m.detail.top+m.body())]
	}
	l, t := m.list(), m.now()
	if len(t.items) == 0 {
		text := l.Empty
		switch {
		case !m.any:
			text = ""
		case len(l.Items) > 0:
			text = fmt.Sprintf("none of %d has %q in it; esc shows all", len(l.Items), t.filter)
		}
		return []string{"", m.line().Add(terminal.Faint, text).String()}
	}
	columns := append([]terminal.Column{}, l.Columns...)
	if c := t.column; c >= 0 && c < len(columns) {
		columns[c].Title += map[bool]string{false: " ↑", true: " ↓"}[t.down]
	}
	var rows []terminal.Row
	for _, i := range t.visible(m.rows()) {
		r := terminal.Row{Cells: i.Cells}
		if i.Key == t.key {
			r.Under = terminal.Chosen
		}
		rows = append(rows, r)
	}
	return terminal.Table(m.theme, m.width, columns, rows)
}

func (m *model) helpLines() []string {
	var fields []overview.Field
	for _, k := range keysHelp {
		fields = append(fields, overview.Field{Name: "", Text: k[0] + ": " + k[1], Role: terminal.Plain})
	}
	return append([]string{m.line().Add(terminal.Strong, "KEYS").String()}, overview.FieldLines(m.theme, m.width, fields)...)
}

// foot is a question, what is typed, what came of an action, or the keys.
func (m *model) foot() string {
	l, t := m.line(), m.now()
	switch {
	case m.question != nil:
		return l.Add(terminal.Strong, m.question.text).String()
	case m.typing:
		return l.Add(terminal.Strong, "/"+t.filter).Add(terminal.Chosen, " ").Add(terminal.Faint, "  enter keeps it, esc shows all").String()
	case m.note != "":
		return l.Add(m.noteRole, m.note).String()
	case m.help:
		return l.Add(terminal.Faint, "any key goes back").String()
	case m.detail != nil:
		text := "q leave  esc back"
		if n := len(m.detailLines()); n > m.body() {
			text = fmt.Sprintf("lines %d to %d of %d  up, down  ", m.detail.top+1, min(n, m.detail.top+m.body()), n) + text
		}
		return l.Add(terminal.Faint, text).String()
	}
	if t.filter != "" {
		l.Add(terminal.Note, "only with "+t.filter).Add(terminal.Plain, "  ")
	}
	if n := len(t.items); n > m.rows() {
		l.Add(terminal.Faint, fmt.Sprintf("%d of %d  ", t.cursor+1, n))
	}
	text := "q leave  ? keys  enter all about it  / filter  s sort"
	if m.list().Name == "links" {
		text += "  space pause"
	}
	return l.Add(terminal.Faint, text).String()
}
