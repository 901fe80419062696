package integration

import (
	"encoding/json"
	"strings"
	"testing"
)

// agentUse is how the one budget of an agent stands.
type agentUse struct {
	Spent    int64 `json:"spent_bytes"`
	Reserved int64 `json:"reserved_bytes"`
}

func (r *rig) agentUse(agent string) agentUse {
	r.t.Helper()
	var list []agentUse
	out := r.want(0, "--config", agent+".yaml", "budget", "--json")
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 {
		r.t.Fatalf("%v in %s", err, out)
	}
	return list[0]
}

// grantRow is what budget grants --json says.
type grantRow struct {
	Edge  string `json:"edge"`
	State string `json:"state"`
	Why   string `json:"why"`
	Bytes int64  `json:"bytes"`
	Used  int64  `json:"used_bytes"`
}

func (r *rig) grants(agent string) (list []grantRow) {
	r.t.Helper()
	out := r.want(0, "--config", agent+".yaml", "budget", "grants", "--json")
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		r.t.Fatalf("%v in %s", err, out)
	}
	return list
}

// accounted waits until nothing is set aside for edges, and wants what they booked over the paid link in the origin's budget.
func (r *rig) accounted(dests ...string) {
	r.t.Helper()
	r.until("the settlement of all grants", func() bool { return r.agentUse("origin").Reserved == 0 })
	var crossed int64
	for _, dest := range dests {
		crossed += r.crossed(dest)
	}
	// What an edge reads to find out that there is nothing to do counts when it is granted again: some KiB a run.
	if spent := r.agentUse("origin").Spent; spent > crossed || spent < crossed-256<<10 {
		r.t.Errorf("edges booked %d bytes, the origin %d", crossed, spent)
	}
}

// Two edges read on one budget, which neither knows: what is gone for the one is not there for the other, and who is refused hears which budget it was.
func TestTwoEdgesReadOnOneBudget(t *testing.T) {
	r := newAgents(t, ", bytes: 80MiB")
	r.put("a.tar", random(1, 30<<20))
	r.publish()
	if code, _, errs := r.run("--config", "s3.yaml", "sync", "c4", "--to", "s3"); code != 75 || !strings.Contains(errs, "no agent beside it is there to answer") || r.crossed("s3") > 64<<10 {
		t.Errorf("while nobody is beside the source: exit code %d, %d bytes crossed\n%s", code, r.crossed("s3"), errs)
	}
	origin := r.beside()
	r.pull("s3")
	r.equal("s3")
	r.pull("gcs")
	r.equal("gcs")
	before := r.crossed("lab")
	if code, _, errs := r.run("--config", "lab.yaml", "sync", "c4", "--to", "lab"); code != 3 || !strings.Contains(errs, `budget "all"`) || !strings.Contains(errs, "agent origin") {
		t.Errorf("beyond the budget: exit code %d\n%s", code, errs)
	}
	if got := r.crossed("lab") - before; got > 64<<10 {
		t.Errorf("%d bytes crossed that were refused", got)
	}
	r.accounted("s3", "gcs", "lab")
	states := map[string]int{}
	for _, g := range r.grants("origin") {
		if states[g.State]++; g.State == "refused" && (g.Edge != "lab" || !strings.Contains(g.Why, `budget "all"`)) {
			t.Errorf("%+v", g)
		}
	}
	if states["refused"] != 1 || states["settled"] < 2 || len(states) != 2 {
		t.Errorf("%v", states)
	}
	if held := append(r.grants("s3"), r.grants("gcs")...); len(held) != 0 {
		t.Errorf("after they were settled edges hold %+v", held)
	}
	origin.end()

	r.want(0, "--config", "origin.yaml", "budget", "approve", "--budget", "all", "--extra-bytes", "40MiB", "--reason", "the lab is free", "--expires", "1h")
	origin = r.beside()
	defer origin.end()
	r.pull("lab")
	r.equal("lab")
	r.accounted("s3", "gcs", "lab")
}
