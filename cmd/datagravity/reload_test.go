package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/dispatch"
)

// rewritten replaces text in the configuration; every old one must be there.
func rewritten(t *testing.T, config string, pairs ...string) {
	t.Helper()
	b, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("no %q in the configuration", pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// asked is a client of the daemon.
func asked(t *testing.T, state string) *daemon.Client {
	t.Helper()
	v, _ := buildVersion()
	c, err := daemon.Dial(context.Background(), filepath.Join(state, "api.sock"), v)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func reloads(t *testing.T, c *daemon.Client, want ...string) {
	t.Helper()
	changed, err := c.Reload(context.Background())
	if err != nil || !slices.Equal(changed, want) {
		t.Errorf("reload: %q, %v, want %q", changed, err, want)
	}
}

// ok runs a command line that must succeed, and returns what it said.
func ok(t *testing.T, config string, args ...string) string {
	t.Helper()
	exit, out, errs := said(context.Background(), append([]string{"--config", config}, args...)...)
	if exit != 0 {
		t.Fatalf("%v: exit code %d: %s", args, exit, errs)
	}
	return out
}

func stateOf(t *testing.T, c *daemon.Client, job string) dispatch.Detail {
	t.Helper()
	d, err := c.Show(context.Background(), job, false)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Everything of another configuration takes effect, while others ask all the time and none of them fails.
func TestReloadUnderLoad(t *testing.T) {
	config, state := lab(t)
	end := holding(t, config, state, "daemon")
	c := asked(t, state)
	reloads(t, c) // nothing changed

	var load sync.WaitGroup
	var over atomic.Bool
	for range 3 {
		load.Go(func() {
			for !over.Load() {
				c := asked(t, state)
				if _, err := c.List(context.Background()); err != nil {
					t.Errorf("jobs beside a reload: %v", err)
				}
				if _, err := c.Show(context.Background(), "none", true); !errors.Is(err, dispatch.ErrNoJob) {
					t.Errorf("a job that is not, beside a reload: %v", err)
				}
			}
		})
	}
	for i := range 3 {
		dataset := fmt.Sprintf("more%d", i)
		rewritten(t, config, "datasets:\n", fmt.Sprintf("datasets:\n  %s: {store: origin, prefix: c4, include: ['*']}\n", dataset))
		reloads(t, c, "datasets")
		ok(t, config, "stage", dataset, "--to", "near", "--job", dataset)
		ok(t, config, "wait", "--job", dataset, "--timeout", "1m")
		// What is forwarded is answered by the new configuration: the command compares it with its own.
		ok(t, config, "ready", dataset, "--to", "near")
	}
	rewritten(t, config, "destinations:\n", "budgets: [{name: all, usd: 7}]\ndestinations:\n  third: {store: lab, prefix: third}\n", "agent: {", "agent: {memory: 64MiB, ")
	reloads(t, c, "agent", "destinations", "budgets")
	if out := ok(t, config, "budget", "list", "--json"); !strings.Contains(out, `"limit_usd": 7`) {
		t.Errorf("the budgets are %s", out)
	}
	ok(t, config, "stage", "c4", "--to", "third", "--job", "there")
	ok(t, config, "wait", "--job", "there", "--timeout", "1m")
	over.Store(true)
	load.Wait()
	if exit := end(); exit != 0 {
		t.Errorf("exit code %d", exit)
	}
}

// A configuration with a mistake, or with what cannot change, is refused as a whole by name, and the one before goes on.
func TestReloadRefuses(t *testing.T) {
	config, state := lab(t)
	told := managed(t, config)
	end := holding(t, config, state, "daemon")
	c := asked(t, state)
	good, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	awaits(t, told, "READY=1")
	refused := func(words ...string) {
		t.Helper()
		changed, err := c.Reload(context.Background())
		var answer *daemon.Error
		if !errors.Is(err, daemon.ErrReload) || !errors.As(err, &answer) || answer.Code != exitConfig || len(changed) > 0 {
			t.Fatalf("%q, %v", changed, err)
		}
		for _, w := range words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("refused with %q, without %q", err, w)
			}
		}
		reloading, _ := awaits(t, told, "RELOADING=1")
		if !strings.Contains(reloading, "\nMONOTONIC_USEC=") || strings.Contains(reloading, "MONOTONIC_USEC=0\n") {
			t.Errorf("told %q", reloading)
		}
		if ready, _ := awaits(t, told, "READY=1"); !strings.Contains(ready, "STATUS=the configuration was refused: ") {
			t.Errorf("told %q", ready)
		}
		if err := os.WriteFile(config, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rewritten(t, config, "prefix: c4", "prefix: c5", "near: {store: lab", "near: {store: lap")
	refused("datagravity.yaml:9:", `unknown store "lap"; did you mean "lab"?`)
	for field, change := range map[string][]string{
		"agent.state":       {"state: state", "state: other"},
		"agent.journal_dir": {"state: state", "state: state, journal_dir: j"},
		"agent.socket":      {"state: state", "state: state, socket: s"},
		"agent.location":    {"agent: {location: onprem:lab1", "agent: {location: onprem:lab2"},
		"agent.name":        {"state: state", "state: state, name: x"},
		"agent.role":        {"state: state", "state: state, role: origin"},
	} {
		rewritten(t, config, change...)
		refused(field+" cannot change while the daemon runs", "restart it")
	}
	if err := os.Remove(config); err != nil {
		t.Fatal(err)
	}
	refused("no such file")
	// The first one holds, and a signal that finds no change says so.
	ok(t, config, "stage", "c4", "--to", "near", "--job", "j")
	ok(t, config, "wait", "--job", "j", "--timeout", "1m")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	awaits(t, told, "RELOADING=1")
	if ready, _ := awaits(t, told, "READY=1"); strings.Contains(ready, "refused") {
		t.Errorf("told %q", ready)
	}
	if exit := end(); exit != 0 {
		t.Errorf("exit code %d", exit)
	}
}

// A destination that goes while a job moves there stops the job, which says so; what it had finished serves when the destination is back.
func TestReloadTakesADestinationAway(t *testing.T) {
	config, state := lab(t)
	rewritten(t, config, "links:", "daemon: {drain: 0s}\nlinks:")
	told := managed(t, config)
	end := holding(t, config, state, "daemon")
	c := asked(t, state)
	ok(t, config, "stage", "c4", "--to", "slow", "--job", "j")
	awaits(t, told, "STATUS=0 of 2 shards for job j")

	// Links alone disturb nothing.
	rewritten(t, config, "100Kbit/s", "101Kbit/s")
	reloads(t, c, "any->slow has another timetable")
	if ready, _ := awaits(t, told, "READY=1"); !strings.Contains(ready, "STATUS=0 of 2 shards for job j") {
		t.Errorf("told %q", ready)
	}

	rewritten(t, config, "  slow: {store: far}\n", "", "  - {to: slow, bandwidth: [101Kbit/s]}\n", "", "links:\n", "")
	reloads(t, c, "destinations", "links")
	within(t, "the job says what it lacks", func() bool {
		d := stateOf(t, c, "j")
		return d.State == dispatch.Blocked && strings.Contains(d.Why, `unknown destination "slow"`)
	})
	if exit, _, errs := said(context.Background(), "--config", config, "ready", "--job", "j"); exit == 0 {
		t.Errorf("ready: %s", errs)
	}
	rewritten(t, config, "destinations:\n", "destinations:\n  slow: {store: far}\n")
	reloads(t, c, "destinations")
	within(t, "the next pass knows the destination", func() bool { return stateOf(t, c, "j").State != dispatch.Blocked })
	ok(t, config, "wait", "--job", "j", "--timeout", "1m")
	if exit := end(); exit != 0 {
		t.Errorf("exit code %d", exit)
	}
}

// A daemon whose configuration has nothing but a location starts, and says what is missing; a reload brings it.
func TestDaemonStartsWithNothingConfigured(t *testing.T) {
	config, state := lab(t)
	full, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte("agent: {location: onprem:lab1, state: state}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	told := managed(t, config)
	end := holding(t, config, state, "daemon")
	ready, _ := awaits(t, told, "READY=1")
	if want := "STATUS=nothing to do yet: " + config + " names no store;"; !strings.Contains(ready, want) {
		t.Errorf("told %q, want %q", ready, want)
	}
	if err := os.WriteFile(config, full, 0o600); err != nil {
		t.Fatal(err)
	}
	c := asked(t, state)
	reloads(t, c, "stores", "datasets", "destinations", "links")
	ok(t, config, "stage", "c4", "--to", "near", "--job", "j")
	ok(t, config, "wait", "--job", "j", "--timeout", "1m")
	if exit := end(); exit != 0 {
		t.Errorf("exit code %d", exit)
	}
}
