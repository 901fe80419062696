package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/store/trace"
)

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// globals are the flags that every command takes.
type globals struct {
	streams
	config    string
	json      bool
	progress  string
	logLevel  string
	logFormat string
	// waitLease is how long to wait for another agent that writes to the same destination.
	waitLease time.Duration
	api       remoteFlags

	// role is the command, by its name; serves: it answers others while it holds the manifest.
	role   string
	serves bool
	// holder has the process that holds the manifest run this command; nil: it may not.
	holder func(a *app) error
	// traces turns the spans of all that the command does on.
	traces *trace.Switch
	// held is the program that runs this command for another process; nil: it was called here.
	held *app
}

// run executes one command line.
func run(ctx context.Context, args []string, s streams) int {
	return execute(ctx, args, &globals{streams: s})
}

func execute(ctx context.Context, args []string, g *globals) int {
	g.traces = &trace.Switch{}
	ctx = trace.With(ctx, g.traces)
	root := newRoot(g)
	root.SetArgs(args)
	root.SetIn(g.in)
	root.SetOut(g.out)
	root.SetErr(g.err)
	root.PersistentPreRunE = func(c *cobra.Command, given []string) error {
		if err := g.checkCommon(c, given); err != nil {
			return err
		}
		return g.prepare(c, args)
	}
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var answered *answeredError
	if errors.As(err, &answered) {
		return answered.code
	}
	code := exitCode(ctx, err)
	var said *saidError
	if !errors.As(err, &said) {
		_, _ = io.WriteString(g.err, complaint(g.err, err))
	}
	return code
}

// saidError is an outcome that the command has already reported; only its exit code is left.
type saidError struct{ error }

// Unwrap gives the cause, for the exit code.
func (e *saidError) Unwrap() error { return e.error }

const rootLong = `datagravity brings the training shards that upcoming jobs need to where their accelerators are.

It indexes datasets in Azure Blob (or any other store), plans the cheapest way to have each shard at a destination,
moves only what is missing under a budget in US dollars, and proves every byte.

  datagravity init                       write a commented configuration
  datagravity doctor                     look at every store: rights, location, clock, capabilities
  datagravity plan  DATASET --to DEST    what would move, how, and for how much; nothing moves
  datagravity sync  DATASET --to DEST    do it; killed at any moment, the next run goes on
  datagravity ready DATASET --to DEST    0 if everything is there and proven, 75 if not yet`

func newRoot(g *globals) *cobra.Command {
	root := &cobra.Command{
		Use: "datagravity", Short: "Training data where the accelerators are, without a surprise on the bill",
		Long: rootLong + "\n\n" + exitCodesHelp(), SilenceErrors: true, SilenceUsage: true, Version: versionLine(),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	f := root.PersistentFlags()
	f.StringVar(&g.config, "config", "", "configuration `file` (default: ./datagravity.yaml, then the user's and the system's config folder)")
	f.BoolVar(&g.json, "json", false, "print one JSON document on standard output")
	f.StringVar(&g.progress, "progress", "auto", "progress on standard error: auto, bars, plain, json or none")
	f.StringVar(&g.logLevel, "log-level", "warn", "log on standard error: debug, info, warn or error")
	f.StringVar(&g.logFormat, "log-format", "auto", "auto, text or json")
	g.api.add(root)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
	})
	root.AddCommand(
		newInit(g), newDoctor(g), newDigest(g), serves(newIndex(g)), newSnapshot(g), asks(serves(newPlan(g))), serves(newSync(g)), elsewhere(newNeed(g)), elsewhere(asks(newReady(g))),
		elsewhere(newJobs(g)), newStage(g), newWait(g), newExec(g), newResolve(g), elsewhere(newPlace(g)), serves(newVerify(g)), serves(newRepair(g)), serves(newDaemon(g)),
		elsewhere(newPin(g)), elsewhere(asks(newPins(g))), elsewhere(newUnpin(g)), serves(newPrune(g)), serves(newGC(g)), elsewhere(newBudget(g)), newCost(g), elsewhere(newPause(g)), elsewhere(newResume(g)), newManifest(g), newToken(g),
		elsewhere(newStatus(g)), elsewhere(newTop(g)), newNotify(g), newVersion(g),
	)
	wrapArgs(root)
	return root
}

// checkCommon looks at what every command takes, before it does anything.
func (g *globals) checkCommon(c *cobra.Command, args []string) error {
	switch g.progress {
	case "auto", "bars", "plain", "json", "none":
	default:
		return g.noSuchProgress()
	}
	if f := c.Flags().Lookup("snapshot"); f != nil && f.Changed && len(args) > 0 {
		if _, at, found := strings.Cut(args[0], "@"); found && at != f.Value.String() {
			return usageError{fmt.Errorf("--snapshot %s and @%s both say which snapshot; give one", f.Value, at)}
		}
	}
	return nil
}

// unknownCommand names the commands that may have been meant.
func unknownCommand(c *cobra.Command, typed string, err error) error {
	c.SuggestionsMinimumDistance = 2 // two letters that changed places, as cobra has it
	if like := c.SuggestionsFor(typed); len(like) > 0 {
		return fmt.Errorf("%w; did you mean %s?", err, strings.Join(like, " or "))
	}
	return err
}

// wrapArgs makes a wrong number of arguments, or a command that there is none of, a usage error with its own exit code, for a command and those below it.
func wrapArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			err := check(c, args)
			if err == nil {
				return nil
			}
			switch {
			case c.HasSubCommands() && len(args) > 0:
				err = unknownCommand(c, args[0], err)
			case strings.HasPrefix(err.Error(), "unknown command"): // as cobra calls an argument where none is taken
				err = fmt.Errorf("takes no argument, and %q is one", args[0])
			case strings.Contains(err.Error(), "arg(s)"):
				err = fmt.Errorf("%w; write %s %s", err, c.Parent().CommandPath(), c.Use)
			}
			if c.HasParent() { // the program's own name stands before every error
				err = fmt.Errorf("%s: %w", c.CommandPath(), err)
			}
			return usageError{fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
		}
	}
	for _, sub := range c.Commands() {
		wrapArgs(sub)
	}
}
