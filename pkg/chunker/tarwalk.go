package chunker

import (
	"encoding/binary"
	"fmt"
)

// tarWalk follows the headers of a tar archive, so that chunks begin where samples do.
//
//	group    a header with the extension headers in front of it
//	member   a group and the body behind it
//	sample   consecutive members of one name up to the first dot (tarHeader.sample)
//
// A member is large if it has at least MinBytes; a sample by tar-v1, too. By tar-v2 half of that is enough for a sample, so that fewer
// of them depend on what stands beside them.
//
// The rules, for a chunk that began at start:
//
//  1. A large sample begins and ends a chunk, whatever is around it: so samples that were moved, or whose neighbours
//     changed, are chunks that are already there.
//  2. A large member is cut inside as plain bytes are, but not in its last MinBytes.
//  3. Where a candidate comes in a small member, the chunk ends before the next sample, or within a large sample before the next
//     member: small samples are put together by their content.
//  4. No position within a group is a candidate.
//  5. A chunk that reaches MaxBytes ends there; before the last sample that began in it, if that may still become large.
//
// Whether a sample is large is known when its members so far, by their headers, have that many bytes: never later than that many
// behind its start. Until then its start is open (see decided).
//
// A block that is no header ends the walk for good, and the rest of the shard is plain.
type tarWalk struct {
	largeSample int64 // bytes
	walkState
	// pending: rule 3 waits for the end of a small member.
	pending bool
	// open: the sample began within the chunk and may become large.
	open bool

	header  [tarBlock]byte
	held    int   // bytes of header that came in an earlier buffer
	group   int64 // where the group that is being read begins
	inGroup bool

	// atStart is the state at the start of the open chunk.
	atStart walkState
}

// walkState is what a later process must know to go on from the start of a chunk.
type walkState struct {
	Off    bool  // there is no archive any more
	Body   bool  // within a body; else a group begins
	Member int64 // where the member that the body belongs to begins
	End    int64 // of the body
	// Sample, if In: its name, where it began, and whether it is known to be large.
	In     bool
	Name   uint64
	Sample int64
	Large  bool
}

func (w *tarWalk) decided(at int64) int64 {
	switch {
	case w.open:
		return w.Sample
	case w.inGroup:
		return w.group
	}
	return at
}

// walk goes over data, which begins at base, as far as it is an archive.
func (f *finder) walk(data []byte, base int64) {
	w, end := f.tar, base+int64(len(data))
	for f.at < end && !w.Off {
		if w.Body {
			f.body(data, base, min(end, w.End))
			continue
		}
		if !w.inGroup {
			w.inGroup, w.group = true, f.at
		}
		block := (*[tarBlock]byte)(nil)
		if rest := data[f.at-base:]; w.held == 0 && len(rest) >= tarBlock {
			block = (*[tarBlock]byte)(rest)
			f.at += tarBlock
		} else {
			n := copy(w.header[w.held:], rest)
			f.at += int64(n)
			if w.held += n; w.held < tarBlock {
				return
			}
			w.held, block = 0, &w.header
		}
		f.block(block)
	}
}

// block takes a whole block in a header's place; the finder stands behind it.
func (f *finder) block(b *[tarBlock]byte) {
	w := f.tar
	h, ok := parseTarHeader(b)
	if ok && h.extends {
		// The next header ends the group; within MinBytes, so that a group fits in any chunk.
		if f.at+h.body+tarBlock-w.group <= f.bounds.min {
			w.End, w.Member, w.Body = f.at+h.body, w.group, h.body > 0
			return
		}
		ok = false
	}
	group := w.group
	w.inGroup = false
	if !ok {
		f.giveUp(group)
		return
	}
	f.sample(group, h.sample, f.at+h.body)
	f.fit(group)
	w.Member, w.End, w.Body = group, f.at+h.body, h.body > 0
}

// giveUp ends the walk: what it stood behind is no header.
func (f *finder) giveUp(group int64) {
	w := f.tar
	f.fit(group)
	w.walkState, w.open, w.pending = walkState{Off: true}, false, false
}

