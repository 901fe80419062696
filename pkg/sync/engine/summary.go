package engine

import (
	"errors"
	"fmt"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// What can be wrong with a shard, beyond what a store says.
var (
	// ErrForeign: an object that datagravity did not write stands in the way.
	ErrForeign = errors.New("not overwritten")
	// ErrSourceMissing: the source no longer has the shard.
	ErrSourceMissing = errors.New("missing at the source")
	// ErrSourceChanged: the shard changed at the source since it was listed.
	ErrSourceChanged = errors.New("changed at the source")
)

// Blocked is a shard that the plan already knew nothing could move.
type Blocked struct {
	Kind   error
	Reason string
}

// Error is the kind and the reason.
func (b *Blocked) Error() string { return fmt.Sprintf("%v: %s", b.Kind, b.Reason) }

// Unwrap gives the kind.
func (b *Blocked) Unwrap() error { return b.Kind }

// EventKind is what an Event tells.
type EventKind string

// The kinds.
const (
	RunStarted   EventKind = "run" // Bytes and Shards are what this run has to move
	RunEnded     EventKind = "end" // nothing of it is under way any more
	ShardStarted EventKind = "start"
	ShardDone    EventKind = "done"
	ShardFailed  EventKind = "failed"
	BytesMoved   EventKind = "bytes"   // payload bytes of one part are proven and written
	BytesResumed EventKind = "resumed" // were already there from an earlier run
)

// Event is told to Options.Observe.
type Event struct {
	Kind EventKind
	// Dataset, and the configured names of the stores that a run reads from and writes to; Destination is the one of the configuration. Both of the
	// latter are "" of a run that only reads for the index. A shard may come from another store than the run's Source.
	Dataset, Source, Destination, Store string
	// Job that it is for; "" if none.
	Job string
	// Path of the shard within the dataset, and Way how it goes.
	Path  string
	Way   string
	Bytes int64
	// Shards of RunStarted.
	Shards int
	Err    error
}

// observe tells what happens, with what it is about.
func (r *run) observe(e Event) {
	e.Dataset, e.Source, e.Destination, e.Store = r.Dataset.Name, r.Dataset.Store, r.Destination.Name, r.Destination.Store
	e.Job = r.For.Job
	r.o.Observe(e)
}

// Failure is one shard that is not at the destination.
type Failure struct {
	Path string
	Key  string
	Err  error
}

// Summary is what a run did.
type Summary struct {
	// Ways counts the shards that are at the destination now, by the way they got there.
	Ways map[plan.Way]plan.Count
	// MovedBytes is payload that was read from the source and written in this run; ResumedBytes was there from an earlier
	// one; LearnedBytes, of Learned shards, was read for the index alone.
	MovedBytes, ResumedBytes, LearnedBytes int64
	// ReusedBytes of assembled shards were copied at the destination, from what it held.
	ReusedBytes int64
	Learned     int
	// ReadBytes and SentBytes are on the wire, with headers and whatever was tried again.
	ReadBytes, SentBytes int64
	USD                  cost.NanoUSD
	Failures             []Failure
	// Skipped shards were not tried, because a wave before theirs failed.
	Skipped int
}

func newSummary() Summary { return Summary{Ways: map[plan.Way]plan.Count{}} }

// Add sums two summaries; the failures of the later one stand.
func (s Summary) Add(later Summary) Summary {
	out := newSummary()
	for _, from := range []Summary{s, later} {
		for w, c := range from.Ways {
			have := out.Ways[w]
			out.Ways[w] = plan.Count{Shards: have.Shards + c.Shards, Bytes: have.Bytes + c.Bytes}
		}
	}
	out.MovedBytes = s.MovedBytes + later.MovedBytes
	out.ResumedBytes = s.ResumedBytes + later.ResumedBytes
	out.ReusedBytes = s.ReusedBytes + later.ReusedBytes
	out.LearnedBytes = s.LearnedBytes + later.LearnedBytes
	out.Learned = s.Learned + later.Learned
	out.ReadBytes = s.ReadBytes + later.ReadBytes
	out.SentBytes = s.SentBytes + later.SentBytes
	out.USD = cost.AddNanoUSD(s.USD, later.USD)
	out.Failures, out.Skipped = later.Failures, later.Skipped
	return out
}

// Replan tells whether listing and planning again may mend the failures: the source or the destination changed under us.
func (s Summary) Replan() bool {
	for _, f := range s.Failures {
		if errors.Is(f.Err, ErrSourceChanged) || errors.Is(f.Err, store.ErrConflict) || errors.Is(f.Err, errStaleCopy) {
			return true
		}
	}
	return false
}

func (r *run) count(it plan.Item, moved int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Dest == nil {
		r.summary.Learned++
		r.summary.LearnedBytes += moved
		return
	}
	c := r.summary.Ways[it.Way]
	r.summary.Ways[it.Way] = plan.Count{Shards: c.Shards + 1, Bytes: c.Bytes + it.Size}
	r.summary.MovedBytes += moved
}

func (r *run) fail(it plan.Item, err error) {
	r.log.Error("shard failed", "path", it.Path, "key", it.Key, "error", err)
	r.observe(Event{Kind: ShardFailed, Path: it.Path, Way: string(it.Way), Bytes: it.Size, Err: err})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.summary.Failures = append(r.summary.Failures, Failure{Path: it.Path, Key: it.Key, Err: err})
}

func (r *run) wire(read, sent, resumed int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.summary.ReadBytes += read
	r.summary.SentBytes += sent
	r.summary.ResumedBytes += resumed
}
