package access

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// clock is one that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func create(t *testing.T, k *Tokens, name string, expires time.Time, scopes ...Scope) string {
	t.Helper()
	secret, _, err := k.Create(name, scopes, expires, "ann@host")
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// A token counts until it expires or is revoked, in every process of the state directory, and is in none of its files.
func TestTokensOfTwoProcesses(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	command, daemon := OpenTokens(dir, c.now), OpenTokens(dir, c.now)
	secret := create(t, command, "laptop", time.Time{}, Read)
	short := create(t, command, "short", c.now().Add(time.Hour), Jobs)
	if !strings.HasPrefix(secret, Prefix) || len(secret) != len(Prefix)+43 || secret == short {
		t.Errorf("%q, %q", secret, short)
	}
	find := func(secret string) (string, bool) {
		t.Helper()
		found, ok, err := daemon.Find(secret)
		if err != nil {
			t.Fatal(err)
		}
		return found.Name, ok
	}
	if name, ok := find(secret); name != "laptop" || !ok {
		t.Errorf("%q %v", name, ok)
	}
	for _, wrong := range []string{"", Prefix, secret + "x", secret[:len(secret)-1], strings.ToUpper(secret), digest(secret)} {
		if name, ok := find(wrong); ok || name != "" {
			t.Errorf("%q is %q", wrong, name)
		}
	}
	c.add(time.Hour)
	if name, ok := find(short); name != "short" || ok {
		t.Errorf("an expired one: %q %v", name, ok)
	}
	if _, err := command.Revoke("laptop"); err != nil {
		t.Fatal(err)
	}
	if name, ok := find(secret); name != "laptop" || ok {
		t.Errorf("a revoked one: %q %v", name, ok)
	}
	if _, err := command.Revoke("laptop"); !errors.Is(err, ErrNoToken) {
		t.Errorf("twice: %v", err)
	}
	if again := create(t, command, "laptop", time.Time{}, Admin); again == secret {
		t.Error("the same token again")
	}
	if _, ok := find(secret); ok {
		t.Error("the token of a name that was given again counts")
	}
	if _, _, err := command.Create("laptop", []Scope{Read}, time.Time{}, "ann"); !errors.Is(err, ErrName) {
		t.Errorf("a name that is taken: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatal(entries, err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil || strings.Contains(string(b), strings.TrimPrefix(secret, Prefix)) || strings.Contains(string(b), strings.TrimPrefix(short, Prefix)) {
			t.Errorf("%s has a token, or %v", e.Name(), err)
		}
		if info, _ := e.Info(); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
	// Whoever deletes the file revokes all.
	if err := os.Remove(filepath.Join(dir, tokensFile)); err != nil {
		t.Fatal(err)
	}
	if list, err := daemon.List(); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// A file that cannot be read lets nobody in.
func TestBrokenFileLetsNobodyIn(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	k := OpenTokens(dir, c.now)
	secret := create(t, k, "laptop", time.Time{}, Read)
	if _, ok, err := k.Find(secret); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if err := os.WriteFile(filepath.Join(dir, tokensFile), []byte("[{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := k.Find(secret); ok || err == nil || !strings.Contains(err.Error(), "delete it to revoke all tokens") {
		t.Errorf("%v, %v", ok, err)
	}
}

// When a token was used is known to the minute, and written once a minute at most.
func TestLastUse(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	k := OpenTokens(dir, c.now)
	secret := create(t, k, "laptop", time.Time{}, Read)
	used := func(k *Tokens) string {
		t.Helper()
		list, err := k.List()
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		if list[0].Used == nil {
			return "never"
		}
		return list[0].Used.Format(time.TimeOnly)
	}
	if got := used(k); got != "never" {
		t.Error(got)
	}
	path := filepath.Join(dir, usedFile)
	writes, last := 0, time.Time{}
	for range 600 { // ten minutes, ten requests a second
		if _, ok, err := k.Find(secret); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if info, err := os.Stat(path); err == nil && !info.ModTime().Equal(last) {
			writes, last = writes+1, info.ModTime()
		}
		c.add(time.Second)
	}
	if writes < 5 || writes > 11 {
		t.Errorf("%d writes in ten minutes", writes)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if got := used(OpenTokens(dir, c.now)); got != "12:09:00" {
		t.Error(got)
	}
}

// Commands at the same moment lose nothing of each other's.
func TestTokensAtTheSameMoment(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if _, _, err := OpenTokens(dir, c.now).Create(fmt.Sprint("token-", i), []Scope{Read}, time.Time{}, "ann"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if list, err := OpenTokens(dir, c.now).List(); err != nil || len(list) != 20 {
		t.Errorf("%d tokens, %v", len(list), err)
	}
}

// Whoever may change something may see it; otherwise a scope is for itself, and admin for all.
func TestAllow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have := rapid.SliceOfDistinct(rapid.SampledFrom(Scopes()), rapid.ID).Draw(t, "have")
		want := rapid.SampledFrom(Scopes()).Draw(t, "want")
		expected := false
		for _, s := range have {
			if s == want || s == Admin || want == Read {
				expected = true
			}
		}
		if Allow(have, want) != expected {
			t.Fatalf("%v may %s: %v", have, want, !expected)
		}
	})
	if list, err := ParseScopes("budget, read,read"); err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
	for _, wrong := range []string{"", "all", "read,", "read jobs"} {
		if _, err := ParseScopes(wrong); err == nil {
			t.Errorf("%q", wrong)
		}
	}
}

// A session lasts for so long, for less when it is idle, and never longer than its token.
func TestSessionsEnd(t *testing.T) {
	c := newClock()
	k := OpenTokens(t.TempDir(), c.now)
	secret := create(t, k, "ann", c.now().Add(20*time.Hour), Read)
	found, _, err := k.Find(secret)
	if err != nil {
		t.Fatal(err)
	}
	s := NewSessions(k, c.now)
	is := func(session string, want bool) {
		t.Helper()
		if _, ok, err := s.Find(session); ok != want || err != nil {
			t.Errorf("%v, %v; want %v", ok, err, want)
		}
	}
	first, _ := s.Begin(found)
	is(first, true)
	is(first+"x", false)
	is("", false)
	for range 23 {
		c.add(30 * time.Minute)
		is(first, true)
	}
	c.add(30 * time.Minute)
	is(first, false) // 12 hours
	second, _ := s.Begin(found)
	c.add(sessionIdle)
	is(second, false)
	third, _ := s.Begin(found)
	s.End(third)
	is(third, false)
	fourth, _ := s.Begin(found)
	for range 14 {
		c.add(30 * time.Minute)
		_, _, _ = s.Find(fourth)
	}
	is(fourth, false) // its token expired
	for range 2 * mostSessions {
		s.Begin(found)
		c.add(time.Millisecond)
	}
	if len(s.list) > mostSessions {
		t.Errorf("%d sessions", len(s.list))
	}
}
