package simulation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// kind of trouble.
type kind string

// The kinds, each of which must strike in a share of schedules.
const (
	throttledAsk  kind = "throttled with Retry-After"
	throttled     kind = "throttled"
	unreachable   kind = "not reached"
	lostAnswer    kind = "answer lost"
	reset0        kind = "reset at 0"
	reset1        kind = "reset at 1"
	resetHalf     kind = "reset at half"
	resetLast     kind = "reset at n-1"
	resetAll      kind = "reset at n"
	earlyEnd      kind = "clean early end"
	slowLoris     kind = "slow-loris"
	flippedRead   kind = "bit flipped in a read"
	flippedWrite  kind = "bit flipped in a write"
	expired       kind = "credentials expired"
	full          kind = "disk full"
	rotten        kind = "bit flipped at rest"
	overwritten   kind = "destination overwritten"
	truncated     kind = "destination truncated"
	deleted       kind = "destination deleted"
	sourceChanged kind = "source changed"
	sourceDeleted kind = "source deleted"
	clockForward  kind = "clock forward"
	clockBack     kind = "clock back"
	restarted     kind = "restarted"
	refusedLease  kind = "another agent at work"
	refusedBudget kind = "budget refused"
)

// perRequest are the kinds that strike a single request.
var perRequest = []kind{
	throttledAsk, throttled, unreachable, lostAnswer, reset0, reset1, resetHalf, resetLast, resetAll, earlyEnd, slowLoris, flippedRead, flippedWrite,
}

// allKinds are those that a share of schedules must have met.
var allKinds = slices.Concat(perRequest, []kind{
	expired, full, rotten, overwritten, truncated, deleted, sourceChanged, sourceDeleted, clockForward, clockBack, restarted, refusedLease, refusedBudget,
})

// stall is after how long a transfer without progress is cut, as pkg/store/meter does with a real one.
const stall = 30 * time.Second

// line is an agent's way to a store: what it costs in time, what goes wrong, and what was on the wire.
type line struct {
	store.Store // in memory
	w           *world
	agent, name string
	paid        bool // bytes cross from one location to another
	asked       map[string]int
	// manifest is the agent's id, which is random and stands in keys.
	manifest string
	// broken: no write ever succeeds.
	broken bool
}

var _ store.Store = (*line)(nil)

// Time is that of the service, which an agent's clock is not.
func (l *line) Time() (time.Time, bool) { return store.Time(l.Store) }

// request on its way.
type request struct {
	op, key string
	off     int64
	sent    int64 // payload to the store
	wanted  int64 // payload from the store
	random  *rand.Rand
	took    time.Duration
	kind    kind // that strikes; "": none
}

func (l *line) plain(key string) string {
	if l.manifest == "" {
		return key
	}
	return strings.ReplaceAll(key, l.manifest, "ID")
}

// meet decides what a request meets.
func (l *line) meet(op, key string, off, sent, wanted int64) request {
	at := fmt.Sprintf("%s/%s/%s/%s/%d", l.agent, l.name, op, l.plain(key), off)
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	l.asked[at]++
	h := fnv.New64a()
	fmt.Fprintf(h, "%d/%s/%d", l.w.seed, at, l.asked[at])
	q := request{op: op, key: key, off: off, sent: sent, wanted: wanted, random: rand.New(rand.NewPCG(h.Sum64(), l.w.seed))}
	q.took = 5*time.Millisecond + time.Duration(q.random.Int64N(int64(200*time.Millisecond)))
	if !store.IsPrivate(key) { // leases have random numbers in them, of which some are a digit longer
		q.took += time.Duration(sent+wanted) * 20 * time.Nanosecond
	}
	if l.w.calm || len(l.w.kinds) == 0 || q.random.Float64() >= l.w.rate {
		return q
	}
	q.kind = l.w.kinds[q.random.IntN(len(l.w.kinds))]
	switch reads, writes := op == "read", op == "put" || op == "part"; {
	case reads && q.kind == flippedWrite, q.kind == lostAnswer && (reads || op == "list" || op == "head"):
		q.kind = ""
	case reads || q.kind == throttled || q.kind == throttledAsk || q.kind == unreachable || q.kind == lostAnswer:
	case writes && q.kind == flippedWrite:
	case writes && q.kind != flippedRead && q.kind != earlyEnd:
	default:
		q.kind = ""
	}
	return q
}

func (l *line) error(q request, kind error, after time.Duration, never bool, cause error) error {
	return &store.Error{Op: q.op, Store: l.URL(), Key: q.key, Kind: kind, RetryAfter: after, NotSent: never, Err: cause}
}

