package main

import (
	"bytes"

	"github.com/datagravity/datagravity/internal/corpus"
	"github.com/datagravity/datagravity/pkg/chunker"
	zeebo "github.com/zeebo/blake3"
)

// everything measures what the index does with a shard: boundaries, a BLAKE3 digest of each chunk and of the whole shard,
// CRC64NVME and CRC32C. Beside it stand one BLAKE3 pass, less than which no one can do, and what others get for chunk digests
// alone.
func everything(s *session) ([]row, error) {
	data := corpus.Random(1, s.scaled(dataBytes))
	const avgBytes = 64 << 10
	params := chunker.ParamsFor(chunker.AlgorithmPlain, avgBytes)
	dropped := func(chunker.Chunk) error { return nil }
	inMemory := func(workers int) contestant {
		return contestant{"ours, everything, in memory", workers, func() error {
			_, err := chunker.Whole(data, params, chunker.Options{Workers: workers}, dropped)
			return err
		}}
	}
	list := []contestant{
		inMemory(1),
		inMemory(2),
		{"ours, everything, from a reader", 1, func() error {
			_, err := chunker.Stream(bytes.NewReader(data), params, chunker.Options{Workers: 1}, dropped)
			return err
		}},
		{fastCDC.name + " and BLAKE3 of chunks", 1, func() error {
			return fastCDC.cut(data, avgBytes, func(chunk []byte) { zeebo.Sum256(chunk) })
		}},
	}
	passes := len(list)
	for _, l := range libraries {
		list = append(list,
			contestant{"BLAKE3 alone, " + l.name + ", 64 KiB", 1, func() error {
				sumBlocks(l.sum, data, avgBytes, 0, 1)
				return nil
			}},
			contestant{"BLAKE3 alone, " + l.name + ", whole shard", 1, func() error {
				l.sum(data)
				return nil
			}})
	}
	rates, err := s.race(int64(len(data)), list)
	if err != nil {
		return nil, err
	}
	fastest := passes
	for i := passes; i < len(list); i++ {
		if rates[i] > rates[fastest] {
			fastest = i
		}
	}
	const one = "everything, 64 KiB, 1 core"
	return []row{
		told(one+": to one BLAKE3 pass alone", "GB/s", rates[0]).beside(list[fastest].name, rates[fastest]).ratioAtLeast(0.36),
		told(one+": to chunk digests of "+fastCDC.name, "GB/s", rates[0]).beside(list[3].name, rates[3]).ratioAtLeast(1.3),
		told(one+", from a reader: to one BLAKE3 pass alone", "GB/s", rates[2]).beside(list[fastest].name, rates[fastest]),
		told(one+", from a reader: to chunk digests of "+fastCDC.name, "GB/s", rates[2]).beside(list[3].name, rates[3]),
		told("everything, 64 KiB, 2 cores: to 1 core", "GB/s", rates[1]).beside("ours, 1 core", rates[0]).ratioAtLeast(1.85),
	}, nil
}
