package azure

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// A block ID is 60 characters before base64, below the service's 64, and always the same length, because the service
// refuses blocks of one blob whose IDs differ in length (a decimal number without leading zeros fails at block 11):
//
//	"dg1"  format       3
//	nonce  upload      24  hex: 4 bytes of Unix seconds, 8 random bytes
//	number            5  decimal, from 1
//	offset             12  hex, of the first byte in the object; 190.7 TiB need 48 bits
//	crc64              16  hex, CRC64NVME of the block's bytes
//
// 60 is a multiple of 3, so that the base64 form has no padding.
//
// The CRC64 of a range that the service copies is not known before it did. The ID of such a block has another format mark, and in
// place of the CRC64 the first 8 bytes of a BLAKE3 over the source's pin and range, so that the same copy again replaces
// itself and another one is another block.
const (
	blockFormat  = "dg1"
	copiedFormat = "dg2"
	nonceLen     = 24
	rawIDLen     = 3 + nonceLen + 5 + 12 + 16
	blockIDLen   = rawIDLen / 3 * 4
)

// blockID is what an ID says about its block.
type blockID struct {
	nonce  string
	number int
	offset int64
	crc64  uint64 // or, where it is copied, what names the source
	copied bool
}

// String is the ID as requests carry it.
func (b blockID) String() string {
	format := blockFormat
	if b.copied {
		format = copiedFormat
	}
	raw := fmt.Sprintf("%s%s%05d%012x%016x", format, b.nonce, b.number, b.offset, b.crc64)
	return base64.StdEncoding.EncodeToString([]byte(raw))
}

// parseBlockID reads an ID; ok is false for one that is not ours.
func parseBlockID(s string) (b blockID, ok bool) {
	if len(s) != blockIDLen {
		return b, false
	}
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(raw) != rawIDLen {
		return b, false
	}
	switch string(raw[:3]) {
	case blockFormat:
	case copiedFormat:
		b.copied = true
	default:
		return b, false
	}
	rest := string(raw[3:])
	b.nonce, rest = rest[:nonceLen], rest[nonceLen:]
	if _, err := hex.DecodeString(b.nonce); err != nil {
		return b, false
	}
	number, err1 := strconv.ParseUint(rest[:5], 10, 31)
	offset, err2 := strconv.ParseUint(rest[5:17], 16, 63)
	crc, err3 := strconv.ParseUint(rest[17:], 16, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return b, false
	}
	b.number, b.offset, b.crc64 = int(number), int64(offset), crc
	// Only the one spelling that String writes: IDs are compared as text.
	return b, b.String() == s
}

// newNonce names an upload; the time in it is all that is known of an upload which a listing finds.
func newNonce(now time.Time) string {
	var b [nonceLen / 2]byte
	binary.BigEndian.PutUint32(b[:4], uint32(now.Unix()))
	_, _ = rand.Read(b[4:]) // never fails
	return hex.EncodeToString(b[:])
}

// created is the time in a nonce; ok is false for text that is no nonce.
func created(nonce string) (t time.Time, ok bool) {
	b, err := hex.DecodeString(nonce)
	if err != nil || len(nonce) != nonceLen {
		return time.Time{}, false
	}
	return time.Unix(int64(binary.BigEndian.Uint32(b[:4])), 0).UTC(), true
}

// part is the block as the store tells it.
func (b blockID) part(sizeBytes int64) store.Part {
	if b.copied {
		return store.Part{Number: b.number, Offset: b.offset, Size: sizeBytes, ETag: b.String()}
	}
	return store.Part{Number: b.number, Offset: b.offset, Size: sizeBytes, ETag: b.String(), CRC64NVME: store.Hex64(b.crc64)}
}
