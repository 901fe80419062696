package store

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Checksums of a whole object in lower-case hex, "" where unknown. CRC64NVME is the function that both S3 and Azure call
// CRC64 (polynomial 0xAD93D23594C93659, reflected 0x9A6C9329AC4BC9B5, check value ae8b14860a799888 for "123456789").
type Checksums struct {
	CRC64NVME string `json:"crc64nvme,omitempty"`
	CRC32C    string `json:"crc32c,omitempty"`
	MD5       string `json:"md5,omitempty"`
}

// Verdict of comparing two sets of checksums.
type Verdict int

// Unknown: no algorithm in common. Equal: all common ones agree. Different: at least one disagrees.
const (
	Unknown Verdict = iota
	Equal
	Different
)

// Compare looks at the algorithms that both sides know.
func (c Checksums) Compare(o Checksums) Verdict {
	v := Unknown
	for _, p := range [...][2]string{{c.CRC64NVME, o.CRC64NVME}, {c.CRC32C, o.CRC32C}, {c.MD5, o.MD5}} {
		if p[0] == "" || p[1] == "" {
			continue
		}
		if p[0] != p[1] {
			return Different
		}
		v = Equal
	}
	return v
}

// IsZero tells that no checksum is known.
func (c Checksums) IsZero() bool { return c == Checksums{} }

// Hex64 writes a 64-bit checksum as 16 hex digits.
func Hex64(v uint64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], v)
	return hex.EncodeToString(b[:])
}

// Hex32 writes a 32-bit checksum as 8 hex digits.
func Hex32(v uint32) string {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	return hex.EncodeToString(b[:])
}

// ParseHex64 reads what [Hex64] writes.
func ParseHex64(s string) (uint64, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 8 {
		return 0, fmt.Errorf("checksum %q: want 16 hex digits", s)
	}
	return binary.BigEndian.Uint64(b), nil
}

// ParseHex32 reads what [Hex32] writes.
func ParseHex32(s string) (uint32, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 4 {
		return 0, fmt.Errorf("checksum %q: want 8 hex digits", s)
	}
	return binary.BigEndian.Uint32(b), nil
}
