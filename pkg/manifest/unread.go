package manifest

import (
	"fmt"
	"maps"
	"slices"
	"sync"
)

// mayLeave tells whether the next level is one of leaves, and large enough for it to matter. One look tells: all leaves of a tree are on one level. The
// bucket meta is read by other means than tables.
func (c *pageChecker) mayLeave(name string) (bool, error) {
	if c.later == nil || c.count < fewPages || name == string(metaBucket) {
		return false, nil
	}
	id, _ := c.below.next(0)
	head := make([]byte, pageHeaderBytes)
	if err := c.read(id, head); err != nil {
		return false, err
	}
	return native.Uint16(head[8:]) == leafPage, nil
}

// besideFree looks at those of the leaves that were left for later which would reach into a free page if they went on in another than their own: a free
// page is overwritten, whichever bucket is written to.
func (c *pageChecker) besideFree(ids []byte) error {
	if c.later == nil {
		return nil
	}
	now, all := make(pageSet, len(c.seen)), make(pageSet, len(c.seen))
	for _, b := range c.later.buckets {
		all.take(b.leaves)
	}
	for ; len(ids) > 0; ids = ids[8:] {
		free := native.Uint64(ids)
		if free >= c.pages {
			continue // said by who called
		}
		if id, ok := c.seen.last(free); ok && all.has(id) {
			now.add(id)
		}
	}
	for _, b := range c.later.buckets {
		b.leaves.without(now)
	}
	return c.these(now)
}

// unread are the buckets of an open file whose leaves were not looked at when it was opened. What was found then holds until they are: bbolt changes no
// page of a bucket that nobody has asked it for.
type unread struct {
	path    string
	buckets map[string]*unreadBucket

	mu      sync.Mutex // guards what is below
	checker *pageChecker
}

type unreadBucket struct {
	once   sync.Once
	leaves pageSet
	err    error
}

// read looks at a bucket's leaves, once. It is called before bbolt is asked for the bucket. Errors: [ErrCorrupt] with the page, now and ever after.
func (u *unread) read(bucket string) error {
	if u == nil {
		return nil
	}
	b := u.buckets[bucket]
	if b == nil {
		return nil
	}
	b.once.Do(func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if err := u.checker.these(b.leaves); err != nil {
			b.err = damaged(u.path, fmt.Errorf("bucket %q: %w", bucket, err))
		}
		b.leaves = nil
	})
	return b.err
}

// readAll is for what goes past tables.
func (u *unread) readAll() error {
	if u == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(u.buckets)) {
		if err := u.read(name); err != nil {
			return err
		}
	}
	return nil
}
