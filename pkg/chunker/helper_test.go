package chunker

import "encoding/binary"

// cutAll is the obvious use of a Cutter: everything at once.
func cutAll(p Params, data []byte) []Chunk {
	c, err := NewCutter(p)
	if err != nil {
		panic(err)
	}
	var chunks []Chunk
	c.Feed(data, true, func(c Chunk) { chunks = append(chunks, c) })
	return chunks
}

// uniformChunks are n chunks of length bytes each, with digests that differ.
func uniformChunks(n int, length int64) []Chunk {
	chunks := make([]Chunk, n)
	for i := range chunks {
		chunks[i] = Chunk{Offset: int64(i) * length, Length: length}
		binary.LittleEndian.PutUint64(chunks[i].Digest[:], uint64(i)+1)
	}
	return chunks
}

func uniformRecipe(n int) *Recipe {
	const length = 64 << 10
	return &Recipe{
		Params: DefaultParams(), Size: int64(n) * length,
		Shard: Digest{1}, CRC64NVME: 2, CRC32C: 3, Chunks: uniformChunks(n, length),
	}
}
