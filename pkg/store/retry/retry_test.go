package retry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/fault"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/store/retry"
)

func wrap(m store.Store, p retry.Policy, rules ...fault.Rule) (*retry.Store, *fault.Store) {
	f := fault.Wrap(m, fault.Plan{Seed: 1, Rules: rules})
	return retry.Wrap(f, p).(*retry.Store), f
}

func put(t *testing.T, s store.Store, key, data string) store.Object {
	t.Helper()
	o, err := s.Put(t.Context(), key, []byte(data), store.WriteOptions{Condition: store.IfAbsent()})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestKindsThatAreTriedAgain(t *testing.T) {
	for _, c := range []struct {
		kind     error
		attempts int64 // when it fails for good
	}{
		{store.ErrTransient, 4},
		{store.ErrThrottled, 7},
		{store.ErrAuth, 2},
		{store.ErrNotFound, 1},
		{store.ErrChanged, 1},
		{store.ErrConflict, 1},
		{store.ErrPermission, 1},
		{store.ErrIntegrity, 1},
		{store.ErrName, 1},
		{store.ErrUnsupported, 1},
		{store.ErrPermanent, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, f := wrap(mem.New(mem.Options{}), retry.Policy{Attempts: 4, ThrottledAttempts: 7},
				fault.Rule{Kind: fault.Before, Op: "head", Err: c.kind})
			announced := int64(0)
			ctx := store.WithAttempt(t.Context(), func(_ context.Context, previous error) error {
				announced++
				if !errors.Is(previous, c.kind) {
					t.Errorf("announced with %v, want %v", previous, c.kind)
				}
				return nil
			})
			_, err := s.Head(ctx, "a")
			if store.KindOf(err) != c.kind {
				t.Errorf("%v: got %v", c.kind, err)
			}
			got := s.Counters()
			if got.Attempts != c.attempts || got.Retries() != c.attempts-1 || announced != c.attempts-1 || int64(f.Hits(0)) != c.attempts {
				t.Errorf("%v: %+v, %d announced, want %d attempts", c.kind, got, announced, c.attempts)
			}
		})
	}
}

// Every operation is tried again after a transient failure, whether or not the failed attempt had its effect.
func TestEveryOperationRecovers(t *testing.T) {
	for _, kind := range []fault.Kind{fault.Before, fault.After} {
		for _, op := range []string{
			"list", "head", "read", "put", "copy", "create-upload", "part", "part-copy", "list-parts", "list-uploads", "complete", "abort", "delete",
		} {
			t.Run(fmt.Sprint(op, " ", kind), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := mem.New(mem.Options{})
					put(t, m, "old", "hello")
					s, f := wrap(m, retry.Policy{}, fault.Rule{Kind: kind, Op: op, Nth: 1})
					everyOperation(t, s)
					f.VerifyAllHit(t)
					if got := s.Counters(); got.Transient != 1 || got.GaveUp != 0 {
						t.Errorf("%+v", got)
					}
				})
			})
		}
	}
}

func everyOperation(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	check := func(op string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", op, err)
		}
	}
	page, err := s.List(ctx, store.ListOptions{})
	check("list", err)
	if len(page.Objects) != 1 {
		t.Fatalf("listed %+v", page)
	}
	old, err := s.Head(ctx, "old")
	check("head", err)
	p := make([]byte, 5)
	check("read", s.ReadRange(ctx, old.Ref(), 0, p))
	if string(p) != "hello" {
		t.Errorf("read %q", p)
	}
	o, err := s.Put(ctx, "new", []byte("xyz"), store.WriteOptions{Condition: store.IfAbsent()})
	check("put", err)
	if o.Size != 3 || o.ETag == "" {
		t.Errorf("put made %+v", o)
	}
	o, err = s.Copy(ctx, "copy", old.Ref(), store.WriteOptions{Condition: store.IfAbsent()})
	check("copy", err)
	if o.Size != 5 {
		t.Errorf("copy made %+v", o)
	}
	u, err := s.CreateUpload(ctx, "big", store.UploadOptions{Size: 3, CopiesParts: true})
	check("create-upload", err)
	part, err := s.UploadPart(ctx, u, partOf("abc"))
	check("part", err)
	copied, err := s.CopyPart(ctx, u, store.PartCopy{Number: 2, Offset: 3, Size: 2, Source: old.Ref()})
	check("part-copy", err)
	if copied.Number != 2 || copied.Size != 2 {
		t.Errorf("part-copy made %+v", copied)
	}
	parts, err := s.ListParts(ctx, u, nil)
	check("list-parts", err)
	if len(parts) != 2 {
		t.Errorf("parts %+v", parts)
	}
	_, err = s.ListUploads(ctx, "")
	check("list-uploads", err)
	o, err = s.CompleteUpload(ctx, u, []store.Part{part}, complete("abc"))
	check("complete", err)
	if o.Size != 3 {
		t.Errorf("complete made %+v", o)
	}
	check("abort", s.AbortUpload(ctx, u))
	check("delete", s.Delete(ctx, old.Ref()))
}

func TestThrottledWaitsAsLongAsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mem.New(mem.Options{})
		put(t, m, "a", "x")
		s, f := wrap(m, retry.Policy{}, fault.Rule{Kind: fault.Throttle, Op: "head", Times: 3, RetryAfter: 20 * time.Second})
		start := time.Now()
		if _, err := s.Head(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d < time.Minute || d > 66*time.Second {
			t.Errorf("waited %v, want 60 s and at most a tenth more", d)
		}
		if got := s.Counters(); got.Throttled != 3 || got.Waited != time.Since(start) {
			t.Errorf("%+v", got)
		}
		f.VerifyAllHit(t)
	})
}

func TestBackoffGrowsAndIsSpread(t *testing.T) {
	var waits []time.Duration
	s, _ := wrap(mem.New(mem.Options{}), retry.Policy{
		Attempts: 9, FirstWait: time.Second, MaxWait: 20 * time.Second,
		Sleep: func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil },
	}, fault.Rule{Kind: fault.Before, Op: "head"})
	if _, err := s.Head(t.Context(), "a"); !errors.Is(err, store.ErrTransient) {
		t.Fatal(err)
	}
	for i, base := range []float64{1, 2, 4, 8, 16, 20, 20, 20} {
		if w := waits[i].Seconds(); w < base/2 || w > base*1.5 {
			t.Errorf("wait %d is %v, want %v s or half of it to either side", i+1, waits[i], base)
		}
	}
	if len(waits) != 8 {
		t.Errorf("%d waits, want 8", len(waits))
	}
}

func TestTimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := wrap(mem.New(mem.Options{}), retry.Policy{Limit: time.Minute},
			fault.Rule{Kind: fault.Throttle, Op: "head", RetryAfter: 25 * time.Second})
		start := time.Now()
		_, err := s.Head(t.Context(), "a")
		if d := time.Since(start); d < 50*time.Second || d > time.Minute {
			t.Errorf("gave up after %v", d)
		}
		if store.KindOf(err) != store.ErrThrottled || !strings.Contains(err.Error(), "would pass the limit of 1m0s") {
			t.Errorf("got %v", err)
		}
		if got := s.Counters(); got.Attempts != 3 || got.GaveUp != 1 {
			t.Errorf("%+v", got)
		}
	})
}

func TestBudgetEndsTheRetrying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := wrap(mem.New(mem.Options{}), retry.Policy{}, fault.Rule{Kind: fault.Before, Op: "read"})
		broke := errors.New("the budget does not allow it")
		asked := 0
		ctx := store.WithAttempt(t.Context(), func(context.Context, error) error {
			if asked++; asked == 2 {
				return broke
			}
			return nil
		})
		err := s.ReadRange(ctx, store.Ref{Key: "a"}, 0, make([]byte, 1))
		if !errors.Is(err, broke) || s.Counters().Attempts != 2 {
			t.Errorf("%v after %d attempts", err, s.Counters().Attempts)
		}
	})
}

func TestCancelEndsTheWaitAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := wrap(mem.New(mem.Options{}), retry.Policy{}, fault.Rule{Kind: fault.Throttle, Op: "head", RetryAfter: 5 * time.Minute})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		start := time.Now()
		_, err := s.Head(ctx, "a")
		if time.Since(start) != 3*time.Second {
			t.Errorf("returned after %v", time.Since(start))
		}
		if !errors.Is(err, context.Canceled) || store.KindOf(err) != store.ErrThrottled {
			t.Errorf("got %v", err)
		}
		if _, err := s.Head(ctx, "a"); !errors.Is(err, context.Canceled) || s.Counters().Attempts != 2 {
			t.Errorf("with an ended context: %v, %d attempts", err, s.Counters().Attempts)
		}
	})
}

func TestAPermanentCauseIsNotTriedAgain(t *testing.T) {
	refusing := failing{err: &store.Error{Op: "head", Kind: store.ErrTransient, Err: fmt.Errorf("dial: %w", store.ErrPermanent)}}
	s := retry.Wrap(refusing, retry.Policy{}).(*retry.Store)
	if _, err := s.Head(t.Context(), "a"); err == nil || s.Counters().Attempts != 1 {
		t.Errorf("%v after %d attempts", err, s.Counters().Attempts)
	}
}

type failing struct {
	store.Store
	err error
}

func (f failing) Head(context.Context, string) (store.Object, error) { return store.Object{}, f.err }
