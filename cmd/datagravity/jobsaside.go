package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/datagravity/datagravity/pkg/dispatch"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
)

// blockedJob is a job that cannot be had as it is. It has no open need, so that a look at the needs alone would not find it.
type blockedJob struct {
	job, dataset, destinations string
	why                        string // with the state in words
	verdict                    error
}

func (e *blockedJob) Error() string { return "job " + e.job + ": " + e.why }

// Unwrap gives what is in the way, for the exit code.
func (e *blockedJob) Unwrap() error { return e.verdict }

// jobsAside tells of the jobs that are none of the open needs, though not all of them is there: those that cannot be had, and how many nobody
// looked at yet.
func (a *app) jobsAside(ctx context.Context, open []dgsync.Request) (blocked []error, unresolved int, err error) {
	list, err := a.keeper.List(ctx)
	if err != nil {
		return nil, 0, err
	}
	asked := map[string]bool{}
	for _, q := range open {
		asked[q.Job] = true
	}
	for _, s := range list {
		switch {
		case s.State == dispatch.Unresolved:
			unresolved++
		case s.State == dispatch.Blocked && !asked[s.ID]:
			var at []string
			for _, p := range s.Places {
				if p.State == dispatch.Blocked {
					at = append(at, p.Destination)
				}
			}
			verdict := jobVerdict(dispatch.Readiness{ID: s.ID, State: s.State, Kind: s.Kind, Why: s.Why})
			blocked = append(blocked, &blockedJob{s.ID, s.Dataset, strings.Join(at, ","), stateAndReason(s.State, nil, s.Why), verdict})
		}
	}
	return blocked, unresolved, nil
}

// failedOf is what could not be planned, as choices list it.
func failedOf(err error) failedJSON {
	f := failedJSON{Error: err.Error()}
	var gone *goneError
	var blocked *blockedJob
	switch {
	case errors.As(err, &gone):
		f.Dataset, f.Destination = gone.need.Dataset, gone.need.Destination
	case errors.As(err, &blocked):
		f.Dataset, f.Destination = blocked.dataset, blocked.destinations
	}
	return f
}

const nothingOpen = "no open need: all that was asked for is there"

// notLookedAt says that jobs have no needs yet, because nobody found out what they select; "" if there are none.
func notLookedAt(jobs int) string {
	if jobs == 0 {
		return ""
	}
	what := "a job has"
	if jobs > 1 {
		what = fmt.Sprintf("%d jobs have", jobs)
	}
	return what + " no needs yet, since nobody looked at what they select: datagravity daemon does, or once: datagravity sync --all\n"
}
