package top

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/internal/terminal"
	"github.com/datagravity/datagravity/internal/terminal/overview/overviewtest"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/observe"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fixed is a source of one overview.
type fixed struct {
	o      observe.Overview
	speeds []observe.Speeds
	err    error
	asked  int
	shown  []string
}

func (f *fixed) Overview(context.Context) (observe.Overview, error) { f.asked++; return f.o, f.err }

func (f *fixed) Speeds(context.Context) ([]observe.Speeds, error) { return f.speeds, f.err }

func (f *fixed) Show(_ context.Context, id string, _ bool) (dispatch.Detail, error) {
	f.shown = append(f.shown, id)
	for _, j := range f.o.Jobs {
		if j.ID == id {
			return dispatch.Detail{Status: j, Shards: []dispatch.ShardStatus{
				{Path: "train/0001.tar", Destination: "lab1", Present: true}, {Path: "train/0002\x1b[2J.tar", Destination: "lab1", Bytes: 1 << 30, Why: "not read yet"},
			}}, f.err
		}
	}
	return dispatch.Detail{}, dispatch.ErrNoJob
}

func (f *fixed) Budget(_ context.Context, name string) (observe.BudgetDetail, error) {
	for _, b := range f.o.Budgets {
		if b.Name == name {
			left := cost.NanoUSD(300e9)
			return observe.BudgetDetail{Budget: b, Burndown: []observe.Day{{Day: "2026-11-25", USD: 200e9, Bytes: 1 << 40, LeftUSD: &left}, {Day: "2026-11-26", USD: 212e9, Bytes: 1 << 41}}}, f.err
		}
	}
	return observe.BudgetDetail{}, cost.ErrNoBudget
}

// bench is a screen without a terminal: commands are run at once, all but the waiting.
type bench struct {
	*model
	at     time.Time
	src    *fixed
	dialed error
	paused []string
	quit   bool
}

func newBench(o observe.Overview, colours terminal.Colours) *bench {
	b := &bench{at: overviewtest.At, src: &fixed{o: o, speeds: overviewtest.Speeds()}}
	b.model = newModel(context.Background(), Options{
		Colours: colours, Now: func() time.Time { return b.at },
		Dial: func(context.Context) (Source, error) {
			if b.dialed != nil {
				return nil, b.dialed
			}
			return b.src, nil
		},
		Pause: func(link string, pause bool) error {
			b.paused = append(b.paused, fmt.Sprint(link, " ", pause))
			return nil
		},
	})
	b.look()
	return b
}

// look is one question and its answer.
func (b *bench) look() { b.model.Update(b.ask()()) }

// run a command as the program would.
func (b *bench) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case tea.QuitMsg:
		b.quit = true
	case tea.SuspendMsg:
	default:
		_, next := b.model.Update(msg)
		if _, one := msg.(answer); !one { // the next question is for later
			b.run(next)
		}
	}
}

var named = map[string]rune{
	"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown,
	"home": tea.KeyHome, "end": tea.KeyEnd, "space": tea.KeySpace, "backspace": tea.KeyBackspace,
}

func (b *bench) press(keys ...string) {
	for _, k := range keys {
		msg := tea.KeyPressMsg{Text: k}
		if code, ok := named[k]; ok {
			msg = tea.KeyPressMsg{Code: code}
		} else if k == "ctrl+c" {
			msg = tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}
		} else if r := []rune(k); len(r) == 1 {
			msg = tea.KeyPressMsg{Code: r[0], Text: k}
		}
		_, cmd := b.model.Update(msg)
		b.run(cmd)
	}
}

func (b *bench) size(w, h int) { b.model.Update(tea.WindowSizeMsg{Width: w, Height: h}) }

// text is the screen without blanks at the ends of lines, as a golden file has it.
func (b *bench) text() string {
	var out strings.Builder
	for _, l := range b.lines() {
		out.WriteString(strings.TrimRight(ansi.Strip(l), " ") + "\n")
	}
	return out.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}

// Every list at several sizes, reviewed as text.
func TestScreens(t *testing.T) {
	for name, o := range map[string]observe.Overview{"day": overviewtest.Day(), "nothing": overviewtest.Nothing(), "hostile": overviewtest.Hostile(), "many": overviewtest.Many(10_000)} {
		for _, size := range [][2]int{{60, 15}, {100, 30}, {180, 50}} {
			if name != "day" && size[0] != 100 {
				continue
			}
			b := newBench(o, terminal.NoEscapes)
			b.size(size[0], size[1])
			var all strings.Builder
			for i := range b.tabs {
				b.press(fmt.Sprint(i + 1))
				text := b.text()
				if name != "day" { // the rest would be blank lines
					text = strings.TrimRight(text, "\n") + "\n"
				}
				all.WriteString(text + strings.Repeat("=", size[0]) + "\n")
			}
			golden(t, fmt.Sprintf("%s-%dx%d", name, size[0], size[1]), all.String())
		}
	}
}

