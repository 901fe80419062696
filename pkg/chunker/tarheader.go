package chunker

import (
	"bytes"
)

// tarBlock is the unit of a tar archive in bytes (POSIX.1-1988, ustar).
const tarBlock = 512

var zeroBlock [tarBlock]byte

// tarHeader is what of a header matters for cutting.
type tarHeader struct {
	// sample names what belongs together: in WebDataset all members whose path is equal up to the first dot of the last
	// segment (CRC64NVME of that). Zero blocks are a sample of their own, 0.
	sample uint64
	// body is the length of what follows, padding included, in bytes.
	body int64
	// extends: it says more of the next header (pax, GNU long names) and is no member.
	extends bool
}

// parseTarHeader reads one block; false if it is no header that can be followed.
func parseTarHeader(b *[tarBlock]byte) (h tarHeader, ok bool) {
	if *b == zeroBlock {
		return h, true
	}
	if sum, ok := tarNumber(b[148:156]); !ok || sum != tarSum(b) {
		return h, false
	}
	size, ok := tarNumber(b[124:136])
	if !ok {
		return h, false
	}
	switch b[156] {
	case '1', '2', '3', '4', '5', '6': // links, devices, directories: whatever size says, nothing follows
		size = 0
	case 'S': // sparse in GNU's old form: more headers may follow in a place of their own
		if b[482] != 0 {
			return h, false
		}
	case 'x', 'g', 'X', 'L', 'K':
		h.extends = true
	}
	h.body = (size + tarBlock - 1) / tarBlock * tarBlock
	h.sample = tarSample(b)
	return h, true
}

// tarSum is the sum of all bytes, those of the checksum's own field taken as spaces.
func tarSum(b *[tarBlock]byte) (sum int64) {
	for _, v := range b {
		sum += int64(v)
	}
	for _, v := range b[148:156] {
		sum -= int64(v) - ' '
	}
	return sum
}

// tarNumber reads octal digits between spaces, ended by a zero byte or a space, or GNU's binary form. It refuses what is
// negative or above 2^56.
func tarNumber(field []byte) (n int64, ok bool) {
	const most = 1 << 56
	if field[0]&0x80 != 0 {
		// Big-endian behind the first byte. 1's in the rest of that one would be a negative number, or a huge one.
		n := int64(field[0] & 0x7f)
		for _, v := range field[1:] {
			if n > most>>8 {
				return 0, false
			}
			n = n<<8 | int64(v)
		}
		return n, n <= most
	}
	if i := bytes.IndexByte(field, 0); i >= 0 {
		field = field[:i]
	}
	field = bytes.Trim(field, " ")
	for _, v := range field {
		if v < '0' || v > '7' {
			return 0, false
		}
		if n = n<<3 | int64(v-'0'); n > most {
			return 0, false
		}
	}
	return n, len(field) > 0
}

// tarSample names the member's sample by the header's own name fields. A longer name of an extension header is not read: members
// whose first hundred characters are equal then count as one sample.
func tarSample(b *[tarBlock]byte) uint64 {
	text := func(field []byte) []byte {
		if i := bytes.IndexByte(field, 0); i >= 0 {
			return field[:i]
		}
		return field
	}
	name := text(b[:100])
	segment := bytes.LastIndexByte(name, '/') + 1
	if dot := bytes.IndexByte(name[segment:], '.'); dot > 0 {
		name = name[:segment+dot]
	}
	var path []byte
	if string(b[257:263]) == "ustar\x00" {
		if prefix := text(b[345:500]); len(prefix) > 0 {
			var buf [256]byte
			path = append(append(buf[:0], prefix...), '/')
		}
	}
	return CRC64NVME(append(path, name...))
}
