package staging

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// keeper keeps jobs as a daemon does, and counts what it is asked.
type keeper struct {
	mu      sync.Mutex
	jobs    map[string]spec.Job
	states  map[string]dispatch.State
	origins map[string]string
	unknown string // a dataset that it does not know
	err     error  // what it answers to everything
	asked   map[string]int
	most    int // jobs in one request
}

func newKeeper() *keeper {
	return &keeper{jobs: map[string]spec.Job{}, states: map[string]dispatch.State{}, origins: map[string]string{}, asked: map[string]int{}}
}

func (k *keeper) status(id string) dispatch.Status {
	st := dispatch.Status{ID: id, Dataset: k.jobs[id].Dataset, State: dispatch.OnTime, Origin: k.origins[id]}
	if s, ok := k.states[id]; ok {
		st.State = s
	}
	return st
}

func (k *keeper) AddEach(_ context.Context, origin string, specs []spec.Job) (out daemon.AddResponse, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked["add"]++
	k.most = max(k.most, len(specs))
	if k.err != nil {
		return out, k.err
	}
	for _, j := range specs {
		if at := j.NeedBy.At(now); k.jobs[j.ID].ID == "" && !at.IsZero() && at.Before(now) || j.Dataset == k.unknown {
			out.Refusals = append(out.Refusals, daemon.Refusal{ID: j.ID, Problem: daemon.Problem{Detail: "no dataset " + j.Dataset}})
			out.Refused = &daemon.Problem{Detail: "some"}
			continue
		}
		k.jobs[j.ID], k.origins[j.ID] = j, origin
		out.Jobs = append(out.Jobs, k.status(j.ID))
	}
	return out, nil
}

func (k *keeper) Remove(_ context.Context, ids []string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked["remove"]++
	for _, id := range ids {
		delete(k.jobs, id)
	}
	return k.err
}

func (k *keeper) ListOf(_ context.Context, origin string) (list []dispatch.Status, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked["list"]++
	for _, id := range slices.Sorted(maps.Keys(k.jobs)) {
		if k.origins[id] == origin {
			list = append(list, k.status(id))
		}
	}
	return list, k.err
}

func (k *keeper) Ready(_ context.Context, id string, _ time.Duration) (dispatch.Readiness, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked["ready"]++
	return dispatch.Readiness{ID: id, Ready: k.states[id] == dispatch.Ready}, k.err
}

func (k *keeper) ids() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return strings.Join(slices.Sorted(maps.Keys(k.jobs)), " ")
}

var (
	now     = time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	errDown = errors.New("connection refused")
)

func want(id string) spec.Job { return spec.Job{ID: id, Dataset: "c4", To: []string{"lab"}} }

func many(n int) (list []spec.Job) {
	for i := range n {
		list = append(list, want(fmt.Sprint("k/team/job-", i)))
	}
	return list
}
