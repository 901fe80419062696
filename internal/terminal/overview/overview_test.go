package overview

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/internal/terminal"
	"github.com/datagravity/datagravity/internal/terminal/overview/overviewtest"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/observe"
)

var update = flag.Bool("update", false, "write the golden files anew")

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

// trimmed is text as a golden file has it: without blanks at the ends of lines.
func trimmed(lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimRight(l, " ") + "\n")
	}
	return b.String()
}

func overviews() map[string]observe.Overview {
	alone := overviewtest.Day()
	alone.Agent.Command, alone.Transfers, alone.Links, alone.Problems = "status", nil, nil, nil
	alone.Holdings = observe.Holdings{Why: "there are too many shards", List: []observe.Holding{}}
	sick := overviewtest.Nothing()
	sick.Health, sick.Agent.Command = observe.Health{Why: "nothing has progressed for 15m though there is work"}, "sync"
	return map[string]observe.Overview{"day": overviewtest.Day(), "nothing": overviewtest.Nothing(), "many": overviewtest.Many(10_000), "hostile": overviewtest.Hostile(), "alone": alone, "sick": sick}
}

// What is printed is reviewed as text.
func TestSummary(t *testing.T) {
	for name, o := range overviews() {
		for size, s := range map[string]Screen{"60x15": {Width: 60, Height: 15}, "100x40": {Width: 100, Height: 40}, "any": {}} {
			if name == "hostile" && size == "any" {
				continue // its lines are long
			}
			s.Theme = terminal.NewTheme(terminal.NoEscapes)
			golden(t, "summary-"+name+"-"+size, trimmed(Summary(o, s)))
		}
	}
}

// Nothing that is in an overview does anything to a terminal, and no line is wider than it.
func TestSummaryFits(t *testing.T) {
	all := overviews()
	all["many"] = overviewtest.Many(100)
	for name, o := range all {
		for _, colours := range []terminal.Colours{terminal.NoEscapes, terminal.NoColours, terminal.OnDark, terminal.OnLight, terminal.OnAny} {
			for width := 1; width <= 200; width += 7 {
				lines := Summary(o, Screen{Theme: terminal.NewTheme(colours), Width: width, Height: 30})
				for _, l := range lines {
					if w := terminal.Width(ansi.Strip(l)); w > width {
						t.Fatalf("%s: %d cells in a line of %d: %q", name, w, width, l)
					}
					harmless(t, l)
				}
			}
		}
	}
}

// harmless wants no escape in a line but our own colours.
func harmless(t *testing.T, line string) {
	t.Helper()
	for i, piece := range strings.Split(line, "\x1b") {
		if i == 0 {
			continue
		}
		end := strings.IndexByte(piece, 'm')
		if end < 0 || piece[0] != '[' || strings.Trim(piece[1:end], "0123456789;") != "" {
			t.Fatalf("an escape that is none of ours: %q", line)
		}
	}
	for _, r := range strings.ReplaceAll(line, "\x1b", "") {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			t.Fatalf("%U in %q", r, line)
		}
	}
}

// A summary of very much is still one screen: each section says how much it leaves out.
func TestSummaryIsBounded(t *testing.T) {
	lines := Summary(overviewtest.Many(10_000), Screen{Theme: terminal.NewTheme(terminal.NoEscapes), Width: 100, Height: 50})
	if len(lines) > 75 {
		t.Errorf("%d lines", len(lines))
	}
	if text := strings.Join(lines, "\n"); !strings.Contains(text, "10000 jobs: 2000 ready") || !strings.Contains(text, "more links") {
		t.Error(text)
	}
}

