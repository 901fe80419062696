package pack

import (
	"fmt"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// Chunk is one to be packed. That Data has this Digest is the caller's to know; a reader refuses it otherwise.
type Chunk struct {
	Digest chunker.Digest
	Data   []byte
	// Base are the old chunks in whose place this one stands, in their order: those that the destination has, and that are
	// likely to have bytes in common with it. Without any the chunk is stored raw or compressed.
	Base []Old
}

// Old is a chunk that the destination is known to have.
type Old struct {
	Digest chunker.Digest
	Data   []byte
}

// Reference names a chunk without its bytes.
type Reference struct {
	Digest chunker.Digest
	Length int64
}

// Encoding says what a frame's stored bytes are. The values are those of the format.
type Encoding uint32

const (
	// Raw is the content itself.
	Raw Encoding = iota
	// Zstd is one zstd frame.
	Zstd
	// Delta is one zstd frame whose dictionary is the bytes of the base.
	Delta

	encodings = 3
)

// String is "raw", "zstd" or "delta".
func (e Encoding) String() string {
	switch e {
	case Raw:
		return "raw"
	case Zstd:
		return "zstd"
	case Delta:
		return "delta"
	}
	return fmt.Sprintf("encoding %d", uint32(e))
}

// Encoded is a frame as an [Encoder] makes it, on its way to a [Writer].
type Encoded struct {
	Encoding Encoding
	Chunks   []Reference
	Base     []Reference // of a Delta only
	Stored   []byte
}

// ContentBytes are those of its chunks together.
func (f *Encoded) ContentBytes() int64 { return sum(f.Chunks) }

// tableBytes are what the frame adds to the pack's tables.
func (f *Encoded) tableBytes() int64 {
	return frameRowBytes + referenceRowBytes*int64(len(f.Chunks)+len(f.Base))
}

func sum(list []Reference) (n int64) {
	for _, r := range list {
		n += r.Length
	}
	return n
}
