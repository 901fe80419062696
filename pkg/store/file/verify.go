package file

import (
	"context"
	"hash/crc32"
	"io"
	"os"

	"github.com/minio/crc64nvme"

	"github.com/datagravity/datagravity/pkg/store"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksumsOf(b []byte) store.Checksums {
	return store.Checksums{CRC64NVME: store.Hex64(crc64nvme.Checksum(b)), CRC32C: store.Hex32(crc32.Checksum(b, castagnoli))}
}

// readBytes is how much is read and hashed at once.
const readBytes = 1 << 20

// readBack hashes sizeBytes bytes of f from off, and with them each of the parts that follow one another from there.
func readBack(ctx context.Context, f io.ReaderAt, off, sizeBytes int64) (store.Checksums, error) {
	whole := newHashes()
	err := whole.read(ctx, f, off, sizeBytes)
	return whole.sums(), err
}

// readParts hashes the whole file, and compares each part whose checksums are known with its own bytes, so that an error
// can say which part to send again.
func readParts(ctx context.Context, f io.ReaderAt, parts []store.Part) (store.Checksums, error) {
	whole := newHashes()
	off := int64(0)
	for _, p := range parts {
		want := store.Checksums{CRC64NVME: p.CRC64NVME, CRC32C: p.CRC32C}
		one := newHashes()
		if err := one.read(ctx, f, off, p.Size, whole); err != nil {
			return store.Checksums{}, err
		}
		if got := one.sums(); got.Compare(want) == store.Different {
			return store.Checksums{}, because(store.ErrIntegrity, "part %d at offset %d reads back as %+v, sent was %+v", p.Number, off, got, want)
		}
		off += p.Size
	}
	return whole.sums(), nil
}

type hashes struct {
	c64 uint64
	c32 uint32
}

func newHashes() *hashes { return &hashes{} }

func (h *hashes) add(b []byte) {
	h.c64 = crc64nvme.Update(h.c64, b)
	h.c32 = crc32.Update(h.c32, castagnoli, b)
}

func (h *hashes) sums() store.Checksums {
	return store.Checksums{CRC64NVME: store.Hex64(h.c64), CRC32C: store.Hex32(h.c32)}
}

func (h *hashes) read(ctx context.Context, f io.ReaderAt, off, sizeBytes int64, also ...*hashes) error {
	buf := make([]byte, min(readBytes, sizeBytes))
	for done := int64(0); done < sizeBytes; {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := buf[:min(int64(len(buf)), sizeBytes-done)]
		if n, err := f.ReadAt(b, off+done); n < len(b) {
			if err == io.EOF {
				return because(store.ErrIntegrity, "the file ends at byte %d, want %d", off+done+int64(n), off+sizeBytes)
			}
			return err
		}
		h.add(b)
		for _, a := range also {
			a.add(b)
		}
		done += int64(len(b))
	}
	return nil
}

// settle makes f durable and the next reads come from the disk.
func settle(f *os.File) error {
	if err := f.Sync(); err != nil {
		return err
	}
	dropCache(f)
	return nil
}