// wait for a time, or for the end of whoever asks.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cut is how much of n passes before a reset.
func (k kind) cut(n int64) int64 {
	switch k {
	case reset1:
		return min(1, n)
	case resetHalf, earlyEnd:
		return n / 2
	case resetLast:
		return max(0, n-1)
	case resetAll:
		return n
	case slowLoris:
		return min(int64(stall/time.Second), n)
	}
	return 0
}

var errReset = errors.New("connection reset by peer")

// before is what happens until a request has its effect: an error is why it has none.
func (l *line) before(ctx context.Context, q request) error {
	u := store.UsageFrom(ctx)
	if err := ctx.Err(); err != nil {
		return l.error(q, store.ErrTransient, 0, true, err)
	}
	if q.kind == unreachable {
		if err := wait(ctx, q.took); err != nil {
			return l.error(q, store.ErrTransient, 0, true, err)
		}
		l.w.strike(q.kind, l.agent)
		return l.error(q, store.ErrTransient, 0, true, syscall.ECONNREFUSED)
	}
	u.Requests.Add(1)
	u.Sent.Add(q.sent)
	if l.paid {
		l.w.carried(l.agent, q.sent)
	}
	if q.kind == slowLoris {
		q.took += stall
	}
	if err := wait(ctx, q.took); err != nil {
		// The service may have sent some of it by now, or all.
		if n := q.random.Int64N(q.wanted + 1); l.paid {
			l.w.carried(l.agent, n)
		}
		l.w.excuse(l.agent)
		return l.error(q, store.ErrTransient, 0, false, err)
	}
	switch {
	case l.w.struckBy(expired, l.name, l.agent):
		return l.error(q, store.ErrAuth, 0, false, errors.New("the token has expired"))
	case l.broken && q.sent > 0:
		return l.error(q, store.ErrPermanent, 0, false, errors.New("broken"))
	case (q.sent > 0 || q.op == "complete" || q.op == "create-upload") && l.w.struckBy(full, l.name, l.agent):
		return l.error(q, store.ErrPermanent, 0, false, syscall.ENOSPC)
	}
	switch q.kind {
	case throttledAsk:
		l.w.strike(q.kind, l.agent)
		return l.error(q, store.ErrThrottled, time.Duration(1+q.random.IntN(60))*time.Second, false, errors.New("503 server busy"))
	case throttled:
		l.w.strike(q.kind, l.agent)
		return l.error(q, store.ErrThrottled, 0, false, errors.New("429 too many requests"))
	case reset0, reset1, resetHalf, resetLast, slowLoris:
		if q.op != "read" {
			l.w.strike(q.kind, l.agent)
			return l.error(q, store.ErrTransient, 0, false, errReset)
		}
	}
	return nil
}

// do makes a request that returns a value.
func do[T any](ctx context.Context, l *line, q request, f func() (T, error)) (T, error) {
	var none T
	err := l.before(ctx, q)
	var v T
	if err == nil {
		if v, err = f(); err == nil && (q.kind == lostAnswer || q.kind == resetAll && q.op != "read") {
			l.w.strike(q.kind, l.agent)
			err = l.error(q, store.ErrTransient, 0, false, errReset)
		}
	}
	l.w.event(l, q, err)
	if err != nil {
		return none, err
	}
	return v, nil
}

func do0(ctx context.Context, l *line, q request, f func() error) error {
	_, err := do(ctx, l, q, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

func (l *line) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	return do(ctx, l, l.meet("list", o.Prefix, 0, 0, 0), func() (store.Page, error) { return l.Store.List(quiet(ctx), o) })
}

func (l *line) Head(ctx context.Context, key string) (store.Object, error) {
	return do(ctx, l, l.meet("head", key, 0, 0, 0), func() (store.Object, error) { return l.Store.Head(quiet(ctx), key) })
}

// quiet keeps the store in memory from counting: the line counts, also what is cut off.
func quiet(ctx context.Context) context.Context {
	return store.WithUsage(context.WithoutCancel(ctx), &store.Usage{})
}

func (l *line) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	if len(p) == 0 {
		return nil
	}
	n := int64(len(p))
	q := l.meet("read", ref.Key, off, 0, n)
	return do0(ctx, l, q, func() error {
		switch q.kind {
		case reset0, reset1, resetHalf, resetLast, resetAll, slowLoris, earlyEnd:
			got := q.kind.cut(n)
			err := l.Store.ReadRange(quiet(ctx), ref, off, p[:got])
			if err != nil {
				return err
			}
			l.w.strike(q.kind, l.agent)
			sent := got
			if q.kind != earlyEnd && q.kind != slowLoris { // more had left than arrived
				sent += q.random.Int64N(n - got + 1)
			}
			l.received(ctx, got, sent)
			if q.kind == earlyEnd {
				return l.error(q, store.ErrTransient, 0, false, io.ErrUnexpectedEOF)
			}
			return l.error(q, store.ErrTransient, 0, false, errReset)
		}
		if err := l.Store.ReadRange(quiet(ctx), ref, off, p); err != nil {
			return err
		}
		l.received(ctx, n, n)
		if q.kind == flippedRead {
			l.w.strike(q.kind, l.agent)
			p[q.random.IntN(len(p))] ^= 1 << q.random.IntN(8)
		}
		if l.name == sourceName {
			l.w.read(l.agent, ref.Key, ref.ETag, off, n)
		}
		return nil
	})
}

