package overview

import (
	"fmt"
	"strings"
	"time"

	"github.com/datagravity/datagravity/internal/terminal"
	"github.com/datagravity/datagravity/internal/words"
	"github.com/datagravity/datagravity/pkg/observe"
)

// Screen is what a summary has to fit.
type Screen struct {
	Theme *terminal.Theme
	// Width and Height of the terminal; 0: any.
	Width, Height int
}

// The command of a process that holds the manifest for as long as it is looked at, and the one that works on jobs.
const (
	statusCommand = "status"
	topCommand    = "top"
	daemonCommand = "daemon"
)

// Alone tells that nobody holds the manifest but who looks.
func Alone(o observe.Overview) bool {
	return o.Agent.Command == statusCommand || o.Agent.Command == topCommand
}

// Who says which process it is, since when, and how it is.
func Who(t *terminal.Theme, width int, o observe.Overview) string {
	l := terminal.NewLine(t, width).Add(terminal.Strong, o.Agent.Name)
	if !o.Agent.Location.IsZero() {
		l.Add(terminal.Plain, " ("+o.Agent.Location.String()+")")
	}
	if o.Agent.Role != "" {
		l.Add(terminal.Plain, ", "+o.Agent.Role)
	}
	l.Add(terminal.Plain, ": ")
	if Alone(o) {
		return l.Add(terminal.Note, "no daemon runs").Add(terminal.Plain, "; what follows is what was recorded. datagravity daemon starts one").String()
	}
	since := fmt.Sprintf("process %d for %s, %s", o.Agent.PID, long(o.At.Sub(o.Agent.Since).Round(time.Second)), o.Agent.Version)
	if o.Agent.Command == daemonCommand {
		l.Add(terminal.Plain, "daemon, "+since+", ")
	} else {
		l.Add(terminal.Note, "no daemon runs").Add(terminal.Plain, ", "+o.Agent.Command+" holds the manifest: "+since+", ")
	}
	if o.Health.OK {
		return l.Add(terminal.Good, "healthy").String()
	}
	return l.Add(terminal.Bad, "UNHEALTHY: "+o.Health.Why).String()
}

// summary is put together section by section; those that have more rows than there is room for say how many they leave out.
type summary struct {
	Screen
	lines []string
	// most rows of each section.
	most int
}

func (s *summary) title(text string) {
	s.lines = append(s.lines, "", terminal.NewLine(s.Theme, s.Width).Add(terminal.Strong, text).String())
}

func (s *summary) line(role terminal.Role, text string) {
	s.lines = append(s.lines, terminal.NewLine(s.Theme, s.Width).Add(terminal.Plain, s.indent()).Add(role, text).String())
}

// indent of what is below a title, where there is room.
func (s *summary) indent() string {
	if s.Width > 0 && s.Width < 20 {
		return ""
	}
	return "  "
}

// table of a list's first rows.
func (s *summary) table(l List, items []Item) {
	rows := make([]terminal.Row, 0, min(len(items), s.most))
	for _, i := range items[:min(len(items), s.most)] {
		rows = append(rows, terminal.Row{Cells: i.Cells})
	}
	width := s.Width
	if width > 0 {
		width -= len(s.indent())
	}
	for _, line := range terminal.Table(s.Theme, width, l.Columns, rows) {
		s.lines = append(s.lines, s.indent()+line)
	}
	s.more(len(items), l.Name)
}

func (s *summary) more(n int, what string) {
	if n > s.most {
		s.line(terminal.Faint, fmt.Sprintf("and %d more %s", n-s.most, what))
	}
}

const (
	// mostRows of each section where nothing bounds the height.
	mostRows = 20
	// sections that can be there at the same time, and the lines of each that are no rows.
	sections, aroundRows = 6, 4
)

// Summary is how things stand on one screen: who runs, what needs somebody, jobs, what is where, what moves, budgets, and what went wrong lately.
func Summary(o observe.Overview, screen Screen) []string {
	s := &summary{Screen: screen, most: mostRows}
	if s.Height > 0 {
		s.most = max(2, min(mostRows, (s.Height-1-sections*aroundRows)/sections))
	}
	s.lines = append(s.lines, Who(s.Theme, s.Width, o))
	s.attention(o)
	s.jobs(o)
	s.where(o)
	if l := links(o, nil); len(l.Items) > 0 {
		s.title("MOVING")
		s.table(without(l, "LAST HALF HOUR"), l.Items)
	}
	s.title("BUDGETS")
	if l := budgets(o); len(l.Items) > 0 {
		s.table(l, l.Items)
	} else {
		s.line(terminal.Faint, l.Empty)
	}
	s.problems(o)
	return s.lines
}

// without is a list without a column; its items must be made for that.
func without(l List, title string) List {
	for i, c := range l.Columns {
		if c.Title != title {
			continue
		}
		l.Columns = append(append([]terminal.Column{}, l.Columns[:i]...), l.Columns[i+1:]...)
		for n := range l.Items {
			item := &l.Items[n]
			item.Cells = append(append([]terminal.Cell{}, item.Cells[:i]...), item.Cells[i+1:]...)
		}
		break
	}
	return l
}

