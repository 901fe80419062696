package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"syscall"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// partBytes is the engine's default.
const partBytes = 4 << 20

// hashingSeconds is the CPU time that naming the bytes of a source takes, with the data in memory and nothing else to do:
// chunk boundaries, a BLAKE3 digest of each chunk, each part's place in the shard's BLAKE3 tree, its CRC64NVME and CRC32C, the
// shard's digest and its recipe. It is what a copier without identity and without receipts does not pay.
func hashingSeconds(s source) (float64, error) {
	data := make([]byte, s.sizeBytes)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data) // never fails
	runtime.GC()
	before, err := cpuTime()
	if err != nil {
		return 0, err
	}
	for range s.objects {
		if err := hashShard(data); err != nil {
			return 0, err
		}
	}
	after, err := cpuTime()
	return after - before, err
}

// hashShard does what the engine does with a shard that it reads for the first time.
func hashShard(data []byte) error {
	params := chunker.DefaultParams()
	cutter, err := chunker.NewCutter(params)
	if err != nil {
		return err
	}
	size := int64(len(data))
	var chunks []chunker.Chunk
	var parts []chunker.PartSums
	for at := int64(0); at < size; at += partBytes {
		part := data[at:min(at+partBytes, size)]
		parts = append(parts, cutter.FeedSum(part, at, size <= partBytes, at+partBytes >= size, func(c chunker.Chunk) {
			chunks = append(chunks, c)
		}))
	}
	sums, err := chunker.CombineParts(parts, partBytes, size)
	if err != nil {
		return err
	}
	recipe := chunker.Recipe{
		Params: params, Size: size, Shard: sums.Shard, CRC64NVME: sums.CRC64NVME, CRC32C: sums.CRC32C, Chunks: chunks,
	}
	_, err = recipe.Encode()
	return err
}

// cpuTime is user and system time of this process in seconds.
func cpuTime() (float64, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(u.Utime) + seconds(u.Stime), nil
}
