package file

import (
	"context"
	"sync"

	"github.com/datagravity/datagravity/pkg/store"
)

const (
	listMax = 5000
	// parkedWalks is how many unfinished listings are remembered, with the names of one directory per level each.
	parkedWalks = 4
)

// List walks the directories in key order. It holds the names of the directories on the way to the current key and nothing
// else of the tree. A token is the last key of the page before.
func (s *Store) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	used(ctx)
	if err := s.begin(ctx, "list"); err != nil {
		return store.Page{}, err
	}
	limit := o.Max
	if limit <= 0 || limit > listMax {
		limit = listMax
	}
	w := s.walks.take(o.Prefix, o.Token)
	if w == nil {
		w = &walk{s: s, prefix: o.Prefix, after: o.Token}
		if err := w.start(); err != nil {
			return store.Page{}, s.wrap("list", o.Prefix, err)
		}
	}
	defer w.release()
	var p store.Page
	for len(p.Objects) < limit {
		obj, ok, err := w.next(ctx)
		if err != nil {
			return store.Page{}, s.wrap("list", o.Prefix, err)
		}
		if !ok {
			return p, nil
		}
		p.Objects = append(p.Objects, obj)
	}
	more, err := w.more(ctx)
	if err != nil {
		return store.Page{}, s.wrap("list", o.Prefix, err)
	}
	if more {
		p.Next = p.Objects[limit-1].Key
		s.walks.park(o.Prefix, p.Next, w)
	}
	return p, nil
}

// parked remembers walks between pages: without it, each page of a directory of a million files would read a million
// names. A page whose walk is not here any more is found again by its token.
type parked struct {
	mu    sync.Mutex
	walks []parkedWalk // oldest first
}

type parkedWalk struct {
	prefix, token string
	w             *walk
}

func (p *parked) take(prefix, token string) *walk {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, x := range p.walks {
		if token != "" && x.prefix == prefix && x.token == token {
			p.walks = append(p.walks[:i], p.walks[i+1:]...)
			return x.w
		}
	}
	return nil
}

func (p *parked) park(prefix, token string, w *walk) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.walks) == parkedWalks {
		p.walks = append(p.walks[:0], p.walks[1:]...)
	}
	p.walks = append(p.walks, parkedWalk{prefix, token, w})
}

func (p *parked) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.walks = nil
}
