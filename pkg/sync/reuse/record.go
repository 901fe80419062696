package reuse

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"unsafe"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// record is what runs are made of. Its words are ordered one after the other; runs on disk have as many as their kind
// needs.
type record [5]uint64

const recordBytes = int64(unsafe.Sizeof(record{}))

// The kinds of records, by how many words they have.
//
//	wanted  digest 0-7, digest 8-15, length and before, number of the occurrence
//	held    digest 0-7, digest 8-15, length and order,  offset, object and before
//	match   number of the occurrence, rank and object,  offset
//
// Two words of a digest are enough: that of 2^31 wanted and 2^31 held chunks any two share 128 bits by chance has a
// probability of 2^-66. And if they did, or somebody made recipes that say so, no shard would be wrong: what is put
// together is proven by the shard's full checksum.
const (
	wantedWords = 4
	heldWords   = 5
	matchWords  = 3
)

func wantedRecord(c *chunker.Chunk, before uint32, occurrence uint64) record {
	hi, lo := prefix(&c.Digest)
	return record{hi, lo, uint64(c.Length)<<32 | uint64(before), occurrence}
}

func heldRecord(c *chunker.Chunk, order uint32, object int32, offset int64, before uint32) record {
	hi, lo := prefix(&c.Digest)
	return record{hi, lo, uint64(c.Length)<<32 | uint64(order), uint64(offset), uint64(uint32(object))<<32 | uint64(before)}
}

// before is the name of a chunk in the records of the chunks after it. Two that share it by chance cost a preference.
func before(c *chunker.Chunk) uint32 {
	return binary.BigEndian.Uint32(c.Digest[16:]) | 1 // 0 is none
}

// compareChunk orders wanted and held records by what must be equal in a match.
func (r *record) compareChunk(s *record) int {
	return cmp.Or(cmp.Compare(r[0], s[0]), cmp.Compare(r[1], s[1]), cmp.Compare(r[2]>>32, s[2]>>32))
}

func (r *record) compare(s *record) int {
	for i := range r {
		if r[i] != s[i] {
			return cmp.Compare(r[i], s[i])
		}
	}
	return 0
}

func sortRecords(list []record) {
	slices.SortFunc(list, func(a, b record) int { return a.compare(&b) })
}

// write appends the first words of a record to a run.
func (r *record) write(w *bufio.Writer, words int) error {
	b := w.AvailableBuffer() // rather than an array, which would be allocated for each record
	for _, v := range r[:words] {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	_, err := w.Write(b)
	return err
}

// read reads what write wrote; [io.EOF] at the end of the run.
func (r *record) read(from *bufio.Reader, words int) error {
	b, err := from.Peek(8 * words)
	if err != nil {
		if len(b) > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	for i := range words {
		r[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	_, err = from.Discard(8 * words)
	return err
}
