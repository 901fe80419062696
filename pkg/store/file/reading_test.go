package file

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/datagravity/datagravity/pkg/store"
)

// made is a file of random bytes on the disk.
func made(t testing.TB, sizeBytes int) (*os.File, []byte) {
	t.Helper()
	body := make([]byte, sizeBytes)
	rand.NewChaCha8([32]byte{byte(sizeBytes)}).Read(body)
	f, err := os.OpenFile(filepath.Join(t.TempDir(), "f"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := settle(f); err != nil {
		t.Fatal(err)
	}
	return f, body
}

func eachReading(t *testing.T, check func(t *testing.T, read func(*os.File, int64) *reading)) {
	t.Run("disk", func(t *testing.T) { check(t, fromDisk) })
	t.Run("cache", func(t *testing.T) { check(t, fromCache) })
}

func TestReadingHashesAnyRange(t *testing.T) {
	eachReading(t, func(t *testing.T, read func(*os.File, int64) *reading) {
		for _, size := range []int{0, 1, alignBytes - 1, alignBytes, alignBytes + 1, readBytes, 2*readBytes + 12345} {
			f, body := made(t, size)
			most := int64(size) / 3 // so that blocks are smaller than the ranges, too
			r := read(f, most)
			ranges := [][2]int{{0, size}, {size / 3, size / 3}, {size / 2, 0}, {max(0, size-1), min(1, size)}, {0, min(1, size)}, {size / 7, size - size/7}, {0, size}}
			for _, x := range ranges {
				got, err := readBack(t.Context(), r, int64(x[0]), int64(x[1]))
				if want := checksumsOf(body[x[0] : x[0]+x[1]]); err != nil || got != want {
					t.Errorf("%d bytes from %d of %d: %+v, %v, want %+v", x[1], x[0], size, got, err, want)
				}
			}
			r.end()
			var b [1]byte
			if n, err := f.ReadAt(b[:], 0); n != min(1, size) && err != nil {
				t.Errorf("the file cannot be read as any other afterwards: %v", err)
			}
		}
	})
}

func TestReadingNoticesAFileThatEndsEarly(t *testing.T) {
	eachReading(t, func(t *testing.T, read func(*os.File, int64) *reading) {
		for _, size := range []int{0, 100, alignBytes, readBytes + 100, 2 * readBytes} {
			f, _ := made(t, size)
			r := read(f, int64(size)+1)
			for _, off := range []int{0, size / 2, size, size + 5000} {
				_, err := readBack(t.Context(), r, int64(off), int64(size-off+1+5000))
				var refused *refusal
				if !errors.As(err, &refused) || refused.kind != store.ErrIntegrity {
					t.Errorf("past the end of %d bytes, from %d: %v, want an integrity error", size, off, err)
				}
			}
			r.end()
		}
	})
}

// A change on the disk after a block was read is seen by a new reading.
func TestReadingSeesWhatIsWrittenNext(t *testing.T) {
	f, body := made(t, readBytes+10)
	for _, off := range []int64{0, 5, readBytes, readBytes + 9} {
		body[off]++
		if _, err := f.WriteAt(body[off:off+1], off); err != nil { // in the page cache alone
			t.Fatal(err)
		}
		r := fromDisk(f, int64(len(body)))
		got, err := readBack(t.Context(), r, 0, int64(len(body)))
		r.end()
		if err != nil || got != checksumsOf(body) {
			t.Errorf("after byte %d was changed: %+v, %v", off, got, err)
		}
	}
}

// Where direct reads are refused in the middle, the rest is read through the cache.
func TestReadingGoesOnWithoutDirectReads(t *testing.T) {
	f, body := made(t, 3*alignBytes)
	r := fromDisk(f, int64(len(body)))
	if !r.direct {
		t.Skip("this file system has no direct reads")
	}
	r.buf = r.buf[1:] // no longer where the disk wants it
	if _, err := pread(f, r.buf, 0); !errors.Is(err, syscall.EINVAL) {
		t.Logf("this file system takes reads that are not aligned: %v", err)
	}
	got, err := readBack(t.Context(), r, 0, int64(len(body)))
	if err != nil || got != checksumsOf(body) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestPartsAreProvenAcrossBlocks(t *testing.T) {
	f, body := made(t, 2*readBytes+777)
	var parts []store.Part
	for off, n := 0, 0; off < len(body); off += n {
		n = min(readBytes/3+off%1000+1, len(body)-off)
		sums := checksumsOf(body[off : off+n])
		p := store.Part{Number: len(parts) + 1, Offset: int64(off), Size: int64(n), CRC64NVME: sums.CRC64NVME, CRC32C: sums.CRC32C}
		if len(parts)%2 == 1 {
			p.CRC64NVME, p.CRC32C = "", "" // copied
		}
		parts = append(parts, p)
	}
	prove := func() (store.Checksums, error) {
		r := fromDisk(f, int64(len(body)))
		defer r.end()
		return readParts(t.Context(), r, parts)
	}
	if got, err := prove(); err != nil || got != checksumsOf(body) {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, p := range parts {
		at := p.Offset + p.Size - 1
		if _, err := f.WriteAt([]byte{body[at] + 1}, at); err != nil {
			t.Fatal(err)
		}
		got, err := prove()
		switch {
		case got == checksumsOf(body):
			t.Errorf("part %d: a wrong byte at its end was not noticed", p.Number)
		case p.CRC32C != "" && (err == nil || err.Error()[:len(fmt.Sprint("part ", p.Number))] != fmt.Sprint("part ", p.Number)):
			t.Errorf("part %d is wrong, and the error is %v", i+1, err)
		}
		if _, err := f.WriteAt(body[at:at+1], at); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkReading is what proving costs: MB/s, and CPU for each GiB.
func BenchmarkReading(b *testing.B) {
	const size = 256 << 20
	f, _ := made(b, size)
	for name, read := range map[string]func(*os.File, int64) *reading{"disk": fromDisk, "cache": fromCache} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			var before, after syscall.Rusage
			syscall.Getrusage(syscall.RUSAGE_SELF, &before)
			for b.Loop() {
				dropCache(f, 0, 0)
				r := read(f, size)
				if _, err := readBack(b.Context(), r, 0, size); err != nil {
					b.Fatal(err)
				}
				r.end()
			}
			syscall.Getrusage(syscall.RUSAGE_SELF, &after)
			cpu := func(u syscall.Rusage) int64 { return u.Utime.Nano() + u.Stime.Nano() }
			b.ReportMetric(float64(cpu(after)-cpu(before))/1e9/float64(b.N)*(1<<30)/size, "cpu-s/GiB")
		})
	}
}
