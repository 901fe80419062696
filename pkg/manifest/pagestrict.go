package manifest

// What bbolt writes has one layout: behind a page's header its elements, behind those the keys and values in the same order without a gap. Opening a file
// asks for less, since a strict look at every leaf is as long as reading all of it. A check asks for all, so that no damage of a byte that means anything is passed over: that
// of keys and values their checksums find, that of all others this.

// packedTight looks at the layout of a page's elements. flags is what the elements of a leaf have; keys of branches have none.
func (c *pageChecker) packedTight(id uint64, body []byte, count int, branch bool, flags uint32) error {
	next := int64(pageHeaderBytes) + int64(count)*elementBytes
	var last []byte
	for i := range count {
		at := int64(pageHeaderBytes + i*elementBytes)
		e := body[at:]
		var pos, n, keyBytes uint32
		if branch {
			pos, keyBytes = native.Uint32(e), native.Uint32(e[4:])
			n = keyBytes
		} else {
			if has := native.Uint32(e); has != flags {
				return c.bad(id, "has element %d of another kind (flags %#x)", i, has)
			}
			pos, keyBytes = native.Uint32(e[4:]), native.Uint32(e[8:])
			n = keyBytes + native.Uint32(e[12:])
		}
		data, ok := cut(body, int(at), pos, n)
		if !ok || n < keyBytes {
			return c.bad(id, "has element %d outside of it", i)
		}
		if at+int64(pos) != next {
			return c.bad(id, "has a gap before element %d", i)
		}
		if key := data[:keyBytes]; i > 0 && string(key) <= string(last) {
			return c.bad(id, "has its keys out of order")
		}
		last, next = data[:keyBytes], next+int64(n)
	}
	return nil
}

// strictLeaf looks at a leaf of a bucket of values.
func (c *pageChecker) strictLeaf(id uint64, body []byte, count int) error {
	return c.packedTight(id, body, count, false, 0)
}

// nothingElse makes sure that every page is in use or free.
func (c *pageChecker) nothingElse() error {
	for id := range c.pages {
		if !c.seen.has(id) {
			return c.bad(id, "is neither in use nor free")
		}
	}
	return nil
}
