package retry

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/datagravity/datagravity/pkg/store"
)

// attempts is the state of one operation.
type attempts struct {
	s       *Store
	start   time.Time
	backoff *backoff.ExponentialBackOff
	// failures so far by kind
	transient, throttled, auth int
}

func (s *Store) begin() *attempts {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.Multiplier = s.policy.FirstWait, s.policy.MaxWait, 2
	b.RandomizationFactor = 0 // next spreads
	return &attempts{s: s, start: s.policy.Now(), backoff: b}
}

// again decides on a further attempt after err. nil: it waited and the attempt may be made; otherwise the error to return.
func (a *attempts) again(ctx context.Context, err error) error {
	wait, count := a.next(err)
	switch {
	case count == nil:
		return err
	case ctx.Err() != nil:
		return annotate(err, "not tried again", context.Cause(ctx))
	}
	if spent := a.s.policy.Now().Sub(a.start); spent+wait > a.s.policy.Limit {
		a.s.count.gaveUp.Add(1)
		return annotate(err, fmt.Sprintf("gave up after %v: the next attempt in %v would pass the limit of %v",
			spent.Round(time.Millisecond), wait.Round(time.Millisecond), a.s.policy.Limit))
	}
	began := a.s.policy.Now()
	end := a.s.policy.Sleep(ctx, wait)
	a.s.count.waited.Add(int64(a.s.policy.Now().Sub(began)))
	if end != nil {
		return annotate(err, fmt.Sprintf("%v while waiting to try again", end), end)
	}
	if end := store.AttemptFrom(ctx)(ctx, err); end != nil {
		return end
	}
	count.Add(1)
	return nil
}

// next tells how long to wait after err and which counter the further attempt belongs to; nil if none can help.
func (a *attempts) next(err error) (time.Duration, *atomic.Int64) {
	var e *store.Error
	// A permanent cause can lie below a failure that looks transient: an address that the client refuses to dial.
	if !errors.As(err, &e) || errors.Is(err, store.ErrPermanent) {
		return 0, nil
	}
	var failures *int
	var most int
	var count *atomic.Int64
	switch e.Kind {
	case store.ErrThrottled: //nolint:errorlint // Kind is one of the kinds themselves
		failures, most, count = &a.throttled, a.s.policy.ThrottledAttempts, &a.s.count.throttled
	case store.ErrTransient:
		failures, most, count = &a.transient, a.s.policy.Attempts, &a.s.count.transient
	case store.ErrAuth:
		// The backend's credential source renews an expired token by itself; a refusal of the fresh one is final.
		failures, most, count = &a.auth, 2, &a.s.count.auth
	default:
		return 0, nil
	}
	if *failures++; *failures >= most {
		a.s.count.gaveUp.Add(1)
		return 0, nil
	}
	if e.RetryAfter > 0 {
		// A tenth more at most, so that many that were told the same do not all come back at once.
		return e.RetryAfter + time.Duration(a.s.policy.Random()*float64(e.RetryAfter)/10), count
	}
	return time.Duration((0.5 + a.s.policy.Random()) * float64(a.backoff.NextBackOff())), count
}

// annotate adds words, and causes to find with errors.Is, to an error of a store and keeps its kind.
func annotate(err error, words string, causes ...error) error {
	var e *store.Error
	if !errors.As(err, &e) {
		return err
	}
	c := *e
	c.Err = &annotated{words: words, below: append([]error{e.Err}, causes...)}
	return &c
}

type annotated struct {
	words string
	below []error // the first is the error that is annotated; it may be nil
}

func (a *annotated) Error() string {
	if a.below[0] == nil {
		return a.words
	}
	return a.below[0].Error() + " (" + a.words + ")"
}

func (a *annotated) Unwrap() []error {
	if a.below[0] == nil {
		return a.below[1:]
	}
	return a.below
}

// try runs an operation that is safe to repeat.
func try[T any](ctx context.Context, s *Store, f func() (T, error)) (T, error) {
	a := s.begin()
	for {
		s.count.attempts.Add(1)
		v, err := f()
		if err == nil {
			return v, nil
		}
		if end := a.again(ctx, err); end != nil {
			var none T
			return none, end
		}
	}
}

func try0(ctx context.Context, s *Store, f func() error) error {
	_, err := try(ctx, s, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

// Do tries f again under the policy, for work on a store that is not an operation of one: opening it. f returns an
// *store.Error, as every store does.
func Do(ctx context.Context, p Policy, f func() error) error {
	return try0(ctx, &Store{policy: p.withDefaults()}, f)
}