func (s *summary) attention(o observe.Overview) {
	list := o.Attention()
	if len(list) == 0 {
		return
	}
	s.title("NEEDS SOMEBODY")
	for _, a := range list[:min(len(list), s.most)] {
		s.lines = append(s.lines, AttentionLines(s.Theme, s.Width, a)...)
	}
	s.more(len(list), "that need somebody")
}

// AttentionLines are what needs somebody, and below it what can be done.
func AttentionLines(t *terminal.Theme, width int, a observe.Attention) []string {
	l := terminal.NewLine(t, width).Add(terminal.Plain, "  ").Add(attentionRole(a.Kind), a.Kind)
	if a.About != "" {
		l.Add(terminal.Plain, " ").Add(terminal.Accent, a.About)
	}
	return append([]string{l.Add(terminal.Plain, ": "+a.Text).String()}, doLines(t, width, a.Do)...)
}

// mostDo lines are broken of what to do. It is not cut sooner: it is often a command.
const mostDo = 4

func doLines(t *terminal.Theme, width int, do string) (lines []string) {
	const before = "    -> "
	for i, text := range terminal.Wrap(terminal.Clean(do), max(0, width-len(before))) {
		if i == mostDo {
			break
		}
		l := terminal.NewLine(t, width)
		if i == 0 {
			l.Add(terminal.Plain, before)
		} else {
			l.To(len(before))
		}
		lines = append(lines, l.Add(terminal.Faint, text).String())
	}
	return lines
}

func (s *summary) jobs(o observe.Overview) {
	s.title("JOBS")
	l := jobs(o)
	if len(l.Items) == 0 {
		s.line(terminal.Faint, l.Empty)
		return
	}
	s.line(terminal.Plain, Counts(o.Jobs))
	var open []Item
	for _, i := range l.Items {
		if o.Jobs[i.Index].State != states[len(states)-1] {
			open = append(open, i)
		}
	}
	if len(open) > 0 {
		l.Name = "jobs that are not ready"
		s.table(without(List{Name: l.Name, Columns: l.Columns, Items: open}, "WHY"), open)
	}
}

func (s *summary) where(o observe.Overview) {
	title := "WHAT IS WHERE"
	if !o.Holdings.At.IsZero() && o.At.Sub(o.Holdings.At) >= 10*time.Second {
		title += ", as counted " + From(o.Holdings.At, o.At)
	}
	s.title(title)
	if len(o.Datasets) == 0 {
		s.line(terminal.Note, "no dataset is configured")
	}
	for _, d := range o.Datasets[:min(len(o.Datasets), s.most)] {
		s.line(terminal.Plain, d.Name+": "+datasetWords(d, o))
	}
	s.more(len(o.Datasets), "datasets")
	if o.Holdings.Why != "" {
		s.line(terminal.Note, "what each destination holds is not said: "+o.Holdings.Why)
	}
	if l := data(o); len(l.Items) > 0 {
		s.table(l, l.Items)
	}
}

func (s *summary) problems(o observe.Overview) {
	if len(o.Problems) == 0 {
		return
	}
	const most = 5
	title := fmt.Sprintf("PROBLEMS, the latest of %d", len(o.Problems))
	if len(o.Problems) == 1 {
		title = "PROBLEMS"
	}
	s.title(title)
	for i, p := range o.Problems[:min(len(o.Problems), most, s.most)] {
		times := ""
		if p.Count > 1 {
			times = fmt.Sprintf(", %d times", p.Count)
		}
		role := terminal.Note
		if p.Level == "error" {
			role = terminal.Bad
		}
		s.lines = append(s.lines,
			terminal.NewLine(s.Theme, s.Width).Add(terminal.Plain, "  ").Add(role, p.Level).Add(terminal.Plain, " "+From(p.Last, o.At)+times+": "+ProblemText(o.Problems[i])).String())
		s.lines = append(s.lines, doLines(s.Theme, s.Width, p.Do)...)
	}
}

// Brief is how things stand in one line.
func Brief(o observe.Overview) string {
	parts := []string{}
	switch {
	case Alone(o):
		parts = append(parts, "no daemon runs")
	case o.Health.OK:
		parts = append(parts, fmt.Sprintf("%s, process %d, healthy", o.Agent.Command, o.Agent.PID))
	default:
		parts = append(parts, fmt.Sprintf("%s, process %d, unhealthy: %s", o.Agent.Command, o.Agent.PID, o.Health.Why))
	}
	parts = append(parts, Counts(o.Jobs))
	if speed, done, shards := Total(o.Links); shards > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d shards, %s", done, shards, perSecond(speed)))
	}
	if n := len(o.Attention()); n > 0 {
		parts = append(parts, words.Count(n, "thing")+" to look at")
	}
	return terminal.Clean(strings.Join(parts, "; "))
}
