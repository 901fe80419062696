package jobs

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// ErrNothingSelected: the globs match no shard.
var ErrNothingSelected = errors.New("no shard matches")

// Selection chooses shards of a dataset: by globs on their paths (**, *, ?, [a-z], {a,b}), or by naming each. The zero value selects all.
type Selection struct {
	Globs []string
	// paths are the selected ones in byte order, with the id of that list; nil: the globs select.
	paths []string
	index []string // those of them that list shards though their names do not tell, in byte order
	id    chunker.Digest
}

// Named selects just these paths. They must be in byte order and without repetitions, at least one; index are those of them that list shards though
// their names do not tell. id is what the manifest calls the list.
func Named(paths, index []string, id chunker.Digest) Selection {
	return Selection{paths: paths, index: index, id: id}
}

// Paths are the selected ones, those of them that are index files by other means than their names, and the list's id; nil: the globs select.
func (s Selection) Paths() (paths, index []string, id chunker.Digest) { return s.paths, s.index, s.id }

// Rank places a path, as [RankOf] does, but for what was read as an index.
func (s Selection) Rank(format, marker, path string) Rank {
	if _, is := slices.BinarySearch(s.index, path); is {
		return RankIndex
	}
	return RankOf(format, marker, path)
}

// NewSelection checks the globs.
func NewSelection(globs []string) (Selection, error) {
	out := append([]string(nil), globs...)
	sort.Strings(out)
	for _, g := range out {
		if !doublestar.ValidatePattern(g) {
			return Selection{}, fmt.Errorf("glob %q is malformed (** any folders, * any name, ? one character, {a,b} either)", g)
		}
	}
	return Selection{Globs: out}, nil
}

// Matches tells whether a path is selected.
func (s Selection) Matches(path string) bool {
	if s.paths != nil {
		_, found := slices.BinarySearch(s.paths, path)
		return found
	}
	if len(s.Globs) == 0 {
		return true
	}
	return matchesAny(s.Globs, path)
}

func matchesAny(globs []string, path string) bool {
	for _, g := range globs {
		if ok, _ := doublestar.Match(g, path); ok { // a bad pattern was refused when the selection was made
			return true
		}
	}
	return false
}

// Prefixes that selected paths can begin with, in no order: of globs what stands before their first special character.
func (s Selection) Prefixes() []string {
	if len(s.Globs) == 0 {
		return []string{""}
	}
	out := make([]string, len(s.Globs))
	for i, g := range s.Globs {
		out[i] = g
		if at := strings.IndexAny(g, `*?[{\`); at >= 0 {
			out[i] = g[:at]
		}
	}
	return out
}

// All tells that the whole dataset is selected.
func (s Selection) All() bool { return len(s.Globs) == 0 && s.paths == nil }

// String is for messages: "all shards", the globs, or how many are named.
func (s Selection) String() string {
	switch {
	case len(s.paths) == 1:
		return s.paths[0]
	case s.paths != nil:
		return fmt.Sprintf("%s and %d more", s.paths[0], len(s.paths)-1)
	case s.All():
		return "all shards"
	}
	return strings.Join(s.Globs, " ")
}

// Digest names a set of shards: BLAKE3 of their paths and digests, a line each, in byte order of the paths.
func Digest(shards func(yield func(path string, digest chunker.Digest) bool)) chunker.Digest {
	h := chunker.NewHasher()
	shards(func(path string, d chunker.Digest) bool {
		fmt.Fprintf(h, "%s %q\n", d, path)
		return true
	})
	return h.Digest()
}

// Filter is what a dataset includes of its prefix. An empty Include takes everything.
type Filter struct {
	Include, Exclude []string
}

// Takes tells whether a path belongs to the dataset.
func (f Filter) Takes(path string) bool {
	return (len(f.Include) == 0 || matchesAny(f.Include, path)) && !matchesAny(f.Exclude, path)
}
