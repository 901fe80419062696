package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/coreos/go-systemd/v22/journal"
)

// toJournal tells whether a stream is standard error, and that goes to systemd's journal.
func toJournal(w io.Writer) bool {
	if f, ok := w.(*os.File); !ok || f != os.Stderr {
		return false
	}
	yes, err := journal.StderrIsJournalStream()
	return yes && err == nil
}

// priority is what the journal reads a line's priority from: journalctl -p warning finds what is in the log as a warning. See sd-daemon(3).
func priority(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "<3>"
	case l >= slog.LevelWarn:
		return "<4>"
	case l >= slog.LevelInfo:
		return "<6>"
	}
	return "<7>"
}

// complaint is an error as it is written on standard error, in the journal each of its lines with the priority of an error.
func complaint(w io.Writer, err error) string {
	text := "datagravity: " + err.Error()
	if toJournal(w) {
		text = priority(slog.LevelError) + strings.ReplaceAll(text, "\n", "\n"+priority(slog.LevelError))
	}
	return text + "\n"
}

// journaled writes each record of a handler with its priority before it. The handler writes a record at once and in one line, as those of
// log/slog do.
type journaled struct {
	slog.Handler
	to *prefixed
}

// newJournaled makes the handler on a writer that puts the priorities in.
func newJournaled(w io.Writer, handler func(io.Writer) slog.Handler) slog.Handler {
	to := &prefixed{w: w}
	return journaled{handler(to), to}
}

func (j journaled) Handle(ctx context.Context, r slog.Record) error {
	j.to.mu.Lock()
	defer j.to.mu.Unlock()
	j.to.prefix = priority(r.Level)
	return j.Handler.Handle(ctx, r)
}

// WithAttrs keeps the priorities.
func (j journaled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return journaled{j.Handler.WithAttrs(attrs), j.to}
}

// WithGroup keeps the priorities.
func (j journaled) WithGroup(name string) slog.Handler {
	return journaled{j.Handler.WithGroup(name), j.to}
}

// prefixed is a writer that puts a prefix before what is written at once. Who writes holds mu.
type prefixed struct {
	mu     sync.Mutex
	w      io.Writer
	prefix string
}

func (p *prefixed) Write(b []byte) (int, error) {
	n, err := p.w.Write(append([]byte(p.prefix), b...))
	return max(0, n-len(p.prefix)), err
}
