package overview

import (
	"fmt"

	"github.com/datagravity/datagravity/internal/terminal"
	"github.com/datagravity/datagravity/internal/words"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/observe"
)

// Changes are a line for each thing that is otherwise than it was: a process, its health, a job, a link that began or ended, a budget that is used up, a
// pause, a snapshot, a problem. What moves meanwhile is no change.
func Changes(was, is observe.Overview) (lines []string) {
	say := func(format string, args ...any) { lines = append(lines, terminal.Clean(fmt.Sprintf(format, args...))) }
	if was.Agent.PID != is.Agent.PID || was.Agent.Command != is.Agent.Command {
		if Alone(is) {
			say("no process holds the manifest any more")
		} else {
			say("%s holds the manifest now, process %d", is.Agent.Command, is.Agent.PID)
		}
	}
	if was.Health.OK != is.Health.OK {
		if is.Health.OK {
			say("healthy again")
		} else {
			say("unhealthy: %s", is.Health.Why)
		}
	}
	changedJobs(was, is, say)
	changedLinks(was, is, say)
	spent := map[string]bool{}
	for _, b := range was.Budgets {
		spent[b.Name] = b.Spent()
	}
	for _, b := range is.Budgets {
		if before, known := spent[b.Name]; known && before != b.Spent() {
			if b.Spent() {
				say("budget %s: nothing is left in %s", b.Name, b.Window)
			} else {
				say("budget %s: there is something left again, in %s", b.Name, b.Window)
			}
		}
	}
	changedPauses(was.Pauses, is.Pauses, say)
	snapshots := map[string]string{}
	for _, d := range was.Datasets {
		snapshots[d.Name] = snapshotOf(d)
	}
	for _, d := range is.Datasets {
		if s := snapshotOf(d); s != "" && s != snapshots[d.Name] {
			say("dataset %s: %s", d.Name, datasetWords(d, is))
		}
	}
	known := map[string]bool{}
	for _, p := range was.Problems {
		known[p.Level+p.Text+p.Error] = true
	}
	for i := len(is.Problems) - 1; i >= 0; i-- {
		p := is.Problems[i]
		if !known[p.Level+p.Text+p.Error] {
			say("%s: %s -> %s", p.Level, ProblemText(p), p.Do)
		}
	}
	return lines
}

func snapshotOf(d observe.Dataset) string {
	if d.Snapshot == nil {
		return ""
	}
	return d.Snapshot.String()
}

func changedJobs(was, is observe.Overview, say func(string, ...any)) {
	before := map[string]dispatch.Status{}
	for _, j := range was.Jobs {
		before[j.ID] = j
	}
	for _, j := range is.Jobs {
		old, known := before[j.ID]
		delete(before, j.ID)
		switch {
		case !known:
			say("job %s: new: %s: %s", j.ID, words.JobName(j), stateWords(j.State))
		case old.State != j.State:
			text := stateWords(old.State) + " -> " + stateWords(j.State)
			if j.State != dispatch.Ready && j.Why != "" {
				text += ": " + j.Why
			}
			say("job %s: %s", j.ID, text)
		}
	}
	for _, j := range was.Jobs { // in their order
		if _, gone := before[j.ID]; gone {
			say("job %s: gone", j.ID)
		}
	}
}

func changedLinks(was, is observe.Overview, say func(string, ...any)) {
	type name struct{ source, destination string }
	before := map[name]observe.Link{}
	for _, k := range was.Links {
		before[name{k.Source, k.Destination}] = k
	}
	for _, k := range is.Links {
		old := before[name{k.Source, k.Destination}]
		switch {
		case old.Runs == 0 && k.Runs > 0:
			say("link %s: begins: %s, %s", LinkName(k.Source, k.Destination), words.Count(k.Shards, "shard"), words.Size(k.Bytes))
		case old.Runs > 0 && k.Runs == 0:
			say("link %s: ends: %d of %d shards, %d failed", LinkName(k.Source, k.Destination), k.DoneShards, k.Shards, k.Failed)
		}
	}
}

func changedPauses(was, is []cost.Pause, say func(string, ...any)) {
	has := func(list []cost.Pause, link string) bool {
		for _, p := range list {
			if p.Link == link {
				return true
			}
		}
		return false
	}
	for _, p := range is {
		if !has(was, p.Link) {
			say("paused: %s", p.Link)
		}
	}
	for _, p := range was {
		if !has(is, p.Link) {
			say("resumed: %s", p.Link)
		}
	}
}
