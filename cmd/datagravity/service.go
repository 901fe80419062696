package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/store/meter"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// service is what the daemon does for as long as it runs: it has programs, one after the other, work by the configuration of their time, and tells the
// service manager how that goes.
type service struct {
	*app     // holds the manifest and the socket
	pulse    *daemon.Pulse
	notifier *daemon.Notifier

	reloads sync.Mutex // one at a time
	changes chan *change
	over    chan struct{} // closed when there are no more programs
	hurry   chan struct{} // has a value when a timer is to run now

	mu     sync.Mutex
	doing  string // what the loop does
	ending string // why nothing new is begun; "": it is
	// cfg is the configuration in effect, links included, and prices the digest of the files that it names.
	cfg    *config.Config
	prices string
}

// closing the manifest, the stores and the socket takes this long at most.
const closesWithin = 15 * time.Second

// atOnce is why parts in flight are given up.
var (
	errDrainOver = errors.New("the time to finish what is in flight is over")
	errAtOnce    = errors.New("told twice to end")
)

func newService(a *app) (*service, error) {
	prices, err := pricesDigest(a.cfg)
	if err != nil {
		return nil, err
	}
	s := &service{app: a, changes: make(chan *change), over: make(chan struct{}), hurry: make(chan struct{}, 1), doing: "starting", cfg: a.cfg, prices: prices}
	s.notifier = &daemon.Notifier{Send: func(state string) error { _, err := sd.SdNotify(false, state); return err }, Now: time.Now, Monotonic: monotonicMicroseconds, Log: a.log}
	s.pulse = &daemon.Pulse{
		Limit: time.Duration(a.cfg.Daemon.UnhealthyAfter), Now: time.Now, Moved: s.moved, Work: s.underWay, Waiting: s.waiting, Probe: s.probe,
	}
	a.service.Store(s)
	return s, nil
}

// monotonicMicroseconds is CLOCK_MONOTONIC, which systemd compares RELOADING with.
func monotonicMicroseconds() int64 {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) != nil {
		return 0
	}
	return t.Nano() / 1000
}

// run works until ctx ends, and then until what is in flight has ended, too.
func (s *service) run(ctx context.Context) (err error) {
	defer close(s.over)
	hard, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	defer giveUp(nil)
	soft, drain := context.WithCancelCause(hard)
	defer drain(nil)
	defer context.AfterFunc(ctx, func() { s.end(drain, giveUp) })()
	defer s.watchSignals(giveUp)()

	beside, stop := context.WithCancel(hard)
	var others sync.WaitGroup
	defer others.Wait()
	defer stop()
	others.Go(func() { s.pulse.Run(beside) })
	others.Go(func() { s.tellStatus(beside) })
	others.Go(func() { s.teller.Run(beside) })
	interval, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		s.log.Warn("the watchdog is not fed: its interval cannot be read", "error", err)
	}
	s.notifier.Ready(s.statusText())
	others.Go(func() { s.notifier.Watch(beside, interval, s.Healthy) })
	s.advise()

	defer func() {
		if err != nil {
			s.pulse.Ended(err.Error())
		}
	}()
	for now := s.latest(); ; now = s.latest() {
		next, err := s.work(soft, hard, now)
		if err != nil || next == nil {
			return err
		}
		next.done <- s.succeed(now, next)
	}
}

// end begins the end: nothing new is begun, and what is in flight is given up after a while.
func (s *service) end(drain, giveUp context.CancelCauseFunc) {
	d := time.Duration(s.latest().cfg.Daemon.Drain)
	s.mu.Lock()
	s.ending = fmt.Sprintf("ending: what is in flight has %s", d)
	s.mu.Unlock()
	s.notifier.Stopping(s.statusText(), daemon.StopsWithin(d)+closesWithin)
	s.log.Info("the daemon ends: nothing new is begun, and parts in flight are finished; a second signal gives them up", "within", d)
	drain(engine.ErrDrain)
	time.AfterFunc(d, func() { giveUp(errDrainOver) })
}

// watchSignals gives up what is in flight at the second signal that says to end. A third one ends the process.
func (s *service) watchSignals(giveUp context.CancelCauseFunc) (stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for range 2 {
			select {
			case <-signals:
			case <-done:
				return
			}
		}
		s.log.Warn("told twice to end: parts in flight are given up")
		giveUp(errAtOnce)
		signal.Reset(os.Interrupt, syscall.SIGTERM)
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}

