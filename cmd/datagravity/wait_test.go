package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// answers is a question that is answered so, one after the other; the last one for ever.
type answers struct {
	list  []any // an outcome or an error
	asked int
}

func (a *answers) ask(context.Context) (outcome, error) {
	is := a.list[min(a.asked, len(a.list)-1)]
	a.asked++
	if err, ok := is.(error); ok {
		return outcome{}, err
	}
	return is.(outcome), nil
}

func notReady(kind error, state dispatch.State, why string) outcome {
	return outcome{waitJSON: waitJSON{Event: "wait", Job: "j", State: state, Why: why}, verdict: kind, final: state == dispatch.Blocked}
}

// A wait ends when all is there, when waiting is of no use, or when the time is up; what could not be found out is asked again.
func TestWait(t *testing.T) {
	ready, coming := outcome{}, notReady(dgsync.ErrNotReady, dispatch.OnTime, "three left")
	held := notReady(cost.ErrBudget, dispatch.Held, "budget b")
	gone := notReady(engine.ErrSourceMissing, dispatch.Blocked, "a.tar")
	for _, c := range []struct {
		name  string
		o     waitFlags
		list  []any
		code  int
		asked int
		took  time.Duration
	}{
		{"ready at once", waitFlags{}, []any{ready}, 0, 1, 0},
		{"ready later", waitFlags{}, []any{coming, coming, held, ready}, 0, 4, 15 * time.Second},
		{"the time is up", waitFlags{timeout: 12 * time.Second}, []any{coming}, 75, 3, 12 * time.Second},
		{"held until the time is up", waitFlags{timeout: 12 * time.Second}, []any{coming, held}, 3, 3, 12 * time.Second},
		{"held, and no patience", waitFlags{giveUpWhenHeld: true}, []any{coming, held}, 3, 2, 5 * time.Second},
		{"gone for good", waitFlags{timeout: time.Hour}, []any{coming, gone}, 5, 2, 5 * time.Second},
		{"no such job", waitFlags{timeout: time.Hour}, []any{dispatch.ErrNoJob}, 2, 1, 0},
		{"no right", waitFlags{timeout: time.Hour}, []any{store.ErrPermission}, 77, 1, 0},
		{"in use, then ready", waitFlags{timeout: time.Hour}, []any{manifest.ErrLocked, store.ErrTransient, ready}, 0, 3, 10 * time.Second},
		{"in use for ever", waitFlags{timeout: 12 * time.Second}, []any{manifest.ErrLocked}, 75, 3, 12 * time.Second},
		{"not answered for ever", waitFlags{timeout: 12 * time.Second}, []any{store.ErrTransient}, 75, 3, 12 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.o.poll = 5 * time.Second
				a, started := &answers{list: c.list}, time.Now()
				is, err := c.o.until(t.Context(), a.ask, waitQuiet{})
				if err == nil {
					err = is.verdict
				}
				if got := exitCode(context.Background(), err); got != c.code || a.asked != c.asked || time.Since(started) != c.took {
					t.Errorf("exit code %d after %d looks and %v, want %d after %d and %v: %v", got, a.asked, time.Since(started), c.code, c.asked, c.took, err)
				}
			})
		})
	}
}

