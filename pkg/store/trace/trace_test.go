package trace

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/fault"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/store/retry"
	"github.com/datagravity/datagravity/pkg/store/storetest"
)

// recorded is a traced context, and what its spans were.
func recorded(t testing.TB, o ...sdktrace.TracerProviderOption) (context.Context, func() tracetest.SpanStubs) {
	t.Helper()
	to := tracetest.NewInMemoryExporter()
	p := sdktrace.NewTracerProvider(append(o, sdktrace.WithSyncer(to))...)
	t.Cleanup(func() { _ = p.Shutdown(context.Background()) })
	var s Switch
	s.Set(p.Tracer("test"))
	return With(context.Background(), &s), to.GetSpans
}

func attributes(s tracetest.SpanStub) map[string]string {
	out := map[string]string{}
	for _, a := range s.Attributes {
		out[string(a.Key)] = a.Value.String()
	}
	return out
}

// A call is one span whatever it takes, and tells of each attempt that failed; the budget is asked before each further one as if nobody looked.
func TestSpansOfAttempts(t *testing.T) {
	ctx, spans := recorded(t)
	m := mem.New(mem.Options{URL: "mem://x"})
	if _, err := m.Put(ctx, "k", []byte("data"), store.WriteOptions{Condition: store.IfAbsent()}); err != nil {
		t.Fatal(err)
	}
	f := fault.Wrap(m, fault.Plan{Rules: []fault.Rule{{Kind: fault.Before, Op: "read", Times: 2}}})
	s := Wrap(retry.Wrap(f, retry.Policy{Sleep: func(context.Context, time.Duration) error { return nil }}))
	asked := 0
	asking := store.WithAttempt(ctx, func(context.Context, error) error { asked++; return nil })
	if err := s.ReadRange(asking, store.Ref{Key: "k"}, 0, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Head(ctx, "absent"); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	refusal := errors.New("no money: canary-text")
	refusing := store.WithAttempt(ctx, func(context.Context, error) error { return refusal })
	f2 := fault.Wrap(m, fault.Plan{Rules: []fault.Rule{{Kind: fault.Before, Op: "read"}}})
	if err := Wrap(retry.Wrap(f2, retry.Policy{})).ReadRange(refusing, store.Ref{Key: "k"}, 0, make([]byte, 4)); !errors.Is(err, refusal) {
		t.Fatal(err)
	}
	got := spans()
	if len(got) != 3 || asked != 2 {
		t.Fatalf("%d spans, asked %d times", len(got), asked)
	}
	want := map[string]string{
		"datagravity.store": "mem://x", "datagravity.operation": "read", "datagravity.key": "k", "datagravity.bytes": "4", "datagravity.attempts": "3",
	}
	if d := cmp.Diff(want, attributes(got[0])); d != "" || got[0].Name != "store read" || len(got[0].Events) != 2 {
		t.Errorf("%s %d events\n%s", got[0].Name, len(got[0].Events), d)
	}
	if a := attributes(got[1]); a["error.type"] != "not_found" || got[1].Status.Code == codes.Error {
		t.Errorf("absent: %v, %v", a, got[1].Status)
	}
	if a := attributes(got[2]); a["datagravity.attempts"] != "1" || got[2].Status.Code != codes.Error || strings.Contains(got[2].Status.Description, "canary") {
		t.Errorf("refused: %v, %v", a, got[2].Status)
	}
}

// Where tracing is off, or a trace was not chosen, a call is made with the caller's own context and there is no span.
func TestOffIsOff(t *testing.T) {
	var s Switch
	for name, ctx := range map[string]context.Context{
		"no switch": context.Background(), "off": With(context.Background(), &s),
	} {
		in, span := Start(ctx, "x")
		if in != ctx || span.span != nil || Without(ctx) != ctx {
			t.Errorf("%s: a span", name)
		}
		span.Set(Path.String("p"))
		span.End(errors.New("x"))
		log := slog.New(slog.DiscardHandler)
		if Logger(in, log) != log {
			t.Errorf("%s: another log", name)
		}
	}
	ctx, spans := recorded(t, sdktrace.WithSampler(sdktrace.NeverSample()))
	in, span := Start(ctx, "x")
	if _, err := Wrap(mem.New(mem.Options{URL: "mem://x"})).Head(in, "k"); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	span.End(nil)
	if n := len(spans()); n != 0 {
		t.Errorf("%d spans of a trace that was not chosen", n)
	}
	ctx, spans = recorded(t)
	_, span = Start(Without(ctx), "x")
	span.End(nil)
	if n := len(spans()); n != 0 {
		t.Errorf("%d spans without", n)
	}
}

// A trace of its own says where it comes from, and the log says which trace it is.
func TestRoot(t *testing.T) {
	ctx, spans := recorded(t)
	in, pass := Start(ctx, "pass")
	own, carry := Root(in, "carry")
	var text strings.Builder
	Logger(own, slog.New(slog.NewTextHandler(&text, nil))).Info("hello")
	carry.End(nil)
	pass.End(nil)
	got := spans()
	if got[0].Parent.IsValid() || got[0].SpanContext.TraceID() == got[1].SpanContext.TraceID() || len(got[0].Links) != 1 ||
		got[0].Links[0].SpanContext.SpanID() != got[1].SpanContext.SpanID() {
		t.Errorf("%+v", got[0])
	}
	if !strings.Contains(text.String(), "trace_id="+got[0].SpanContext.TraceID().String()) {
		t.Error(text.String())
	}
}

// A traced store is a store.
func TestConformance(t *testing.T) {
	ctx, spans := recorded(t)
	e := storetest.NewEnv(Wrap(mem.New(mem.Options{URL: "mem://x"})), storetest.Options{})
	seen := map[string]bool{}
	for _, c := range storetest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Run(ctx, e); err != nil {
				t.Error(err)
			}
		})
	}
	for _, s := range spans() {
		seen[s.Name] = true
	}
	for _, op := range []string{"list", "head", "read", "put", "copy", "delete", "create-upload", "part", "part-copy", "list-parts", "complete", "abort", "list-uploads"} {
		if !seen["store "+op] {
			t.Errorf("no span of %s", op)
		}
	}
}

