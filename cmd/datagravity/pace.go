package main

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/open"
	"github.com/datagravity/datagravity/pkg/store/pace"
)

// reloadLinks reads the configuration again and applies its links; everything else in it counts from the next start. A
// file with a mistake is refused as a whole, and the limits stay.
func (a *app) reloadLinks() (changes []string, err error) {
	cfg, err := config.Load(a.cfg.Path)
	var limits []pace.Limit
	if err == nil {
		limits, err = cfg.LinkLimits()
	}
	if err != nil {
		a.log.Error("the configuration was not read again: it has a mistake, and the limits of links stay as they are; correct it and send SIGHUP again", "error", err)
		return nil, err
	}
	changes = a.links.Reload(limits)
	a.log.Info("read the configuration again; of what changed, links alone take effect now", "changed", none(changes))
	return changes, nil
}

// hangup is what SIGHUP asks for: the daemon reads all of its configuration again, another command its links.
func (a *app) hangup() {
	if s := a.service.Load(); s != nil {
		_, _ = s.Reload() // it is logged
		return
	}
	_, _ = a.reloadLinks()
}

// reloadForOthers is hangup with what came of it.
func (a *app) reloadForOthers() (changes []string, err error) {
	if s := a.service.Load(); s != nil {
		changes, err = s.Reload()
	} else {
		changes, err = a.reloadLinks()
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", daemon.ErrReload, err)
	}
	return changes, err
}

// reloading waits for SIGHUP.
type reloading struct {
	signals chan os.Signal
	done    sync.WaitGroup
}

// reloadOnHangup reads the configuration again on SIGHUP. The same signal says that a terminal is gone, and then there is
// nobody who asked for that: a command that ran on it ends as on SIGTERM, unless nohup said otherwise.
func (a *app) reloadOnHangup() *reloading {
	var terminal *os.File
	for _, stream := range []any{a.in, a.err} {
		if f, ok := stream.(*os.File); ok && terminal == nil && isTerminal(f) && !signal.Ignored(syscall.SIGHUP) {
			terminal = f
		}
	}
	return onHangup(terminal, a.hangup, func() {
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Signal(syscall.SIGTERM) // main ends the context on it
		}
	})
}

// onHangup calls reload on SIGHUP, or end if the terminal that there was is no longer one; nil: there was none.
func onHangup(terminal *os.File, reload, end func()) *reloading {
	r := &reloading{signals: make(chan os.Signal, 1)}
	signal.Notify(r.signals, syscall.SIGHUP)
	r.done.Go(func() {
		for range r.signals {
			if terminal != nil && !isTerminal(terminal) {
				end()
				continue
			}
			reload()
		}
	})
	return r
}

// end gives the signal back its meaning; nil has nothing to end.
func (r *reloading) end() {
	if r == nil {
		return
	}
	signal.Stop(r.signals)
	close(r.signals) // nothing is sent after Stop
	r.done.Wait()
}

// examineLinks says what each limit of a link is now, and what it will be.
func (a *app) examineLinks(now time.Time, r *storeReport) error {
	limits, err := a.cfg.LinkLimits()
	if err != nil {
		return err
	}
	for _, l := range limits {
		rate, until := l.Table.At(now)
		if until.IsZero() {
			r.add("link "+l.Name, "ok", "%s, at all times", rate)
			continue
		}
		next, _ := l.Table.At(until)
		r.add("link "+l.Name, "ok", "%s now, %s from %s", rate, next, until.Local().Format("Mon 2006-01-02 15:04 MST"))
	}
	return nil
}

// examineRequests says how many requests can be in flight at a store.
func examineRequests(s store.Store, configured int, r *storeReport) {
	c, ok := open.Requests(s)
	if !ok {
		return
	}
	source := "the default; requests in the configuration sets another"
	if configured > 0 {
		source = "as configured"
	}
	r.add("requests", "ok", "%d in flight now, up to %d as the store bears them (%s)", c.Limit, c.Max, source)
	if c.Throttled > 0 {
		r.add("requests", "warning", "%d requests were throttled while doctor looked; others use the store a lot, or its account is limited", c.Throttled)
	}
}