// An answer that takes longer than there is time is cut off; an interrupt ends the wait with its own code.
func TestWaitIsCutOff(t *testing.T) {
	hangs := func(ctx context.Context) (outcome, error) { <-ctx.Done(); return outcome{}, ctx.Err() }
	synctest.Test(t, func(t *testing.T) {
		_, err := waitFlags{timeout: time.Minute, poll: time.Second}.until(t.Context(), hangs, waitQuiet{})
		if got := exitCode(context.Background(), err); got != exitNotYet || !strings.Contains(err.Error(), "nobody answered within 1m") {
			t.Errorf("exit code %d: %v", got, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		_, err = waitFlags{poll: time.Second}.until(ctx, hangs, waitQuiet{})
		if got := exitCode(ctx, err); got != exitInterrupt {
			t.Errorf("interrupted: exit code %d: %v", got, err)
		}
	})
}

// Lines are written when something changed, a live line every time.
func TestWaitViews(t *testing.T) {
	list := []waitJSON{
		{Event: "wait", Job: "j", State: dispatch.Unresolved}, {Event: "wait", Job: "j", State: dispatch.Unresolved, Waited: 5},
		{Event: "wait", Job: "j", State: dispatch.OnTime, Why: "two left", MissingShards: 2, MissingBytes: 2 << 20, Waited: 10},
		{Event: "wait", Dataset: "c4", Destination: "far", MissingShards: 1, MissingBytes: 5, Waited: 75},
	}
	for kind, want := range map[string]string{
		"none": "",
		"auto": "waiting: job j: not looked at yet\nwaiting: job j: on the way: two left; 2 shards (2.0 MiB) missing\nwaiting: c4 at far: 1 shards (5 B) missing\n",
		"json": `{"event":"wait","job":"j","state":"unresolved","why":"","missing_shards":0,"missing_bytes":0,"waited_seconds":0}
{"event":"wait","job":"j","state":"on_time","why":"two left","missing_shards":2,"missing_bytes":2097152,"waited_seconds":10}
{"event":"wait","dataset":"c4","destination":"far","why":"","missing_shards":1,"missing_bytes":5,"waited_seconds":75}
`,
		"bars": eraseLine + "0s waiting: job j: not looked at yet" + eraseLine + "5s waiting: job j: not looked at yet" +
			eraseLine + "10s waiting: job j: on the way: two left; 2 shards (2.0 MiB) missing" + eraseLine + "1m waiting: c4 at far: 1 shards (5 B) missing" + eraseLine,
	} {
		var b bytes.Buffer
		v, err := newWaitView(&globals{streams: streams{err: &b}, progress: kind})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range list {
			v.show(w)
		}
		if v.end(); b.String() != want {
			t.Errorf("%s:\n%q, want\n%q", kind, b.String(), want)
		}
	}
	if _, err := newWaitView(&globals{progress: "loud"}); err == nil {
		t.Error("an unknown kind of progress was taken")
	}
}

// changing answers from a manifest that this process holds itself, and can tell of changes.
type changing struct{ *fakeJobs }

func (changing) Changed() <-chan struct{} { return nil }

// Where this process had to open the manifest itself, nobody works on jobs; that is said once.
func TestWaitSaysThatNobodyWorks(t *testing.T) {
	f := &fakeJobs{ready: map[string]dispatch.Readiness{"j": {ID: "j", State: dispatch.Unresolved}}}
	f.asking(t)
	args := []string{"wait", "--job", "j", "--timeout", "20ms", "--poll", "1ms", "--progress", "none"}
	if code, _, errs := runCommand(t, "", args...); code != 75 || errs != "" {
		t.Errorf("exit code %d, %q", code, errs)
	}
	openJobs = func(*globals, context.Context) (dispatch.Jobs, func() error, error) {
		return changing{f}, func() error { return nil }, nil
	}
	code, out, errs := runCommand(t, "", args...)
	if code != 75 || strings.Count(errs, "no process works on jobs here; datagravity daemon does") != 1 || !strings.Contains(out, "not ready: job j: not looked at yet") {
		t.Errorf("exit code %d, %q, %q", code, out, errs)
	}
	closed := errors.New("cannot be closed")
	openJobs = func(*globals, context.Context) (dispatch.Jobs, func() error, error) {
		return f, func() error { return closed }, nil
	}
	if code, _, errs := runCommand(t, "", "ready", "--job", "j"); code != 1 || !strings.Contains(errs, closed.Error()) {
		t.Errorf("exit code %d, %q", code, errs)
	}
}

func TestWaitUsage(t *testing.T) {
	(&fakeJobs{}).asking(t)
	for _, args := range [][]string{
		{"wait"}, {"wait", "--job", "j", "--poll", "0s"}, {"wait", "--job", "j", "--timeout", "-1s"}, {"wait", "c4"}, {"wait", "c4", "--job", "j", "--to", "far"},
		{"wait", "c4", "--to", "far", "--from", "far"}, {"wait", "--job", "j", "--shards", "x"}, {"wait", "--job", "j", "--progress", "loud"},
		{"wait", "--job", "j", "--to", "a", "--from", "b"}, {"wait", "--job", "nobody"},
	} {
		if code, _, errs := runCommand(t, "", args...); code != exitUsage {
			t.Errorf("%v: exit code %d: %s", args, code, errs)
		}
	}
	if _, err := (waitFlags{poll: 1}).until(t.Context(), (&answers{list: []any{fmt.Errorf("x: %w", dispatch.ErrNoJob)}}).ask, waitQuiet{}); !errors.Is(err, dispatch.ErrNoJob) {
		t.Error(err)
	}
}
