package chunker

import (
	"hash/crc32"

	"github.com/minio/crc64nvme"
)

// The two checksums that object stores check and keep. Both are linear, so the checksum of a whole follows from those of
// its parts and their lengths: a*x^(8*lenB) + b modulo the polynomial. Initial and final inversion cancel out, as in
// zlib's crc32_combine.

const (
	nvmePoly64       uint64 = 0x9A6C9329AC4BC9B5 // reflected
	castagnoliPoly32 uint32 = 0x82F63B78         // reflected
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// CRC64NVME is what S3 calls CRC64NVME and Azure CRC64: 0xae8b14860a799888 for "123456789".
func CRC64NVME(data []byte) uint64 { return crc64nvme.Checksum(data) }

// CRC32C is the Castagnoli checksum that GCS keeps: 0xe3069283 for "123456789".
func CRC32C(data []byte) uint32 { return crc32.Checksum(data, castagnoli) }

// Combine64 is the CRC64NVME of A followed by B, from a of A, b of B and B's length in bytes.
func Combine64(a, b uint64, lenB int64) uint64 {
	for k := 0; lenB > 0; k, lenB = k+1, lenB>>1 {
		if lenB&1 != 0 {
			a = multiply64(a, bytePowers64[k])
		}
	}
	return a ^ b
}

// Combine32 is the CRC32C of A followed by B, from a of A, b of B and B's length in bytes.
func Combine32(a, b uint32, lenB int64) uint32 {
	for k := 0; lenB > 0; k, lenB = k+1, lenB>>1 {
		if lenB&1 != 0 {
			a = multiply32(a, bytePowers32[k])
		}
	}
	return a ^ b
}

// bytePowersNN[k] is x^(8*2^k) modulo the polynomial: what 2^k bytes behind it do to a checksum.
var (
	bytePowers64 = func() (p [63]uint64) {
		v := uint64(1) << (63 - 8) // x^8: in reflected order the top bit is x^0
		for k := range p {
			p[k], v = v, multiply64(v, v)
		}
		return p
	}()
	bytePowers32 = func() (p [63]uint32) {
		v := uint32(1) << (31 - 8)
		for k := range p {
			p[k], v = v, multiply32(v, v)
		}
		return p
	}()
)

// multiply64 multiplies two reflected polynomials over GF(2).
func multiply64(a, b uint64) (product uint64) {
	for ; a != 0; a <<= 1 {
		if a>>63 != 0 {
			product ^= b
		}
		b = b>>1 ^ nvmePoly64&-(b&1)
	}
	return product
}

func multiply32(a, b uint32) (product uint32) {
	for ; a != 0; a <<= 1 {
		if a>>31 != 0 {
			product ^= b
		}
		b = b>>1 ^ castagnoliPoly32&-(b&1)
	}
	return product
}
