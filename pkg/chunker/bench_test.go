package chunker

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// Every benchmark runs on one goroutine over 256 MiB of random data, or a part of it. Compare figures of one run only.

const benchPartBytes = 8 << 20

var benchData []byte

func randomBytes(n int, seed byte) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{seed})
	_, _ = r.Read(b)
	return b
}

func benchBytes(b *testing.B, n int) []byte {
	b.Helper()
	if benchData == nil {
		benchData = randomBytes(256<<20, 1)
	}
	b.SetBytes(int64(n))
	return benchData[:n]
}

func BenchmarkBoundaries(b *testing.B) {
	for _, avg := range []int64{16 << 10, 64 << 10, 256 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", avg>>10), func(b *testing.B) {
			data := benchBytes(b, 64<<20)
			for b.Loop() {
				_ = Boundaries(data, ParamsFor(AlgorithmPlain, avg), func(int64) {})
			}
		})
	}
}

func BenchmarkCutter(b *testing.B) {
	for _, avg := range []int64{64 << 10, 256 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", avg>>10), func(b *testing.B) {
			data := benchBytes(b, 64<<20)
			b.ReportAllocs()
			for b.Loop() {
				c, _ := NewCutter(ParamsFor(AlgorithmPlain, avg))
				for i := 0; i < len(data); i += benchPartBytes {
					c.Feed(data[i:i+benchPartBytes], false, func(Chunk) {})
				}
			}
		})
	}
}

func BenchmarkPartDigest(b *testing.B) {
	data := benchBytes(b, benchPartBytes)
	b.ReportAllocs()
	for b.Loop() {
		PartDigest(data, benchPartBytes, false)
	}
}

func BenchmarkCRC64NVME(b *testing.B) {
	data := benchBytes(b, benchPartBytes)
	for b.Loop() {
		CRC64NVME(data)
	}
}

func BenchmarkCRC32C(b *testing.B) {
	data := benchBytes(b, benchPartBytes)
	for b.Loop() {
		CRC32C(data)
	}
}

// Separate passes against one walk in blocks of several sizes, over 32 parts that do not fit in cache together.
func BenchmarkSumPartBlock(b *testing.B) {
	b.Run("passes", func(b *testing.B) {
		data := benchBytes(b, 256<<20)
		for b.Loop() {
			for i := 0; i < len(data); i += benchPartBytes {
				p := data[i : i+benchPartBytes]
				PartDigest(p, int64(i), false)
				CRC64NVME(p)
				CRC32C(p)
			}
		}
	})
	for _, block := range []int{16 << 10, 32 << 10, 64 << 10, 128 << 10, 512 << 10} {
		b.Run(fmt.Sprintf("%dKiB", block>>10), func(b *testing.B) {
			data := benchBytes(b, 256<<20)
			for b.Loop() {
				for i := 0; i < len(data); i += benchPartBytes {
					sumPart(data[i:i+benchPartBytes], int64(i), false, block)
				}
			}
		})
	}
}

func BenchmarkSumPart(b *testing.B) {
	data := benchBytes(b, benchPartBytes)
	b.ReportAllocs()
	for b.Loop() {
		SumPart(data, benchPartBytes, false)
	}
}

// What the engine does with a shard: cut, digest chunks, and sum parts.
func BenchmarkEngine(b *testing.B) {
	data := benchBytes(b, 256<<20)
	b.ReportAllocs()
	for b.Loop() {
		c, _ := NewCutter(DefaultParams())
		var parts []PartSums
		for i := 0; i < len(data); i += benchPartBytes {
			p := data[i : i+benchPartBytes]
			c.Feed(p, i+benchPartBytes == len(data), func(Chunk) {})
			parts = append(parts, SumPart(p, int64(i), false))
		}
		if _, err := CombineParts(parts, benchPartBytes, int64(len(data))); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWhole(b *testing.B) {
	data := benchBytes(b, 256<<20)
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("%d", workers), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				_, _ = Whole(data, DefaultParams(), Options{Workers: workers}, func(Chunk) error { return nil })
			}
		})
	}
}

func BenchmarkVerifyChunks(b *testing.B) {
	data := benchBytes(b, benchPartBytes)
	var chunks []Chunk
	c, _ := NewCutter(DefaultParams())
	c.Feed(data, true, func(c Chunk) { chunks = append(chunks, c) })
	b.ReportAllocs()
	for b.Loop() {
		if err := VerifyChunks(data, chunks); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRecipe(b *testing.B) {
	r := uniformRecipe(16384)
	enc, err := r.Encode()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.SetBytes(int64(len(enc)))
		for b.Loop() {
			_, _ = r.Encode()
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(enc)))
		for b.Loop() {
			_, _ = DecodeRecipe(enc)
		}
	})
}
