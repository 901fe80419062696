package observe

import (
	"math"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
)

// well is how things stand where nobody need do anything.
func well() Overview {
	usd, bytes := cost.NanoUSD(1), int64(1)
	return Overview{
		Agent: Agent{Command: "daemon"}, Health: Health{OK: true},
		Jobs: []dispatch.Status{
			{ID: "a", State: dispatch.Ready}, {ID: "b", State: dispatch.OnTime}, {ID: "c", State: dispatch.Unresolved},
		},
		Budgets:  []Budget{{Name: "none"}, {Name: "some", LeftUSD: &usd, LeftBytes: &bytes}},
		Holdings: Holdings{List: []Holding{{Dataset: "c4", Destination: "lab", MissingShards: 5}}},
	}
}

// What goes its way needs nobody; whatever does not is named, with what to do, the gravest first.
func TestAttention(t *testing.T) {
	o := well()
	if list := o.Attention(); len(list) != 0 {
		t.Errorf("all is well, and %+v", list)
	}
	none := int64(0)
	o.Health = Health{Why: "nothing moved for 15m"}
	o.Agent.Command = "sync"
	o.Jobs = append(o.Jobs, dispatch.Status{ID: "late one", State: dispatch.Late, Why: "late by 3h"},
		dispatch.Status{ID: "held", State: dispatch.Held, Why: "held", Places: []dispatch.Place{{Destination: "x"}, {Budget: "may", NeedsUSD: 12_340_000_001, NeedsBytes: 1<<20 + 1}}},
		dispatch.Status{ID: "gone", State: dispatch.Blocked, Why: "the source no longer has it"}, dispatch.Status{ID: "poor", State: dispatch.Held})
	o.Budgets = append(o.Budgets, Budget{Name: "spent", LeftBytes: &none, Window: "2026-11"}, Budget{Name: "lost", Doubt: "the journal is gone"})
	o.Holdings.List[0].Unsound = 2
	o.Pauses = []cost.Pause{{Link: "lake->lab", Since: newClock().at}}
	var got []string
	for _, a := range o.Attention() {
		got = append(got, a.Kind+"|"+a.About+"|"+a.Text+"|"+a.Do)
	}
	want := []string{
		"unhealthy||nothing moved for 15m|look at the problems and at the process's log; where nothing has moved for long, restart it: it goes on from what is recorded",
		"nobody-works||jobs that are not ready: 6, and no daemon runs that brings them their shards|start datagravity daemon, or once: datagravity sync --all",
		"blocked|gone|the source no longer has it|datagravity jobs show gone --shards tells which shards; change the job, or take it back: jobs remove",
		"held|held|held|datagravity budget approve --job held --extra 12.35 --extra-bytes 2MiB --reason TEXT --expires 24h, or wait for the next window of budget may",
		"held|poor|it is held|datagravity budget list tells what is left; budget approve lets more be spent, once",
		"late|late one|late by 3h|give it a higher priority (datagravity jobs add), more bandwidth, or another destination: datagravity place 'late one' ranks them",
		"budget-spent|spent|nothing is left of it in 2026-11|datagravity budget approve --budget spent --extra USD --reason TEXT --expires 24h lets more be spent, once",
		"budget-unknown|lost|nobody knows what was spent (the journal is gone), so that all of its window counts as spent|look at the bill, then: datagravity budget reset --reason TEXT",
		"unsound|c4 -> lab|objects that are not what was put there: 2, changed by somebody else or damaged|datagravity repair c4 --to lab",
		"paused|lake->lab|paused since 2026-11-26T12:00:00Z|datagravity resume --link 'lake->lab' lets it go on",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// A name that is proposed for a command line is one word of it, whatever it is.
func TestNamesAreQuotedForAShell(t *testing.T) {
	for _, name := range []string{"a", "train/7", "it's", "$(touch /x)", "a b", "'; rm -rf /", "*", "-rf", "", "`x`", "a\nb", `\'`} {
		out, err := exec.Command("sh", "-c", "printf '%s' "+quoted(name)).Output()
		if err != nil || string(out) != name {
			t.Errorf("%q is %q to a shell (%v)", name, out, err)
		}
	}
}

func TestWholeCents(t *testing.T) {
	for n, want := range map[cost.NanoUSD]string{1: "0.01", 10_000_000: "0.01", 10_000_001: "0.02", 5_000_000_000: "5.00", math.MaxInt64: "9223372036.86"} {
		if got := wholeCents(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
		if strings.Contains(wholeCents(n), "-") {
			t.Errorf("%d overflows", n)
		}
	}
}
