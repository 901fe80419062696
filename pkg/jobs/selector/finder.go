package selector

import (
	"fmt"
	"slices"
	"strings"

	"github.com/datagravity/datagravity/pkg/jobs/format"
)

// wanted is a path that a term names.
type wanted struct {
	path  string
	bytes int64 // as an index says, or format.Unknown; then as the dataset says
	at    int32 // place in the listing, -1 until it is found
	index bool
}

// finder looks up names in the listing. Both are in byte order, so that a cursor through the names is enough; a map of a million would
// take longer and 100 MB more.
type finder struct {
	t      term
	from   string // the index that names them, "" if the user does
	out    func(shard)
	wanted []wanted // in the term's order
	order  []int32  // places in wanted by path; nil while wanted itself is in that order
	next   int
	begun  bool
	lies   some
}

func (f *finder) want(path string, bytes int64, index bool) {
	f.wanted = append(f.wanted, wanted{path: path, bytes: bytes, at: -1, index: index})
}

func (f *finder) begin() {
	f.begun = true
	byPath := func(a, b wanted) int { return strings.Compare(a.path, b.path) }
	if slices.IsSortedFunc(f.wanted, byPath) {
		return
	}
	f.order = make([]int32, len(f.wanted))
	for i := range f.order {
		f.order[i] = int32(i)
	}
	slices.SortFunc(f.order, func(a, b int32) int { return byPath(f.wanted[a], f.wanted[b]) })
}

// in is the i-th name by path.
func (f *finder) in(i int) *wanted {
	if f.order != nil {
		return &f.wanted[f.order[i]]
	}
	return &f.wanted[i]
}

func (f *finder) see(s shard) {
	if !f.begun {
		f.begin()
	}
	for ; f.next < len(f.wanted); f.next++ {
		w := f.in(f.next)
		if w.path > s.path {
			return
		}
		if w.path < s.path {
			continue
		}
		if w.bytes != format.Unknown && w.bytes != s.bytes {
			f.lies.add(func() string { return fmt.Sprintf("%q has %d bytes, and the index says %d", s.path, s.bytes, w.bytes) })
		}
		w.bytes, w.at = s.bytes, s.at
	}
}

func (f *finder) end() error {
	if err := f.check(); err != nil {
		return err
	}
	for _, w := range f.wanted {
		f.out(shard(w))
	}
	return nil
}

// check fails for what is missing, then for what has another size.
func (f *finder) check() error {
	var missing some
	for i := range f.wanted {
		if w := &f.wanted[i]; w.at < 0 {
			missing.add(func() string { return fmt.Sprintf("%q", w.path) })
		}
	}
	named := ""
	if f.from != "" {
		named = fmt.Sprintf(", named by %q", f.from)
	}
	if missing.count > 0 {
		return ofTerm(f.t, fmt.Errorf("%w: %s (%d of %d%s)", ErrMissing, &missing, missing.count, len(f.wanted), named))
	}
	if f.lies.count > 0 {
		return ofTerm(f.t, fmt.Errorf("%w %q: %s", ErrLies, f.from, &f.lies))
	}
	return nil
}
