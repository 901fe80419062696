package gcs

import (
	"fmt"

	"github.com/datagravity/datagravity/pkg/store"
)

// A CRC is the remainder of the message, as a polynomial over GF(2), divided by the generator; appending n bytes
// multiplies it by x^(8n). Hence the CRC of a whole from those of its parts, without its bytes: shift the first by the
// length of the second, and add. Reflected: bit 31 is x^0.
const (
	castagnoliReversed = 0x82F63B78
	x8                 = uint32(1) << (31 - 8)
)

// combine is the CRC32C of a followed by b, whose length is bBytes.
func combine(a, b uint32, bBytes int64) uint32 {
	for power := x8; bBytes > 0; bBytes >>= 1 {
		if bBytes&1 == 1 {
			a = multiply(a, power)
		}
		power = multiply(power, power)
	}
	return a ^ b
}

// multiply is the product of two polynomials modulo the generator.
func multiply(a, b uint32) uint32 {
	var product uint32
	for bit := uint32(1) << 31; bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		carry := b & 1
		b >>= 1
		if carry == 1 {
			b ^= castagnoliReversed
		}
	}
	return product
}

// wholeSum is the CRC32C that the assembled parts must have, nil if neither the caller nor the parts tell. Where both
// tell and differ, the parts are not those of the object, and nothing need be written to know it.
func wholeSum(parts []store.Part, o store.CompleteOptions) (*uint32, error) {
	var told, combined *uint32
	if o.Checksums.CRC32C != "" {
		v, err := store.ParseHex32(o.Checksums.CRC32C)
		if err != nil {
			return nil, err
		}
		told = &v
	}
	sum := uint32(0) // of no bytes
	combined = &sum
	for _, p := range parts {
		if p.CRC32C == "" {
			combined = nil
			break
		}
		v, err := store.ParseHex32(p.CRC32C)
		if err != nil {
			return nil, fmt.Errorf("part %d: %w", p.Number, err)
		}
		sum = combine(sum, v, p.Size)
	}
	switch {
	case told == nil:
		return combined, nil
	case combined != nil && *combined != *told:
		return nil, fmt.Errorf("the parts together have CRC32C %s, the object must have %s", store.Hex32(*combined), store.Hex32(*told))
	}
	return told, nil
}
