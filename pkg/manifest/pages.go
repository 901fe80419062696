package manifest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"sync"
)

// The file format of bbolt, as internal/common of go.etcd.io/bbolt v1.5.0 has it. A page is a header (u64 id, u16 flags,
// u16 count, u32 overflow pages), then elements; numbers are in the machine's byte order.
const (
	pageHeaderBytes = 16
	elementBytes    = 16
	branchPage      = 0x01
	leafPage        = 0x02
	freelistPage    = 0x10
	bucketElement   = 0x01
	metaBytes       = 64
	maxPages        = 1 << 40
	leastPage       = 1 << 10
	mostPage        = 16 << 20 // that bbolt looks for
	readBytes       = 64 << 10 // at once; it stays in a core's cache
	gapPages        = 4        // that are read along, because a read for each side of them would take longer
	sharePages      = 1024     // that one core looks through for some to read
	fewPages        = 64       // that one core reads as fast as several
	metaMagic       = 0xED0CDAED
	metaVersion     = 2
)

var native = binary.NativeEndian

// pageChecker reads the skeleton of a file: the header of every page that begins something, every branch, the list of buckets
// and the free list. With it sound, walking the trees ends, stays within the file, and no page in use is handed out again; what
// is in the leaves is covered by the checksums of the values.
//
// It reads rather than maps the file, because only that survives one that ends too early, and because a map's pages are faulted
// in one by one. A tree is read level by level: what a level wants is known before it is read, so that it is read in the file's
// order, in long stretches, on all cores, without what lies between: free pages, and the inside of long values, which are more
// than half of a large manifest.
type pageChecker struct {
	file      io.ReaderAt
	pageBytes int64
	pages     uint64  // those in use or free: the high water mark
	seen      pageSet // those that something was found to use

	level pageSet // those that are looked at now

	mu    sync.Mutex // guards, while a level is read, seen and what is below
	below pageSet    // those that are looked at next
	count int        // of those below

	spare chan []byte // that were read into and can be again

	later *unread // nil: all leaves are looked at now

	strict bool   // everything is looked at, see pagestrict.go
	only   uint64 // the transaction whose pages are wanted; 0: the newest
	free   uint64 // pages in the free list

	metas int // meta pages that are sound
}

// leafFunc looks at a leaf that has so many elements.
type leafFunc func(id uint64, body []byte, count int) error

// checkPages is called with the file locked, before bbolt sees it. Errors: [ErrCorrupt] with the page. If leaves may be looked at later, it returns the
// buckets whose were not looked at yet.
func checkPages(f *os.File, later bool) (*unread, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	c := &pageChecker{file: f, spare: make(chan []byte, runtime.GOMAXPROCS(0))}
	if later {
		c.later = &unread{path: f.Name(), checker: c, buckets: map[string]*unreadBucket{}}
	}
	root, freelist, err := c.meta()
	if err != nil {
		return nil, err
	}
	return c.later, c.walk(info, root, freelist)
}

// checkPagesOf checks the pages that a transaction sees of a file that others write to: what they write is elsewhere until the transaction ends. known is false
// if two of them committed between its beginning and now.
func checkPagesOf(f *os.File, txid uint64) (known bool, pages PageCount, err error) {
	info, err := f.Stat()
	if err != nil {
		return false, pages, err
	}
	c := &pageChecker{file: f, spare: make(chan []byte, runtime.GOMAXPROCS(0)), only: txid, strict: true}
	root, freelist, err := c.meta()
	if errors.Is(err, errNotThis) {
		return false, pages, nil
	}
	if err == nil {
		err = c.walk(info, root, freelist)
	}
	return true, PageCount{Bytes: c.pageBytes, All: c.pages, Free: c.free, torn: c.metas < 2}, err
}

// PageCount says how much of a file is used.
type PageCount struct {
	Bytes int64  `json:"page_bytes"`
	All   uint64 `json:"pages"`
	Free  uint64 `json:"free_pages"`

	torn bool // one of the two meta pages is not sound
}

// errNotThis: neither meta page is that of the transaction.
var errNotThis = errors.New("another transaction's pages")

