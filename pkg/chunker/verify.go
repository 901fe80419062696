package chunker

import (
	"fmt"

	"github.com/zeebo/blake3"
)

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
	var total int64
	for i, c := range chunks {
		if c.Length < 1 || c.Length > int64(len(data))-total {
			return fmt.Errorf("chunk %d of %d, %d bytes: does not fit in %d bytes of data, of which %d are used", i, len(chunks), c.Length, len(data), total)
		}
		total += c.Length
	}
	if total != int64(len(data)) {
		return fmt.Errorf("%d chunks have %d bytes together, the data %d", len(chunks), total, len(data))
	}
	h := blake3.New()
	var got Digest
	for i, c := range chunks {
		h.Reset()
		_, _ = h.Write(data[:c.Length]) // a Hasher never fails
		h.Sum(got[:0])
		if got != c.Digest {
			return &ChunkError{Index: i, Chunk: c, Got: got}
		}
		data = data[c.Length:]
	}
	return nil
}
