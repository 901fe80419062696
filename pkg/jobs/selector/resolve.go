package selector

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/jobs/format"
	"github.com/datagravity/datagravity/pkg/store"
)

// Dataset is what a selection is resolved against: one state of a dataset's listing.
type Dataset interface {
	// Shards yields every path with the object's bytes, in byte order, until told to stop. It may be called more than once.
	Shards(yield func(path string, bytes int64) bool) error
	// Read returns the bytes of a path from off on, at most so many, fewer where the object ends. If there is no such path, its error
	// wraps [fs.ErrNotExist] or [store.ErrNotFound].
	Read(ctx context.Context, path string, off, most int64) ([]byte, error)
	// Roots are the URL prefixes below which the paths are: those of the source and of destinations.
	Roots() []string
	// Format and Marker are as [jobs.RankOf] takes them.
	Format() string
	Marker() string
}

// Resolved is what a selection selects of a dataset.
type Resolved struct {
	Paths []string // in the order of the selection, none twice
	Index []string // those of them that are index files, by their names or because a term read them
	Bytes int64    // of all objects together
	Notes []string // what a person should know, such as a set of files that is selected in part
}

// shard is a path of the listing.
type shard struct {
	path  string
	bytes int64
	at    int32 // place in the listing
	index bool  // a term read it as an index
}

// source gives a term what the dataset has.
type source interface {
	// see is called for every path, in byte order.
	see(s shard)
	// end is called after the last.
	end() error
}

// role of a path within a term that counts shards.
type role int

const (
	roleShard role = iota
	roleIndex
	roleMarker
)

// resolver is one call of Resolve.
type resolver struct {
	data  Dataset
	roots []format.Root
	// later are looked at once all is listed: what an index says of other files' sizes.
	later []func(ctx context.Context) error
}

// Resolve finds what is selected, in one pass over the dataset's paths (two with delta:), after reading the indexes that terms name. Its
// memory goes with what is selected and named. Errors are [ErrNothingSelected], [ErrMissing], [ErrIndex], [ErrLies], [ErrOutside],
// [ErrMalformed] for a name that is none, or what the dataset's methods return.
func (s Selection) Resolve(ctx context.Context, d Dataset) (Resolved, error) {
	r := &resolver{data: d}
	for _, text := range d.Roots() {
		root, err := format.ParseRoot(text)
		if err != nil {
			return Resolved{}, err
		}
		r.roots = append(r.roots, root)
	}
	terms := s.terms
	if s.All() {
		terms = []term{everything{}}
	}
	u := result{r: r}
	found := make([][]shard, len(terms)) // of all but the first, which nothing can come before
	sources := make([]source, len(terms))
	for i, t := range terms {
		out := u.add
		if i > 0 {
			out = func(s shard) { found[i] = append(found[i], s) }
		}
		var err error
		if sources[i], err = t.open(ctx, r, out); err != nil {
			return Resolved{}, err
		}
	}
	listed, err := r.list(ctx, sources)
	if err != nil {
		return Resolved{}, err
	}
	for i, source := range sources {
		if err := source.end(); err != nil {
			return Resolved{}, err
		}
		for _, s := range found[i] {
			u.add(s)
		}
		found[i] = nil
	}
	for _, check := range r.later {
		if err := check(ctx); err != nil {
			return Resolved{}, err
		}
	}
	out := u.resolved()
	if len(out.Paths) == 0 {
		return Resolved{}, fmt.Errorf("%w %s, of %d paths", ErrNothingSelected, s, listed)
	}
	return out, nil
}

// list shows every path to every term.
func (r *resolver) list(ctx context.Context, sources []source) (listed int, err error) {
	last := ""
	var stop error
	err = r.data.Shards(func(path string, bytes int64) bool {
		if listed > 0 && path <= last {
			stop = fmt.Errorf("the listing has %q after %q, not in byte order", path, last)
			return false
		}
		if listed%10_000 == 0 {
			if stop = ctx.Err(); stop != nil {
				return false
			}
		}
		s := shard{path: path, bytes: bytes, at: int32(listed)}
		for _, source := range sources {
			source.see(s)
		}
		last = path
		listed++
		return true
	})
	if err == nil {
		err = stop
	}
	return listed, err
}

func (r *resolver) role(s shard) role {
	if s.index {
		return roleIndex
	}
	switch jobs.RankOf(r.data.Format(), r.data.Marker(), s.path) {
	case jobs.RankIndex:
		return roleIndex
	case jobs.RankMarker:
		return roleMarker
	}
	return roleShard
}

func (r *resolver) place(dir string) format.Place { return format.Place{Dir: dir, Roots: r.roots} }

// read reads an index whole.
func (r *resolver) read(ctx context.Context, path string) ([]byte, error) {
	b, err := r.data.Read(ctx, path, 0, format.MaxBytes+1)
	if isAbsent(err) {
		return nil, fmt.Errorf("%w: the index %q", ErrMissing, path)
	}
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	return b, nil
}

func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, store.ErrNotFound)
}

// shardsOf opens the term that another picks from, nil for the dataset's shards.
func (r *resolver) shardsOf(ctx context.Context, of term, out func(shard)) (source, error) {
	if of != nil {
		return of.open(ctx, r, out)
	}
	return filter(func(s shard) {
		if r.role(s) == roleShard {
			out(s)
		}
	}), nil
}

// filter is a source that decides path by path.
type filter func(shard)

func (f filter) see(s shard) { f(s) }
func (f filter) end() error  { return nil }

// everything is what no term selects.
type everything struct{}

func (everything) text() string     { return "**" }
func (everything) readsIndex() bool { return false }
func (everything) open(_ context.Context, _ *resolver, out func(shard)) (source, error) {
	return filter(out), nil
}