// All about one of each.
func TestDetails(t *testing.T) {
	b := newBench(overviewtest.Day(), terminal.NoEscapes)
	b.size(100, 28)
	var all strings.Builder
	for i := range b.tabs {
		b.press(fmt.Sprint(i+1), "enter")
		all.WriteString(strings.TrimRight(b.text(), "\n") + "\n" + strings.Repeat("=", 100) + "\n")
		b.press("esc")
		if b.detail != nil {
			t.Fatal("esc does not go back")
		}
	}
	golden(t, "details", all.String())
	if d := cmp.Diff([]string{"train-17"}, b.src.shown); d != "" {
		t.Error(d)
	}
	b.press("?")
	golden(t, "help", strings.TrimRight(b.text(), "\n")+"\n")
}

// What cannot be had of a detail is said, and an answer that comes after it was left does not come back on the screen.
func TestDetailThatFails(t *testing.T) {
	b := newBench(overviewtest.Day(), terminal.NoEscapes)
	b.size(160, 30)
	b.src.err = errors.New("gone\x1b[2J")
	b.press("enter")
	if text := b.text(); !strings.Contains(text, "the rest could not be had: gone�[2J") || !strings.Contains(text, "late by 3h") {
		t.Error(text)
	}
	b.press("esc")
	b.src.err = nil
	_, cmd := b.model.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	b.press("esc")
	b.run(cmd)
	if b.detail != nil {
		t.Error("it came back")
	}
	// A job of very many shards is not asked for whole.
	b.src.o.Jobs[0].ShardCount = mostShards + 1
	b.look()
	b.src.shown = nil
	if b.press("enter"); len(b.src.shown) != 0 {
		t.Errorf("%v", b.src.shown)
	}
}

// The cursor stays on its row when rows come, go or are sorted otherwise, and on the screen whatever its size.
func TestTheCursorFollowsItsRow(t *testing.T) {
	b := newBench(overviewtest.Many(1000), terminal.NoEscapes)
	b.size(80, 20)
	b.press("down", "down", "pgdown")
	at := b.now().key
	if !strings.Contains(b.text(), at) || at != "job-000017" {
		t.Fatalf("on %s:\n%s", at, b.text())
	}
	b.src.o.Jobs = b.src.o.Jobs[5:]
	b.look()
	if b.now().key != at || b.now().cursor != 12 || !strings.Contains(b.text(), at) {
		t.Errorf("on %s, row %d", b.now().key, b.now().cursor)
	}
	b.press("s", "s") // by state
	if b.now().key != at || !strings.Contains(b.text(), at) || !strings.Contains(b.text(), "STATE ↑") {
		t.Errorf("sorted it is on %s:\n%s", b.now().key, b.text())
	}
	b.press("home")
	first := b.now().items[0].Cells[1].Text
	b.press("S", "home")
	if last := b.now().items[0].Cells[1].Text; first != "blocked" || last != "ready" {
		t.Errorf("from %s to %s", first, last)
	}
	b.press("end")
	if b.now().cursor != 994 || !strings.Contains(b.text(), b.now().key) {
		t.Errorf("at the end it is in row %d", b.now().cursor)
	}
	b.size(60, 15)
	if !strings.Contains(b.text(), b.now().key) {
		t.Errorf("it left the smaller screen:\n%s", b.text())
	}
	b.src.o.Jobs = nil
	b.look()
	b.press("down", "enter", "space", "end")
	if !strings.Contains(b.text(), "no jobs: ") {
		t.Error(b.text())
	}
}

// A filter leaves the rows that have a text in them; what is typed does nothing else.
func TestFilter(t *testing.T) {
	b := newBench(overviewtest.Day(), terminal.NoEscapes)
	b.size(160, 30)
	b.press("/", "q", "backspace", "L", "a", "T", "e")
	if len(b.now().items) != 1 || b.now().items[0].Key != "train-17" || b.quit {
		t.Fatalf("%+v", b.now().items)
	}
	b.model.Update(tea.PasteMsg{Content: "\x1b[2Jx\n"})
	if text := b.text(); len(b.now().items) != 0 || !strings.Contains(text, `none of 5 has "LaTe�[2Jx" in it`) {
		t.Error(text)
	}
	b.press("enter", "esc")
	if len(b.now().items) != 5 {
		t.Errorf("esc leaves %d", len(b.now().items))
	}
	b.press("/", "x", "esc")
	if b.typing || b.now().filter != "" {
		t.Error("esc does not end it")
	}
	b.press("/")
	b.model.Update(tea.PasteMsg{Content: strings.Repeat("漢", 1000)})
	if len(b.now().filter) > mostFilter {
		t.Errorf("%d bytes are looked for", len(b.now().filter))
	}
}