// work has a program work until soft ends, or the configuration changes: next then has the new one.
func (s *service) work(soft, hard context.Context, now *app) (next *change, err error) {
	s.pulse.SetLimit(time.Duration(now.cfg.Daemon.UnhealthyAfter))
	ctx, drain := context.WithCancelCause(soft)
	defer drain(nil)
	grace, giveUp := context.WithCancelCause(hard)
	defer giveUp(nil)

	var others sync.WaitGroup
	if now.cfg.Agent.Role == config.Origin {
		v, _ := buildVersion()
		others.Go(func() { now.sync.Serve(ctx, now.sources, v) })
	}
	others.Go(func() { s.keepTime(ctx, now) })
	others.Go(func() { now.keepSnapshots(ctx) })
	loop := &daemon.Loop{
		Passer: &worker{now.keeper, &others}, Wake: now.reloaded, Now: time.Now, Log: s.log, Until: grace.Done(), Pulse: s.pulse,
		Status: func(text string) {
			s.mu.Lock()
			s.doing = text
			s.mu.Unlock()
			s.recorder.Changed()
		},
	}
	ended := make(chan error, 1)
	go func() { ended <- loop.Run(engine.WithGrace(ctx, grace)) }()
	select {
	case err = <-ended:
		return nil, err
	case next = <-s.changes:
	}
	d := time.Duration(now.cfg.Daemon.Drain)
	s.log.Info("the configuration changed: parts in flight are finished, and then the new one holds", "within", d)
	defer s.pulse.Busy("the change to another configuration", daemon.StopsWithin(d)+closesWithin)()
	drain(engine.ErrDrain)
	defer time.AfterFunc(d, func() { giveUp(errDrainOver) }).Stop()
	if err = <-ended; err != nil {
		next.done <- err
		return nil, err
	}
	if soft.Err() != nil {
		next.done <- errEnding
		return nil, nil
	}
	return next, nil
}

// worker is a program's jobs with what else it does.
type worker struct {
	*keeper
	others *sync.WaitGroup
}

// Drain waits for all of it.
func (w *worker) Drain() {
	w.keeper.Drain()
	w.others.Wait()
}

// runTimer has something that is done on a schedule be done now.
func (a *app) runTimer(name string) error {
	s := a.service.Load()
	if s == nil {
		return daemon.ErrNoTimer
	}
	if err := daemon.Soon(a.m, name); err != nil {
		return err
	}
	select {
	case s.hurry <- struct{}{}:
	default: // it is told already
	}
	return nil
}

// keepTime does what is due.
func (s *service) keepTime(ctx context.Context, now *app) {
	t := &daemon.Timers{Manifest: s.m, List: now.timers(), Log: s.log, Began: s.pulse.Began, Wake: s.hurry}
	for ctx.Err() == nil {
		err := t.Run(ctx)
		if err == nil {
			return
		}
		s.log.Error("what is done on a schedule waits: the manifest failed", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Minute):
		}
	}
}

// Healthy tells whether the work goes on, or why it does not.
func (s *service) Healthy() (ok bool, why string) { return s.pulse.Healthy() }

// moved is a number that changes when anything moves.
func (s *service) moved() int64 {
	total := meter.Totals(s.client)
	n := total.Sent + total.Received + total.Requests + s.links.Passed() + s.recorder.Progress().UnixNano()
	for _, g := range s.latest().gates() {
		n += g.Admitted
	}
	return n
}

// underWay names the moves that are under way.
func (s *service) underWay() (names []string) {
	for _, m := range s.latest().keeper.UnderWay() {
		names = append(names, fmt.Sprintf("job %s to %s since %s", m.Job, m.Destination, m.Began.UTC().Format(time.TimeOnly)))
	}
	return names
}

// waiting is why nothing needs to move.
func (s *service) waiting() string {
	for name, g := range s.latest().gates() {
		if g.PausedUntil.After(time.Now()) {
			return "store " + name + " asked for a pause"
		}
	}
	return ""
}

// advise says what is to be configured, where nothing is.
func (s *service) advise() {
	if step := nextStep(s.latest().cfg); step != "" {
		s.log.Warn(step)
	}
}
