package fault

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/datagravity/datagravity/pkg/store"
)

// Store is a store with faults. URL, Capabilities and Close never fail.
type Store struct {
	store.Store
	plan Plan

	mu      sync.Mutex
	matched []int                  // calls that matched each rule
	hits    []int                  // faults of each rule
	asked   map[string]map[int]int // op and key: matching calls of each rule
}

// Wrap puts the plan's faults before s. It panics on a rule that could never work (unknown kind, bad glob), which is a
// mistake in a test.
func Wrap(s store.Store, p Plan) *Store {
	for _, r := range p.Rules {
		if r.Kind < Before || r.Kind > ListEmpty {
			panic(fmt.Sprintf("fault: rule %v has an unknown kind", r))
		}
		if !doublestar.ValidatePattern(r.Key) {
			panic(fmt.Sprintf("fault: rule %v has a malformed glob", r))
		}
	}
	return &Store{
		Store: s, plan: p,
		matched: make([]int, len(p.Rules)), hits: make([]int, len(p.Rules)), asked: map[string]map[int]int{},
	}
}

// Hits returns how often the plan's rule i happened.
func (s *Store) Hits(i int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hits[i]
}

// TB is the part of testing.TB that VerifyAllHit needs.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
}

// VerifyAllHit fails the test for each rule that never happened.
func (s *Store) VerifyAllHit(t TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range s.plan.Rules {
		if s.hits[i] == 0 && !r.Optional {
			t.Errorf("planned fault never happened: %v (%d calls matched)", r, s.matched[i])
		}
	}
}

// call is one operation on its way.
type call struct {
	op, key   string
	continued bool
}

// faults chosen for one call; at most one of each kind.
type faults map[Kind]chosen

type chosen struct {
	Rule
	random uint64
}

// choose decides, once for a call, which rules hit it. of are the kinds that can happen to it.
func (s *Store) choose(c call, of ...Kind) faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	var f faults
	for i, r := range s.plan.Rules {
		if !r.matches(c, of) {
			continue
		}
		s.matched[i]++
		at := c.op + "\x00" + c.key
		if s.asked[at] == nil {
			s.asked[at] = map[int]int{}
		}
		s.asked[at][i]++
		random := s.random(i, at, s.asked[at][i])
		switch {
		case r.Nth > 0 && s.matched[i] != r.Nth:
			continue
		case r.Probability > 0 && float64(random>>11)/(1<<53) >= r.Probability:
			continue
		case r.Times > 0 && s.hits[i] >= r.Times:
			continue
		}
		if f == nil {
			f = faults{}
		}
		if _, taken := f[r.Kind]; taken {
			continue
		}
		s.hits[i]++
		f[r.Kind] = chosen{r, random}
	}
	return f
}

func (r Rule) matches(c call, of []Kind) bool {
	if r.Op != "" && r.Op != c.op || r.Continued && !c.continued {
		return false
	}
	possible := false
	for _, k := range of {
		possible = possible || k == r.Kind
	}
	if !possible {
		return false
	}
	return r.Key == "" || doublestar.MatchUnvalidated(r.Key, c.key)
}

// random is a number that depends only on the seed, the rule, and which asking of which key this is.
func (s *Store) random(rule int, at string, n int) uint64 {
	h := fnv.New64a()
	var b [24]byte
	binary.LittleEndian.PutUint64(b[0:], s.plan.Seed)
	binary.LittleEndian.PutUint64(b[8:], uint64(rule))
	binary.LittleEndian.PutUint64(b[16:], uint64(n))
	h.Write(b[:])
	h.Write([]byte(at))
	// FNV mixes the last bytes little into the upper bits; splitmix64's finaliser does (Steele et al., OOPSLA 2014).
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// before happens ahead of the call: it waits, and returns the error of a fault that leaves the call without effect.
func (s *Store) before(ctx context.Context, c call, f faults) error {
	if l, ok := f[Latency]; ok {
		t := time.NewTimer(l.Wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return s.fail(c, Rule{Kind: Latency}, store.ErrTransient, context.Cause(ctx))
		}
	}
	for _, k := range [...]struct {
		Kind
		err error
	}{{Throttle, store.ErrThrottled}, {Auth, store.ErrAuth}, {Before, store.ErrTransient}} {
		if r, ok := f[k.Kind]; ok {
			return s.fail(c, r.Rule, k.err, nil)
		}
	}
	return nil
}

// after happens behind a call that had its effect.
func (s *Store) after(c call, f faults, err error) error {
	if r, ok := f[After]; ok && err == nil {
		return s.fail(c, r.Rule, store.ErrTransient, nil)
	}
	return err
}

func (s *Store) fail(c call, r Rule, kind, cause error) error {
	if r.Err != nil {
		kind = r.Err
	}
	if cause == nil {
		cause = fmt.Errorf("injected fault: %v", r.Kind)
	}
	return &store.Error{
		Op: c.op, Store: s.URL(), Key: c.key, Kind: kind,
		RetryAfter: r.RetryAfter, NotSent: r.NotSent, Err: cause,
	}
}
