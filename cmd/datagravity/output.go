package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/datagravity/datagravity/internal/words"
)

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// logger makes the log of a command.
func (g *globals) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(g.logLevel)); err != nil {
		return nil, usageError{fmt.Errorf("--log-level %q: want debug, info, warn or error", g.logLevel)}
	}
	o := &slog.HandlerOptions{Level: level}
	asText := g.logFormat == "text"
	switch g.logFormat {
	case "json", "text":
	case "auto":
		asText = onTerminal(g.err)
	default:
		return nil, usageError{fmt.Errorf("--log-format %q: want auto, text or json", g.logFormat)}
	}
	handler := func(w io.Writer) slog.Handler {
		if asText {
			return slog.NewTextHandler(w, o)
		}
		return slog.NewJSONHandler(w, o)
	}
	if toJournal(g.err) {
		return slog.New(newJournaled(g.err, handler)), nil
	}
	return slog.New(handler(g.err)), nil
}

// printJSON writes one document.
func (g *globals) printJSON(v any) error {
	e := json.NewEncoder(g.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// table writes aligned columns.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer) table { return table{tabwriter.NewWriter(w, 2, 4, 2, ' ', 0)} }

func (t table) row(cells ...any) {
	text := make([]string, len(cells))
	for i, c := range cells {
		text[i] = fmt.Sprint(c)
	}
	_, _ = fmt.Fprintln(t.w, strings.Join(text, "\t")) // the error shows at Flush
}

func (t table) flush() error { return t.w.Flush() }

// size is bytes for people.
func size(n int64) string { return words.Size(n) }

func seconds(d time.Duration) string { return d.Round(10 * time.Millisecond).String() }

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// splitSnapshot splits DATASET@SNAPSHOT.
func splitSnapshot(arg string) (dataset, snapshot string) {
	dataset, snapshot, _ = strings.Cut(arg, "@")
	return dataset, snapshot
}
