package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/manifest"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// What a command is to other processes, in its annotations.
const (
	// asksNote: it only reads the manifest, and so can be run by whoever holds it. It takes no file, or says so ([pathsHere]): the holder has another working directory.
	asksNote = "asks"
	// servesNote: it holds the manifest for long, and answers others meanwhile.
	servesNote = "serves"
)

// asks marks a command that whoever holds the manifest can run for others.
func asks(c *cobra.Command) *cobra.Command { return annotated(c, asksNote) }

// serves marks a command that answers others while it holds the manifest.
func serves(c *cobra.Command) *cobra.Command { return annotated(c, servesNote) }

func annotated(c *cobra.Command, note string) *cobra.Command {
	if c.Annotations == nil {
		c.Annotations = map[string]string{}
	}
	c.Annotations[note] = "true"
	return c
}

func has(c *cobra.Command, note string) bool { return c.Annotations[note] == "true" }

// answeredError: the process that holds the manifest ran the command, and all of its output is printed; only its exit code is left.
type answeredError struct{ code int }

func (e *answeredError) Error() string { return fmt.Sprintf("answered with exit code %d", e.code) }

// prepare is called when it is known which command runs. In a process that runs it for another it refuses what is not for that.
func (g *globals) prepare(c *cobra.Command, args []string) error {
	if g.held != nil {
		if !has(c, asksNote) {
			return fmt.Errorf("%w: %s", daemon.ErrRefused, c.CommandPath())
		}
		return nil
	}
	if err := g.api.check(c); err != nil {
		return err
	}
	g.role, g.serves = strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" "), has(c, servesNote)
	if _, named := c.Annotations[pathsNote]; named {
		var err error
		if args, err = withWholePaths(c); err != nil {
			return err
		}
	}
	if has(c, asksNote) {
		g.holder = func(a *app) error { return a.ask(c.Context(), args) }
	}
	return nil
}

// socketPath is where whoever holds the manifest answers.
func socketPath(cfg *config.Config) string { return cfg.Agent.Socket }