// walk looks at everything from the root and the free list on.
func (c *pageChecker) walk(info os.FileInfo, root, freelist uint64) error {
	if c.pages > uint64(info.Size()/c.pageBytes) {
		return fmt.Errorf("%w: it has %d bytes and should have at least %d: it was cut short", ErrCorrupt, info.Size(),
			int64(c.pages)*c.pageBytes)
	}
	words := c.pages/64 + 1
	c.seen, c.level, c.below = make(pageSet, words), make(pageSet, words), make(pageSet, words)
	c.seen.add(0)
	c.seen.add(1)
	roots := map[string]uint64{}
	if err := c.tree(root, func(id uint64, body []byte, count int) error { return c.bucketsOf(id, body, count, roots) }); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(roots)) {
		if err := c.bucket(name, roots[name]); err != nil {
			return fmt.Errorf("bucket %q: %w", name, err)
		}
	}
	return c.freePages(freelist)
}

// metaPage is what a meta page says.
type metaPage struct{ pageBytes, root, freelist, pages, txid uint64 }

// metaAt reads a meta page, if there is one whose checksum holds.
func (c *pageChecker) metaAt(at int64) (m metaPage, sound bool) {
	b := make([]byte, metaBytes)
	if _, err := c.file.ReadAt(b, at+pageHeaderBytes); err != nil {
		return m, false
	}
	h := fnv.New64a()
	_, _ = h.Write(b[:56])
	sound = native.Uint32(b) == metaMagic && native.Uint32(b[4:]) == metaVersion && h.Sum64() == native.Uint64(b[56:])
	return metaPage{uint64(native.Uint32(b[8:])), native.Uint64(b[16:]), native.Uint64(b[32:]), native.Uint64(b[40:]), native.Uint64(b[48:])}, sound
}

// meta reads the newer one of the two meta pages whose checksum holds, as bbolt does: it must not be another that is looked at than the one that is used. The first says how
// large a page is; if it is damaged, the second is looked for at every size that there is.
func (c *pageChecker) meta() (root, freelist uint64, err error) {
	first, sound := c.metaAt(0)
	size, found := first.pageBytes, sound
	for at := uint64(leastPage); !found && at <= mostPage; at *= 2 {
		if _, found = c.metaAt(int64(at)); found {
			size = at
		}
	}
	if !found || size < leastPage || size > mostPage || size&(size-1) != 0 {
		return 0, 0, fmt.Errorf("%w: neither of its two meta pages is sound", ErrCorrupt)
	}
	second, alsoSound := c.metaAt(int64(size))
	if alsoSound && second.pageBytes != size {
		return 0, 0, fmt.Errorf("%w: its meta pages do not agree on how large a page is: %d or %d bytes", ErrCorrupt, size, second.pageBytes)
	}
	c.pageBytes = int64(size)
	var newest metaPage
	known := false
	for _, m := range []struct {
		metaPage
		sound bool
	}{{first, sound}, {second, alsoSound}} {
		if !m.sound {
			continue
		}
		c.metas++
		if known && m.txid <= newest.txid || c.only != 0 && m.txid > c.only {
			continue
		}
		newest, known = m.metaPage, true
	}
	if c.only != 0 && newest.txid != c.only {
		return 0, 0, errNotThis
	}
	if newest.pages > maxPages {
		return 0, 0, fmt.Errorf("%w: it says that it has %d pages", ErrCorrupt, newest.pages)
	}
	c.pages = newest.pages
	return newest.root, newest.freelist, nil
}

func (c *pageChecker) bad(id uint64, what string, args ...any) error {
	return fmt.Errorf("%w: page %d %s", ErrCorrupt, id, fmt.Sprintf(what, args...))
}

// claim marks a page as used, once.
func (c *pageChecker) claim(id uint64) error {
	if id >= c.pages {
		return c.bad(id, "is beyond the end, %d", c.pages)
	}
	if c.seen.has(id) {
		return c.bad(id, "is used twice")
	}
	c.seen.add(id)
	return nil
}

