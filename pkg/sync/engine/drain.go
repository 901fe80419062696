package engine

import (
	"context"
	"errors"
)

// ErrDrain is the cause of a context's end after which runs finish the parts that they have in flight: those are paid for. See [WithGrace].
var ErrDrain = errors.New("nothing more is begun; what is finished is recorded")

type graceKey struct{}

// WithGrace has runs under ctx end gently if ctx ends with [ErrDrain] for its cause: they begin nothing more, and what is in flight goes on until grace
// ends. Any other end of ctx ends them at once.
func WithGrace(ctx, grace context.Context) context.Context {
	return context.WithValue(ctx, graceKey{}, grace)
}

// gently returns the context for a run's requests, and what tells that nothing more may be begun; nil if the run ends with ctx. end must be called.
func gently(ctx context.Context) (work context.Context, may func() error, end func()) {
	grace, ok := ctx.Value(graceKey{}).(context.Context)
	if !ok {
		return ctx, nil, func() {}
	}
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stopNow := context.AfterFunc(ctx, func() {
		if cause := context.Cause(ctx); !errors.Is(cause, ErrDrain) {
			cancel(cause)
		}
	})
	stopLast := context.AfterFunc(grace, func() { cancel(context.Cause(grace)) })
	may = func() error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return nil
	}
	return work, may, func() {
		stopNow()
		stopLast()
		cancel(nil)
	}
}

// both asks a job's own May first.
func both(first, second func() error) func() error {
	switch {
	case first == nil:
		return second
	case second == nil:
		return first
	}
	return func() error {
		if err := first(); err != nil {
			return err
		}
		return second()
	}
}
