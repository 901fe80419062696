package file

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"github.com/datagravity/datagravity/pkg/store"
)

const (
	// readBytes is how much is read at once. The kernel asks the disk, or the server of a mount, for several pieces of that at the same time, which
	// stands in for reading ahead.
	readBytes = 4 << 20
	// hashBytes of them are hashed at once: what the first checksum brought into cache, the others find there.
	hashBytes = 256 << 10
	// alignBytes is what places in a file and in memory are multiples of where a read goes past the page cache.
	alignBytes = 4 << 10
)

// reading is a file that is read to prove it. Where the system can, its bytes come from the disk for certain, past the page cache, which
// also spares the kernel a copy of each and a page to hold it. Reads are of whole blocks of buf's size.
type reading struct {
	f      *os.File
	direct bool
	buf    []byte
	at     int64 // where the bytes in buf begin in the file
	have   int   // how many they are
}

var readBuffers = sync.Pool{New: func() any { return (*[readBytes]byte)(aligned(readBytes)) }}

// aligned is memory that begins where direct reads want it.
func aligned(n int) []byte {
	b := make([]byte, n+alignBytes)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (alignBytes - 1)
	return b[skip : skip+n : skip+n]
}

// fromDisk reads f, or some of it of at most so many bytes. Nobody else may read through f. It must be ended.
func fromDisk(f *os.File, most int64) *reading {
	r := fromCache(f, most)
	r.direct = setDirect(f, true) == nil
	return r
}

// fromCache reads a file whose place on the disk is not what is to be proven.
func fromCache(f *os.File, most int64) *reading {
	r := &reading{f: f}
	if most > readBytes/2 {
		r.buf = readBuffers.Get().(*[readBytes]byte)[:]
	} else {
		r.buf = aligned(int(max(1, (most+alignBytes-1)/alignBytes)) * alignBytes)
	}
	return r
}

// end gives back what reading took.
func (r *reading) end() {
	if r.direct {
		_ = setDirect(r.f, false) // f goes on to be closed or asked for its size
	}
	if len(r.buf) == readBytes {
		readBuffers.Put((*[readBytes]byte)(r.buf))
	}
	r.buf, r.have = nil, 0
}

// from returns the bytes from off on that one block has, none at the end of the file.
func (r *reading) from(off int64) ([]byte, error) {
	if off < r.at || off >= r.at+int64(r.have) {
		r.at, r.have = off-off%int64(len(r.buf)), 0
		if err := r.fill(); err != nil {
			r.have = 0
			return nil, err
		}
	}
	return r.buf[min(int(off-r.at), r.have):r.have], nil
}

// fill reads the block, or what there is of it.
func (r *reading) fill() error {
	for r.have < len(r.buf) {
		n, err := pread(r.f, r.buf[r.have:], r.at+int64(r.have))
		switch {
		case errors.Is(err, syscall.EINVAL) && r.direct:
			// A file system that wants more than pages to be aligned, or the end of a file that is not.
			r.direct = false
			if err := setDirect(r.f, false); err != nil {
				return err
			}
		case err != nil:
			return err
		case n == 0:
			return nil
		}
		r.have += max(n, 0)
	}
	return nil
}

// hash hashes sizeBytes bytes of the file from off.
func (r *reading) hash(ctx context.Context, off, sizeBytes int64, into ...*hashes) error {
	for done := int64(0); done < sizeBytes; {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := r.from(off + done)
		if err != nil {
			return err
		}
		if len(b) == 0 {
			return because(store.ErrIntegrity, "the file ends at byte %d, want %d", off+done, off+sizeBytes)
		}
		b = b[:min(int64(len(b)), sizeBytes-done, hashBytes)]
		for _, h := range into {
			h.add(b)
		}
		done += int64(len(b))
	}
	return nil
}
