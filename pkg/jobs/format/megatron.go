package format

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// The layout of PREFIX.idx of Megatron-LM (megatron/core/datasets/indexed_dataset.py), little-endian: magic, version as u64, type as u8,
// number of sequences and of documents as u64; then the length of each sequence as i32, where each begins in the .bin as i64, the document
// indices as i64, and for some a mode a sequence as i8.
const (
	megatronMagic  = "MMIDIDX\x00\x00"
	megatronHeader = 34
)

// megatronSum is how many bytes of sequence lengths are read to be summed, four million sequences. Of a longer index only its ends are
// read: reading costs what sending does, and a .bin that was cut short shows there too.
const megatronSum = 16 << 20

// itemBytes by the code of a type: u8, i8, i16, i32, i64, f64, f32, u16.
var itemBytes = [...]int64{1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 8, 7: 4, 8: 2}

// Megatron reads the index of an indexed dataset, of idxBytes bytes, and returns how long its .bin must be, in bytes, and how many
// sequences it has. At most 16 MiB are read, 64 KiB at a time.
func Megatron(r io.ReaderAt, idxBytes int64) (binBytes, sequences int64, err error) {
	head := make([]byte, megatronHeader)
	if err := readAt(r, head, 0, "header"); err != nil {
		return 0, 0, err
	}
	if string(head[:9]) != megatronMagic {
		return 0, 0, fmt.Errorf("%w: it does not begin as an .idx of Megatron does", ErrMalformed)
	}
	if v := binary.LittleEndian.Uint64(head[9:]); v != 1 {
		return 0, 0, fmt.Errorf("%w: version %d is not known, only 1", ErrMalformed, v)
	}
	code := head[17]
	if code == 0 || int(code) >= len(itemBytes) {
		return 0, 0, fmt.Errorf("%w: type %d is not known (1 to %d)", ErrMalformed, code, len(itemBytes)-1)
	}
	seqs, docs := binary.LittleEndian.Uint64(head[18:]), binary.LittleEndian.Uint64(head[26:])
	if seqs > uint64(idxBytes)/12 || docs > uint64(idxBytes)/8 {
		return 0, 0, fmt.Errorf("%w: its %d sequences and %d documents do not fit in its %d bytes", ErrMalformed, seqs, docs, idxBytes)
	}
	sequences = int64(seqs)
	if least := megatronHeader + 12*sequences + 8*int64(docs); idxBytes != least && idxBytes != least+sequences {
		return 0, 0, fmt.Errorf("%w: it has %d bytes; %d sequences and %d documents make %d, or with modes %d",
			ErrMalformed, idxBytes, seqs, docs, least, least+sequences)
	}
	items, err := megatronItems(r, sequences, itemBytes[code])
	if err != nil {
		return 0, 0, err
	}
	if items > math.MaxInt64/itemBytes[code] {
		return 0, 0, fmt.Errorf("%w: its sequences have more bytes than can be counted", ErrMalformed)
	}
	return items * itemBytes[code], sequences, nil
}

// megatronItems is the sum of all lengths, or where they are too many to read, what the last sequence says.
func megatronItems(r io.ReaderAt, sequences, item int64) (items int64, err error) {
	if sequences == 0 {
		return 0, nil
	}
	if sequences > megatronSum/4 {
		var length [4]byte
		var pointer [8]byte
		if err := readAt(r, length[:], megatronHeader+4*(sequences-1), "last length"); err != nil {
			return 0, err
		}
		if err := readAt(r, pointer[:], megatronHeader+4*sequences+8*(sequences-1), "last pointer"); err != nil {
			return 0, err
		}
		n, at := int64(int32(binary.LittleEndian.Uint32(length[:]))), int64(binary.LittleEndian.Uint64(pointer[:]))
		if n < 0 || at < 0 || at%item != 0 {
			return 0, fmt.Errorf("%w: its last sequence begins at byte %d and has %d items", ErrMalformed, at, n)
		}
		return at/item + n, nil
	}
	buf := make([]byte, min(64<<10, 4*sequences))
	for done := int64(0); done < sequences; {
		part := buf[:min(int64(len(buf)), 4*(sequences-done))]
		if err := readAt(r, part, megatronHeader+4*done, "lengths"); err != nil {
			return 0, err
		}
		for i := 0; i < len(part); i += 4 {
			n := int32(binary.LittleEndian.Uint32(part[i:]))
			if n < 0 {
				return 0, fmt.Errorf("%w: sequence %d has %d items", ErrMalformed, done+int64(i/4), n)
			}
			items += int64(n)
		}
		done += int64(len(part) / 4)
	}
	return items, nil
}

func readAt(r io.ReaderAt, p []byte, off int64, what string) error {
	n, err := r.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == nil || err == io.EOF:
		return fmt.Errorf("%w: it ends at byte %d, within its %s", ErrMalformed, off+int64(n), what)
	}
	return err
}