// header looks at the header of a page that is claimed, and claims those that it goes on in.
func (c *pageChecker) header(id uint64, b []byte) (flags uint16, count int, size int64, err error) {
	if says := native.Uint64(b); says != id {
		return 0, 0, 0, c.bad(id, "says that it is page %d", says)
	}
	more := uint64(native.Uint32(b[12:]))
	if id+more >= c.pages {
		return 0, 0, 0, c.bad(id, "reaches beyond the end, %d", c.pages)
	}
	if more > 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
	}
	for p := id + 1; p <= id+more; p++ {
		if err := c.claim(p); err != nil {
			return 0, 0, 0, err
		}
	}
	return native.Uint16(b[8:]), int(native.Uint16(b[10:])), int64(more+1) * c.pageBytes, nil
}

// read fills b from where a page begins.
func (c *pageChecker) read(id uint64, b []byte) error {
	if _, err := c.file.ReadAt(b, int64(id)*c.pageBytes); err != nil {
		return c.bad(id, "or one after it cannot be read: %v", err)
	}
	return nil
}

// tree walks one bucket's branches down to the headers of its leaves; leaf, if not nil, looks at the leaves too. Every
// page is claimed once, so that a loop ends.
func (c *pageChecker) tree(root uint64, leaf leafFunc) error {
	if err := c.child(root); err != nil {
		return err
	}
	for c.count > 0 {
		if err := c.descend(leaf); err != nil {
			return err
		}
	}
	return nil
}

// descend looks at the next level.
func (c *pageChecker) descend(leaf leafFunc) error {
	n := c.count
	c.level, c.below, c.count = c.below, c.level, 0
	clear(c.below)
	return c.readLevel(n, leaf)
}

// these looks at pages that are claimed, and at what is below them.
func (c *pageChecker) these(pages pageSet) error {
	clear(c.below)
	for c.count = c.below.take(pages); c.count > 0; {
		if err := c.descend(nil); err != nil {
			return err
		}
	}
	return nil
}

// bucket is tree for one that is no list of buckets. Its leaves may be left for later.
func (c *pageChecker) bucket(name string, root uint64) error {
	if err := c.child(root); err != nil {
		return err
	}
	for c.count > 0 {
		leave, err := c.mayLeave(name)
		if err != nil {
			return err
		}
		if leave {
			c.later.buckets[name] = &unreadBucket{leaves: slices.Clone(c.below)}
			clear(c.below)
			c.count = 0
			return nil
		}
		if err := c.descend(nil); err != nil {
			return err
		}
	}
	return nil
}

// child has a page looked at in the next level.
func (c *pageChecker) child(id uint64) error {
	if err := c.claim(id); err != nil {
		return err
	}
	c.below.add(id)
	c.count++
	return nil
}

