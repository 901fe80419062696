package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/dispatch"
)

// waitJSON is what one look found, and a line of --progress=json.
type waitJSON struct {
	Event         string         `json:"event"` // wait
	Job           string         `json:"job,omitempty"`
	Dataset       string         `json:"dataset,omitempty"`
	Destination   string         `json:"destination,omitempty"`
	State         dispatch.State `json:"state,omitempty"`
	Why           string         `json:"why"`
	ETA           *time.Time     `json:"eta,omitempty"`
	MissingShards int            `json:"missing_shards"`
	MissingBytes  int64          `json:"missing_bytes"`
	Waited        int64          `json:"waited_seconds"`
}

// words are a line for people.
func (w waitJSON) words() string {
	subject := "job " + w.Job
	if w.Job == "" {
		subject = w.Dataset + " at " + w.Destination
	}
	if w.Job == "" && w.Dataset == "" {
		return "waiting: " + w.Why
	}
	var parts []string
	if words := stateAndReason(w.State, w.ETA, w.Why); words != "" {
		parts = append(parts, words)
	}
	if w.MissingShards > 0 {
		parts = append(parts, fmt.Sprintf("%d shards (%s) missing", w.MissingShards, size(w.MissingBytes)))
	}
	return "waiting: " + subject + ": " + strings.Join(parts, "; ")
}

// waitView shows on standard error what is waited for: a live line on a terminal, elsewhere a line when something changed.
type waitView interface {
	show(waitJSON)
	end()
}

func newWaitView(g *globals) (waitView, error) {
	switch g.progressKind("plain") {
	case "bars":
		return &waitLive{w: g.err}, nil
	case "plain":
		return &waitLines{w: g.err}, nil
	case "json":
		return &waitLines{w: g.err, json: true}, nil
	case "none":
		return waitQuiet{}, nil
	}
	return nil, g.noSuchProgress()
}

type waitQuiet struct{}

func (waitQuiet) show(waitJSON) {}
func (waitQuiet) end()          {}

// waitLines writes a line when something changed.
type waitLines struct {
	w    io.Writer
	json bool
	last string
}

func (v *waitLines) show(w waitJSON) {
	words := w.words()
	if words == v.last {
		return
	}
	v.last = words
	if v.json {
		_ = json.NewEncoder(v.w).Encode(w) // nobody to tell
		return
	}
	_, _ = fmt.Fprintln(v.w, words)
}

func (v *waitLines) end() {}

// waitLive writes the same line again and again.
type waitLive struct {
	w     io.Writer
	shown bool
}

// eraseLine goes to the start of the line and erases it.
const eraseLine = "\r\x1b[K"

func (v *waitLive) show(w waitJSON) {
	v.shown = true
	const most = 110 // a line that a terminal breaks could not be erased
	words := []rune(fmt.Sprintf("%s %s", span(time.Duration(w.Waited)*time.Second), strings.ReplaceAll(w.words(), "\n", " ")))
	_, _ = fmt.Fprint(v.w, eraseLine+string(words[:min(most, len(words))]))
}

func (v *waitLive) end() {
	if v.shown {
		_, _ = fmt.Fprint(v.w, eraseLine)
	}
}
