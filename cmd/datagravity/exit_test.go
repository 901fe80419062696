package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// s5cmd 379, s3cmd 1190: exit 0 with failures, or with nothing matched. Every kind of failure has its code, however deep it
// is wrapped, and none is 0.
func TestExitCodes(t *testing.T) {
	stop, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("anything"), 1},
		{plan.ErrNames, 1},
		{store.ErrThrottled, 1},
		{store.ErrTransient, 1},
		{store.ErrConflict, 1},
		{engine.ErrForeign, 1},
		{dgsync.ErrFailed, 1},
		{usageError{errors.New("bad flag")}, 2},
		{errors.New(`unknown command "x" for "datagravity"`), 2},
		{cost.ErrBudget, 3},
		{store.ErrIntegrity, 4},
		{manifest.ErrCorrupt, 4},
		{cost.ErrOverrun, 4},
		{engine.ErrSourceMissing, 5},
		{index.ErrEmpty, 5},
		{jobs.ErrNothingSelected, 5},
		{dgsync.ErrNotReady, 75},
		{index.ErrNotComplete, 75},
		{plan.ErrPinned, 75},
		{plan.ErrCapacity, 73},
		{dgsync.ErrDeletions, 1},
		{cost.ErrPaused, 75},
		{manifest.ErrLocked, 75},
		{store.ErrAuth, 77},
		{store.ErrPermission, 77},
		{&config.Error{Message: "wrong"}, 78},
		{specError{errors.New("line 3")}, 78},
		{dispatch.ErrUnknown, 78},
		{dispatch.ErrNoJob, 2},
		{dispatch.ErrBlocked, 1},
		{&codedError{exitNotExecutable, errors.New("no right")}, 126},
		{&codedError{exitNotFound, errors.New("nothing")}, 127},
		// A run that fails in several ways: the most telling one.
		{&dgsync.FailedError{Summary: errors.New("2 failed"), Causes: []error{engine.ErrForeign, store.ErrIntegrity}}, 4},
		{errors.Join(dgsync.ErrFailed, cost.ErrBudget), 3},
	} {
		wrapped := c.err
		if wrapped != nil {
			if _, ok := c.err.(usageError); !ok && !isCobraUsage(c.err) { //nolint:errorlint // the case itself, not what it wraps
				wrapped = &saidError{fmt.Errorf("outer: %w", &store.Error{Op: "read", Kind: store.ErrPermanent, Err: c.err})}
			}
		}
		if got := exitCode(context.Background(), wrapped); got != c.want {
			t.Errorf("%v: exit code %d, want %d", c.err, got, c.want)
		}
		if c.err != nil {
			if got := exitCode(stop, wrapped); got != exitInterrupt {
				t.Errorf("interrupted, %v: exit code %d", c.err, got)
			}
		}
	}
}

// Every command, flag and exit code stands in docs/cli.md.
func TestDocsNameEveryCommand(t *testing.T) {
	b, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	for _, e := range exitCodes {
		if !strings.Contains(doc, fmt.Sprintf("| %d |", e.code)) {
			t.Errorf("docs/cli.md does not list exit code %d", e.code)
		}
	}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Name() == "help" || c.Name() == "completion" {
			return
		}
		if !regexp.MustCompile("`([a-z]+,? )*" + c.Name() + "\\b").MatchString(doc) {
			t.Errorf("docs/cli.md does not name %q", c.CommandPath())
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" && !strings.Contains(doc, "--"+f.Name) {
				t.Errorf("docs/cli.md does not name %s --%s", c.CommandPath(), f.Name)
			}
		})
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(&globals{}))
}
