package top

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/datagravity/datagravity/internal/terminal"
	"github.com/datagravity/datagravity/internal/terminal/overview"
	"github.com/datagravity/datagravity/pkg/observe"
)

// model is what is on the screen. Only Update changes it.
type model struct {
	ctx context.Context // of all questions: Bubble Tea's commands are given none
	o   Options

	theme         *terminal.Theme
	width, height int

	source Source // who answers; nil: nobody does
	last   observe.Overview
	any    bool // last is one
	speeds []observe.Speeds
	// lost is why nobody answers; nil: somebody does. since is when the last answer came, or the screen began.
	lost  error
	since time.Time
	// drawnAt is when the speeds were asked for, and asked whether an answer is awaited.
	drawnAt time.Time

	lists []overview.List
	tabs  []tab
	tab   int

	help   bool
	detail *detail
	// typing has the keys go into the filter.
	typing bool
	// question wants yes or no; nil: none.
	question *question
	// note is the outcome of an action, until the next key, or an answer after noteStands.
	note     string
	noteRole terminal.Role
	noted    time.Time
}

// question is asked before anything is done.
type question struct {
	text string
	yes  tea.Cmd
}

func newModel(ctx context.Context, o Options) *model {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Every <= 0 {
		o.Every = time.Second
	}
	m := &model{ctx: ctx, o: o, width: leastWidth, height: leastHeight, since: o.Now(), theme: terminal.NewTheme(o.Colours)}
	m.theme.ASCII = o.ASCII
	if o.First != nil {
		m.take(*o.First)
	}
	m.relist()
	return m
}

// take a newer overview.
func (m *model) take(o observe.Overview) {
	m.last, m.any, m.since = o, true, m.o.Now()
	m.relist()
}

// relist makes the lists anew, and has the cursors follow their items.
func (m *model) relist() {
	m.lists = overview.Lists(m.last, m.speeds)
	if m.tabs == nil {
		m.tabs = make([]tab, len(m.lists))
		for i := range m.tabs {
			m.tabs[i].column = -1
		}
	}
	for i := range m.tabs {
		m.tabs[i].arrange(m.lists[i])
	}
}

// now is the current tab, and list what it shows.
func (m *model) now() *tab            { return &m.tabs[m.tab] }
func (m *model) list() *overview.List { return &m.lists[m.tab] }

// Init asks for the first answer, and what the terminal looks like.
func (m *model) Init() tea.Cmd {
	if m.o.Colours == terminal.OnAny {
		return tea.Batch(m.ask(), tea.RequestBackgroundColor)
	}
	return m.ask()
}

// Update takes a message in.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.BackgroundColorMsg:
		m.repaint(msg.IsDark())
	case tea.KeyPressMsg:
		return m, m.key(msg)
	case tea.PasteMsg:
		if m.typing {
			m.typed(msg.Content)
		}
	case answer:
		return m, m.answered(msg)
	case extraMsg:
		m.answered(msg.answer)
	case askMsg:
		return m, m.ask()
	case shownMsg:
		m.shown(msg)
	case doneMsg:
		if m.say(terminal.Good, msg.text); msg.err != nil {
			m.say(terminal.Bad, msg.err.Error())
		}
	}
	return m, nil
}

// noteStands is how long a note can be read.
const noteStands = 5 * time.Second

func (m *model) say(role terminal.Role, text string) {
	m.note, m.noteRole, m.noted = text, role, m.o.Now()
}

// repaint in colours that can be read on the terminal's background.
func (m *model) repaint(dark bool) {
	if m.o.Colours != terminal.OnAny {
		return
	}
	c := terminal.OnLight
	if dark {
		c = terminal.OnDark
	}
	m.theme = terminal.NewTheme(c)
	m.theme.ASCII = m.o.ASCII
}
