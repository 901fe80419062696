package azure

// crcPolynomial is CRC64NVME's, reflected; see store.Checksums.
const crcPolynomial = 0x9a6c9329ac4bc9b5

// combineCRC64 is the CRC64NVME of A followed by B, from theirs and B's length. Appending B moves A's remainder up by
// 8*lengthB bits, which is multiplying it by x^(8*lengthB) modulo the polynomial; the inversions before and after
// cancel. Method: M. Adler, zlib's crc32_combine, with the powers computed by squaring.
func combineCRC64(a, b uint64, lengthB int64) uint64 {
	power := uint64(1) << 63  // x^0: in reflected order the top bit is the constant term
	square := uint64(1) << 55 // x^8
	for n := lengthB; n > 0; n >>= 1 {
		if n&1 == 1 {
			power = multiply(power, square)
		}
		square = multiply(square, square)
	}
	return multiply(a, power) ^ b
}

// multiply multiplies two polynomials over GF(2), in reflected order, modulo crcPolynomial.
func multiply(a, b uint64) uint64 {
	var product uint64
	for mask := uint64(1) << 63; mask > 0; mask >>= 1 {
		if a&mask != 0 {
			product ^= b
		}
		low := b & 1
		b >>= 1
		if low == 1 {
			b ^= crcPolynomial
		}
	}
	return product
}
