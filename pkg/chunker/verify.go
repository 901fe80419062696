package chunker

import "fmt"

// ChunkError names the first chunk whose bytes are not what the recipe says.
type ChunkError struct {
	Index int // in the chunks that were verified
	Chunk Chunk
	Got   Digest
}

func (e *ChunkError) Error() string {
	return fmt.Sprintf("bytes %d to %d are not the chunk that the recipe names: got %s, want %s; read them again, and index the shard anew if they stay different",
		e.Chunk.Offset, e.Chunk.End(), e.Got, e.Chunk.Digest)
}

// VerifyChunks checks that data is exactly these chunks, one after the other: a part made of whole chunks, as [SplitParts]
// forms them. A wrong chunk is a *[ChunkError]; chunks that together have another length than data are another error.
func VerifyChunks(data []byte, chunks []Chunk) error {
	_, err := VerifySum(data, chunks)
	return err
}

// Checksums are those of a run of bytes that a store checks.
type Checksums struct {
	CRC64NVME uint64
	CRC32C    uint32
}

// VerifySum is VerifyChunks, and the checksums of data, in one walk over it: block by block the checksums bring it into cache, where BLAKE3
// then finds it. That takes less time than VerifyChunks on its own did with a hash of one chunk after the other (BenchmarkVerifyChunks).
func VerifySum(data []byte, chunks []Chunk) (Checksums, error) {
	var total int64
	for i, c := range chunks {
		if c.Length < 1 || c.Length > int64(len(data))-total {
			return Checksums{}, fmt.Errorf("chunk %d of %d, %d bytes: does not fit in %d bytes of data, of which %d are used", i, len(chunks), c.Length, len(data), total)
		}
		total += c.Length
	}
	if total != int64(len(data)) {
		return Checksums{}, fmt.Errorf("%d chunks have %d bytes together, the data %d", len(chunks), total, len(data))
	}
	sums := blockSums{blockBytes: sumBlockBytes}
	for i, c := range chunks {
		if got := Digest(partDigest(data[:c.Length], 0, true, &sums)); got != c.Digest {
			return Checksums{}, &ChunkError{Index: i, Chunk: c, Got: got}
		}
		data = data[c.Length:]
	}
	return Checksums{CRC64NVME: sums.crc64, CRC32C: sums.crc32}, nil
}
