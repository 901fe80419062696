package file

import (
	"context"
	"hash/crc32"
	"os"

	"github.com/minio/crc64nvme"

	"github.com/datagravity/datagravity/pkg/store"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksumsOf(b []byte) store.Checksums {
	return store.Checksums{CRC64NVME: store.Hex64(crc64nvme.Checksum(b)), CRC32C: store.Hex32(crc32.Checksum(b, castagnoli))}
}

// readBack hashes sizeBytes bytes from off.
func readBack(ctx context.Context, r *reading, off, sizeBytes int64) (store.Checksums, error) {
	whole := &hashes{}
	err := r.hash(ctx, off, sizeBytes, whole)
	return whole.sums(), err
}

// readParts hashes the whole file, and compares each part whose checksums are known with its own bytes, so that an error
// can say which part to send again. Of a part that was copied, none are known: it is proven by those of the whole.
func readParts(ctx context.Context, r *reading, parts []store.Part) (store.Checksums, error) {
	whole, off := &hashes{}, int64(0)
	for _, p := range parts {
		want := store.Checksums{CRC64NVME: p.CRC64NVME, CRC32C: p.CRC32C}
		one, into := &hashes{}, []*hashes{whole}
		if !want.IsZero() {
			into = append(into, one)
		}
		if err := r.hash(ctx, off, p.Size, into...); err != nil {
			return store.Checksums{}, err
		}
		if got := one.sums(); !want.IsZero() && got.Compare(want) == store.Different {
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

func (h *hashes) add(b []byte) {
	h.c64 = crc64nvme.Update(h.c64, b)
	h.c32 = crc32.Update(h.c32, castagnoli, b)
}

func (h *hashes) sums() store.Checksums {
	return store.Checksums{CRC64NVME: store.Hex64(h.c64), CRC32C: store.Hex32(h.c32)}
}

// settle makes f durable and the next reads come from the disk.
func settle(f *os.File) error {
	if err := f.Sync(); err != nil {
		return err
	}
	dropCache(f, 0, 0)
	return nil
}

// written makes a part durable. It leaves the page cache: nothing reads it before all of the file is settled.
func written(f *os.File, off, sizeBytes int64) error {
	if err := fdatasync(f); err != nil {
		return err
	}
	dropCache(f, off, sizeBytes)
	return nil
}
