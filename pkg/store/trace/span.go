package trace

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/datagravity/datagravity/pkg/store"
)

// Switch is what a process has of tracing, in the context of all that it does. The zero value is off.
type Switch struct {
	tracer atomic.Pointer[oteltrace.Tracer]
}

// Set turns tracing on; nil turns it off.
func (s *Switch) Set(t oteltrace.Tracer) {
	if t == nil {
		s.tracer.Store(nil)
		return
	}
	s.tracer.Store(&t)
}

// On tells whether spans are made.
func (s *Switch) On() bool { return s != nil && s.tracer.Load() != nil }

type switchKey struct{}

// With returns a context whose spans a Switch decides about.
func With(ctx context.Context, s *Switch) context.Context {
	return context.WithValue(ctx, switchKey{}, s)
}

var off Switch

// Without returns a context in which nothing is traced.
func Without(ctx context.Context) context.Context {
	if !switched(ctx).On() {
		return ctx
	}
	return With(ctx, &off)
}

func switched(ctx context.Context) *Switch {
	s, _ := ctx.Value(switchKey{}).(*Switch)
	return s
}

// Span is something that takes time. The zero value is none.
type Span struct{ span oteltrace.Span }

// Attributes that several spans have.
const (
	Dataset     = attribute.Key("datagravity.dataset")
	Destination = attribute.Key("datagravity.destination")
	Source      = attribute.Key("datagravity.source")
	Job         = attribute.Key("datagravity.job")
	Path        = attribute.Key("datagravity.path")
	Way         = attribute.Key("datagravity.way")
	Bytes       = attribute.Key("datagravity.bytes")
	Shards      = attribute.Key("datagravity.shards")

	storeURL  = attribute.Key("datagravity.store")
	operation = attribute.Key("datagravity.operation")
	objectKey = attribute.Key("datagravity.key")
	attempts  = attribute.Key("datagravity.attempts")
	errorType = attribute.Key("error.type")
)

// Start begins a span, within that of the context. What is done under the returned context belongs to it.
func Start(ctx context.Context, name string, attrs ...attribute.KeyValue) (context.Context, Span) {
	return start(ctx, name, oteltrace.WithAttributes(attrs...))
}

// Root begins a trace of its own, which names the span of the context as where it comes from: for what goes on after that has ended.
func Root(ctx context.Context, name string, attrs ...attribute.KeyValue) (context.Context, Span) {
	return start(ctx, name, oteltrace.WithAttributes(attrs...), oteltrace.WithNewRoot(), oteltrace.WithLinks(oteltrace.LinkFromContext(ctx)))
}

func start(ctx context.Context, name string, o ...oteltrace.SpanStartOption) (context.Context, Span) {
	s := switched(ctx)
	if s == nil {
		return ctx, Span{}
	}
	t := s.tracer.Load()
	if t == nil {
		return ctx, Span{}
	}
	ctx, span := (*t).Start(ctx, name, o...)
	return ctx, Span{span}
}

// Set adds attributes.
func (s Span) Set(attrs ...attribute.KeyValue) {
	if s.span != nil {
		s.span.SetAttributes(attrs...)
	}
}

// End ends the span, with the kind of what went wrong.
func (s Span) End(err error) {
	if s.span == nil {
		return
	}
	if err != nil {
		kind := Kind(err)
		s.span.SetAttributes(errorType.String(kind))
		if !errors.Is(err, store.ErrNotFound) { // that nothing is there is an answer
			s.span.SetStatus(codes.Error, kind)
		}
	}
	s.span.End()
}

// Ends is End, for a deferred call with the error that a function returns.
func (s Span) Ends(err *error) { s.End(*err) }

// kinds of errors; the first that applies counts.
var kinds = []struct {
	err  error
	name string
}{
	{context.Canceled, "cancelled"}, {context.DeadlineExceeded, "timeout"}, {store.ErrNotFound, "not_found"}, {store.ErrChanged, "changed"},
	{store.ErrConflict, "conflict"}, {store.ErrThrottled, "throttled"}, {store.ErrAuth, "auth"}, {store.ErrPermission, "permission"},
	{store.ErrIntegrity, "integrity"}, {store.ErrName, "name"}, {store.ErrUnsupported, "unsupported"}, {store.ErrTransient, "transient"},
	{store.ErrPermanent, "permanent"},
}

// Kind is the class of an error in a word; "other" if it is none of a store's.
func Kind(err error) string {
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k.name
		}
	}
	return "other"
}

// Logger is a log whose records name the trace of a context, if that is kept.
func Logger(ctx context.Context, log *slog.Logger) *slog.Logger {
	if !switched(ctx).On() {
		return log
	}
	sc := oteltrace.SpanContextFromContext(ctx)
	if !sc.IsSampled() {
		return log
	}
	return log.With("trace_id", sc.TraceID().String())
}
