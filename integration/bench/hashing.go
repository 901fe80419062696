package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"syscall"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// hashingSeconds is the CPU time that naming the bytes of a source, whose objects have one size, takes, with the data in memory and nothing else to do:
// chunk boundaries, a BLAKE3 digest of each chunk, each part's place in the shard's BLAKE3 tree, its CRC64NVME and CRC32C, the
// shard's digest and its recipe. It is what a copier without identity and without receipts does not pay.
func hashingSeconds(s source) (float64, error) {
	data := make([]byte, s.totalBytes/s.objects)
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
	var chunks []chunker.Chunk
	sums, err := chunker.Whole(data, params, chunker.Options{Workers: 1}, func(c chunker.Chunk) error {
		chunks = append(chunks, c)
		return nil
	})
	if err != nil {
		return err
	}
	recipe := chunker.Recipe{
		Params: params, Size: sums.Size, Shard: sums.Shard, CRC64NVME: sums.CRC64NVME, CRC32C: sums.CRC32C, Chunks: chunks,
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
