package fault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/fault"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

var payload = bytes.Repeat([]byte("shard "), 100)

// holding is a store in memory with the payload under each key.
func holding(t *testing.T, keys ...string) *mem.Store {
	t.Helper()
	m := mem.New(mem.Options{})
	for _, k := range keys {
		if _, err := m.Put(t.Context(), k, payload, store.WriteOptions{Condition: store.IfAbsent()}); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func TestFailuresWithAndWithoutEffect(t *testing.T) {
	for _, c := range []struct {
		rule    fault.Rule
		kind    error
		written bool
	}{
		{fault.Rule{Kind: fault.Before}, store.ErrTransient, false},
		{fault.Rule{Kind: fault.After}, store.ErrTransient, true},
		{fault.Rule{Kind: fault.Before, Err: store.ErrPermission}, store.ErrPermission, false},
		{fault.Rule{Kind: fault.Throttle, RetryAfter: 7 * time.Second}, store.ErrThrottled, false},
		{fault.Rule{Kind: fault.Auth}, store.ErrAuth, false},
	} {
		m := mem.New(mem.Options{})
		c.rule.Op = "put"
		s := fault.Wrap(m, fault.Plan{Rules: []fault.Rule{c.rule}})
		_, err := s.Put(t.Context(), "a", payload, store.WriteOptions{Condition: store.IfAbsent()})
		var e *store.Error
		if !errors.As(err, &e) || e.Kind != c.kind || e.Op != "put" || e.Key != "a" || e.RetryAfter != c.rule.RetryAfter {
			t.Errorf("%v: got %#v", c.rule, err)
		}
		if _, err := m.Head(t.Context(), "a"); (err == nil) != c.written {
			t.Errorf("%v: written %v, want %v", c.rule, err == nil, c.written)
		}
		s.VerifyAllHit(t)
	}
}

func TestReads(t *testing.T) {
	s := fault.Wrap(holding(t, "short", "flipped"), fault.Plan{Seed: 1, Rules: []fault.Rule{
		{Kind: fault.ShortRead, Key: "short", Bytes: 10},
		{Kind: fault.CorruptRead, Key: "flipped"},
	}})
	p := make([]byte, len(payload))
	err := s.ReadRange(t.Context(), store.Ref{Key: "short"}, 0, p)
	if !errors.Is(err, store.ErrTransient) || !bytes.Equal(p[:10], payload[:10]) || !bytes.Equal(p[10:], make([]byte, len(p)-10)) {
		t.Errorf("short read: %v, %q", err, p[:20])
	}
	if err := s.ReadRange(t.Context(), store.Ref{Key: "flipped"}, 0, p); err != nil {
		t.Fatal(err)
	}
	if n := differentBits(p, payload); n != 1 {
		t.Errorf("corrupt read: %d bits differ, want 1", n)
	}
	s.VerifyAllHit(t)
}

func TestCorruptWriteKeepsTheCallersBytes(t *testing.T) {
	m := mem.New(mem.Options{})
	s := fault.Wrap(m, fault.Plan{Seed: 2, Rules: []fault.Rule{{Kind: fault.CorruptWrite}}})
	data := bytes.Clone(payload)
	if _, err := s.Put(t.Context(), "a", data, store.WriteOptions{Condition: store.IfAbsent()}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, payload) {
		t.Error("the caller's bytes were changed")
	}
	got := make([]byte, len(payload))
	if err := m.ReadRange(t.Context(), store.Ref{Key: "a"}, 0, got); err != nil {
		t.Fatal(err)
	}
	if n := differentBits(got, payload); n != 1 {
		t.Errorf("%d bits differ, want 1", n)
	}
	// A checksum that travels with the bytes is noticed by the store.
	u, err := s.CreateUpload(t.Context(), "b", store.UploadOptions{Size: int64(len(data))})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.UploadPart(t.Context(), u, store.PartInput{Number: 1, Data: data, CRC64NVME: 1, CRC32C: 2})
	if !errors.Is(err, store.ErrIntegrity) {
		t.Errorf("part with a wrong bit: %v", err)
	}
}

func TestListings(t *testing.T) {
	keys := []string{"d/1", "d/2", "d/3", "e/1"}
	s := fault.Wrap(holding(t, keys...), fault.Plan{Rules: []fault.Rule{
		{Kind: fault.Before, Op: "list", Key: "d/", Continued: true, Times: 1},
		{Kind: fault.ListEmpty, Key: "e/"},
	}})
	page, err := s.List(t.Context(), store.ListOptions{Prefix: "d/", Max: 2})
	if err != nil || len(page.Objects) != 2 {
		t.Fatalf("page 1: %+v, %v", page, err)
	}
	next := store.ListOptions{Prefix: "d/", Max: 2, Token: page.Next}
	if _, err := s.List(t.Context(), next); !errors.Is(err, store.ErrTransient) {
		t.Errorf("page 2: %v", err)
	}
	if page, err := s.List(t.Context(), next); err != nil || len(page.Objects) != 1 {
		t.Errorf("page 2 again: %+v, %v", page, err)
	}
	if page, err := s.List(t.Context(), store.ListOptions{Prefix: "e/"}); err != nil || len(page.Objects) != 0 || page.Next != "" {
		t.Errorf("empty listing: %+v, %v", page, err)
	}
	s.VerifyAllHit(t)
}

func TestNthGlobAndTimes(t *testing.T) {
	s := fault.Wrap(holding(t, "a/1.tar", "a/1.idx"), fault.Plan{Rules: []fault.Rule{
		{Kind: fault.Before, Op: "head", Key: "a/*.tar", Nth: 3},
		{Kind: fault.Throttle, Op: "head", Key: "**/*.idx", Times: 2},
	}})
	fails := func(key string) (at string) {
		for i := range 5 {
			if _, err := s.Head(t.Context(), key); err != nil {
				at += fmt.Sprint(i + 1)
			}
		}
		return at
	}
	if got := fails("a/1.tar"); got != "3" {
		t.Errorf("tar failed at calls %s, want 3", got)
	}
	if got := fails("a/1.idx"); got != "12" {
		t.Errorf("idx failed at calls %s, want 1 and 2", got)
	}
}

func TestProbabilityDependsOnSeedAndKeyOnly(t *testing.T) {
	pattern := func(seed uint64, order []int) map[string]bool {
		s := fault.Wrap(mem.New(mem.Options{}), fault.Plan{Seed: seed, Rules: []fault.Rule{{Kind: fault.Throttle, Op: "head", Probability: 0.3}}})
		hit := map[string]bool{}
		for _, i := range order {
			key := fmt.Sprint("k", i)
			_, err := s.Head(t.Context(), key)
			hit[key] = errors.Is(err, store.ErrThrottled)
		}
		return hit
	}
	var up, down []int
	for i := range 1000 {
		up, down = append(up, i), append(down, 999-i)
	}
	a, b, c := pattern(1, up), pattern(1, down), pattern(2, up)
	count, differ := 0, 0
	for k, hit := range a {
		if hit {
			count++
		}
		if hit != b[k] {
			t.Fatalf("%s: the order of calls changed its fate", k)
		}
		if hit != c[k] {
			differ++
		}
	}
	// Five standard deviations of 1000 draws at 0.3 are 72.
	if count < 228 || count > 372 || differ == 0 {
		t.Errorf("%d of 1000 hit, want about 300; %d differ with another seed", count, differ)
	}
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fault.Wrap(holding(t, "a"), fault.Plan{Rules: []fault.Rule{{Kind: fault.Latency, Op: "head", Wait: time.Minute}}})
		start := time.Now()
		if _, err := s.Head(t.Context(), "a"); err != nil || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Head(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

type recorder struct{ messages []string }

func (r *recorder) Helper() {}
func (r *recorder) Errorf(f string, a ...any) {
	r.messages = append(r.messages, fmt.Sprintf(f, a...))
}

func TestVerifyAllHitNamesWhatNeverHappened(t *testing.T) {
	s := fault.Wrap(mem.New(mem.Options{}), fault.Plan{Rules: []fault.Rule{
		{Kind: fault.Before, Op: "put", Key: "x/**", Nth: 2},
		{Kind: fault.Auth, Optional: true},
		{Kind: fault.Throttle, Op: "list"},
	}})
	if _, err := s.List(t.Context(), store.ListOptions{}); err == nil {
		t.Fatal("the listing did not fail")
	}
	var r recorder
	s.VerifyAllHit(&r)
	if len(r.messages) != 1 || !strings.Contains(r.messages[0], "before on put x/** call 2 (0 calls matched)") {
		t.Errorf("got %q", r.messages)
	}
	if s.Hits(2) != 1 {
		t.Errorf("hits of the listing rule: %d", s.Hits(2))
	}
}

func differentBits(a, b []byte) (n int) {
	for i := range a {
		n += bits.OnesCount8(a[i] ^ b[i])
	}
	return n
}
