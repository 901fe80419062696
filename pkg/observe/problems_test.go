package observe

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// Warnings and errors are remembered with their class and what to do, the same again only counted, whatever the log itself shows.
func TestProblems(t *testing.T) {
	c := newClock()
	p := NewProblems(c.now)
	var out bytes.Buffer
	log := slog.New(p.Handler(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelError}))).With("dataset", "c4")
	log.Info("nothing to see")
	log.Warn("slow")
	for range 3 {
		c.pass(time.Second)
		log.Error("shard failed", "path", "a.tar", "error", fmt.Errorf("put: %w", store.ErrPermission))
	}
	list := p.List()
	if len(list) != 2 {
		t.Fatalf("%+v", list)
	}
	e := list[0]
	if e.Count != 3 || e.Kind != "permission" || !strings.Contains(e.Do, "doctor --policy") || e.About["path"] != "a.tar" || e.About["dataset"] != "c4" ||
		!strings.Contains(e.Error, "permission denied") || e.Level != "error" || e.Last.Sub(e.First) != 2*time.Second {
		t.Errorf("%+v", e)
	}
	if list[1].Text != "slow" || list[1].Level != "warn" || list[1].Kind != "other" {
		t.Errorf("%+v", list[1])
	}
	if n := p.Counts()["permission"]; n != 3 {
		t.Errorf("%d errors about permissions", n)
	}
	if text := out.String(); strings.Contains(text, "slow") || strings.Count(text, "shard failed") != 3 {
		t.Errorf("the log itself has %q", text)
	}
}

// The oldest are forgotten, and long texts are cut.
func TestProblemsAreBounded(t *testing.T) {
	p := NewProblems(newClock().now)
	log := slog.New(p.Handler(slog.DiscardHandler))
	for i := range 3 * keptProblems {
		log.Error(fmt.Sprintf("%d %s", i, strings.Repeat("x", 2*mostText)))
	}
	list := p.List()
	if len(list) != keptProblems || !strings.HasPrefix(list[0].Text, fmt.Sprint(3*keptProblems-1)) || len(list[0].Text) > mostText+10 {
		t.Errorf("%d, the first with %d bytes", len(list), len(list[0].Text))
	}
	if n := p.Counts()["other"]; n != 3*keptProblems {
		t.Errorf("%d counted", n)
	}
}
