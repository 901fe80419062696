package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/pace"
	"github.com/datagravity/datagravity/pkg/store/trace"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// Options of New. Zero values take the defaults named.
type Options struct {
	MemoryBytes   int64 // for data in flight; DefaultMemoryBytes
	PartBytes     int64 // a power of two; 4 MiB, 5 for S3, which takes no less
	SingleBytes   int64 // a shard up to this size is read and written in one request each; the larger of PartBytes and 8 MiB
	Shards        int   // at the same time; 8
	PartsPerShard int   // in flight at most; 14, and never more than inFlightBytes
	// Links limit the bandwidth of what crosses; nil: nothing does.
	Links *pace.Links
	// Observe is told what happens; nil: nobody. It is called from many goroutines and must be quick.
	Observe func(Event)
	Log     *slog.Logger // nil: no log
}

// DefaultMemoryBytes are parts of 5 MiB for 38 connections of a long way. Of 10 MB/s each, as one over a continent often has, half of them reading and half of
// them sending, they fill 1.5 Gbit/s.
const DefaultMemoryBytes = 192 << 20

// Engine moves shards. One Engine bounds the memory of all that run through it.
type Engine struct {
	m      *manifest.Manifest
	ledger *cost.Ledger
	mem    *memory
	o      Options
}

// New makes an Engine.
func New(m *manifest.Manifest, l *cost.Ledger, o Options) *Engine {
	if o.MemoryBytes == 0 {
		o.MemoryBytes = DefaultMemoryBytes
	}
	if o.PartBytes == 0 {
		o.PartBytes = 4 << 20
	}
	if o.SingleBytes == 0 {
		o.SingleBytes = max(o.PartBytes, 8<<20)
	}
	if o.Shards == 0 {
		o.Shards = 8
	}
	if o.PartsPerShard == 0 {
		o.PartsPerShard = 14
	}
	if o.Observe == nil {
		o.Observe = func(Event) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Engine{m: m, ledger: l, mem: newMemory(o.MemoryBytes), o: o}
}

// inFlightBytes bounds the parts of one shard in flight, so that a killed process reads and sends less than 64 MiB of it
// again: these, and the up to 160 KiB before a part that are read again to cut it.
const inFlightBytes = 56 << 20

// PartBytes is the size of a part.
func (e *Engine) PartBytes() int64 { return e.o.PartBytes }

// Job is a plan with the stores to carry it out on.
type Job struct {
	Dataset index.Dataset
	Source  store.Store
	// Origins are the stores, by name, that items are read from in place of the source.
	Origins map[string]store.Store
	// Dest is nil when shards are only read for the index.
	Dest        store.Store
	Destination plan.Destination
	Route       plan.Route
	Items       []plan.Item // in waves
	// Shared are the limits of all destinations that the same shards go to at the same time: their parts are then the same, so that each
	// is read once. nil: this destination alone.
	Shared *store.PartLimits
	// Slack until the shards are needed, minus what moving them still takes: of jobs that run at the same time the one with the least
	// goes first, then that whose bytes are cheaper. 0: nobody said when.
	Slack time.Duration
	// Last has it wait behind all other jobs at a store that is busy, whatever its bytes cost.
	Last bool
	// Unleased: objects are read back without the destination's lease, so that another run may replace them meanwhile: what that one recorded is newer.
	Unleased bool
	// Packed are chunks that came in another way, and need not be read from the source; nil: none did.
	Packed Packed
	// May is asked before a shard or a part is begun; an error is why nothing more may be, and what Run ends with once what is in flight has ended. nil:
	// everything may.
	May func() error
	// Need is what the ledger's lines name as the cause.
	Need string
	// Activity of the ledger's lines: transfer or index.
	Activity string
	// For is who it is charged to.
	For plan.Payer
}

// Packed are chunks that are here already, because an agent beside the source packed them.
type Packed interface {
	// Has tells whether a chunk is among them.
	Has(d chunker.Digest) bool
	// Chunk fills p, which is as long as the chunk. false: it is not among them.
	Chunk(ctx context.Context, d chunker.Digest, p []byte) (bool, error)
}

// run is one Run.
type run struct {
	*Engine
	Job
	log   *slog.Logger
	rec   *recorder
	split *splitter
	room  *room
	times readTimes
	// needed are the keys that other items of the wave read from, and later the last steps that wait for them.
	needed map[string]bool
	later  []laterStep
	// left are the planned bytes that were not moved yet, hedged the reads that a second one overtook, traced the shards that were begun.
	left, hedged, traced atomic.Int64

	mu      sync.Mutex
	summary Summary
	halted  error // why nothing more may be begun
	refused int   // items in a row that were read and could not be written
}

// errHalted: a shard was not finished because nothing more may be begun.
var errHalted = errors.New("nothing more may be begun")

// mayBegin asks whether something more may be begun. What is in flight goes on: it is paid for.
func (r *run) mayBegin() bool {
	var err error
	if r.May != nil {
		err = r.May()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.halted == nil {
		r.halted = err
	}
	return r.halted == nil
}

// Run carries out the items, wave after wave. What fails for one shard leaves the others alone; a later wave (index
// files, then the marker) starts only if nothing failed before it. The Summary tells each failure; the error is what
// ended the run as a whole: the context, a budget, a pause, credentials, a destination that takes nothing ([ErrRefusing]), the manifest or the journal. Under
// [WithGrace] it ends gently.
func (e *Engine) Run(ctx context.Context, j Job) (_ Summary, err error) {
	ctx, span := trace.Start(ctx, j.Activity, trace.Dataset.String(j.Dataset.Name), trace.Source.String(j.Dataset.Store),
		trace.Destination.String(j.Destination.Name), trace.Job.String(j.For.Job), trace.Shards.Int(len(j.Items)))
	defer span.Ends(&err)
	ctx, may, end := gently(ctx)
	defer end()
	j.May = both(j.May, may)
	r := &run{Engine: e, Job: j, log: trace.Logger(ctx, e.o.Log), summary: newSummary(), rec: newRecorder(e.m)}
	r.split = newSplitter(e.m.Now, r.roundTrip())
	r.room = newRoom(e.o.MemoryBytes, r.split.slowStreams())
	priority := store.Priority{Slack: j.Slack, NanoUSDPerGiB: int64(r.Route.NanoUSDPerGiB())}
	if j.Last {
		priority = store.LastPriority
	}
	err = r.waves(store.WithPriority(ctx, priority))
	err = errors.Join(err, r.rec.close())
	r.summary.USD += r.rec.usd
	return r.summary, err
}

// roundTrip to the store that is farther away, of the two that most bytes pass.
func (r *run) roundTrip() time.Duration {
	far := store.RoundTrip(r.Source)
	if r.Dest != nil {
		far = max(far, store.RoundTrip(r.Dest))
	}
	return far
}

func (r *run) waves(ctx context.Context) error {
	todo := Event{Kind: RunStarted}
	for _, it := range r.Items {
		switch it.Way {
		case plan.Full:
			todo.Shards++
			todo.Bytes += it.Size
		case plan.Assemble:
			todo.Shards++
			todo.Bytes += it.Assembly.SentBytes
		case plan.Pull:
			todo.Shards++
			todo.Bytes += it.Pulled.FetchedBytes
		}
	}
	r.left.Store(todo.Bytes)
	r.observe(todo)
	defer r.observe(Event{Kind: RunEnded})
	for start := 0; start < len(r.Items); {
		rank := r.Items[start].Rank
		end := start
		for end < len(r.Items) && r.Items[end].Rank == rank {
			end++
		}
		if err := r.wave(ctx, r.Items[start:end]); err != nil {
			return err
		}
		if err := r.rec.flush(); err != nil {
			return err
		}
		if len(r.summary.Failures) > 0 && end < len(r.Items) {
			r.skip(r.Items[end:], rank)
			return nil
		}
		start = end
	}
	return nil
}

// skip reports the items of later waves that were not started.
func (r *run) skip(items []plan.Item, after jobs.Rank) {
	for _, it := range items {
		if it.Way != plan.Have {
			r.summary.Skipped++
		}
	}
	r.log.Warn("index files wait until every shard is there", "skipped", r.summary.Skipped, "after_wave", int(after))
}

func (r *run) wave(ctx context.Context, items []plan.Item) error {
	r.needed = readByOthers(items)
	g, inWave := errgroup.WithContext(ctx)
	g.SetLimit(r.o.Shards)
	for _, group := range r.batches(items) {
		if inWave.Err() != nil || !r.mayBegin() {
			break
		}
		g.Go(func() error {
			switch {
			case inWave.Err() != nil:
				return context.Cause(inWave)
			case !r.mayBegin():
				return nil
			case len(group) > 1:
				return r.batch(inWave, group)
			default:
				return r.one(inWave, group[0])
			}
		})
	}
	if err := errors.Join(g.Wait(), r.halted); err != nil {
		return err // last steps replace what shards that were not begun are made of
	}
	if err := r.lastSteps(ctx); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// one carries out one item. It returns only errors that must end the run.
func (r *run) one(ctx context.Context, it plan.Item) error {
	r.observe(Event{Kind: ShardStarted, Path: it.Path, Way: string(it.Way), Bytes: it.Size})
	ctx, span := r.trace(ctx, it)
	var failed error
	defer func() { span.End(failed) }()
	var moved int64
	done, err := r.doneBefore(it)
	if done || err != nil {
		failed = err
		return r.done(ctx, it, 0, err)
	}
	switch it.Way {
	case plan.Full, plan.Assemble, plan.Pull:
		moved, err = r.full(ctx, it)
	case plan.Copy:
		if r.needed[it.Key] {
			step := laterStep{it: it}
			step.do = func(ctx context.Context) error { _, err := r.copy(ctx, it); return err }
			err = r.leaveForLater(step)
			break
		}
		moved, err = r.copy(ctx, it)
	case plan.Adopt:
		err = r.adopt(ctx, it)
	case plan.Read:
		err = r.readBack(ctx, it)
	case plan.Refused:
		err = &Blocked{Kind: ErrForeign, Reason: it.Reason}
	case plan.Missing:
		err = &Blocked{Kind: ErrSourceMissing, Reason: it.Reason}
	}
	if errors.Is(err, errLater) {
		return nil
	}
	failed = err
	return r.done(ctx, it, moved, err)
}

// done counts an item that was carried out, or failed. It returns only errors that must end the run.
func (r *run) done(ctx context.Context, it plan.Item, moved int64, err error) error {
	r.written(it, err)
	if err == nil {
		r.count(it, moved)
		r.observe(Event{Kind: ShardDone, Path: it.Path, Way: string(it.Way), Bytes: it.Size})
		return nil
	}
	switch {
	case errors.Is(err, errHalted):
		return nil // others finish what they have in flight
	case ends(ctx, err):
		return err
	}
	r.fail(it, err)
	return nil
}

// ends tells errors that are about the whole run.
func ends(ctx context.Context, err error) bool {
	if ctx.Err() != nil || cost.Stops(err) {
		return true
	}
	for _, kind := range []error{manifest.ErrCorrupt, store.ErrAuth, store.ErrPermission, errRecord} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}
