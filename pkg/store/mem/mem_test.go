package mem_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

func TestLatencyAndClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mem.New(mem.Options{Latency: func(op string, payloadBytes int64) time.Duration {
			if op == "head" {
				return time.Minute
			}
			return time.Duration(payloadBytes) * time.Second
		}})
		start := time.Now()
		o, err := s.Put(t.Context(), "k", make([]byte, 90), store.WriteOptions{Condition: store.IfAbsent()})
		if err != nil || !o.Modified.Equal(start.Add(90*time.Second)) {
			t.Errorf("put of 90 bytes at a byte a second: %+v, %v", o, err)
		}
		if err := s.ReadRange(t.Context(), o.Ref(), 10, make([]byte, 30)); err != nil || time.Since(start) != 2*time.Minute {
			t.Errorf("read: %v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Head(ctx, "k"); !errors.Is(err, store.ErrTransient) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("head that takes too long: %v", err)
		}
	})
}

func TestStatsAndUsageCountTheSame(t *testing.T) {
	s := mem.New(mem.Options{Names: store.NameRules{Backslash: true}})
	var u store.Usage
	ctx := store.WithUsage(t.Context(), &u)
	o, err := s.Put(ctx, "k", make([]byte, 100), store.WriteOptions{Condition: store.IfAbsent()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(ctx, "k", make([]byte, 50), store.WriteOptions{Condition: store.IfAbsent()}); !errors.Is(err, store.ErrConflict) {
		t.Fatal(err)
	}
	if err := s.ReadRange(ctx, o.Ref(), 1, make([]byte, 7)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Copy(ctx, "c", o.Ref(), store.WriteOptions{Condition: store.IfAbsent()}); err != nil {
		t.Fatal(err)
	}
	up, err := s.CreateUpload(ctx, "u", store.UploadOptions{CopiesParts: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CopyPart(ctx, up, store.PartCopy{Number: 1, Size: 30, Source: o.Ref()}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Head(ctx, `\`); !errors.Is(err, store.ErrName) {
		t.Fatal(err)
	}
	want := mem.Stats{
		"put":           {Requests: 2, Failures: 1, SentBytes: 150}, // the refused body had left all the same
		"read":          {Requests: 1, ReceivedBytes: 7},
		"copy":          {Requests: 1, CopiedBytes: 100},
		"create-upload": {Requests: 1},
		"part-copy":     {Requests: 1, CopiedBytes: 30},
	}
	if d := cmp.Diff(want, s.Stats()); d != "" {
		t.Error(d)
	}
	total := s.Stats().Total()
	if u.Sent.Load() != total.SentBytes || u.Received.Load() != total.ReceivedBytes || u.Requests.Load() != total.Requests {
		t.Errorf("usage %d sent, %d received, %d requests; stats %+v", u.Sent.Load(), u.Received.Load(), u.Requests.Load(), total)
	}
}

// An ETag that was forgotten must not become permission to overwrite.
func TestEmptyETagIsNoPermission(t *testing.T) {
	s := mem.New(mem.Options{})
	if _, err := s.Put(t.Context(), "k", nil, store.WriteOptions{Condition: store.IfAbsent()}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), "k", nil, store.WriteOptions{Condition: store.IfMatch("")}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("put if-match with no ETag: %v", err)
	}
}

func TestPartLimits(t *testing.T) {
	s := mem.New(mem.Options{Parts: store.PartLimits{MinBytes: 10, MaxBytes: 20, MaxParts: 3, MaxObjectBytes: 60}, PutMaxBytes: 20})
	u, err := s.CreateUpload(t.Context(), "k", store.UploadOptions{Size: 60})
	if err != nil {
		t.Fatal(err)
	}
	send := func(number int, off int64, n int) (store.Part, error) {
		return s.UploadPart(t.Context(), u, part(number, off, make([]byte, n)))
	}
	if _, err := send(1, 0, 21); !errors.Is(err, store.ErrPermanent) {
		t.Errorf("a part above the most: %v", err)
	}
	if _, err := send(4, 0, 10); !errors.Is(err, store.ErrPermanent) {
		t.Errorf("a part number above the most: %v", err)
	}
	if _, err := s.CreateUpload(t.Context(), "k", store.UploadOptions{Size: 61}); !errors.Is(err, store.ErrPermanent) {
		t.Errorf("an object above the most: %v", err)
	}
	if _, err := s.Put(t.Context(), "k", make([]byte, 21), store.WriteOptions{Condition: store.IfAbsent()}); !errors.Is(err, store.ErrPermanent) {
		t.Errorf("a put above the most: %v", err)
	}
	one, err := send(1, 0, 9)
	if err != nil {
		t.Fatal(err)
	}
	two, err := send(2, 9, 5)
	if err != nil {
		t.Fatal(err)
	}
	o := store.CompleteOptions{Condition: store.IfAbsent(), Size: 14}
	if _, err := s.CompleteUpload(t.Context(), u, []store.Part{one, two}, o); !errors.Is(err, store.ErrIntegrity) {
		t.Errorf("a first part below the least: %v", err)
	}
	if one, err = send(1, 0, 10); err != nil {
		t.Fatal(err)
	}
	if two, err = send(2, 10, 4); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CompleteUpload(t.Context(), u, []store.Part{one, two}, o); err != nil {
		t.Errorf("a last part below the least: %v", err)
	}
}

func TestVersionsCanBeReadAfterOverwriteAndDelete(t *testing.T) {
	s := mem.New(mem.Options{Versions: true})
	old, err := s.Put(t.Context(), "k", []byte("old"), store.WriteOptions{Condition: store.IfAbsent()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), "k", []byte("new"), store.WriteOptions{Condition: store.IfMatch(old.ETag)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), store.Ref{Key: "k"}); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 3)
	if err := s.ReadRange(t.Context(), old.Ref(), 0, got); err != nil || string(got) != "old" {
		t.Errorf("first version: %q, %v", got, err)
	}
	if err := s.ReadRange(t.Context(), store.Ref{Key: "k", ETag: old.ETag}, 0, got); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("without the version: %v", err)
	}
}

// What rots is read as it is now, and told as it was.
func TestRot(t *testing.T) {
	s := mem.New(mem.Options{})
	was, err := s.Put(t.Context(), "k", []byte("abc"), store.WriteOptions{Condition: store.IfAbsent()})
	if err != nil {
		t.Fatal(err)
	}
	if !s.Rot("k", 8) || s.Rot("k", 24) || s.Rot("k", -1) || s.Rot("other", 0) {
		t.Error("it flips bits that there are, and no others")
	}
	got := make([]byte, 3)
	if err := s.ReadRange(t.Context(), was.Ref(), 0, got); err != nil || string(got) != "acc" {
		t.Errorf("read %q, %v", got, err)
	}
	if now, err := s.Head(t.Context(), "k"); err != nil || now != was {
		t.Errorf("told %+v, not %+v, %v", now, was, err)
	}
}
