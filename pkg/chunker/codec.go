package chunker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/zeebo/blake3"
)

// The encoding, version 0; docs/format.md has every byte. Lengths and digests are columns, so that a merge of two recipes
// streams over the one it needs, and a recipe compresses no worse than its digests allow.
const (
	recipeMagic        = "dgrecipe"
	recipeVersion      = 0
	recipeHeaderBytes  = 112
	recipeChunkBytes   = 4 + 32
	recipeTrailerBytes = 32

	algorithmBytes = 16
)

// ErrRecipe is the cause of every failure of [DecodeRecipe].
var ErrRecipe = errors.New("not a usable recipe")

// Encode writes the recipe; equal recipes give equal bytes. It fails if the recipe contradicts itself (see
// [Recipe.Validate]).
func (r *Recipe) Encode() ([]byte, error) {
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("encode recipe of %s: %w", r.Shard, err)
	}
	le := binary.LittleEndian
	b := make([]byte, 0, recipeHeaderBytes+recipeChunkBytes*len(r.Chunks)+recipeTrailerBytes)
	b = append(b, recipeMagic...)
	b = le.AppendUint32(b, recipeVersion)
	b = le.AppendUint32(b, r.CRC32C)
	b = append(b, r.Algorithm...)
	b = append(b, make([]byte, algorithmBytes-len(r.Algorithm))...)
	b = le.AppendUint64(b, uint64(r.MinBytes))
	b = le.AppendUint64(b, uint64(r.AvgBytes))
	b = le.AppendUint64(b, uint64(r.MaxBytes))
	b = le.AppendUint64(b, uint64(r.Size))
	b = append(b, r.Shard[:]...)
	b = le.AppendUint64(b, r.CRC64NVME)
	b = le.AppendUint64(b, uint64(len(r.Chunks)))
	for _, c := range r.Chunks {
		b = le.AppendUint32(b, uint32(c.Length))
	}
	for i := range r.Chunks {
		b = append(b, r.Chunks[i].Digest[:]...)
	}
	sum := blake3.Sum256(b)
	return append(b, sum[:]...), nil
}

// DecodeRecipe reads what [Recipe.Encode] writes and nothing else: for every input it either fails with [ErrRecipe] or
// returns a recipe that encodes to that input. It allocates at most 4/3 of len(b), whatever b claims. b is not kept.
func DecodeRecipe(b []byte) (*Recipe, error) {
	fail := func(format string, args ...any) (*Recipe, error) {
		return nil, fmt.Errorf("%w: %s", ErrRecipe, fmt.Sprintf(format, args...))
	}
	if len(b) < len(recipeMagic)+4 || string(b[:len(recipeMagic)]) != recipeMagic {
		return fail("it does not begin with %q", recipeMagic)
	}
	le := binary.LittleEndian
	if v := le.Uint32(b[8:]); v != recipeVersion {
		return fail("format version %d, this datagravity reads version %d", v, recipeVersion)
	}
	if len(b) < recipeHeaderBytes+recipeTrailerBytes {
		return fail("%d bytes are too few", len(b))
	}
	count := le.Uint64(b[104:])
	columns := uint64(len(b) - recipeHeaderBytes - recipeTrailerBytes)
	if columns%recipeChunkBytes != 0 || count != columns/recipeChunkBytes {
		return fail("%d bytes do not hold %d chunks; it may be cut short", len(b), count)
	}
	body := b[:len(b)-recipeTrailerBytes]
	if blake3.Sum256(body) != [32]byte(b[len(body):]) {
		return fail("its checksum does not match, it is damaged; fetch it again or index the shard anew")
	}
	algorithm := strings.TrimRight(string(b[16:16+algorithmBytes]), "\x00")
	r := &Recipe{
		Params: Params{
			Algorithm: algorithm,
			MinBytes:  int64(le.Uint64(b[32:])),
			AvgBytes:  int64(le.Uint64(b[40:])),
			MaxBytes:  int64(le.Uint64(b[48:])),
		},
		Size:      int64(le.Uint64(b[56:])),
		Shard:     Digest(b[64:]),
		CRC64NVME: le.Uint64(b[96:]),
		CRC32C:    le.Uint32(b[12:]),
	}
	if count > 0 {
		r.Chunks = make([]Chunk, count)
	}
	lengths, digests := b[recipeHeaderBytes:], b[recipeHeaderBytes+4*count:]
	var at int64
	for i := range r.Chunks {
		length := int64(le.Uint32(lengths[4*i:]))
		r.Chunks[i] = Chunk{Offset: at, Length: length, Digest: Digest(digests[32*i:])}
		at += length
	}
	if err := r.Validate(); err != nil {
		return fail("%v", err)
	}
	return r, nil
}
