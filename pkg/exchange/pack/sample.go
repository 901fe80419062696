package pack

import (
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// Estimate is what packing some chunks gave, for a decision whether it pays: what is saved on the way against the time of a
// core at both ends.
type Estimate struct {
	ContentBytes int64
	// StoredBytes are frames and the rows of the tables that name them.
	StoredBytes int64
	// EncodeTime and DecodeTime are of one core, measured by a clock: on a machine that is busy they are too long.
	EncodeTime, DecodeTime time.Duration
}

// Gain is the share of the bytes that need not be sent: near 1 for what compresses well, a little below 0 for what does not.
func (e Estimate) Gain() float64 {
	if e.ContentBytes == 0 {
		return 0
	}
	return 1 - float64(e.StoredBytes)/float64(e.ContentBytes)
}

// EncodeSecondsPerByte is of one core, for a byte of content.
func (e Estimate) EncodeSecondsPerByte() float64 { return e.perByte(e.EncodeTime) }

// DecodeSecondsPerByte is of one core, for a byte of content.
func (e Estimate) DecodeSecondsPerByte() float64 { return e.perByte(e.DecodeTime) }

func (e Estimate) perByte(d time.Duration) float64 {
	if e.ContentBytes == 0 {
		return 0
	}
	return d.Seconds() / float64(e.ContentBytes)
}

// Sample packs runs of chunks, takes them apart again, and keeps nothing. A few runs from different places of what is to be
// sent are enough: 16 MiB take a fraction of a second. Errors are those of [NewEncoder], [Encoder.Encode] and [Pack.Decode].
func Sample(runs [][]Chunk, o Options) (Estimate, error) {
	var total Estimate
	e, err := NewEncoder(o)
	if err != nil || len(runs) == 0 {
		return total, err
	}
	if _, err := e.Encode(runs[0]); err != nil { // the first call makes tables
		return total, err
	}
	for _, run := range runs {
		start := time.Now()
		frames, err := e.Encode(run)
		total.EncodeTime += time.Since(start)
		if err != nil {
			return total, err
		}
		for i := range frames {
			f := &frames[i]
			total.ContentBytes += f.ContentBytes()
			total.StoredBytes += int64(len(f.Stored)) + f.tableBytes()
		}
		d, err := decodeTime(frames, run)
		total.DecodeTime += d
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// decodeTime is how long it takes to take apart the frames of a run.
func decodeTime(frames []Encoded, run []Chunk) (total time.Duration, err error) {
	olds := map[chunker.Digest][]byte{}
	for _, c := range run {
		for _, o := range c.Base {
			olds[o.Digest] = o.Data
		}
	}
	old := func(d chunker.Digest, _ int64) ([]byte, error) { return olds[d], nil }
	for i := range frames {
		start := time.Now()
		p, err := Open(appendTables(nil, frames[i:i+1]))
		if err == nil {
			err = p.Decode(0, frames[i].Stored, old, func(Entry, []byte) error { return nil })
		}
		total += time.Since(start)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}
