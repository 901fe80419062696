package selector

import (
	"context"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// glob is a pattern on the path, or one path.
type glob string

func (t glob) text() string     { return string(t) }
func (t glob) readsIndex() bool { return false }

func (t glob) open(_ context.Context, _ *resolver, out func(shard)) (source, error) {
	pattern := string(t)
	if !strings.ContainsAny(pattern, `*?[{\`) {
		return filter(func(s shard) {
			if s.path == pattern {
				out(s)
			}
		}), nil
	}
	// Most patterns begin with a folder or a name, and comparing that is much cheaper than matching. a/** matches a itself.
	literal := strings.TrimSuffix(pattern[:strings.IndexAny(pattern, `*?[{\`)], "/")
	return filter(func(s shard) {
		if !strings.HasPrefix(s.path, literal) {
			return
		}
		if ok, _ := doublestar.Match(pattern, s.path); ok { // a bad pattern was refused when it was read
			out(s)
		}
	}), nil
}
