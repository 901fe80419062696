package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/internal/terminal"
	"github.com/datagravity/datagravity/internal/terminal/overview"
	"github.com/datagravity/datagravity/pkg/observe"
)

type statusFlags struct {
	watch, holdings, exitCode bool
	every                     time.Duration
}

// leastEvery bounds how often anybody is asked.
const leastEvery = 100 * time.Millisecond

func newStatus(g *globals) *cobra.Command {
	var o statusFlags
	c := &cobra.Command{
		Use: "status", Short: "How things stand, on one screen: who runs, jobs, what is where, what moves, budgets, problems", Args: cobra.NoArgs,
		Long: `Asks whoever holds the manifest, which answers at once and asks no store anything. Where nobody does, it reads what was recorded itself, says that
no daemon runs, and counts what is where only if that takes no time, or with --holdings.

It exits with 0 once it could say how things stand, however that is; with --exit-code 1 if anything needs somebody: a job that is late, held or
blocked, a process that is not healthy, jobs on which nobody works, a budget without anything left or known, objects that were changed by
others, a pause. With --watch it says it again and again: on a terminal in the same place, elsewhere a line when something changed.`,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.every < leastEvery {
				return usageError{fmt.Errorf("--every: want at least %s", leastEvery)}
			}
			if o.watch && o.exitCode {
				return usageError{errors.New("--exit-code goes with one look, not with --watch")}
			}
			return runStatus(c.Context(), g, o)
		},
	}
	c.Flags().BoolVar(&o.watch, "watch", false, "look again and again until it is interrupted")
	lengthVar(c.Flags(), &o.every, "every", 2*time.Second, "with --watch: how long to wait between two looks")
	c.Flags().BoolVar(&o.holdings, "holdings", false, "count what is where, however long that takes")
	c.Flags().BoolVar(&o.exitCode, "exit-code", false, "exit with 1 if anything needs somebody, for monitoring")
	return c
}

func runStatus(ctx context.Context, g *globals, o statusFlags) error {
	l := &looks{g: g, holdings: o.holdings, rest: 10 * o.every}
	if o.watch {
		return watch(ctx, l, o.every, g.newWatchView())
	}
	is, err := l.look(ctx)
	if err != nil {
		return ended(ctx, err)
	}
	if g.json {
		err = g.printJSON(is)
	} else {
		_, err = fmt.Fprintln(g.out, strings.Join(overview.Summary(is, screenOf(g.out)), "\n"))
	}
	if n := len(is.Attention()); err == nil && o.exitCode && n > 0 {
		return &saidError{fmt.Errorf("%d things need somebody", n)}
	}
	return err
}

// watchView shows one overview after the other, and what kept the next one from coming.
type watchView interface {
	show(o observe.Overview) error
	lost(why error) error
}

func (g *globals) newWatchView() watchView {
	switch {
	case g.json:
		return &watchJSON{enc: json.NewEncoder(g.out)}
	case onTerminal(g.out):
		return &watchScreen{g: g}
	}
	return &watchLines{g: g}
}

// watch looks again and again. An interrupt is how it ends; that nobody answers for a while is not.
func watch(ctx context.Context, l *looks, every time.Duration, v watchView) error {
	seen := false
	for {
		began := time.Now()
		o, err := l.look(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // that is how it ends
		case err == nil:
			seen = true
			err = v.show(o)
		case seen || mayPass(err):
			err = v.lost(err)
		}
		if err != nil {
			return err
		}
		// Whoever answers slowly is not kept busy by it.
		next := time.NewTimer(max(every, restAfterAnswer*time.Since(began)))
		select {
		case <-next.C:
		case <-ctx.Done():
			next.Stop()
			return nil
		}
	}
}

// restAfterAnswer is how many times as long as an answer took nobody asks again.
const restAfterAnswer = 10

// watchScreen paints over what it painted before.
type watchScreen struct {
	g    *globals
	last observe.Overview
	was  time.Time // when the last answer came; zero: none did
}

func (w *watchScreen) show(o observe.Overview) error {
	w.last, w.was = o, time.Now()
	return w.paint(nil)
}

func (w *watchScreen) lost(why error) error { return w.paint(why) }

func (w *watchScreen) paint(why error) error {
	s := screenOf(w.g.out)
	var lines []string
	if why != nil {
		text := "no answer"
		if !w.was.IsZero() {
			text = "no answer for " + span(time.Since(w.was)) + "; what follows is what was so before"
		}
		lines = append(lines, terminal.NewLine(s.Theme, s.Width).Add(terminal.Bad, text).Add(terminal.Plain, ": "+why.Error()).String())
	}
	if !w.was.IsZero() {
		lines = append(lines, overview.Summary(w.last, s)...)
	}
	if s.Height > 1 && len(lines) > s.Height-1 {
		lines = append(lines[:s.Height-2], terminal.NewLine(s.Theme, s.Width).Add(terminal.Faint, "and more: make the terminal higher, or see datagravity top").String())
	}
	var b strings.Builder
	b.WriteString("\x1b[H")
	for _, l := range lines {
		b.WriteString(l + "\x1b[K\r\n")
	}
	b.WriteString("\x1b[J")
	_, err := fmt.Fprint(w.g.out, b.String())
	return err
}

// watchLines says what changed, a line for each change.
type watchLines struct {
	g      *globals
	last   observe.Overview
	any    bool
	silent bool
}

func (w *watchLines) say(at time.Time, text string) error {
	_, err := fmt.Fprintln(w.g.out, at.UTC().Format(time.RFC3339)+" "+text)
	return err
}

func (w *watchLines) show(o observe.Overview) (err error) {
	lines := []string{overview.Brief(o)}
	if w.any {
		if lines = overview.Changes(w.last, o); w.silent && len(lines) == 0 {
			lines = []string{"answered again: " + overview.Brief(o)}
		}
	}
	w.last, w.any, w.silent = o, true, false
	for _, l := range lines {
		err = errors.Join(err, w.say(o.At, l))
	}
	return err
}

func (w *watchLines) lost(why error) error {
	if w.silent {
		return nil
	}
	w.silent = true
	return w.say(time.Now(), terminal.Clean("no answer: "+why.Error()))
}

// watchJSON writes an overview a line, when it is another one than before but for its time.
type watchJSON struct {
	enc  *json.Encoder
	last string
}

func (w *watchJSON) show(o observe.Overview) error {
	at := o.At
	o.At = time.Time{}
	b, err := json.Marshal(o)
	if err != nil || string(b) == w.last {
		return err
	}
	w.last, o.At = string(b), at
	return w.enc.Encode(o)
}

func (w *watchJSON) lost(error) error {
	w.last = "" // the next answer is one again
	return nil
}