// What a call of a store costs more: with no tracing configured (the store is not wrapped), off, in a trace that is not kept, and in one that is.
func BenchmarkRead(b *testing.B) {
	m := mem.New(mem.Options{URL: "mem://x"})
	o, err := m.Put(context.Background(), "k", make([]byte, 4096), store.WriteOptions{Condition: store.IfAbsent()})
	if err != nil {
		b.Fatal(err)
	}
	bench := func(name string, s store.Store, ctx context.Context) {
		b.Run(name, func(b *testing.B) {
			p := make([]byte, 4096)
			b.ReportAllocs()
			for b.Loop() {
				if err := s.ReadRange(ctx, o.Ref(), 0, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	traced := func(sample sdktrace.Sampler) context.Context {
		p := sdktrace.NewTracerProvider(sdktrace.WithSampler(sample), sdktrace.WithBatcher(tracetest.NewNoopExporter()))
		b.Cleanup(func() { _ = p.Shutdown(context.Background()) })
		var s Switch
		s.Set(p.Tracer("bench"))
		ctx, span := Start(With(context.Background(), &s), "root")
		b.Cleanup(func() { span.End(nil) })
		return ctx
	}
	bench("unwrapped", m, context.Background())
	bench("off", Wrap(m), With(context.Background(), &Switch{}))
	bench("not-kept", Wrap(m), traced(sdktrace.NeverSample()))
	bench("kept", Wrap(m), traced(sdktrace.AlwaysSample()))
}

func BenchmarkStartOff(b *testing.B) {
	ctx := With(context.Background(), &Switch{})
	b.ReportAllocs()
	for b.Loop() {
		_, span := Start(ctx, "shard", Path.String("train/000001.tar"), Way.String("full"), Bytes.Int64(1<<20))
		span.End(nil)
	}
}
