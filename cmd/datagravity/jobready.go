package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/store"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// jobPlace is a job, and where it is asked about: at one of its destinations by the process that keeps the jobs (to; "": at all of them), or at one by
// the receipt that lies there, without that process (from).
type jobPlace struct {
	id, to, from string
	maxAge       time.Duration
	// check compares what lies at the destination with the receipt's list.
	check bool
}

func (p jobPlace) validate() error {
	switch {
	case p.to != "" && p.from != "":
		return usageError{errors.New("take either --to DEST (asks the process that keeps the jobs) or --from DEST (asks the receipt at the destination)")}
	case p.check && p.from == "":
		return usageError{errors.New("--check compares a receipt with what lies at its destination: name it with --from DEST")}
	}
	return nil
}

// ask whether the job is ready there.
func (p jobPlace) ask(ctx context.Context, g *globals, opened func(dispatch.Jobs)) (r dispatch.Readiness, err error) {
	if p.from != "" {
		return p.askReceipt(ctx, g)
	}
	err = withJobs(ctx, g, func(all dispatch.Jobs) (err error) {
		opened(all)
		maxAge := p.maxAge
		if maxAge == 0 { // nothing that was seen before counts
			maxAge = time.Nanosecond
		}
		if r, err = all.Ready(ctx, p.id, maxAge); err == nil && p.to != "" {
			r, err = readyAt(ctx, all, r, p.to)
		}
		return err
	})
	return r, err
}

// readyAt is a readiness of one destination. Where that is not ready, its own state counts, and not the worst of all.
func readyAt(ctx context.Context, all dispatch.Jobs, r dispatch.Readiness, to string) (dispatch.Readiness, error) {
	r.Places = slices.DeleteFunc(slices.Clone(r.Places), func(p dgsync.Readiness) bool { return p.Destination != to })
	if len(r.Places) == 1 && r.Places[0].Ready {
		return dispatch.Readiness{ID: r.ID, Ready: true, State: dispatch.Ready, Why: "all of it is at " + to, Places: r.Places}, nil
	}
	d, err := all.Show(ctx, r.ID, false)
	if err != nil {
		return r, err
	}
	var names []string
	for _, p := range d.Places {
		if names = append(names, p.Destination); p.Destination != to {
			continue
		}
		r.Ready, r.State, r.ETA = false, p.State, p.ETA
		if p.Why != "" {
			r.Why = p.Why
		}
		switch p.State {
		case dispatch.Ready: // it became so between the two questions; the next one will see it
			r.State = dispatch.Unresolved
		case dispatch.Held:
			if r.Kind = "budget"; !strings.HasPrefix(p.Why, "held") {
				r.Why = strings.TrimSuffix(heldWords(p)+"; "+p.Why, "; ")
			}
		case dispatch.Blocked:
		default:
			r.Kind = ""
		}
		return r, nil
	}
	return r, usageError{fmt.Errorf("--to: %w", config.UnknownName("destination of job "+r.ID, to, names))}
}

// kinds of what is in the way, as classes of errors.
var kinds = map[string]error{
	"budget": cost.ErrBudget, "missing": engine.ErrSourceMissing, "selection": jobs.ErrNothingSelected, "unknown": dispatch.ErrUnknown,
	"access": store.ErrPermission, "failed": dispatch.ErrBlocked, "integrity": store.ErrIntegrity,
}

// jobVerdict is the error of a job that is not ready.
func jobVerdict(r dispatch.Readiness) error {
	if r.Ready {
		return nil
	}
	kind := dgsync.ErrNotReady
	switch known, ok := kinds[r.Kind]; {
	case ok:
		kind = known
	case r.State == dispatch.Held:
		kind = cost.ErrBudget
	case r.State == dispatch.Blocked:
		kind = dispatch.ErrBlocked
	}
	return fmt.Errorf("%w: job %s: %s", kind, r.ID, stateAndReason(r.State, r.ETA, r.Why))
}

// answerJob prints a job's readiness and turns it into the exit code.
func (g *globals) answerJob(r dispatch.Readiness) error {
	verdict := jobVerdict(r)
	if r.Places == nil {
		r.Places = []dgsync.Readiness{}
	}
	if g.json {
		return saying(g.printJSON(r), verdict)
	}
	for _, p := range r.Places {
		if p.Ready {
			_, _ = fmt.Fprintf(g.out, "ready: job %s: %s@%s at %s, under %q, %d shards, %s (%s of %s)\n", r.ID, p.Dataset, p.Snapshot.Hex()[:12],
				p.Destination, p.Prefix, p.Shards, size(p.Bytes), p.From, p.Time.Format(time.RFC3339))
			continue
		}
		g.printMissing(p.Missing)
		if p.Reason != "" {
			_, _ = fmt.Fprintf(g.out, "%s: %s\n", p.Destination, p.Reason)
		}
	}
	if r.Ready {
		if len(r.Places) == 0 {
			_, err := fmt.Fprintf(g.out, "ready: job %s\n", r.ID)
			return err
		}
		return nil
	}
	_, err := fmt.Fprintf(g.out, "not ready: job %s: %s\n", r.ID, stateAndReason(r.State, r.ETA, r.Why))
	return saying(err, verdict)
}

