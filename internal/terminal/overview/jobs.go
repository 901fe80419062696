package overview

import (
	"fmt"
	"strings"

	"github.com/datagravity/datagravity/internal/terminal"
	"github.com/datagravity/datagravity/internal/words"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/observe"
)

// states from bad to good, as they are counted and sorted.
var states = []dispatch.State{dispatch.Blocked, dispatch.Held, dispatch.Late, dispatch.Unresolved, dispatch.OnTime, dispatch.Ready}

// stateWords is a state for people.
func stateWords(s dispatch.State) string {
	if s == dispatch.Unresolved {
		return "to be looked at"
	}
	return strings.ReplaceAll(string(s), "_", " ")
}

func stateRole(s dispatch.State) terminal.Role {
	switch s {
	case dispatch.Ready:
		return terminal.Good
	case dispatch.Late, dispatch.Blocked:
		return terminal.Bad
	case dispatch.Held:
		return terminal.Note
	case dispatch.Unresolved:
		return terminal.Faint
	case dispatch.OnTime:
	}
	return terminal.Plain
}

func jobs(o observe.Overview) List {
	l := List{Name: "jobs", Empty: "no jobs: datagravity jobs add, jobs apply or stage declare them", Columns: []terminal.Column{
		{Title: "JOB", Least: 10}, {Title: "STATE"}, {Title: "NEED BY", Drop: 2}, {Title: "ETA", Drop: 1}, {Title: "MISSING", Right: true, Drop: 3}, {Title: "BYTES", Right: true, Drop: 2},
		{Title: "PRIORITY", Right: true, Drop: 6}, {Title: "TEAM", Least: 6, Drop: 7}, {Title: "WHAT", Least: 12, Drop: 5}, {Title: "WHY", Least: 12, Drop: 4},
	}}
	for i, j := range o.Jobs {
		c := newCells(j.ID, i)
		missing, bytes := 0, int64(0)
		for _, p := range j.Places {
			missing, bytes = missing+p.MissingShards, bytes+p.MissingBytes
		}
		c.text(terminal.Accent, j.ID)
		c.value(stateRole(j.State), stateWords(j.State), Value{Number: float64(stateRank(j.State))})
		c.when(j.NeedBy, o.At).when(j.ETA, o.At).count(missing).size(bytes).count(j.Priority)
		c.text(terminal.Plain, j.Team).text(terminal.Plain, words.JobName(j)).text(terminal.Plain, j.Why)
		l.Items = append(l.Items, c.Item)
	}
	return l
}

func stateRank(s dispatch.State) int {
	for i, one := range states {
		if one == s {
			return i
		}
	}
	return len(states)
}

// Counts say how many jobs are in which state.
func Counts(list []dispatch.Status) string {
	if len(list) == 0 {
		return "no jobs"
	}
	counts := map[dispatch.State]int{}
	for _, j := range list {
		counts[j.State]++
	}
	var parts []string
	for i := len(states) - 1; i >= 0; i-- {
		if n := counts[states[i]]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, stateWords(states[i])))
		}
	}
	return words.Count(len(list), "job") + ": " + strings.Join(parts, ", ")
}
