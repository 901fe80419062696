package chunker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zeebo/blake3"
)

// The encoding, version 1; docs/format.md has every byte, and that they will never mean anything else. Lengths and digests are columns, so that a merge of two recipes
// streams over the one it needs, and a recipe compresses no worse than its digests allow.
const (
	recipeMagic        = "dgrecipe"
	recipeVersion      = 1
	recipeHeaderBytes  = 120
	recipeExtraBytes   = algorithmBytes + 64
	recipeChunkBytes   = 4 + 32
	recipeTrailerBytes = 32

	algorithmBytes = 16
)

var (
	// ErrRecipe is the cause of every failure of [DecodeRecipe].
	ErrRecipe = errors.New("not a usable recipe")
	// ErrOldRecipe is the cause, too, where the recipe is of the version before the format was frozen: whole, but of no use any more.
	// The shard's digest is as good as ever.
	ErrOldRecipe = errors.New("made before the format was frozen")
)

// Encode writes the recipe; equal recipes give equal bytes. It fails if the recipe contradicts itself (see
// [Recipe.Validate]).
func (r *Recipe) Encode() ([]byte, error) {
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("encode recipe of %s: %w", r.Shard, err)
	}
	le := binary.LittleEndian
	b := make([]byte, 0, recipeHeaderBytes+recipeExtraBytes*len(r.Extra)+recipeChunkBytes*len(r.Chunks)+recipeTrailerBytes)
	b = append(b, recipeMagic...)
	b = le.AppendUint32(b, recipeVersion)
	b = le.AppendUint32(b, r.CRC32C)
	b = appendFilled(b, r.Algorithm, algorithmBytes)
	b = le.AppendUint64(b, uint64(r.MinBytes))
	b = le.AppendUint64(b, uint64(r.AvgBytes))
	b = le.AppendUint64(b, uint64(r.MaxBytes))
	b = le.AppendUint64(b, uint64(r.Size))
	b = append(b, r.Shard[:]...)
	b = le.AppendUint64(b, r.CRC64NVME)
	b = le.AppendUint64(b, uint64(len(r.Chunks)))
	b = le.AppendUint64(b, uint64(len(r.Extra)))
	for _, d := range r.Extra {
		b = appendFilled(b, d.Algorithm, algorithmBytes)
		b = appendFilled(b, string(d.Sum), recipeExtraBytes-algorithmBytes)
	}
	for _, c := range r.Chunks {
		b = le.AppendUint32(b, uint32(c.Length))
	}
	for i := range r.Chunks {
		b = append(b, r.Chunks[i].Digest[:]...)
	}
	sum := blake3.Sum256(b)
	return append(b, sum[:]...), nil
}

// appendFilled appends text and zero bytes up to a width.
func appendFilled(b []byte, text string, width int) []byte {
	return append(append(b, text...), make([]byte, width-len(text))...)
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
	switch v := le.Uint32(b[8:]); v {
	case recipeVersion:
	case 0:
		return nil, fmt.Errorf("%w: %w; index the shard anew", ErrRecipe, ErrOldRecipe)
	default:
		return fail("format version %d, this datagravity reads version %d; upgrade datagravity", v, recipeVersion)
	}
	if len(b) < recipeHeaderBytes+recipeTrailerBytes {
		return fail("%d bytes are too few", len(b))
	}
	count, extras := le.Uint64(b[104:]), le.Uint64(b[112:])
	columns := uint64(len(b) - recipeHeaderBytes - recipeTrailerBytes)
	if extras > columns/recipeExtraBytes {
		return fail("%d bytes do not hold %d more digests; it may be cut short", len(b), extras)
	}
	columns -= extras * recipeExtraBytes
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
	rest := b[recipeHeaderBytes:]
	for ; extras > 0; extras, rest = extras-1, rest[recipeExtraBytes:] {
		d := ExtraDigest{Algorithm: strings.TrimRight(string(rest[:algorithmBytes]), "\x00")}
		n := extraSize(d.Algorithm)
		if n == 0 {
			return fail("digest %q is not known to this version; upgrade datagravity", d.Algorithm)
		}
		d.Sum = slices.Clone(rest[algorithmBytes:][:n])
		if padding := rest[algorithmBytes+n : recipeExtraBytes]; len(bytes.Trim(padding, "\x00")) > 0 {
			return fail("bytes behind its %s", d.Algorithm)
		}
		r.Extra = append(r.Extra, d)
	}
	if count > 0 {
		r.Chunks = make([]Chunk, count)
	}
	lengths, digests := rest, rest[4*count:]
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