func (l *line) received(ctx context.Context, got, sent int64) {
	store.UsageFrom(ctx).Received.Add(got)
	if l.paid {
		l.w.carried(l.agent, sent)
	}
}

// flipped is what arrives of what is sent.
func (l *line) flipped(q request, data []byte) []byte {
	if q.kind != flippedWrite || len(data) == 0 {
		return data
	}
	l.w.strike(q.kind, l.agent)
	data = bytes.Clone(data)
	data[q.random.IntN(len(data))] ^= 1 << q.random.IntN(8)
	return data
}

func (l *line) Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error) {
	q := l.meet("put", key, 0, int64(len(data)), 0)
	if o.Checksums == (store.Checksums{}) && q.kind == flippedWrite {
		o.Checksums = checksums(data) // every backend sends one
	}
	return do(ctx, l, q, func() (store.Object, error) { return l.Store.Put(quiet(ctx), key, l.flipped(q, data), o) })
}

func (l *line) UploadPart(ctx context.Context, u store.Upload, p store.PartInput) (store.Part, error) {
	q := l.meet("part", u.Key, p.Offset, int64(len(p.Data)), 0)
	return do(ctx, l, q, func() (store.Part, error) {
		p.Data = l.flipped(q, p.Data)
		return l.Store.UploadPart(quiet(ctx), u, p)
	})
}

func (l *line) CopyPart(ctx context.Context, u store.Upload, p store.PartCopy) (store.Part, error) {
	return do(ctx, l, l.meet("part-copy", u.Key, p.Offset, 0, 0), func() (store.Part, error) { return l.Store.CopyPart(quiet(ctx), u, p) })
}

func (l *line) Copy(ctx context.Context, key string, src store.Ref, o store.WriteOptions) (store.Object, error) {
	return do(ctx, l, l.meet("copy", key, 0, 0, 0), func() (store.Object, error) { return l.Store.Copy(quiet(ctx), key, src, o) })
}

func (l *line) Delete(ctx context.Context, ref store.Ref) error {
	return do0(ctx, l, l.meet("delete", ref.Key, 0, 0, 0), func() error { return l.Store.Delete(quiet(ctx), ref) })
}

func (l *line) CreateUpload(ctx context.Context, key string, o store.UploadOptions) (store.Upload, error) {
	return do(ctx, l, l.meet("create-upload", key, 0, 0, 0), func() (store.Upload, error) { return l.Store.CreateUpload(quiet(ctx), key, o) })
}

func (l *line) ListParts(ctx context.Context, u store.Upload, recorded []store.Part) ([]store.Part, error) {
	return do(ctx, l, l.meet("list-parts", u.Key, 0, 0, 0), func() ([]store.Part, error) { return l.Store.ListParts(quiet(ctx), u, recorded) })
}

func (l *line) CompleteUpload(ctx context.Context, u store.Upload, parts []store.Part, o store.CompleteOptions) (store.Object, error) {
	return do(ctx, l, l.meet("complete", u.Key, 0, 0, 0), func() (store.Object, error) { return l.Store.CompleteUpload(quiet(ctx), u, parts, o) })
}

func (l *line) AbortUpload(ctx context.Context, u store.Upload) error {
	return do0(ctx, l, l.meet("abort", u.Key, 0, 0, 0), func() error { return l.Store.AbortUpload(quiet(ctx), u) })
}

func (l *line) ListUploads(ctx context.Context, prefix string) ([]store.Upload, error) {
	return do(ctx, l, l.meet("list-uploads", prefix, 0, 0, 0), func() ([]store.Upload, error) { return l.Store.ListUploads(quiet(ctx), prefix) })
}