// A link is paused, or let go on, after a yes and not before.
func TestPause(t *testing.T) {
	b := newBench(overviewtest.Day(), terminal.NoEscapes)
	b.size(160, 30)
	b.press("space")
	if len(b.paused) != 0 || b.question != nil {
		t.Error("a job cannot be paused")
	}
	b.press("3", "down", "space")
	if !strings.Contains(b.text(), "pause training->lab1? y/n") {
		t.Error(b.text())
	}
	b.press("n", "space", "q")
	if len(b.paused) != 0 || b.quit {
		t.Errorf("%v after a no", b.paused)
	}
	b.press("space", "y", "up", "space")
	if !strings.Contains(b.text(), "let training->gcp-west go on? y/n") {
		t.Error(b.text())
	}
	b.press("y")
	if d := cmp.Diff([]string{"training->lab1 true", "training->gcp-west false"}, b.paused); d != "" {
		t.Error(d)
	}
	b.src.o.Pauses = []cost.Pause{{Link: "*"}}
	b.src.o.Links = append(b.src.o.Links, observe.Link{Source: "training"})
	b.look()
	b.press("space")
	if !strings.Contains(b.text(), "let all links go on? y/n") {
		t.Error(b.text())
	}
	b.press("n", "end", "space")
	if !strings.Contains(b.text(), "datagravity pause --link training") {
		t.Error(b.text())
	}
	b.o.Pause = nil
	b.press("home", "space")
	if b.question != nil {
		t.Error("it asks for what cannot be done")
	}
}

// When nobody answers the last picture stays, with how old it is; whoever answers then is shown.
func TestTheOtherSideGoesAway(t *testing.T) {
	b := newBench(overviewtest.Day(), terminal.NoEscapes)
	b.size(160, 30)
	b.src.err, b.dialed = errors.New("connection reset"), errors.New("nobody answers at the socket /x\x1b[2J")
	b.at = b.at.Add(7 * time.Second)
	b.look()
	if text := b.text(); !strings.Contains(text, "NO ANSWER for 7s from daemon, process 4242; trying again. connection reset") || !strings.Contains(text, "train-17") || strings.Contains(text, "24.0 MiB/s") {
		t.Error(text)
	}
	b.at = b.at.Add(time.Minute)
	b.look()
	if text := b.text(); !strings.Contains(text, "NO ANSWER for 1m from") || !strings.Contains(text, "nobody answers at the socket /x�[2J") || !strings.Contains(text, "train-17") {
		t.Error(text)
	}
	b.src, b.dialed = &fixed{o: overviewtest.Nothing()}, nil
	b.src.o.Agent.PID = 4343
	b.look()
	if text := b.text(); !strings.Contains(text, "process 4343") || strings.Contains(text, "NO ANSWER") {
		t.Error(text)
	}
}

// Without any answer it says so, and what was recorded is shown where it was read.
func TestNobodyEverAnswered(t *testing.T) {
	b := newBench(overviewtest.Nothing(), terminal.NoEscapes)
	b.model = newModel(context.Background(), b.o)
	if text := b.text(); !strings.Contains(text, "asking who holds the manifest") {
		t.Error(text)
	}
	b.dialed = errors.New("nobody answers")
	b.look()
	if text := b.text(); !strings.Contains(text, "NO ANSWER, trying again: nobody answers") {
		t.Error(text)
	}
	alone := overviewtest.Day()
	alone.Agent.Command = "top"
	b.o.First = &alone
	b.model = newModel(context.Background(), b.o)
	b.look()
	if text := b.text(); !strings.Contains(text, "NO DAEMON runs") || !strings.Contains(text, "train-17") {
		t.Error(text)
	}
}

// Whoever answers slowly is asked less often, and speeds only as often as there is a new one.
func TestItAsksLittle(t *testing.T) {
	b := newBench(overviewtest.Day(), terminal.NoEscapes)
	if b.speeds == nil {
		t.Error("no speeds with the first answer")
	}
	if a := b.ask()().(answer); a.speeds != nil {
		t.Error("speeds again at once")
	}
	b.at = b.at.Add(drawEvery)
	if a := b.ask()().(answer); a.speeds == nil {
		t.Error("no new speeds")
	}
}

