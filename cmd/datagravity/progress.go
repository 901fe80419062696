package main

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// view is one way to show, on standard error, what the engine does: bars on a terminal, lines or JSON lines when asked,
// nothing otherwise. Its methods are called from one goroutine at a time.
type view interface {
	event(e engine.Event, t *totals)
	end(t *totals)
}

// totals of a command so far. The engine may run more than once in it.
type totals struct {
	mu                    sync.Mutex
	shards, done, failed  int
	bytes, moved, resumed int64
	started               time.Time
}

type tracker struct {
	t totals
	v view
}

// progressKind is the kind of --progress; auto is bars on a terminal.
func (g *globals) progressKind(elsewhere string) string {
	switch {
	case g.progress != "auto":
		return g.progress
	case onTerminal(g.err):
		return "bars"
	}
	return elsewhere
}

func (g *globals) noSuchProgress() error {
	return usageError{fmt.Errorf("--progress %q: want auto, bars, plain, json or none", g.progress)}
}

func newProgress(g *globals, title string) (*tracker, error) {
	t := &tracker{}
	t.t.started = time.Now()
	switch g.progressKind("none") {
	case "bars":
		t.v = &barView{w: g.err, title: title}
	case "plain":
		t.v = &plainView{w: g.err, every: 5 * time.Second}
	case "json":
		t.v = &jsonView{enc: json.NewEncoder(g.err), every: time.Second}
	case "none":
		t.v = noView{}
	default:
		return nil, g.noSuchProgress()
	}
	return t, nil
}

// event is the engine's observer.
func (p *tracker) event(e engine.Event) {
	makeRoom(e)
	t := &p.t
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e.Kind {
	case engine.RunStarted:
		t.shards += e.Shards
		t.bytes += e.Bytes
	case engine.BytesMoved:
		t.moved += e.Bytes
	case engine.BytesResumed:
		t.resumed += e.Bytes
	case engine.ShardDone:
		t.done++
	case engine.ShardFailed:
		t.failed++
	case engine.ShardStarted:
	}
	p.v.event(e, t)
}

func (p *tracker) end() {
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	p.v.end(&p.t)
}

func (t *totals) perSecond() float64 {
	if s := time.Since(t.started).Seconds(); s > 0 {
		return float64(t.moved) / s
	}
	return 0
}

// noView shows nothing.
type noView struct{}

func (noView) event(engine.Event, *totals) {}
func (noView) end(*totals)                 {}

// plainView writes a line now and then, for logs.
type plainView struct {
	w     io.Writer
	every time.Duration
	last  time.Time
}

func (v *plainView) event(_ engine.Event, t *totals) {
	if time.Since(v.last) < v.every {
		return
	}
	v.last = time.Now()
	v.line(t)
}

func (v *plainView) end(t *totals) { v.line(t) }

func (v *plainView) line(t *totals) {
	_, _ = fmt.Fprintf(v.w, "%s of %s, %d shards done, %d failed, %s/s\n", size(t.moved+t.resumed), size(t.bytes), t.done, t.failed, size(int64(t.perSecond())))
}

// jsonView writes JSON lines: every shard's end, and the totals each second.
type jsonView struct {
	enc   *json.Encoder
	every time.Duration
	last  time.Time
}

// progressJSON is one line of --progress=json.
type progressJSON struct {
	Event        string  `json:"event"` // progress, done, failed, end
	Path         string  `json:"path,omitempty"`
	Way          string  `json:"way,omitempty"`
	Error        string  `json:"error,omitempty"`
	MovedBytes   int64   `json:"moved_bytes"`
	ResumedBytes int64   `json:"resumed_bytes"`
	TotalBytes   int64   `json:"total_bytes"`
	Done         int     `json:"shards_done"`
	Failed       int     `json:"shards_failed"`
	PerSecond    float64 `json:"bytes_per_second"`
}

func (v *jsonView) event(e engine.Event, t *totals) {
	line := v.line("progress", t)
	switch e.Kind {
	case engine.ShardDone, engine.ShardFailed:
		line.Event, line.Path, line.Way = string(e.Kind), e.Path, e.Way
		if e.Err != nil {
			line.Error = e.Err.Error()
		}
	default:
		if time.Since(v.last) < v.every {
			return
		}
		v.last = time.Now()
	}
	_ = v.enc.Encode(line) // nobody to tell
}

func (v *jsonView) end(t *totals) { _ = v.enc.Encode(v.line("end", t)) }

func (v *jsonView) line(event string, t *totals) progressJSON {
	return progressJSON{
		Event: event, MovedBytes: t.moved, ResumedBytes: t.resumed, TotalBytes: t.bytes, Done: t.done, Failed: t.failed, PerSecond: t.perSecond(),
	}
}

// barView is one bar for all bytes. It appears with the first event, so that a command that fails before has none.
type barView struct {
	w     io.Writer
	title string
	p     *mpb.Progress
	bar   *mpb.Bar
}

func (v *barView) start() {
	v.p = mpb.New(mpb.WithOutput(v.w), mpb.WithWidth(40), mpb.WithRefreshRate(200*time.Millisecond))
	v.bar = v.p.AddBar(0,
		mpb.PrependDecorators(decor.Name(v.title+" "), decor.CountersKibiByte("% .1f / % .1f")),
		mpb.AppendDecorators(decor.Percentage(), decor.Name(" "), decor.AverageSpeed(decor.SizeB1024(0), "% .1f"),
			decor.Name(" ETA "), decor.AverageETA(decor.ET_STYLE_GO)),
	)
}

func (v *barView) event(_ engine.Event, t *totals) {
	if v.p == nil {
		v.start()
	}
	v.bar.SetTotal(max(t.bytes, 1), false)
	v.bar.SetCurrent(min(t.moved+t.resumed, t.bytes))
}

func (v *barView) end(*totals) {
	if v.p == nil {
		return
	}
	v.bar.SetTotal(-1, true)
	v.p.Wait()
}
