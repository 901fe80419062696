// Package export sends spans to a collector, as OTLP over HTTP.
//
// Nothing waits for it: spans that cannot be sent in time are dropped, and said so in the log. The collector is reached by a client that refuses
// metadata addresses and follows no redirect to another host, as those for stores do.
package export

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/datagravity/datagravity/pkg/store/meter"
)

const (
	// scope names the spans' origin in the program.
	scope = "github.com/datagravity/datagravity"
	// tracesPath is where a collector takes spans (OTLP specification, OTLP/HTTP request).
	tracesPath = "/v1/traces"
	// longestValue of an attribute: a key of the longest that stores take.
	longestValue = 1024
	// quiet is how long a failure to export is not said again.
	quiet = time.Minute
	// closeWithin is how long the end of a program waits for its last spans.
	closeWithin = 3 * time.Second
)

// Options of New. The variables of OpenTelemetry (OTEL_EXPORTER_OTLP_ENDPOINT, _HEADERS, OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES and so on) say what these leave out.
type Options struct {
	// Endpoint of the collector, a URL; without a path it is /v1/traces. "": as the environment says.
	Endpoint string
	// Headers of each request: they may be secrets.
	Headers map[string]string
	// Sample is the share of traces that are kept, from 0 to 1; below 0: as the environment says, which is all by default.
	Sample float64
	// Name of the agent, its Location, and the program's Version.
	Name, Location, Version string
	Log                     *slog.Logger
}

// Wanted tells whether there is a collector: the one that is configured, or one that the environment names.
func Wanted(endpoint string, getenv func(string) string) bool {
	if disabled, _ := strconv.ParseBool(getenv("OTEL_SDK_DISABLED")); disabled {
		return false
	}
	return endpoint != "" || getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// Exporter sends spans until it is closed.
type Exporter struct {
	provider *sdktrace.TracerProvider
	close    func()
}

// New makes an exporter. The collector is not asked for anything yet.
func New(ctx context.Context, o Options) (*Exporter, error) {
	client := meter.NewClient(meter.Options{})
	with := []otlptracehttp.Option{otlptracehttp.WithHTTPClient(client), otlptracehttp.WithCompression(otlptracehttp.GzipCompression)}
	if o.Endpoint != "" {
		u, err := url.Parse(o.Endpoint)
		if err != nil {
			return nil, fmt.Errorf("tracing.endpoint is no URL: %w", errors.Unwrap(err))
		}
		if strings.Trim(u.Path, "/") == "" {
			u.Path = tracesPath
		}
		with = append(with, otlptracehttp.WithEndpointURL(u.String()))
	}
	if len(o.Headers) > 0 {
		with = append(with, otlptracehttp.WithHeaders(o.Headers))
	}
	to, err := otlptracehttp.New(ctx, with...)
	if err != nil {
		return nil, fmt.Errorf("traces cannot be exported: %w", withoutURL(err))
	}
	about, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", "datagravity"), attribute.String("service.version", o.Version), attribute.String("service.instance.id", o.Name),
		attribute.String("datagravity.location", o.Location), attribute.Int("process.pid", os.Getpid()),
	), resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil {
		o.Log.Warn("OTEL_RESOURCE_ATTRIBUTES cannot be read", "error", err)
	}
	limits := sdktrace.NewSpanLimits()
	limits.AttributeValueLengthLimit = longestValue
	provide := []sdktrace.TracerProviderOption{sdktrace.WithBatcher(to), sdktrace.WithResource(about), sdktrace.WithRawSpanLimits(limits)}
	if o.Sample >= 0 {
		provide = append(provide, sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(o.Sample))))
	}
	otel.SetErrorHandler(&complaints{log: o.Log})
	return &Exporter{provider: sdktrace.NewTracerProvider(provide...), close: client.CloseIdleConnections}, nil
}

// Tracer makes spans.
func (e *Exporter) Tracer() oteltrace.Tracer { return e.provider.Tracer(scope) }

// Close sends what is left, for a moment.
func (e *Exporter) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	err := e.provider.Shutdown(ctx)
	e.close()
	if err != nil {
		return fmt.Errorf("the last spans were not exported: %w", withoutURL(err))
	}
	return nil
}

// complaints logs what OpenTelemetry cannot do, not more than once in a while.
type complaints struct {
	log *slog.Logger

	mu   sync.Mutex
	last time.Time
	left int
}

// Handle logs an error, or counts it.
func (c *complaints) Handle(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.last) >= quiet {
		c.log.Warn("traces are not exported; look at tracing.endpoint and its collector", "error", withoutURL(err), "not_said_before", c.left)
		c.last, c.left = now, 0
		return
	}
	c.left++
}

// withoutURL is the cause of an error that names a URL, which may have a secret in it.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
