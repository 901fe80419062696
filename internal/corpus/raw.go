package corpus

import (
	"encoding/binary"
	"math"
)

// Random is bytes without structure: compressed or encrypted data.
func Random(seed uint64, sizeBytes int64) []byte {
	return newSource("random", seed).bytes(int(sizeBytes))
}

// Zeros is a hole, or padding.
func Zeros(sizeBytes int64) []byte { return make([]byte, sizeBytes) }

// Pattern repeats one random period of periodBytes, in which neighbours differ where the period allows it.
func Pattern(periodBytes int, sizeBytes int64) []byte {
	r := newSource("pattern", uint64(periodBytes))
	period := r.bytes(periodBytes)
	for i := 1; i < len(period); i++ {
		for period[i] == period[i-1] {
			period[i] = byte(r.Uint32())
		}
	}
	data := make([]byte, sizeBytes)
	for n := copy(data, period); n > 0 && n < len(data); n *= 2 {
		copy(data[n:], data[:n])
	}
	return data
}

// Bits is bytes that are 0 or 1, each as likely: a mask of noise. Of 8 neighbouring bytes there are 256 forms.
func Bits(seed uint64, sizeBytes int64) []byte {
	data := newSource("bits", seed).bytes(int(sizeBytes))
	for i := range data {
		data[i] &= 1
	}
	return data
}

// Masks is label maps: runs of one of 20 byte values, 40 bytes long in the mean, exponentially distributed.
func Masks(seed uint64, sizeBytes int64) []byte {
	r := newSource("masks", seed)
	data := make([]byte, 0, sizeBytes)
	for int64(len(data)) < sizeBytes {
		label := byte(r.IntN(20))
		for n := 1 + int(39*r.ExpFloat64()); n > 0 && int64(len(data)) < sizeBytes; n-- {
			data = append(data, label)
		}
	}
	return data
}

// Halves is little-endian IEEE 754 binary16 weights of a normal distribution with mean 0 and deviation 0.02, rounded
// towards zero; a last odd byte is zero.
func Halves(seed uint64, sizeBytes int64) []byte {
	r := newSource("halves", seed)
	data := make([]byte, sizeBytes)
	for i := 0; i+2 <= len(data); i += 2 {
		binary.LittleEndian.PutUint16(data[i:], half(float32(0.02*r.NormFloat64())))
	}
	return data
}

// half rounds |f| < 65,504 towards zero to binary16; what is below its normal numbers, 2^-14, becomes a signed zero.
func half(f float32) uint16 {
	bits := math.Float32bits(f)
	sign := uint16(bits >> 16 & 0x8000)
	exponent := int(bits>>23&0xff) - 127 + 15
	if exponent <= 0 {
		return sign
	}
	return sign | uint16(exponent)<<10 | uint16(bits>>13&0x3ff)
}
