package exchange

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
)

// someAnswer answers someWant.
func someAnswer() Answer {
	return Answer{
		Want: someID, Edge: "edge 1/2", Dataset: "c4", Snapshot: someDigest("snapshot", 0), ContentBytes: 7 << 20, Chunks: 104,
		Packs: []PackRef{{someDigest("pack", 0), 64 << 20}, {someDigest("pack", 1), 1}}, Time: noon, Expires: noon.Add(6 * time.Hour),
	}
}

func TestAnyAnswer(t *testing.T) {
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		now := noon
		s, w := storeAt(&now), drawWant(t)
		a := Answer{
			Want: w.ID, Edge: w.Edge, Dataset: w.Dataset, Snapshot: w.Snapshot, Time: w.Time, Expires: w.Expires,
			ContentBytes: rapid.Int64Min(0).Draw(t, "bytes"), Chunks: rapid.Int64Min(0).Draw(t, "chunks"),
		}
		for i := range rapid.IntRange(0, 50).Draw(t, "packs") {
			a.Packs = append(a.Packs, PackRef{someDigest("pack", i), rapid.Int64Range(1, maxChunkPackBytes).Draw(t, "size")})
		}
		now = w.Time
		if _, found, err := Answered(ctx, s, w.Edge, w.ID); found || err != nil {
			t.Fatalf("before: %v, %v", found, err)
		}
		for range 2 {
			if err := Reply(ctx, s, a); err != nil {
				t.Fatal(err)
			}
		}
		got, found, err := Answered(ctx, s, w.Edge, w.ID)
		if err != nil || !found {
			t.Fatalf("%v, %v", found, err)
		}
		a.Datagravity, a.Kind, a.Time, a.Expires = version, answerKind, wholeSeconds(a.Time), wholeSeconds(a.Expires)
		if d := cmp.Diff(a, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Answer{}, "Check")); d != "" {
			t.Fatal(d)
		}
		a.Chunks /= 2
		if err := Reply(ctx, s, a); a.Chunks != got.Chunks && !errors.Is(err, store.ErrConflict) {
			t.Fatalf("wrote over another answer: %v", err)
		}
	})
}

func TestAnswerIsSealedAsDocumentsAre(t *testing.T) {
	a := someAnswer()
	a.Datagravity, a.Kind = version, answerKind
	b, err := a.encode()
	if err != nil {
		t.Fatal(err)
	}
	var read Answer
	if err := unseal(b, answerKind, &read, &read.Check); err != nil || !cmp.Equal(read, a) {
		t.Errorf("%v: %s", err, cmp.Diff(read, a))
	}
}

func TestBadAnswers(t *testing.T) {
	ctx, now := context.Background(), noon
	s := storeAt(&now)
	resealed := func(change func(*Answer)) []byte {
		a := someAnswer()
		a.Datagravity, a.Kind = version, answerKind
		change(&a)
		b, err := a.encode()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	good := resealed(func(*Answer) {})
	key := corner{"edge 1/2", someID}.answerKey()
	for want, b := range map[string][]byte{
		"it has 0 bytes":             nil,
		"an answer has 1":            bytes.Repeat([]byte(" "), maxAnswerBytes+1),
		"malformed":                  []byte("{"),
		"use a newer one":            bytes.Replace(good, []byte(":1,"), []byte(":2,"), 1),
		"it is no answer":            resealed(func(a *Answer) { a.Kind = wantKind }),
		"not written as":             bytes.Replace(good, []byte(","), []byte(", "), 1),
		"does not match":             bytes.Replace(good, []byte(":104,"), []byte(":105,"), 1),
		`edge "other"`:               resealed(func(a *Answer) { a.Edge = "other" }),
		"about want 1111":            resealed(func(a *Answer) { a.Want = strings.Repeat("1", 32) }),
		"no list of packs":           resealed(func(a *Answer) { a.Packs = nil }),
		"twice":                      resealed(func(a *Answer) { a.Packs[1] = a.Packs[0] }),
		"is none; one":               resealed(func(a *Answer) { a.Packs[1].Bytes = 0 }),
		"of 1073741825 bytes":        resealed(func(a *Answer) { a.Packs[1].Bytes = maxChunkPackBytes + 1 }),
		"no snapshot":                resealed(func(a *Answer) { a.Snapshot = chunker.Digest{} }),
		"-1 chunks":                  resealed(func(a *Answer) { a.Chunks = -1 }),
		"want later":                 resealed(func(a *Answer) { a.Expires = a.Time.Add(MaxLifetime + time.Second) }),
		"look at the clocks":         resealed(func(a *Answer) { a.Time = noon.Add(25 * time.Hour); a.Expires = a.Time.Add(time.Hour) }),
		"the most is 16384":          resealed(func(a *Answer) { a.Packs = make([]PackRef, maxAnswerPacks+1) }),
		"names no dataset":           resealed(func(a *Answer) { a.Dataset = "" }),
		"version 0":                  resealed(func(a *Answer) { a.Datagravity = 0 }),
		"not UTC, or not in whole s": resealed(func(a *Answer) { a.Time = a.Time.Add(1) }),
	} {
		overwrite(t, s, key, b)
		a, found, err := Answered(ctx, s, "edge 1/2", someID)
		if found || !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), key) {
			t.Errorf("%q: %+v, %v", want, a, err)
		}
		if errors.Is(err, ErrVersion) != (want == "use a newer one") {
			t.Errorf("%q: %v", want, err)
		}
	}
	damages(good, func(what string, b []byte) {
		overwrite(t, s, key, b)
		if a, found, err := Answered(ctx, s, "edge 1/2", someID); found || !errors.Is(err, ErrBad) {
			t.Errorf("%s: %+v, %v", what, a, err)
		}
	})
	overwrite(t, s, key, good)
	if _, found, err := Answered(ctx, s, "edge 1/2", someID); !found || err != nil {
		t.Error(err)
	}
	if _, _, err := Answered(ctx, s, "..", someID); err == nil {
		t.Error("read the answer to nobody")
	}
}

func TestLargestAnswer(t *testing.T) {
	ctx, now := context.Background(), noon
	s := storeAt(&now)
	a := someAnswer()
	a.Packs = nil
	for i := range maxAnswerPacks {
		a.Packs = append(a.Packs, PackRef{someDigest("pack", i), maxChunkPackBytes})
	}
	if err := Reply(ctx, s, a); err != nil {
		t.Fatal(err)
	}
	if got, found, err := Answered(ctx, s, a.Edge, a.Want); err != nil || !found || !cmp.Equal(got.Packs, a.Packs) {
		t.Errorf("%v, %v", found, err)
	}
	a.Packs = append(a.Packs, PackRef{someDigest("pack", -1), 1})
	if err := Reply(ctx, s, a); err == nil || errors.Is(err, store.ErrConflict) {
		t.Errorf("one more: %v", err)
	}
}

func FuzzAnswer(f *testing.F) {
	a := someAnswer()
	a.Datagravity, a.Kind = version, answerKind
	good, err := a.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := decodeAnswer(b)
		if err != nil {
			return
		}
		if again, err := a.encode(); err != nil || !bytes.Equal(again, b) || a.check() != nil {
			t.Errorf("believed %+v", a)
		}
	})
}
