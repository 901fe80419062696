package main

import (
	"fmt"
	"sync"

	"github.com/datagravity/datagravity/internal/corpus"
	zeebo "github.com/zeebo/blake3"
	lukechampine "lukechampine.com/blake3"
)

// libraries are the BLAKE3 implementations for Go, as a user calls them.
var libraries = []struct {
	name string
	sum  func([]byte) [32]byte
}{{"zeebo/blake3", zeebo.Sum256}, {"lukechampine.com/blake3", lukechampine.Sum256}}

// blake3Alone is what hashing costs by itself, over blocks in memory. The rows' own figure is a library's, because this is what
// ours is compared with elsewhere.
func blake3Alone(s *session) (rows []row, err error) {
	data := corpus.Random(1, s.scaled(dataBytes))
	var list []contestant
	for _, cores := range []int{1, 2} {
		for _, block := range []struct {
			name string
			size int
		}{{"64 KiB", 64 << 10}, {"1 MiB", 1 << 20}, {"4 MiB", 4 << 20}} {
			for _, l := range libraries {
				name := fmt.Sprintf("BLAKE3 alone, %s, %s, %d core(s)", l.name, block.name, cores)
				list = append(list, contestant{name, cores, func() error {
					var all sync.WaitGroup
					for first := range cores {
						all.Go(func() { sumBlocks(l.sum, data, block.size, first, cores) })
					}
					all.Wait()
					return nil
				}})
			}
		}
	}
	rates, err := s.race(int64(len(data)), list)
	if err != nil {
		return nil, err
	}
	for i, c := range list {
		rows = append(rows, told(c.name, "GB/s", rates[i]))
	}
	return rows, nil
}

// sumBlocks hashes each step-th block of data, from the one with number first on.
func sumBlocks(sum func([]byte) [32]byte, data []byte, blockBytes, first, step int) {
	for at := first * blockBytes; at < len(data); at += step * blockBytes {
		sum(data[at:min(at+blockBytes, len(data))])
	}
}
