package store

import (
	"context"
	"sync/atomic"
)

// Usage counts what the requests made under one context moved: bytes on the wire with headers and TLS where a connection
// is metered (pkg/store/meter), payload bytes otherwise. Sent is what left this machine, Received what reached it.
type Usage struct {
	Sent, Received, Requests atomic.Int64
}

type usageKey struct{}

// WithUsage returns a context whose requests are added to u. A context carries one Usage; the innermost wins.
func WithUsage(ctx context.Context, u *Usage) context.Context {
	return context.WithValue(ctx, usageKey{}, u)
}

// UsageFrom returns the Usage of a context, or one that nobody reads.
func UsageFrom(ctx context.Context) *Usage {
	if u, ok := ctx.Value(usageKey{}).(*Usage); ok {
		return u
	}
	return &Usage{}
}

type attemptKey struct{}

// AttemptFunc is called before each further attempt of a request, with the error of the attempt before. An error from it
// (the budget does not allow another) ends the retrying and is returned.
type AttemptFunc func(ctx context.Context, previous error) error

// WithAttempt has every further attempt that a retrying decorator makes under ctx announced to f first.
func WithAttempt(ctx context.Context, f AttemptFunc) context.Context {
	return context.WithValue(ctx, attemptKey{}, f)
}

// AttemptFrom returns the function to call before a further attempt; it is never nil.
func AttemptFrom(ctx context.Context) AttemptFunc {
	if f, ok := ctx.Value(attemptKey{}).(AttemptFunc); ok {
		return f
	}
	return func(context.Context, error) error { return nil }
}
