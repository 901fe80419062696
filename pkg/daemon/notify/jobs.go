package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// Kinds of what is noticed.
const (
	aJob     = "job"
	aBudget  = "budget"
	aProblem = "problem"
	aProcess = "health"
)

// beginning is noticed once: how things were before is not told.
var beginning = name{"", "beginning"}

// flapping is how long a job that became late stays so, as far as is told: an estimate that lies near the time wavers.
const flapping = manifest.Millis(time.Hour / time.Millisecond)

// Release is for [dispatch.Options].Releasers: it notices how jobs and budgets stand after a pass.
func (n *Notifier) Release(_ context.Context, _ *dispatch.Dispatcher, list []dispatch.Status) error {
	if n.silent() {
		return nil
	}
	return errors.Join(n.record(n.jobs(list)), n.budgets())
}

var _ dispatch.Releaser = (*Notifier)(nil)

// jobs compares how jobs are with how they were.
func (n *Notifier) jobs(list []dispatch.Status) (c change) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := manifest.At(n.o.Manifest.Now())
	first := n.begun == 0
	if first {
		c.put = append(c.put, manifest.Noticed{Kind: beginning.kind, Name: beginning.name, At: now})
	}
	there := map[string]bool{}
	for _, st := range list {
		there[st.ID] = true
		was, known := n.states[name{aJob, st.ID}]
		kind, is := changed(dispatch.State(was.State), known, st.State)
		wavers := was.State == string(dispatch.Late) && st.State == dispatch.OnTime && now < was.At+flapping
		if !is || wavers {
			continue
		}
		c.put = append(c.put, manifest.Noticed{Kind: aJob, Name: st.ID, State: string(st.State), At: now})
		if kind != "" && !first {
			c.events = append(c.events, jobEvent(kind, dispatch.State(was.State), st))
		}
	}
	for at, one := range n.states {
		if at.kind == aJob && !there[at.name] {
			c.remove = append(c.remove, one)
		}
	}
	return c
}

// changed tells whether a job is otherwise than it was, and what is told about it; "": nothing. What is not resolved yet is as it was.
func changed(was dispatch.State, known bool, is dispatch.State) (kind string, yes bool) {
	if is == dispatch.Unresolved || known && was == is {
		return "", false
	}
	switch is {
	case dispatch.Ready:
		return JobReady, true
	case dispatch.Late:
		return JobLate, true
	case dispatch.Held:
		return JobHeld, true
	case dispatch.Blocked:
		return JobBlocked, true
	case dispatch.OnTime:
		if known {
			return JobOnTime, true
		}
	}
	return "", true
}

// jobData is what is told of a job.
type jobData struct {
	ID            string         `json:"id"`
	Dataset       string         `json:"dataset"`
	State         dispatch.State `json:"state"`
	Was           dispatch.State `json:"was,omitempty"`
	Team          string         `json:"team,omitempty"`
	NeedBy        *time.Time     `json:"need_by"`
	ETA           *time.Time     `json:"eta"`
	MarginSeconds *int64         `json:"margin_seconds"`
	Why           string         `json:"why"`
	Destinations  []placeData    `json:"destinations"`
}

type placeData struct {
	Destination   string         `json:"destination"`
	State         dispatch.State `json:"state"`
	MissingShards int            `json:"missing_shards"`
	MissingBytes  int64          `json:"missing_bytes"`
	Budget        string         `json:"budget,omitempty"`
	NeedsUSD      cost.NanoUSD   `json:"needs_usd,omitempty"`
}

// mostPlaces of a job are told.
const mostPlaces = 20

func jobEvent(kind string, was dispatch.State, st dispatch.Status) event {
	d := jobData{
		ID: st.ID, Dataset: st.Dataset, State: st.State, Was: was, Team: st.Team, NeedBy: st.NeedBy, ETA: st.ETA, MarginSeconds: st.MarginSeconds,
		Why: short(st.Why), Destinations: []placeData{},
	}
	for _, p := range st.Places[:min(len(st.Places), mostPlaces)] {
		d.Destinations = append(d.Destinations, placeData{p.Destination, p.State, p.MissingShards, p.MissingBytes, p.Budget, p.NeedsUSD})
	}
	return event{kind, jobText(kind, was, st), map[string]any{"job": d}}
}

// jobText says it in a sentence.
func jobText(kind string, was dispatch.State, st dispatch.Status) string {
	switch kind {
	case JobReady:
		return fmt.Sprintf("Job %s is ready: all of %s is there and proven.", st.ID, st.Dataset)
	case JobLate:
		late := ""
		if st.MarginSeconds != nil {
			late = fmt.Sprintf(" by %s", time.Duration(-*st.MarginSeconds)*time.Second)
		}
		return fmt.Sprintf("Job %s will be late%s: %s.", st.ID, late, st.Why)
	case JobHeld:
		return fmt.Sprintf("Job %s is held by a budget: %s.", st.ID, st.Why)
	case JobBlocked:
		return fmt.Sprintf("Job %s is blocked: %s.", st.ID, st.Why)
	}
	if was == dispatch.Ready {
		return fmt.Sprintf("Job %s is not ready any more; what it lacks is on its way: %s.", st.ID, st.Why)
	}
	return fmt.Sprintf("Job %s is on time again: %s.", st.ID, st.Why)
}
