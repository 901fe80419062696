package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// timers are what a daemon with this configuration does on a schedule. Other work of that kind is one more element here.
func (a *app) timers() (list []daemon.Timer) {
	d := a.cfg.Daemon
	if d.Verify.Every > 0 {
		list = append(list, daemon.Timer{Name: "verify", Every: time.Duration(d.Verify.Every), Run: a.verifying(0)})
	}
	if d.Verify.Sample > 0 {
		list = append(list, daemon.Timer{Name: "verify-sample", Every: time.Duration(d.Verify.SampleEvery), Run: a.verifying(float64(d.Verify.Sample) / 100)})
	}
	if every := time.Duration(a.cfg.Agent.Backup.Every); every > 0 {
		// A tenth less, so that the last one gets no older than that.
		list = append(list, daemon.Timer{Name: "backup", Every: every - every/10, Soon: true, Run: a.backingUp})
	}
	if d.GC.Every > 0 {
		list = append(list, daemon.Timer{Name: "gc", Every: time.Duration(d.GC.Every), Run: a.collecting})
	}
	if h := a.cfg.Agent.History; max(h.Keep, h.ShardCosts, h.JobCosts) > 0 {
		list = append(list, daemon.Timer{Name: "history", Every: time.Duration(h.Every), Run: a.trimming})
	}
	return list
}

// collectOlder is how long nobody worked on what is collected on a schedule, as gc has it.
const collectOlder = 24 * time.Hour

// collecting removes unfinished uploads and temporary objects of this agent at all destinations.
func (a *app) collecting(ctx context.Context, _ string, _ func(string) error) (r daemon.Result, err error) {
	ctx = store.WithPriority(ctx, store.LastPriority)
	stores := map[string]store.Store{}
	for _, d := range a.cfg.Destinations {
		if stores[d.Store], err = a.store(ctx, d.Store); err != nil {
			return r, err
		}
	}
	found, err := a.sync.Collect(ctx, stores, collectOlder, false)
	removed, others := 0, 0
	for _, l := range found {
		if l.Removed {
			removed++
			a.log.Info("removed what was left unfinished", "store", l.Store, "key", l.Key, "why", l.Why)
		} else if !l.Ours {
			others++
		}
	}
	r.Text = fmt.Sprintf("removed %d leftovers", removed)
	if others > 0 {
		r.Text += fmt.Sprintf("; %d are of others, and were left alone", others)
	}
	return r, err
}

// verifying compares every dataset with what stands at its destinations, and reads a share of the bytes back. It goes on where it was interrupted.
func (a *app) verifying(share float64) func(context.Context, string, func(string) error) (daemon.Result, error) {
	return func(ctx context.Context, cursor string, save func(string) error) (r daemon.Result, err error) {
		ctx = store.WithPriority(ctx, store.LastPriority)
		places, err := a.heldPlaces()
		if err != nil {
			return r, err
		}
		var sum dgsync.Verification
		var failed []error
		wrong := 0
		for _, p := range places {
			if p.name() < cursor {
				continue
			}
			if err := save(p.name()); err != nil {
				return r, err
			}
			v, err := a.verifyAt(ctx, p, share)
			if ctx.Err() != nil {
				return r, context.Cause(ctx)
			}
			sum.Checked, sum.Read, sum.Bytes = sum.Checked+v.Checked, sum.Read+v.Read, sum.Bytes+v.Bytes
			wrong += len(v.Wrong)
			if len(v.Wrong) > 0 {
				a.toldWrong(p, v)
			}
			if err != nil {
				failed = append(failed, fmt.Errorf("%s at %s: %w", p.dataset, p.destination, err))
			}
		}
		r.Text, r.Wrong = fmt.Sprintf("checked %d objects in %d places", sum.Checked, len(places)), wrong > 0
		if share > 0 {
			r.Text += fmt.Sprintf(", read %d of them back (%s)", sum.Read, size(sum.Bytes))
		}
		if wrong > 0 {
			r.Text += fmt.Sprintf(": %d wrong", wrong)
			a.keeper.Recheck()
		}
		if len(failed) > 0 {
			// The others were looked at; the next run begins with the first.
			return r, errors.Join(append(failed, save(""))...)
		}
		return r, nil
	}
}

// heldPlace is a dataset at a destination.
type heldPlace struct{ dataset, destination string }

func (p heldPlace) name() string { return p.dataset + "\x00" + p.destination }

// heldPlaces are the datasets at the destinations that are known to hold something of them, in the order of their names.
func (a *app) heldPlaces() (list []heldPlace, err error) {
	for _, p := range a.observedPlaces() {
		err := a.m.View(func(tx *manifest.Tx) error {
			return tx.Replicas(p.Destination.Store, p.Destination.Prefix, func(manifest.Replica) (bool, error) {
				list = append(list, heldPlace{p.Dataset, p.Destination.Name})
				return false, nil
			})
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(list, func(a, b heldPlace) int { return strings.Compare(a.name(), b.name()) })
	return list, nil
}

// verifyAt verifies with an engine of its own, so that no job waits for memory that it holds.
func (a *app) verifyAt(ctx context.Context, p heldPlace, share float64) (v dgsync.Verification, err error) {
	q, err := a.request(ctx, p.dataset, p.destination, nil, "", chargeFlags{})
	if err != nil {
		return v, err
	}
	o := a.engineOptions(engine.Options{})
	o.MemoryBytes = leastEngineParts * o.PartBytes
	s := *a.sync
	s.Engine = engine.New(a.m, a.ledger, o)
	return s.Verify(ctx, q.Source, q.Destination, share)
}

// toldWrong logs what a destination does not hold as it should.
func (a *app) toldWrong(p heldPlace, v dgsync.Verification) {
	first := v.Wrong[0]
	err := fmt.Errorf("%w: %d of %d objects, for example %q: %s; the next sync, or datagravity repair %s --to %s, mends them",
		store.ErrIntegrity, len(v.Wrong), v.Checked, first.Path, first.Reason, p.dataset, p.destination)
	a.log.Error("a destination does not hold what it should", "dataset", p.dataset, "destination", p.destination, "error", err)
}
