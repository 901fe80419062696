// Command agenda plans the jobs of a manifest in a process of its own, so that its memory is that of planning alone: once from nothing, then after
// each of some changes of one job. It prints one JSON document.
//
//	agenda -state DIR -changes 20
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// took is how long a plan took.
type took struct {
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpu_seconds"`
}

// report is what is printed.
type report struct {
	Jobs int `json:"jobs"`
	// Turns that jobs have on links: a plan without any would have planned nothing.
	Turns int    `json:"turns"`
	First took   `json:"first"`
	Again []took `json:"again"`
}

func main() {
	state := flag.String("state", "", "state directory with the manifest")
	changes := flag.Int("changes", 20, "jobs that change, one after the other")
	flag.Parse()
	debug.SetGCPercent(40) // as the daemon does
	r, err := run(*state, *changes)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(r)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "agenda: %v\n", err)
		os.Exit(1)
	}
}

func run(state string, changes int) (r report, err error) {
	m, err := manifest.OpenDir(state, manifest.Options{})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	l, err := cost.OpenLedger(m, cost.LedgerOptions{Book: cost.Default(), Budgets: []cost.Budget{
		{Name: "month", From: "lake", To: "site", LimitNanoUSD: 4000e9},
		{Name: "day", From: "lake", To: "site", Period: cost.Period{Kind: cost.Daily}, LimitNanoUSD: 400e9},
	}})
	if err != nil {
		return r, err
	}
	log := slog.New(slog.DiscardHandler)
	s := &dgsync.Syncer{
		Manifest: m, Ledger: l, Agent: store.Location{Provider: "azure", Region: "eastus"}, Log: log,
		Engine: engine.New(m, l, engine.Options{PartBytes: 8 << 20, SingleBytes: 8 << 20, Log: log}),
	}
	var d *dispatch.Dispatcher
	var a *dispatch.Agenda
	r.First, err = timed(func() (err error) {
		d = dispatch.New(s, catalog{s}, dispatch.Options{MaxAge: time.Hour, Keep: time.Hour, BitsPerSecond: 1e9, Log: log})
		a, err = d.Agenda(context.Background())
		return err
	})
	if err != nil {
		return r, err
	}
	for _, link := range a.Links {
		r.Turns += len(link.Turns)
	}
	list, err := d.List(context.Background())
	if err != nil {
		return r, err
	}
	r.Jobs = len(list)
	for i := range min(changes, len(list)) {
		t, err := timed(func() error { return change(d, list[i]) })
		if err != nil {
			return r, err
		}
		r.Again = append(r.Again, t)
	}
	return r, nil
}

// change declares a job with another priority, and plans anew.
func change(d *dispatch.Dispatcher, st dispatch.Status) error {
	j := spec.Job{
		ID: st.ID, Dataset: st.Dataset, To: []string{st.Places[0].Destination}, Shards: st.Selection, Priority: st.Priority + 1, OnSourceChange: spec.Fail,
	}
	if st.NeedBy != nil {
		j.NeedBy = spec.By(*st.NeedBy)
	}
	if _, err := d.Add(context.Background(), "", []spec.Job{j}); err != nil {
		return err
	}
	_, err := d.Agenda(context.Background())
	return err
}

func timed(f func() error) (t took, err error) {
	cpu, begun := cpuTime(), time.Now()
	err = f()
	return took{time.Since(begun).Seconds(), (cpuTime() - cpu).Seconds()}, err
}

// cpuTime is the user and system time of this process.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