// askReceipt answers from what lies at the destination alone.
func (p jobPlace) askReceipt(ctx context.Context, g *globals) (out dispatch.Readiness, err error) {
	a, err := g.load()
	if err != nil {
		return out, err
	}
	defer closing(a, &err)
	r, s, err := a.jobReceipt(ctx, p.id, p.from, time.Now())
	here := dgsync.Readiness{
		Dataset: r.Dataset, Destination: p.from, Snapshot: r.Snapshot, Shards: r.Count, Bytes: r.Bytes, Missing: []dgsync.MissingShard{}, From: "receipt", Time: r.Time,
	}
	out = dispatch.Readiness{ID: p.id, State: dispatch.Unresolved, Places: []dgsync.Readiness{here}}
	if errors.Is(err, jobs.ErrNoJobReceipt) {
		out.Places[0] = dgsync.Readiness{Destination: p.from, Missing: here.Missing, From: here.From}
		out.Why = err.Error()
		return out, nil
	}
	if err == nil && p.check {
		out.Places[0].Missing, err = compareJob(ctx, s, r)
	}
	if err != nil {
		return out, ended(ctx, err)
	}
	if n := len(out.Places[0].Missing); n > 0 {
		out.State, out.Kind, out.Why = dispatch.Blocked, "integrity", fmt.Sprintf("its receipt promises %d shards, and %d of them are not as they were at %s", r.Count, n, p.from)
		return out, nil
	}
	out.Ready, out.State, out.Why = true, dispatch.Ready, "its receipt says so"
	out.Places[0].Ready, out.Places[0].Prefix = true, r.Prefix
	return out, nil
}

// jobReceipt reads a job's receipt at a destination. One whose time is over promises nothing.
func (a *app) jobReceipt(ctx context.Context, id, from string, now time.Time) (r jobs.JobReceipt, s store.Store, err error) {
	d, ok := a.cfg.Destinations[from]
	if !ok {
		return r, nil, usageError{config.UnknownName("destination", from, keys(a.cfg.Destinations))}
	}
	if s, err = a.store(ctx, d.Store); err != nil {
		return r, nil, err
	}
	if r, err = jobs.ReadJobReceipt(ctx, s, id, from); err != nil {
		return r, nil, err
	}
	if r.Ended(now) {
		return r, nil, fmt.Errorf("%w: %q: what was promised ended at %s; datagravity stage asks for it again", jobs.ErrNoJobReceipt, id, r.KeepUntil.UTC().Format(time.RFC3339))
	}
	return r, s, nil
}

// readJobShards reads the list of a receipt, and the receipt again where another took its place meanwhile.
func readJobShards(ctx context.Context, s store.Store, r jobs.JobReceipt) (jobs.JobReceipt, []jobs.JobShard, error) {
	for {
		list, err := jobs.ReadJobShards(ctx, s, r)
		if !errors.Is(err, store.ErrIntegrity) {
			return r, list, err
		}
		again, failed := jobs.ReadJobReceipt(ctx, s, r.Job, r.Destination)
		if failed != nil {
			return r, nil, failed
		}
		if again.List == r.List {
			return r, nil, err
		}
		r = again
	}
}

// compareJob lists what lies under a receipt's prefix, and says what of its list is not there, or of another size.
func compareJob(ctx context.Context, s store.Store, r jobs.JobReceipt) ([]dgsync.MissingShard, error) {
	r, list, err := readJobShards(ctx, s, r)
	if err != nil {
		return nil, err
	}
	sizes := map[string]int64{}
	for token := ""; ; {
		page, err := s.List(ctx, store.ListOptions{Prefix: r.Prefix, Token: token})
		if err != nil {
			return nil, err
		}
		for _, o := range page.Objects {
			sizes[strings.TrimPrefix(o.Key, r.Prefix)] = o.Size
		}
		if token = page.Next; token == "" {
			break
		}
	}
	missing := []dgsync.MissingShard{}
	for _, sh := range list {
		switch n, ok := sizes[sh.Path]; {
		case !ok:
			missing = append(missing, dgsync.MissingShard{Path: sh.Path, Bytes: sh.Bytes, Reason: "not at the destination"})
		case n != sh.Bytes:
			missing = append(missing, dgsync.MissingShard{Path: sh.Path, Bytes: sh.Bytes, Reason: fmt.Sprintf("has %d bytes at the destination", n)})
		}
	}
	return missing, nil
}
