package manifest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A small bucket lies in an element of the root, and bbolt reads a copy of it on the heap: what reaches out of it is refused on opening, or the garbage collector may end
// the process.
func TestSmallBucketThatReachesOutIsRefused(t *testing.T) {
	for name, at := range map[string]int{"where it begins": 4, "its key's length": 8, "its value's length": 12} {
		t.Run(name, func(t *testing.T) {
			dir := memoryDir(t)
			m := open(t, dir, Options{})
			update(t, m, func(tx *Tx) error { return tx.PutDataset(Dataset{Name: "small", Stable: 7}) })
			closeIt(t, m)
			path := filepath.Join(dir, "manifest.db")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			found := 0
			for page := 0; page+tornPage <= len(b); page += tornPage {
				for _, small := range smallBuckets(b[page : page+tornPage]) {
					small[pageHeaderBytes+at+3] |= 0x40 // a GiB
					found++
				}
			}
			if found == 0 {
				t.Fatal("no bucket is small")
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, later := range []bool{false, true} {
				m, err := OpenDir(dir, Options{LeavesLater: later})
				if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "small bucket outside of it") || !strings.Contains(err.Error(), "manifest rebuild") {
					t.Errorf("%v", err)
				}
				if err == nil {
					closeIt(t, m)
				}
			}
		})
	}
}

// smallBuckets are the pages in a page's elements that have an element themselves.
func smallBuckets(page []byte) (list [][]byte) {
	if native.Uint16(page[8:]) != leafPage {
		return nil
	}
	for i := range int(native.Uint16(page[10:])) {
		at := pageHeaderBytes + i*elementBytes
		e := page[at:]
		kv, ok := cut(page, at, native.Uint32(e[4:]), native.Uint32(e[8:])+native.Uint32(e[12:]))
		if native.Uint32(e) != bucketElement || !ok {
			continue
		}
		header := kv[native.Uint32(e[8:]):]
		if native.Uint64(header) == 0 && native.Uint16(header[elementBytes+10:]) > 0 {
			list = append(list, header[elementBytes:])
		}
	}
	return list
}