// Every column has what it is sorted by, in every list, whatever there is; keys are told apart.
func TestListsAreWhole(t *testing.T) {
	for name, o := range overviews() {
		for _, l := range Lists(o, overviewtest.Speeds()) {
			seen := map[string]bool{}
			for _, i := range l.Items {
				if len(i.Cells) != len(l.Columns) || len(i.Sort) != len(l.Columns) {
					t.Fatalf("%s, %s: %d columns, %d cells, %d to sort by", name, l.Name, len(l.Columns), len(i.Cells), len(i.Sort))
				}
				if seen[i.Key] {
					t.Errorf("%s, %s: twice %q", name, l.Name, i.Key)
				}
				seen[i.Key] = true
			}
			if l.Empty == "" {
				t.Errorf("%s says nothing when it is empty", l.Name)
			}
		}
	}
}

func TestFrom(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "now", 400 * time.Millisecond: "now", 90 * time.Second: "in 2m", -3 * time.Second: "3s ago", 2*time.Hour + 10*time.Minute: "in 2h10m", -9 * 24 * time.Hour: "9d0h ago", 50 * time.Hour: "in 50h",
	} {
		if got := From(overviewtest.At.Add(d), overviewtest.At); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}

// What changed is told once, and what only moves is not.
func TestChanges(t *testing.T) {
	was := overviewtest.Day()
	if lines := Changes(was, overviewtest.Day()); len(lines) != 0 {
		t.Errorf("nothing changed: %q", lines)
	}
	is := overviewtest.Day()
	is.At = is.At.Add(2 * time.Second)
	is.Links[1].DoneShards++
	is.Links[1].BytesPerSecond *= 2
	is.Transfers = nil
	is.Problems[0].Count++
	if lines := Changes(was, is); len(lines) != 0 {
		t.Errorf("it only moved: %q", lines)
	}
	is.Agent.PID, is.Health = 4343, observe.Health{Why: "stuck"}
	is.Jobs[0].State, is.Jobs[1].State = dispatch.Ready, dispatch.Blocked
	is.Jobs[1].Why = "the source\x1b[2J is gone"
	is.Jobs[2].ID = "another"
	is.Links[0].Runs, is.Links[1].Runs = 1, 0
	left := cost.NanoUSD(1)
	is.Budgets[1].LeftUSD = &left
	is.Pauses = []cost.Pause{{Link: "*"}}
	is.Datasets[1].Snapshot, is.Datasets[1].Shards = is.Datasets[0].Snapshot, 9
	is.Problems = append([]observe.Problem{{Level: "warn", Text: "new", Do: "look"}}, is.Problems...)
	golden(t, "changes", trimmed(Changes(was, is)))
	gone := is
	gone.Agent.Command, gone.Health.OK = "status", true
	gone.Budgets = append([]observe.Budget{}, is.Budgets...)
	gone.Budgets[1].LeftUSD = was.Budgets[1].LeftUSD
	golden(t, "changes-gone", trimmed(Changes(is, gone)))
}

func TestBrief(t *testing.T) {
	for name, want := range map[string]string{
		"day":     "daemon, process 4242, healthy; 5 jobs: 1 ready, 1 on time, 1 late, 1 held, 1 blocked; 37 of 512 shards, 24.0 MiB/s; 6 things to look at",
		"nothing": "daemon, process 4242, healthy; no jobs",
		"sick":    "sync, process 4242, unhealthy: nothing has progressed for 15m though there is work; no jobs; 1 thing to look at",
		"alone":   "no daemon runs; 5 jobs: 1 ready, 1 on time, 1 late, 1 held, 1 blocked; 6 things to look at",
	} {
		if got := Brief(overviews()[name]); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// Of a dataset that nobody indexed as a whole nobody knows the share, whatever jobs brought of it.
func TestNoShareOfWhatNobodyListed(t *testing.T) {
	o := overviewtest.Day()
	o.Holdings.List = o.Holdings.List[:1]
	h := &o.Holdings.List[0]
	h.Snapshot, h.HeldShards, h.HeldBytes, h.MissingShards, h.MissingBytes, h.OtherShards = nil, 0, 0, 0, 0, 5
	for _, cell := range data(o).Items[0].Cells[2:4] {
		if cell.Text != "-" {
			t.Errorf("%q, want -", cell.Text)
		}
	}
}
