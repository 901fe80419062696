package jobs

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// ErrNothingSelected: the globs match no shard.
var ErrNothingSelected = errors.New("no shard matches")

// Selection chooses shards of a dataset by globs on their paths (**, *, ?, [a-z], {a,b}); none selects all.
type Selection struct {
	Globs []string
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

// All tells that the whole dataset is selected.
func (s Selection) All() bool { return len(s.Globs) == 0 }

// String is for messages: "all shards", or the globs.
func (s Selection) String() string {
	if s.All() {
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
