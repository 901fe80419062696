package main

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"
)

// begun is a session for the kind of testdata/odd, on a record.
func begun(t *testing.T, r *Record, path string) (*session, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	s := &session{prover: *newProver(t, &out), record: r, path: path, until: time.Now().Add(time.Hour), code: map[string]string{}}
	if err := s.begin(t.Context(), []Test{odd("TestOdd")}, "odd"); err != nil {
		t.Fatal(err)
	}
	return s, &out
}

// A session ends badly with the seeds that fail; the next one tries those first when the code has changed, and goes on with new ones.
func TestSession(t *testing.T) {
	before := kinds
	defer func() { kinds = before }()
	kinds = append(before[:len(before):len(before)], Kind{Name: "odd", Whole: 9})
	path := filepath.Join(t.TempDir(), "proof.json")
	var r Record
	t.Setenv("ODD", "1")
	s, out := begun(t, &r, path)
	if err := s.all(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Seed 7 took its process with it, 4 was skipped.
	if got := r.total("odd"); got.Runs < 9 || len(r.open()) < 4 || s.close() || !bytes.Contains(out.Bytes(), []byte("again: PROOF_FROM=1 ")) {
		t.Errorf("%+v, open %v: %s", got, r.open(), out)
	}
	t.Setenv("ODD", "")
	s, _ = begun(t, &r, path)
	if err := s.all(t.Context()); err != nil || s.close() {
		t.Errorf("the same code is good all at once: %v", err)
	}
	for i := range r.Batches {
		r.Batches[i].Code = "of before"
	}
	tried := r.next(odd("TestOdd"))
	s, _ = begun(t, &r, path)
	if err := s.all(t.Context()); err != nil || !s.close() || len(r.open()) != 0 {
		t.Errorf("mended: %v, open %v", err, r.open())
	}
	if last := r.Batches[len(r.Batches)-1]; last.From != tried || last.Runs != 9 || len(last.Failures) != 0 {
		t.Errorf("from %d: %+v", tried, last)
	}
	kept, err := load(path)
	if err != nil || len(kept.Batches) != len(r.Batches) {
		t.Errorf("%d of %d batches were kept, %v", len(kept.Batches), len(r.Batches), err)
	}
}

// What changes under a session, and what proves nothing, is not counted; a kind without a test is no success.
func TestSessionRefuses(t *testing.T) {
	before := kinds
	defer func() { kinds = before }()
	kinds = append(before[:len(before):len(before)], Kind{Name: "odd", Whole: 9}, Kind{Name: "missing", Whole: 1})
	path := filepath.Join(t.TempDir(), "proof.json")
	var r Record
	s, _ := begun(t, &r, path)
	s.code[odd("TestOdd").Package] = "of before"
	if err := s.all(t.Context()); !errors.Is(err, errChanged) || len(r.Batches) != 0 {
		t.Errorf("%v, %+v", err, r.Batches)
	}
	for _, tests := range [][]Test{{odd("TestNothing")}, {}} {
		s, _ = begun(t, &r, path)
		s.kinds = nil
		if err := s.begin(t.Context(), tests, "odd,missing"); err != nil {
			t.Fatal(err)
		}
		if err := s.all(t.Context()); err != nil || s.close() || len(r.Batches) != 0 {
			t.Errorf("%v proves something: %v, %+v", tests, err, r.Batches)
		}
	}
	if err := s.begin(t.Context(), nil, "none"); err == nil {
		t.Error("an unknown kind was taken")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s, _ = begun(t, &r, path)
	if err := s.all(ctx); err != nil || len(r.Batches) != 0 {
		t.Errorf("stopped: %v, %+v", err, r.Batches)
	}
}

// The last part of a second is no time for a trial, and a batch without one no failure.
func TestSessionEndsWithinASecond(t *testing.T) {
	before := kinds
	defer func() { kinds = before }()
	kinds = append(before[:len(before):len(before)], Kind{Name: "odd", Whole: 9})
	var r Record
	s, _ := begun(t, &r, filepath.Join(t.TempDir(), "proof.json"))
	if _, err := s.build(t.Context(), odd("TestOdd").Package); err != nil {
		t.Fatal(err)
	}
	s.more, s.until = true, time.Now().Truncate(time.Second).Add(1999*time.Millisecond)
	if err := s.all(t.Context()); err != nil || !s.close() {
		t.Errorf("it failed for want of time: %v", err)
	}
}
