package top

import (
	"fmt"
	"strings"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/datagravity/datagravity/internal/terminal"
	"github.com/datagravity/datagravity/internal/terminal/overview"
	"github.com/datagravity/datagravity/pkg/cost"
)

// keysHelp is what each key does.
var keysHelp = [][2]string{
	{"1 to 7, tab, left, right", "another list"},
	{"up, down, j, k, page up, page down, home, end", "another row"},
	{"enter", "all about it: why, missing shards, days of a budget"},
	{"/", "only rows that have a text in them; esc takes it back"},
	{"s, S", "sort by the next column; the other way round"},
	{"space", "on a link: pause it, or let it go on"},
	{"r", "look again now"},
	{"?", "this"},
	{"esc", "back"},
	{"q, ctrl+c", "leave; what runs goes on"},
}

// key takes a key in.
func (m *model) key(k tea.KeyPressMsg) tea.Cmd {
	m.note = ""
	name := k.String()
	if name == "ctrl+c" {
		return tea.Quit
	}
	if name == "ctrl+z" {
		return tea.Suspend
	}
	switch {
	case m.question != nil:
		q := m.question
		m.question = nil
		if name == "y" || name == "Y" {
			return q.yes
		}
		m.say(terminal.Faint, "left as it was")
		return nil
	case m.typing:
		m.keyTyped(k, name)
		return nil
	case m.help:
		m.help = false
		if name == "q" {
			return tea.Quit
		}
		return nil
	case m.detail != nil:
		return m.keyInDetail(name)
	}
	return m.keyInList(name)
}

// mostFilter is the longest text that is looked for.
const mostFilter = 100

func (m *model) keyTyped(k tea.KeyPressMsg, name string) {
	t := m.now()
	switch name {
	case "enter":
		m.typing = false
	case "esc":
		m.typing, t.filter = false, ""
	case "backspace":
		_, n := utf8.DecodeLastRuneInString(t.filter)
		t.filter = t.filter[:len(t.filter)-n]
	case "ctrl+u":
		t.filter = ""
	default:
		m.typed(k.Text)
		return
	}
	t.arrange(*m.list())
}

func (m *model) typed(text string) {
	t := m.now()
	t.filter = terminal.Clean(t.filter + strings.TrimRight(text, "\r\n"))
	if len(t.filter) > mostFilter {
		t.filter = strings.ToValidUTF8(t.filter[:mostFilter], "")
	}
	t.arrange(*m.list())
}

func (m *model) keyInList(name string) tea.Cmd {
	t := m.now()
	if len(name) == 1 && name[0] >= '1' && int(name[0]-'1') < len(m.tabs) {
		m.tab = int(name[0] - '1')
		return nil
	}
	switch name {
	case "q":
		return tea.Quit
	case "?", "h":
		m.help = true
	case "tab", "right", "l":
		m.tab = (m.tab + 1) % len(m.tabs)
	case "shift+tab", "left":
		m.tab = (m.tab + len(m.tabs) - 1) % len(m.tabs)
	case "/":
		m.typing = true
	case "esc":
		t.filter = ""
		t.arrange(*m.list())
	case "s":
		t.sortNext(*m.list())
	case "S":
		t.down = !t.down
		t.arrange(*m.list())
	case "r":
		if m.source == nil { // a question is on its way, or the next one will be soon
			return nil
		}
		return m.again()
	case "enter":
		return m.open()
	case "space":
		return m.pause()
	default:
		t.move(m.step(name, len(t.items), m.rows()))
	}
	return nil
}

// step is how far a key moves, in a list of so many rows of which a screen shows some.
func (m *model) step(name string, all, rows int) int {
	switch name {
	case "up", "k":
		return -1
	case "down", "j":
		return 1
	case "pgup", "ctrl+b":
		return -rows
	case "pgdown", "ctrl+f":
		return rows
	case "home", "g":
		return -all
	case "end", "G":
		return all
	}
	return 0
}

// again has the answer to one more question beside those that come by themselves.
func (m *model) again() tea.Cmd {
	ask := m.ask()
	return func() tea.Msg {
		a, ok := ask().(answer)
		if !ok || a.err != nil {
			return doneMsg{err: a.err}
		}
		return extraMsg{a}
	}
}

// extraMsg is an answer after which no other question follows.
type extraMsg struct{ answer }

// pause asks whether to pause the chosen link, or to let it go on.
func (m *model) pause() tea.Cmd {
	i, ok := m.now().chosen()
	if !ok || m.list().Name != "links" {
		m.say(terminal.Faint, "space pauses links: 3 shows them")
		return nil
	}
	k := m.last.Links[i.Index]
	switch {
	case m.o.Pause == nil:
		m.say(terminal.Note, "nothing can be paused from here")
		return nil
	case k.Destination == "":
		m.say(terminal.Note, "what is read for the index is paused with its store: datagravity pause --link "+k.Source)
		return nil
	}
	link, pause := cost.Link{Source: k.Source, Dest: k.Destination}.Name(), true
	text := "pause " + link + "?"
	if p, paused := overview.PauseOf(m.last.Pauses, k.Source, k.Destination); paused {
		link, pause = p.Link, false
		text = "let " + link + " go on?"
		if link == "*" {
			text = "let all links go on?"
		}
	}
	m.question = &question{text: text + " y/n", yes: func() tea.Msg {
		done := map[bool]string{true: "paused: %s", false: "goes on: %s"}[pause]
		return doneMsg{fmt.Sprintf(done, link), m.o.Pause(link, pause)}
	}}
	return nil
}
