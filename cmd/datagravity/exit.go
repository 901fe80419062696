package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/jobs/selector"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/operate"
	"github.com/datagravity/datagravity/pkg/store"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/lease"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// The exit codes; docs/cli.md and --help list them. 73, 75, 77 and 78 are those of sysexits.h.
const (
	exitOK        = 0
	exitFailed    = 1
	exitUsage     = 2
	exitBudget    = 3
	exitIntegrity = 4
	exitSource    = 5
	exitNoRoom    = 73
	exitNotYet    = 75
	exitAuth      = 77
	exitConfig    = 78
	// As shells and env(1) have them.
	exitNotExecutable = 126
	exitNotFound      = 127
	exitInterrupt     = 130
	exitCodesTitle    = "Exit codes:"
)

var exitCodes = []struct {
	code    int
	meaning string
}{
	{exitOK, "done; for ready and wait: everything is there and proven"},
	{exitFailed, "failed for another reason; the message says what to do"},
	{exitUsage, "the command line is wrong, or names a job that is not there"},
	{exitBudget, "over budget, or a budget cannot rest on the price; nothing was sent for what does not fit"},
	{exitIntegrity, "bytes, sizes or checksums disagree, or the manifest is damaged"},
	{exitSource, "the source is missing, empty, archived, or no longer has what a snapshot names"},
	{exitNoRoom, "over capacity, and nothing was moved, evicted or deleted; or no room on the disk for a backup, or for what is to be recorded"},
	{exitNotYet, "not yet: not ready, blocked by a pin, dataset not complete, paused, not granted by the agent beside the source, or the manifest or the destination is in use; try again later"},
	{exitAuth, "credentials are missing, wrong, or lack a right"},
	{exitConfig, "the configuration or a file of job specs is wrong"},
	{exitNotExecutable, "exec: the command cannot be executed"},
	{exitNotFound, "exec: there is no such command"},
	{exitInterrupt, "interrupted; the next run goes on"},
}

func exitCodesHelp() string {
	var b strings.Builder
	b.WriteString(exitCodesTitle + "\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "  %-4d %s\n", e.code, e.meaning)
	}
	return strings.TrimRight(b.String(), "\n")
}

// usageError is a mistake on the command line.
type usageError struct{ error }

// Unwrap gives the cause.
func (e usageError) Unwrap() error { return e.error }

// codedError has an exit code of its own.
type codedError struct {
	code int
	error
}

// Unwrap gives the cause.
func (e *codedError) Unwrap() error { return e.error }

// classes of errors, the most telling first: one run can fail in several ways.
var classes = []struct {
	kind error
	code int
}{
	{cost.ErrBudget, exitBudget},
	{cost.ErrUntrusted, exitBudget},
	{store.ErrAuth, exitAuth},
	{store.ErrPermission, exitAuth},
	{store.ErrIntegrity, exitIntegrity},
	{manifest.ErrCorrupt, exitIntegrity},
	{cost.ErrOverrun, exitIntegrity},
	{engine.ErrSourceMissing, exitSource},
	{plan.ErrArchived, exitSource},
	{index.ErrEmpty, exitSource},
	{jobs.ErrNothingSelected, exitSource},
	{plan.ErrCapacity, exitNoRoom},
	{manifest.ErrNoRoom, exitNoRoom},
	{dgsync.ErrNotReady, exitNotYet},
	{plan.ErrPinned, exitNotYet}, // it goes when the pin ends, by itself
	{index.ErrNotComplete, exitNotYet},
	{cost.ErrPaused, exitNotYet},
	{manifest.ErrLocked, exitNotYet},
	{lease.ErrHeld, exitNotYet},
	{lease.ErrLost, exitNotYet},
	{dispatch.ErrUnknown, exitConfig},
	{selector.ErrMalformed, exitUsage},
	{selector.ErrMissing, exitSource},
	{selector.ErrLies, exitSource},
	{selector.ErrOutside, exitSource},
	{selector.ErrIndex, exitSource},
	{operate.ErrMistake, exitUsage},
	{dispatch.ErrNoJob, exitUsage}, // a hook that asks again would not be answered otherwise
	{dispatch.ErrBlocked, exitFailed},
	{daemon.ErrToken, exitAuth},
	{daemon.ErrScope, exitAuth},
	{daemon.ErrAnswered, exitNotYet},
	{daemon.ErrBusy, exitNotYet},
	{daemon.ErrGone, exitNotYet},
}

func exitCode(ctx context.Context, err error) int {
	if err == nil {
		return exitOK
	}
	if ctx.Err() != nil {
		return exitInterrupt
	}
	var remote *daemon.Error
	if errors.As(err, &remote) && !errors.Is(err, manifest.ErrLocked) { // beside a lock it says only why nobody answered
		return remote.Code
	}
	var usage usageError
	if errors.As(err, &usage) || isCobraUsage(err) {
		return exitUsage
	}
	var coded *codedError
	if errors.As(err, &coded) {
		return coded.code
	}
	var bad *config.Error
	var spec specError
	switch {
	case errors.As(err, &spec):
		return exitConfig
	case errors.Is(err, dispatch.ErrSpec): // its causes look like mistakes of a file
		return exitUsage
	case errors.As(err, &bad):
		return exitConfig
	}
	for _, c := range classes {
		if errors.Is(err, c.kind) {
			return c.code
		}
	}
	return exitFailed
}

// isCobraUsage tells the one usage error that cobra makes itself, without a hook: an unknown command.
func isCobraUsage(err error) bool { return strings.HasPrefix(err.Error(), "unknown command ") }
