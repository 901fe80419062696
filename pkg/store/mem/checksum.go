package mem

import (
	"crypto/md5"
	"encoding/hex"
	"hash/crc32"
	"slices"

	"github.com/minio/crc64nvme"

	"github.com/datagravity/datagravity/pkg/store"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksumsOf computes both CRCs, and the slow MD5 only if the caller named one to compare with.
func checksumsOf(b []byte, want store.Checksums) store.Checksums {
	c := store.Checksums{CRC64NVME: store.Hex64(crc64nvme.Checksum(b)), CRC32C: store.Hex32(crc32.Checksum(b, castagnoli))}
	if want.MD5 != "" {
		sum := md5.Sum(b)
		c.MD5 = hex.EncodeToString(sum[:])
	}
	return c
}

// kept drops the checksums that this store does not keep.
func (s *Store) kept(c store.Checksums) store.Checksums {
	var k store.Checksums
	if slices.Contains(s.o.ObjectChecksums, "crc64nvme") {
		k.CRC64NVME = c.CRC64NVME
	}
	if slices.Contains(s.o.ObjectChecksums, "crc32c") {
		k.CRC32C = c.CRC32C
	}
	return k
}
