package manifest

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// pagesOf reads the file of a filled manifest and the places of its branches, leaves and free list.
func pagesOf(t *testing.T) (dir string, file []byte, pages map[uint16][]int) {
	t.Helper()
	dir = memoryDir(t)
	m := open(t, dir, Options{})
	fill(t, m, 800)
	closeIt(t, m)
	file, err := os.ReadFile(filepath.Join(dir, "manifest.db"))
	if err != nil {
		t.Fatal(err)
	}
	free := map[int]bool{}
	db, err := bolt.Open(filepath.Join(dir, "manifest.db"), 0o600, &bolt.Options{ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		t.Fatal(err)
	}
	err = db.View(func(tx *bolt.Tx) error {
		for i := 0; ; i++ {
			p, err := tx.Page(i)
			if err != nil || p == nil {
				return err
			}
			free[i] = p.Type == "free"
		}
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	pages = map[uint16][]int{}
	for at := 2 * 4096; at < len(file); at += 4096 {
		if native.Uint64(file[at:]) == uint64(at/4096) && !free[at/4096] {
			flags := native.Uint16(file[at+8:])
			pages[flags] = append(pages[flags], at)
		}
	}
	if len(pages[branchPage]) < 3 || len(pages[leafPage]) < 50 || len(pages[freelistPage]) == 0 {
		t.Fatalf("pages %v", pages)
	}
	return dir, file, pages
}

// Each of these makes bbolt loop for ever, run out of stack, read beyond the file or hand out pages that are in use.
func TestDamagedSkeletonIsRefused(t *testing.T) {
	_, sound, pages := pagesOf(t)
	branch, leaf := pages[branchPage][0], pages[leafPage][7]
	for name, damage := range map[string]func(b []byte){
		"branch is its own child":      func(b []byte) { native.PutUint64(b[branch+24:], uint64(branch/4096)) },
		"child is a child already":     func(b []byte) { copy(b[branch+24:branch+32], b[branch+40:branch+48]) },
		"child beyond the end":         func(b []byte) { native.PutUint64(b[branch+24:], 1<<40) },
		"child is a meta page":         func(b []byte) { native.PutUint64(b[branch+24:], 0) },
		"branch without children":      func(b []byte) { native.PutUint16(b[branch+10:], 0) },
		"branch with too many":         func(b []byte) { native.PutUint16(b[branch+10:], 0xffff) },
		"branch key outside":           func(b []byte) { native.PutUint32(b[branch+20:], 1<<31) },
		"branch keys out of order":     func(b []byte) { b[branch+16+int(native.Uint32(b[branch+16:]))] = 0xff },
		"leaf says it is a branch":     func(b []byte) { native.PutUint16(b[leaf+8:], branchPage) },
		"leaf has another's id":        func(b []byte) { native.PutUint64(b[leaf:], 5) },
		"leaf overflows into the next": func(b []byte) { native.PutUint32(b[leaf+12:], 1) },
		"leaf overflows the file":      func(b []byte) { native.PutUint32(b[leaf+12:], 0xffffffff) },
		"free list has a used page": func(b []byte) {
			list := current(b, pages[freelistPage])
			n := native.Uint16(b[list+10:])
			native.PutUint64(b[list+16:], uint64(leaf/4096))
			native.PutUint16(b[list+10:], max(1, n))
		},
		"free list is too long": func(b []byte) { native.PutUint16(b[current(b, pages[freelistPage])+10:], 0xfffe) },
		"free list is huge": func(b []byte) {
			list := current(b, pages[freelistPage])
			native.PutUint16(b[list+10:], 0xffff)
			native.PutUint64(b[list+16:], 1<<62)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			b := append([]byte(nil), sound...)
			damage(b)
			if err := os.WriteFile(filepath.Join(dir, "manifest.db"), b, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := OpenDir(dir, Options{})
			wantError(t, err, ErrCorrupt, "datagravity manifest rebuild")
		})
	}
}

// current is the free list that the newer meta page names.
func current(b []byte, lists []int) int {
	c := pageChecker{file: bytesAt(b)}
	_, list, err := c.meta()
	if err != nil {
		panic(err)
	}
	for _, at := range lists {
		if uint64(at/4096) == list {
			return at
		}
	}
	panic("no free list")
}

type bytesAt []byte

func (b bytesAt) ReadAt(p []byte, off int64) (int, error) { return bytes.NewReader(b).ReadAt(p, off) }

// The torn write of the newest meta page is what a power cut leaves: the manifest opens as it was one transaction before.
func TestTornMetaPage(t *testing.T) {
	dir, b, _ := pagesOf(t)
	newest := 0
	if native.Uint64(b[4096+16+48:]) > native.Uint64(b[16+48:]) {
		newest = 4096
	}
	clear(b[newest+40 : newest+80])
	if err := os.WriteFile(filepath.Join(dir, "manifest.db"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, dir, Options{})
	other := 4096 - newest
	clear(b[other+40 : other+80])
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "manifest.db"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := OpenDir(broken, Options{})
	wantError(t, err, ErrCorrupt)
}
