package storetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/datagravity/datagravity/pkg/store"
)

// Options of a run.
type Options struct {
	// Prefix is the folder to work in, ending in "/"; each run makes a fresh folder within. "" is
	// ".datagravity/conformance/", which is never part of a dataset.
	Prefix string
	// Seed of all data; the zero seed is as good as any.
	Seed uint64
	// Quirks are the lies of this server that are known already.
	Quirks []Quirk
}

// Env is what the cases of one run share. Its methods are safe for concurrent use.
type Env struct {
	Store store.Store
	// Prefix is fresh, ends in "/", and is where everything that a case makes belongs.
	Prefix string
	// Quirks as declared.
	Quirks []Quirk

	seed uint64
	runs *record
}

// record is what a run saw; it is shared by the Envs of all cases.
type record struct {
	mu        sync.Mutex
	notProven []string
	observed  map[Quirk]bool
}

// NewEnv makes the Env of one run.
func NewEnv(s store.Store, o Options) *Env {
	if o.Prefix == "" {
		o.Prefix = store.Private + "conformance/"
	}
	// Fresh, so that a run that was killed, or one beside this one, is never in the way.
	var id [6]byte
	rand.Read(id[:])
	return &Env{Store: s, Prefix: o.Prefix + hex.EncodeToString(id[:]) + "/", Quirks: o.Quirks, seed: o.Seed,
		runs: &record{observed: map[Quirk]bool{}}}
}

// NotProven are the findings of the cases so far that a quirk, or a limit of the store, kept from being proven, each as
// "<case>: not proven here: <reason>".
func (e *Env) NotProven() []string {
	e.runs.mu.Lock()
	defer e.runs.mu.Unlock()
	return slices.Clone(e.runs.notProven)
}

// Unobserved are declared quirks that no case has seen. After all cases it must be empty: the server has learnt to behave,
// and the declaration must go.
func (e *Env) Unobserved() []Quirk {
	e.runs.mu.Lock()
	defer e.runs.mu.Unlock()
	var qs []Quirk
	for _, q := range e.Quirks {
		if !e.runs.observed[q] {
			qs = append(qs, q)
		}
	}
	return qs
}

// unless passes a failure on, unless the quirk that explains it is declared.
func (e *Env) unless(q Quirk, failure error) error {
	if failure == nil || !slices.Contains(e.Quirks, q) {
		return failure
	}
	e.runs.mu.Lock()
	e.runs.observed[q] = true
	e.runs.mu.Unlock()
	e.note("%s (%s: %v)", q.Reason(), q, failure)
	return nil
}

// has tells whether a quirk is declared, for the few places where a case must not go on from a lie.
func (e *Env) has(q Quirk) bool { return slices.Contains(e.Quirks, q) }

// note records what this run cannot prove on this store.
func (e *Env) note(format string, a ...any) {
	e.runs.mu.Lock()
	defer e.runs.mu.Unlock()
	e.runs.notProven = append(e.runs.notProven, strings.TrimSuffix(e.caseName(), "/")+": not proven here: "+fmt.Sprintf(format, a...))
}

func (e *Env) caseName() string {
	i := strings.LastIndexByte(strings.TrimSuffix(e.Prefix, "/"), '/')
	return e.Prefix[i+1:]
}

// within is the Env of one case: a folder of its own.
func (e *Env) within(name string) *Env {
	f := *e
	f.Prefix += name + "/"
	return &f
}

// key of an object of this case.
func (e *Env) key(name string) string { return e.Prefix + name }

// places are the prefixes that cases write under: the prefix, its twin with a leading slash for one of the odd keys, and,
// for what only objects of ours may do, one that is private wherever the suite runs.
func (e *Env) places() []string {
	if store.IsPrivate(e.Prefix) {
		return []string{e.Prefix, "/" + e.Prefix}
	}
	return []string{e.Prefix, "/" + e.Prefix, store.Private + e.Prefix}
}

// private is a key of this case under store.Private.
func (e *Env) private(name string) string {
	if store.IsPrivate(e.Prefix) {
		return e.key(name)
	}
	return store.Private + e.key(name)
}

// clean removes every object and upload in the places of this case, and looks again.
func (e *Env) clean(ctx context.Context) error {
	for _, prefix := range e.places() {
		us, err := e.Store.ListUploads(ctx, prefix)
		if err != nil {
			return fmt.Errorf("clean up: %w", err)
		}
		for _, u := range us {
			if err := e.Store.AbortUpload(ctx, u); err != nil {
				return fmt.Errorf("clean up: %w", err)
			}
		}
		objects, err := e.list(ctx, prefix, 0)
		if err != nil {
			return fmt.Errorf("clean up: %w", err)
		}
		var left []error
		for _, o := range objects {
			if err := e.Store.Delete(ctx, store.Ref{Key: o.Key}); err != nil {
				left = append(left, err)
			}
		}
		if err := errors.Join(left...); err != nil {
			return fmt.Errorf("clean up: %w", err)
		}
		if objects, err = e.list(ctx, prefix, 0); err != nil {
			return fmt.Errorf("clean up: %w", err)
		}
		for _, o := range objects {
			failure := fmt.Errorf("clean up: %s is still there after Delete", quote(o.Key))
			if i := slices.IndexFunc(e.Quirks, Quirk.isKeyMangled); i >= 0 {
				failure = e.unless(e.Quirks[i], failure)
			}
			if failure != nil {
				return failure
			}
		}
	}
	return nil
}

// list reads all pages, each of at most limit objects.
func (e *Env) list(ctx context.Context, prefix string, limit int) ([]store.Object, error) {
	var all []store.Object
	token := ""
	for {
		p, err := e.Store.List(ctx, store.ListOptions{Prefix: prefix, Token: token, Max: limit})
		if err != nil {
			return nil, err
		}
		if limit > 0 && len(p.Objects) > limit {
			return nil, fmt.Errorf("list %s: a page of %d objects, asked for at most %d", quote(prefix), len(p.Objects), limit)
		}
		all = append(all, p.Objects...)
		if p.Next == "" {
			return all, nil
		}
		if p.Next == token {
			return nil, fmt.Errorf("list %s: the token %s leads to itself", quote(prefix), quote(token))
		}
		token = p.Next
	}
}

func quote(s string) string {
	if len(s) > 80 {
		return fmt.Sprintf("%q… (%d bytes)", s[:60], len(s))
	}
	return strconv.Quote(s)
}