// configDigest is the SHA-256 of the configuration's text, in hex; "" if it is no file that can be read again.
func configDigest(cfg *config.Config) string {
	info, err := os.Stat(cfg.Path)
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	b, err := os.ReadFile(cfg.Path)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func (a *app) dial(ctx context.Context) (*daemon.Client, error) {
	v, _ := buildVersion()
	return daemon.Dial(ctx, socketPath(a.cfg), v)
}

// ask has the process that holds the manifest run a command line. It returns an [answeredError], or why there is no answer.
func (a *app) ask(ctx context.Context, args []string) error {
	c, err := a.dial(ctx)
	if err != nil {
		return err
	}
	digest := configDigest(a.cfg)
	if digest == "" {
		return fmt.Errorf("%w: --config is no file, which could be compared with its own", daemon.ErrRefused)
	}
	v, _ := buildVersion()
	exit, begun, err := c.Command(ctx, daemon.CommandRequest{Args: args, Version: v, ConfigSHA256: digest, State: a.cfg.Agent.State}, a.out, a.err)
	switch {
	case err == nil:
		return &answeredError{exit}
	case begun || ctx.Err() != nil:
		return &halfError{err} // beginning again would say the same twice
	}
	return err
}

// halfError: a part of the answer is printed, so that there can be no other.
type halfError struct{ error }

// Unwrap gives the cause.
func (e *halfError) Unwrap() error { return e.error }

// final tells that asking has ended the command, well or not.
func final(err error) bool {
	var answered *answeredError
	var half *halfError
	return errors.As(err, &answered) || errors.As(err, &half)
}

// takeOrAsk takes the manifest. A command that only reads asks whoever holds it first, so that it need not wait for the lock; the error is then
// an [answeredError].
func (a *app) takeOrAsk(o engine.Options) error {
	if a.holder == nil {
		return a.take(o)
	}
	asked := a.holder(a)
	if final(asked) {
		return asked
	}
	err := a.take(o)
	if !errors.Is(err, manifest.ErrLocked) {
		return err
	}
	if errors.Is(asked, daemon.ErrNobody) { // it may have begun to answer since
		if asked = a.holder(a); final(asked) {
			return asked
		}
	}
	if errors.Is(asked, daemon.ErrNobody) {
		return err
	}
	return fmt.Errorf("%w; it was asked to answer instead: %w", err, asked)
}

// serve answers other processes for as long as the manifest is held. A command whose work is another goes on without, and says why in its log.
func (a *app) serve() {
	var l net.Listener
	err := a.cfg.Agent.CheckSocket()
	if err != nil {
		err = fmt.Errorf("the socket cannot be there: %w; agent.socket in the configuration sets another place", err)
	} else {
		l, err = daemon.Listen(socketPath(a.cfg))
	}
	if err != nil {
		a.unserved = err
		a.log.Info("no socket: what only reads must wait for this to end", "error", err)
		return
	}
	over, err := a.overTCP()
	if err != nil { // who was told to be there must not seem to be
		a.unserved = errors.Join(err, l.Close())
		return
	}
	v, _ := buildVersion()
	r := a.reader()
	a.metrics = a.newMetrics(r)
	a.keeper.passed = a.metrics.Passed
	a.tellDigest(configDigest(a.cfg))
	o := daemon.Options{
		Health: daemon.Health{
			Version: v, PID: os.Getpid(), Command: strings.Join(os.Args, " "), Since: a.m.Now().UTC(), Role: a.role, State: a.cfg.Agent.State,
		},
		Command: a.runFor, ExitCode: func(err error) int { return exitCode(context.Background(), err) }, Log: a.log,
		Jobs: actingJobs{a}, Reader: r, Operator: actingOperator{a}, TCP: over, Metrics: a.metrics.Handler(), Healthy: a.healthy, Reload: a.reloadForOthers, Now: a.m.Now,
	}
	if a.role == "daemon" {
		o.Pages, o.RunTimer = a.pages(r), a.runTimer
	}
	a.server = daemon.Serve(l, o)
	a.profile()
}

// profile lets go tool pprof look at this process, if the configuration says where.
func (a *app) profile() {
	path := a.cfg.Agent.Pprof
	if path == "" {
		return
	}
	l, err := daemon.Listen(path)
	if err != nil {
		a.log.Warn("no profiles: the socket cannot be made; agent.pprof in the configuration sets another place", "error", err)
		return
	}
	a.profiles = daemon.ServeProfiles(l, a.log)
}

// tellDigest notes which configuration commands of others are run with; "": none are.
func (a *app) tellDigest(digest string) { a.digest.Store(&digest) }

// runFor says which command lines of others are run here, with the configuration of whoever acts.
func (a *app) runFor(q daemon.CommandRequest) (func(context.Context, io.Writer, io.Writer) int, error) {
	if err := a.latest().runs(q); err != nil {
		return nil, err
	}
	return func(ctx context.Context, out, errs io.Writer) int {
		now, leave := a.acting()
		defer leave()
		if err := now.runs(q); err != nil { // it was read again in this moment
			_, _ = fmt.Fprintf(errs, "datagravity: %v\n", err)
			return exitNotYet
		}
		return execute(ctx, q.Args, &globals{streams: streams{in: strings.NewReader(""), out: out, err: errs}, held: now})
	}, nil
}

// runs tells whether this program runs a command line for others, or why not: [daemon.ErrRefused].
func (a *app) runs(q daemon.CommandRequest) error {
	v, _ := buildVersion()
	digest := *a.digest.Load()
	switch {
	case q.Version != v:
		return fmt.Errorf("%w: it is datagravity %s, and you are %s", daemon.ErrRefused, v, q.Version)
	case digest == "" || q.ConfigSHA256 != digest:
		return fmt.Errorf("%w: its configuration is another one than yours, or was changed since it was read; datagravity daemon reads it again on SIGHUP", daemon.ErrRefused)
	case q.State != a.cfg.Agent.State:
		return fmt.Errorf("%w: its state directory is %s", daemon.ErrRefused, a.cfg.Agent.State)
	}
	c, _, err := newRoot(&globals{}).Find(q.Args)
	if err != nil || !has(c, asksNote) {
		return fmt.Errorf("%w: only commands that read are run for others", daemon.ErrRefused)
	}
	return nil
}

// borrow is the program of a command that runs here for another process. The manifest and the ledger are the holder's, which are safe for
// concurrent use. Stores are its own: one that two would open together would fail for both when one of them goes away.
func (g *globals) borrow() (*app, error) {
	log, err := g.logger()
	if err != nil {
		return nil, err
	}
	return newApp(g, g.held.cfg, log, g.held.links), nil
}

// share takes what the holder has. The Syncer is its own, because commands set fields of theirs.
func (a *app) share() {
	h := a.held
	a.m, a.ledger, a.recorder, a.problems, a.keeper = h.m, h.ledger, h.recorder, h.problems, h.keeper
	a.sync = &dgsync.Syncer{
		Manifest: h.m, Ledger: h.ledger, Engine: h.sync.Engine, Agent: h.sync.Agent, Routes: h.sync.Routes, Log: a.log,
		Role: h.sync.Role, Name: h.sync.Name, Grants: h.sync.Grants,
	}
}

// jobs are those of whoever holds the manifest, here or where --api says, else of the manifest, which is opened here. The second result closes what was opened.
func (g *globals) jobs(ctx context.Context) (dispatch.Jobs, func() error, error) {
	c, a, err := g.reach(ctx)
	switch {
	case err != nil:
		return nil, nil, err
	case c != nil:
		return c, func() error { return nil }, nil
	}
	return a.keeper, a.Close, nil
}

// checkState wants whoever answers to have the state directory that is meant.
func (a *app) checkState(h daemon.Health) error {
	if h.State == a.cfg.Agent.State {
		return nil
	}
	return fmt.Errorf("%s is answered by process %d (%s), whose state directory is %s; give each state directory a socket of its own",
		socketPath(a.cfg), h.PID, h.Command, h.State)
}
