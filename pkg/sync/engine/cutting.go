package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// cutting cuts a shard's parts in order, whatever the order they were read in. A part that a former run recorded is
// passed over: the next one goes on from what that record says, and reads again the few bytes of the chunk that was open.
type cutting struct {
	*shard
	cutter *chunker.Cutter
	at     int64
}

// hashUnit is the largest power of two that divides a part's size: what of a part is one subtree of the shard's BLAKE3.
func hashUnit(partBytes int64) int64 { return partBytes & -partBytes }

// feed cuts and sums one part and notes in p what ends in it. Only the part whose turn it is may call it.
func (c *cutting) feed(ctx context.Context, sp span, buf []byte, p *manifest.Part) ([]receipt, error) {
	var receipts []receipt
	if c.cutter == nil || c.at != sp.offset {
		tail, err := c.seek(ctx, sp)
		if err != nil {
			return nil, err
		}
		receipts = tail
	}
	unit := hashUnit(c.t.PartBytes)
	for at := sp.offset; at < sp.offset+sp.size; {
		piece := buf[at-sp.offset:]
		piece = piece[:min(unit, int64(len(piece)))]
		end := at + int64(len(piece))
		sums := c.cutter.FeedSum(piece, at, c.it.Size <= unit, end == c.it.Size, func(ch chunker.Chunk) {
			p.Chunks = binary.LittleEndian.AppendUint32(p.Chunks, uint32(ch.Length))
			p.Chunks = append(p.Chunks, ch.Digest[:]...)
		})
		p.CV = append(p.CV, sums.CV[:]...)
		p.CRC64NVME = chunker.Combine64(p.CRC64NVME, sums.CRC64NVME, int64(len(piece)))
		p.CRC32C = chunker.Combine32(p.CRC32C, sums.CRC32C, int64(len(piece)))
		at = end
	}
	c.at = sp.offset + sp.size
	state := c.cutter.State()
	p.OpenStart, p.Format, p.Extra = state.OpenStart, state.Format, state.Extra
	return receipts, nil
}

// seek makes a cutter that stands at the start of a part.
func (c *cutting) seek(ctx context.Context, sp span) (receipts []receipt, err error) {
	params := c.params()
	if sp.offset == 0 {
		c.cutter, err = chunker.NewCutter(params, c.digests()...)
		return nil, err
	}
	c.mu.Lock()
	before, ok := c.parts[sp.number-1]
	c.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("cut %q: part %d has no record", c.it.Path, sp.number-1)
	}
	tail := make([]byte, sp.offset-before.OpenStart)
	in, err := c.read(ctx, before.OpenStart, tail)
	if err != nil {
		return nil, err
	}
	c.notesAdd(in)
	state := chunker.State{OpenStart: before.OpenStart, At: sp.offset, Format: before.Format, Extra: before.Extra}
	c.cutter, err = chunker.ResumeCutter(params, state, tail, c.digests()...)
	return []receipt{in}, err
}

// combine names the shard from its parts and, where it was cut on the way, lists the chunks.
func (s *shard) combine() (chunker.Sums, []chunker.Chunk, error) {
	if s.recipe != nil {
		return chunker.Sums{Shard: s.recipe.Shard, CRC64NVME: s.recipe.CRC64NVME, CRC32C: s.recipe.CRC32C}, nil, nil
	}
	var cvs []chunker.PartCV
	var chunks []chunker.Chunk
	sums := chunker.Sums{Size: s.it.Size}
	off := int64(0)
	for _, sp := range s.spans {
		p := s.parts[sp.number]
		sums.CRC64NVME = chunker.Combine64(sums.CRC64NVME, p.CRC64NVME, p.Size)
		sums.CRC32C = chunker.Combine32(sums.CRC32C, p.CRC32C, p.Size)
		for cv := range slices.Chunk(p.CV, len(chunker.PartCV{})) {
			if len(cv) == len(chunker.PartCV{}) {
				cvs = append(cvs, chunker.PartCV(cv))
			}
		}
		const entry = 4 + len(chunker.Digest{})
		for b := p.Chunks; len(b) >= entry; b = b[entry:] {
			ch := chunker.Chunk{Offset: off, Length: int64(binary.LittleEndian.Uint32(b))}
			copy(ch.Digest[:], b[4:entry])
			chunks = append(chunks, ch)
			off += ch.Length
		}
	}
	shard, err := chunker.RootDigest(cvs, hashUnit(s.t.PartBytes), s.it.Size)
	if err == nil {
		sums.Shard = shard
		sums.Extra, err = chunker.ExtraDigests(s.digests(), s.parts[len(s.spans)].Extra)
	}
	return sums, chunks, err
}