// sample decides about the start of a group, now that the name and the end of its member are known.
func (f *finder) sample(group int64, name uint64, end int64) {
	w := f.tar
	if !w.In || w.Name != name {
		if w.In && (w.Large || w.pending) && group > f.start {
			w.In = false // what begins here needs to know nothing of what was before
			f.cutBefore(group)
		}
		w.In, w.Name, w.Sample, w.Large, w.open = true, name, group, false, group > f.start
	}
	if !w.Large && end-w.Sample >= w.largeSample {
		w.Large = true
		if w.open {
			f.cutSample()
		}
	}
	if w.pending && w.Large && group > f.start {
		f.cutBefore(group)
	}
}

// fit ends a chunk that the header just read would make too long.
func (f *finder) fit(group int64) {
	if f.at-f.start > f.bounds.max && f.tar.open {
		f.cutSample()
	}
	if f.at-f.start > f.bounds.max {
		f.cutBefore(group)
	}
}

// cutBefore ends the chunk before a group, whose header will be read again by who goes on from there.
func (f *finder) cutBefore(group int64) {
	w := f.tar
	w.atStart = walkState{In: w.In, Name: w.Name, Sample: w.Sample, Large: w.Large}
	f.cutWalk(group)
}

// cutSample ends the chunk before the sample.
func (f *finder) cutSample() {
	f.tar.atStart = walkState{}
	f.cutWalk(f.tar.Sample)
}

func (f *finder) cutWalk(at int64) {
	w := f.tar
	f.cut(at)
	w.pending = false
	w.open = w.open && w.Sample > at
}

// body goes over the bytes of a member up to end, where the buffer or the body ends.
func (f *finder) body(data []byte, base, end int64) {
	w, b := f.tar, &f.bounds
	large := w.End-w.Member >= b.min && !w.inGroup
	for f.at < end {
		forced := f.start + b.max
		last := w.End // candidates are before it
		if large {
			last = w.End - b.min + 1
			if short := w.End - b.min; forced > short && forced < w.End && short > f.at {
				forced = short // leaves MinBytes for the last piece
			}
		}
		x := int64(-1)
		if lo, hi := max(f.start+b.min, f.at+1), min(end+1, forced, last); lo < hi && !w.pending && !w.inGroup {
			x = b.seek(&f.before, data, base, f.start, lo, hi)
		}
		switch {
		case x >= 0 && large:
			f.at = x
			f.cutInside(x)
		case x >= 0:
			f.at, w.pending = x, true
		case forced <= end && forced < w.End && !w.inGroup:
			f.force(forced)
		default:
			f.at = end
		}
	}
	w.Body = f.at < w.End
}

// cutInside ends the chunk within a body.
func (f *finder) cutInside(at int64) {
	f.tar.atStart = f.tar.walkState
	f.cutWalk(at)
}

// force ends a chunk that is as long as it may be.
func (f *finder) force(at int64) {
	if f.tar.open {
		f.cutSample()
		return
	}
	f.at = at
	f.cutInside(at)
}

// walkStateBytes is the length of an encoded walkState.
const walkStateBytes = 1 + 4*8

func (s walkState) append(b []byte) []byte {
	var flags byte
	for i, set := range []bool{s.Off, s.Body, s.In, s.Large} {
		if set {
			flags |= 1 << i
		}
	}
	b = append(b, flags)
	for _, v := range []uint64{uint64(s.Member), uint64(s.End), s.Name, uint64(s.Sample)} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

func (w *tarWalk) restore(b []byte) error {
	if len(b) != walkStateBytes {
		return fmt.Errorf("%d bytes about a tar archive: want %d", len(b), walkStateBytes)
	}
	u := func(i int) uint64 { return binary.LittleEndian.Uint64(b[1+8*i:]) }
	w.walkState = walkState{
		Off: b[0]&1 != 0, Body: b[0]&2 != 0, In: b[0]&4 != 0, Large: b[0]&8 != 0,
		Member: int64(u(0)), End: int64(u(1)), Name: u(2), Sample: int64(u(3)),
	}
	w.atStart = w.walkState
	return nil
}
