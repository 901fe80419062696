package chunker

import (
	"bytes"
	"errors"
	"testing"
)

func TestVerifyChunks(t *testing.T) {
	data := randomBytes(100000, 41)
	all := cutAll(small, data)
	part := all[3:9]
	bytesOf := func() []byte { return bytes.Clone(data[part[0].Offset:part[5].End()]) }
	if err := VerifyChunks(bytesOf(), part); err != nil {
		t.Fatal(err)
	}
	if err := VerifyChunks(nil, nil); err != nil {
		t.Fatal(err)
	}
	for i, c := range part {
		b := bytesOf()
		b[c.Offset-part[0].Offset] ^= 1
		b[len(b)-1] ^= 1 // a second wrong chunk, which is not the first
		var wrong *ChunkError
		if err := VerifyChunks(b, part); !errors.As(err, &wrong) || wrong.Index != i && i < len(part)-1 || wrong.Chunk != part[wrong.Index] {
			t.Errorf("chunk %d damaged: %v", i, err)
		}
	}
	for name, b := range map[string][]byte{
		"short": bytesOf()[1:],
		"long":  append(bytesOf(), 0),
		"empty": nil,
	} {
		var wrong *ChunkError
		if err := VerifyChunks(b, part); err == nil || errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, length := range []int64{0, -1, 1 << 62} {
		if VerifyChunks([]byte{1}, []Chunk{{Length: length}, {Length: 1, Digest: Sum([]byte{1})}}) == nil {
			t.Errorf("a chunk of %d bytes is accepted", length)
		}
	}
}
