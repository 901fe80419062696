package observe

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// keptProblems is how many different ones are remembered, and most the longest text of one.
const (
	keptProblems = 100
	mostText     = 2000
)

// Problem is a warning or an error that was logged.
type Problem struct {
	// First and Last are when it was logged; Count is how often.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Count int       `json:"count"`
	Level string    `json:"level"` // warn or error
	// Text is the message, Error the text of what went wrong.
	Text  string `json:"text"`
	Error string `json:"error,omitempty"`
	// Kind is the class of the error: auth, permission, throttled, integrity, budget and so on; other where it has none.
	Kind string `json:"kind"`
	// Do is what can be done about it.
	Do string `json:"do"`
	// About is what it concerns, as the record's attributes say: path, dataset, destination, job, store.
	About map[string]string `json:"about"`
}

// Problems remembers the latest of them. It is safe for concurrent use.
type Problems struct {
	now func() time.Time

	mu   sync.Mutex
	list []*Problem // the latest last
	// counts of all, by kind, since the process began.
	counts map[string]int64
	// watch is told of each.
	watch func(Problem)
}

// NewProblems makes one; now is its clock.
func NewProblems(now func() time.Time) *Problems {
	return &Problems{now: now, counts: map[string]int64{}}
}

// kinds of errors, each with what can be done. The first that applies counts.
var kinds = []struct {
	name string
	err  error
	do   string
}{
	{"integrity", store.ErrIntegrity, "run datagravity verify --read on the destination; repair mends what it finds damaged"},
	{"corrupt", manifest.ErrCorrupt, "stop the daemon and run datagravity manifest check"},
	{"paused", cost.ErrPaused, "datagravity resume lets the link go on"},
	{"budget", cost.ErrBudget, "datagravity budget show tells what is left; budget approve lets more be spent, once"},
	{"untrusted-price", cost.ErrUntrusted, "confirm the price in the configuration (prices), or let the budget accept it"},
	{"overrun", cost.ErrOverrun, "compare with the bill: datagravity cost reconcile"},
	{"auth", store.ErrAuth, "check the credentials of the store: datagravity doctor says which it has and what they may"},
	{"permission", store.ErrPermission, "datagravity doctor --policy prints the rights that are needed"},
	{"source-missing", engine.ErrSourceMissing, "index the dataset again, and look why the shard was deleted"},
	{"source-changed", engine.ErrSourceChanged, "nothing: the next pass reads it again; a dataset that changes while it is read wants complete_when"},
	{"foreign", engine.ErrForeign, "an object that datagravity did not write stands in the way: move it, or choose another prefix"},
	{"conflict", store.ErrConflict, "another writer was faster; the next pass looks again"},
	{"throttled", store.ErrThrottled, "nothing: fewer requests are sent until the service takes more; stores.NAME.requests limits them for good"},
	{"not-found", store.ErrNotFound, "check the bucket and the prefix: datagravity doctor"},
	{"network", store.ErrTransient, "nothing, if it passes: it is tried again; otherwise look at the network between the two"},
}

// KindOf is the class of an error, and what can be done about it.
func KindOf(err error) (kind, do string) {
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k.name, k.do
		}
	}
	return "other", "the text says what happened; it is tried again by itself"
}

// Kinds are the names of all classes, so that counts of them can begin at zero.
func Kinds() (names []string) {
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return append(names, "other")
}

// List of them, the latest first.
func (p *Problems) List() []Problem {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Problem, 0, len(p.list))
	for _, one := range slices.Backward(p.list) {
		out = append(out, *one)
	}
	return out
}

// Counts by kind since the process began.
func (p *Problems) Counts() map[string]int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]int64{}
	for _, name := range Kinds() {
		out[name] = p.counts[name]
	}
	return out
}

// Watch has f told of every problem from now on. It is called by whoever logs, whatever that holds: f returns at once, and uses neither the manifest
// nor the log.
func (p *Problems) Watch(f func(Problem)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watch = f
}

func (p *Problems) add(one Problem) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watch != nil {
		p.watch(one)
	}
	p.counts[one.Kind]++
	for i, old := range p.list {
		if old.Text == one.Text && old.Error == one.Error && old.Level == one.Level {
			old.Count++
			old.Last = one.Last
			p.list = append(slices.Delete(p.list, i, i+1), old)
			return
		}
	}
	if len(p.list) >= keptProblems {
		p.list = slices.Delete(p.list, 0, 1)
	}
	p.list = append(p.list, &one)
}

// Handler passes records on to next, and remembers warnings and errors.
func (p *Problems) Handler(next slog.Handler) slog.Handler { return &handler{Handler: next, to: p} }

type handler struct {
	slog.Handler
	to *Problems
	// with are attributes of the logger.
	with []slog.Attr
}

// Enabled also for what only Problems wants.
func (h *handler) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn || h.Handler.Enabled(ctx, l)
}

// Handle remembers a warning or an error.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		h.to.add(h.problem(r))
	}
	if !h.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs is the handler of a logger with attributes.
func (h *handler) WithAttrs(list []slog.Attr) slog.Handler {
	return &handler{Handler: h.Handler.WithAttrs(list), to: h.to, with: append(slices.Clone(h.with), list...)}
}

// WithGroup is the handler of a logger with a group.
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{Handler: h.Handler.WithGroup(name), to: h.to, with: h.with}
}

func (h *handler) problem(r slog.Record) Problem {
	at := h.to.now()
	p := Problem{First: at, Last: at, Count: 1, Level: "warn", Text: short(r.Message), About: map[string]string{}}
	if r.Level >= slog.LevelError {
		p.Level = "error"
	}
	p.Kind, p.Do = KindOf(nil)
	take := func(a slog.Attr) bool {
		if err, ok := a.Value.Resolve().Any().(error); ok {
			p.Error = short(err.Error())
			p.Kind, p.Do = KindOf(err)
			return true
		}
		if a.Key == "stack" {
			return true
		}
		p.About[a.Key] = short(a.Value.Resolve().String())
		return true
	}
	for _, a := range h.with {
		take(a)
	}
	r.Attrs(take)
	return p
}

func short(s string) string {
	if len(s) <= mostText {
		return s
	}
	return s[:mostText] + "…"
}
