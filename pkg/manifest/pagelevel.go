package manifest

import (
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// readLevel looks at the n pages of a level, on all cores unless they are few: most of it is copying.
func (c *pageChecker) readLevel(n int, leaf leafFunc) error {
	var g errgroup.Group
	var next atomic.Uint64
	for range min(runtime.GOMAXPROCS(0), 1+n/fewPages) {
		g.Go(func() error {
			r := pageReader{pageChecker: c, leaf: leaf}
			defer r.borrow()()
			for {
				end := next.Add(sharePages)
				if end-sharePages >= c.pages {
					return nil
				}
				if err := r.share(end-sharePages, end); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}

// pageReader reads a share of a level after the other.
type pageReader struct {
	*pageChecker
	leaf leafFunc
	buf  []byte
}

// borrow takes memory to read into, until the function it returns is called.
func (r *pageReader) borrow() (giveBack func()) {
	select {
	case r.buf = <-r.spare:
	default:
	}
	return func() {
		select {
		case r.spare <- r.buf:
		default:
		}
	}
}

// share looks at those pages of the level that are between two.
func (r *pageReader) share(begin, end uint64) error {
	most := max(1, uint64(readBytes/r.pageBytes))
	from, ok := r.level.next(begin)
	for ok && from < end {
		to := from + 1
		var next uint64
		for next, ok = r.level.next(to); ok && next < min(end, from+most) && next-to <= gapPages; next, ok = r.level.next(to) {
			to = next + 1
		}
		if err := r.stretch(from, to); err != nil {
			return err
		}
		from = next
	}
	return nil
}

// stretch reads pages and looks at those of them that are in the level.
func (r *pageReader) stretch(from, to uint64) error {
	n := int64(to-from) * r.pageBytes
	if int64(len(r.buf)) < n {
		r.buf = make([]byte, max(n, readBytes))
	}
	b := r.buf[:n]
	if err := r.read(from, b); err != nil {
		return err
	}
	for id, ok := r.level.next(from); ok && id < to; id, ok = r.level.next(id + 1) {
		if err := r.page(id, b[int64(id-from)*r.pageBytes:], r.leaf); err != nil {
			return err
		}
	}
	return nil
}