// page looks at a page of a tree, of which b has at least the first bytes.
func (c *pageChecker) page(id uint64, b []byte, leaf leafFunc) error {
	flags, count, size, err := c.header(id, b)
	if err != nil {
		return err
	}
	if pageHeaderBytes+int64(count)*elementBytes > size {
		return c.bad(id, "has no room for its %d elements", count)
	}
	look := leaf
	switch {
	case flags == branchPage:
		look = c.branch
	case flags != leafPage:
		return c.bad(id, "is neither a branch nor a leaf (flags %#x)", flags)
	case leaf == nil && c.strict:
		look = c.strictLeaf
	case leaf == nil:
		return nil
	}
	if int64(len(b)) < size {
		b = make([]byte, size)
		if err := c.read(id, b); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return look(id, b[:size], count)
}

// branch has the next level be of its children.
func (c *pageChecker) branch(id uint64, body []byte, count int) error {
	if count == 0 {
		return c.bad(id, "is a branch without children")
	}
	if c.strict {
		if err := c.packedTight(id, body, count, true, 0); err != nil {
			return err
		}
	}
	var last []byte
	for i := range count {
		at := pageHeaderBytes + i*elementBytes
		e := body[at:]
		key, ok := cut(body, at, native.Uint32(e), native.Uint32(e[4:]))
		if !ok {
			return c.bad(id, "has element %d outside of it", i)
		}
		if i > 0 && string(key) <= string(last) {
			return c.bad(id, "has its keys out of order")
		}
		last = key
		if err := c.child(native.Uint64(e[8:])); err != nil {
			return err
		}
	}
	return nil
}

// bucketsOf finds the roots of the buckets that a leaf of the root names. A small bucket lies inside its own element.
func (c *pageChecker) bucketsOf(id uint64, body []byte, count int, roots map[string]uint64) error {
	if c.strict {
		if err := c.packedTight(id, body, count, false, bucketElement); err != nil {
			return err
		}
	}
	for i := range count {
		at := pageHeaderBytes + i*elementBytes
		e := body[at:]
		keyBytes, valueBytes := native.Uint32(e[8:]), native.Uint32(e[12:])
		kv, ok := cut(body, at, native.Uint32(e[4:]), keyBytes+valueBytes)
		if !ok || keyBytes+valueBytes < keyBytes || native.Uint32(e)&bucketElement == 0 || valueBytes < elementBytes {
			return c.bad(id, "has a damaged bucket, element %d", i)
		}
		header := kv[keyBytes:]
		if root := native.Uint64(header); root != 0 {
			name := string(kv[:keyBytes])
			if _, twice := roots[name]; twice {
				return c.bad(id, "has bucket %q twice", name)
			}
			roots[name] = root
			continue
		}
		inline := header[elementBytes:]
		if len(inline) < pageHeaderBytes || native.Uint16(inline[8:]) != leafPage ||
			pageHeaderBytes+int(native.Uint16(inline[10:]))*elementBytes > len(inline) {
			return c.bad(id, "has a damaged bucket %q", kv[:keyBytes])
		}
		look := c.inside
		if c.strict {
			look = c.strictLeaf
		}
		if err := look(id, inline, int(native.Uint16(inline[10:]))); err != nil {
			return err
		}
	}
	return nil
}

// inside makes sure that the elements of a small bucket lie in it. bbolt copies one that is not aligned to the heap: a pointer that reaches out of the copy is one to
// something else there, and where that was freed the garbage collector ends the process, which nothing can recover. Out of the file's map there is nothing of ours.
func (c *pageChecker) inside(id uint64, bucket []byte, count int) error {
	for i := range count {
		at := pageHeaderBytes + i*elementBytes
		e := bucket[at:]
		keyBytes, valueBytes := native.Uint32(e[8:]), native.Uint32(e[12:])
		if _, ok := cut(bucket, at, native.Uint32(e[4:]), keyBytes+valueBytes); !ok || keyBytes+valueBytes < keyBytes {
			return c.bad(id, "has element %d of a small bucket outside of it", i)
		}
	}
	return nil
}

// freePages makes sure that no page that is in use counts as free.
func (c *pageChecker) freePages(id uint64) error {
	if err := c.claim(id); err != nil {
		return err
	}
	head := make([]byte, pageHeaderBytes)
	if err := c.read(id, head); err != nil {
		return err
	}
	flags, listed, size, err := c.header(id, head)
	if err != nil {
		return err
	}
	if flags != freelistPage {
		return c.bad(id, "is not the list of free pages (flags %#x)", flags)
	}
	body := make([]byte, size)
	if err := c.read(id, body); err != nil {
		return err
	}
	ids, count := body[pageHeaderBytes:], uint64(listed)
	if listed == 0xffff { // too many for the header
		count, ids = native.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids)/8) {
		return c.bad(id, "has no room for its %d free pages", count)
	}
	c.free = count
	if err := c.besideFree(ids[:8*count]); err != nil {
		return err
	}
	for i := range count {
		free := native.Uint64(ids[8*i:])
		if free >= c.pages || c.seen.has(free) {
			return c.bad(free, "counts as free and is in use")
		}
		c.seen.add(free)
	}
	if c.strict {
		return c.nothingElse()
	}
	return nil
}

// cut returns n bytes that begin pos after the element at `at`.
func cut(body []byte, at int, pos, n uint32) ([]byte, bool) {
	from := int64(at) + int64(pos)
	to := from + int64(n)
	if to > int64(len(body)) {
		return nil, false
	}
	return body[from:to], true
}