func TestLeaving(t *testing.T) {
	for _, keys := range [][]string{{"q"}, {"ctrl+c"}, {"enter", "q"}, {"?", "q"}, {"/", "ctrl+c"}, {"3", "down", "space", "ctrl+c"}} {
		b := newBench(overviewtest.Day(), terminal.NoEscapes)
		if b.press(keys...); !b.quit {
			t.Errorf("%v does not leave", keys)
		}
	}
}

// The colours are those that can be read on the background, unless none are wanted.
func TestBackground(t *testing.T) {
	paint := func(c terminal.Colours, bg color.Color) string {
		b := newBench(overviewtest.Day(), c)
		b.model.Update(tea.BackgroundColorMsg{Color: bg})
		return b.theme.Paint(terminal.Bad, "x")
	}
	dark, light := paint(terminal.OnAny, color.Black), paint(terminal.OnAny, color.White)
	if dark == light || dark != terminal.NewTheme(terminal.OnDark).Paint(terminal.Bad, "x") || light != terminal.NewTheme(terminal.OnLight).Paint(terminal.Bad, "x") {
		t.Errorf("%q, %q", dark, light)
	}
	if got := paint(terminal.NoColours, color.White); got != "\x1b[1mx\x1b[m" {
		t.Errorf("without colours: %q", got)
	}
}

// Whatever is pressed, whatever there is, whatever the size: each line fits, there are as many as the terminal has, and no escape is but ours.
func TestAnythingFits(t *testing.T) {
	all := []observe.Overview{overviewtest.Day(), overviewtest.Nothing(), overviewtest.Hostile(), overviewtest.Many(30), overviewtest.Many(3)}
	keys := []string{"enter", "esc", "tab", "up", "down", "left", "right", "pgup", "pgdown", "home", "end", "space", "backspace", "s", "S", "/", "?", "r", "y", "n", "1", "2", "3", "4", "5", "6", "7", "a", "\x1b", "漢"}
	rapid.Check(t, func(t *rapid.T) {
		b := newBench(rapid.SampledFrom(all).Draw(t, "first"), rapid.SampledFrom([]terminal.Colours{terminal.NoEscapes, terminal.NoColours, terminal.OnAny, terminal.OnDark}).Draw(t, "colours"))
		b.o.ASCII = rapid.Bool().Draw(t, "ascii")
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "kind") {
			case 0:
				b.size(rapid.IntRange(0, 220).Draw(t, "width"), rapid.IntRange(0, 60).Draw(t, "height"))
			case 1:
				b.src.o = rapid.SampledFrom(all).Draw(t, "then")
				b.src.err = rapid.SampledFrom([]error{nil, nil, errors.New(overviewtest.Harm[0])}).Draw(t, "error")
				b.dialed = b.src.err
				b.look()
			default:
				b.press(rapid.SampledFrom(keys).Draw(t, "key"))
			}
			lines := b.lines()
			if want := b.height; len(lines) != want && b.width >= leastWidth && b.height >= leastHeight || len(lines) > max(0, want) {
				t.Fatalf("%d lines on %dx%d", len(lines), b.width, b.height)
			}
			for _, l := range lines {
				fits(t, l, b.width)
			}
		}
	})
}

func fits(t *rapid.T, line string, width int) {
	if w := terminal.Width(ansi.Strip(line)); w > max(0, width) {
		t.Fatalf("%d cells in a line of %d: %q", w, width, line)
	}
	for i, piece := range strings.Split(line, "\x1b") {
		end := strings.IndexByte(piece, 'm')
		if i > 0 && (end < 0 || piece[0] != '[' || strings.Trim(piece[1:end], "0123456789;") != "") {
			t.Fatalf("an escape that is none of ours: %q", line)
		}
	}
	for _, r := range strings.ReplaceAll(line, "\x1b", "") {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			t.Fatalf("%U in %q", r, line)
		}
	}
}

// Ten thousand jobs are drawn, not only survived: a screen has the rows that are on it.
func TestManyJobs(t *testing.T) {
	b := newBench(overviewtest.Many(10_000), terminal.NoEscapes)
	b.size(120, 40)
	b.press("/", "0", "9", "9", "9", "9", "enter")
	if len(b.now().items) != 1 || !strings.Contains(b.text(), "job-009999") {
		t.Error(b.text())
	}
}

// A list of very many has a price that a second can pay.
func BenchmarkManyJobs(b *testing.B) {
	o := overviewtest.Nothing()
	o.Jobs = overviewtest.Many(10_000).Jobs
	m := newBench(o, terminal.OnDark)
	m.size(120, 40)
	for b.Loop() {
		m.take(o)
		m.lines()
	}
}
