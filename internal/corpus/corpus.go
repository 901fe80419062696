// Package corpus makes data that looks like training shards, and new versions of it, for tests and benchmarks of chunking.
//
// It promises that the same arguments give the same bytes on every machine and in every run: everything comes from a seeded
// ChaCha8 generator, nothing from a clock. Nothing touches a disk; what is made is in memory, a corpus about twice its size.
//
// # Two sorts of data
//
//	*Corpus   Tar, WebDataset, SmallTar, TinyTar, Text, Tokens: keeps the units that a person would add, drop or change, and edits them
//	[]byte    Random, Halves, Masks, Bits, Zeros, Pattern: only bytes
//
// # Edits
//
// An edit leaves its Corpus as it is. It returns the bytes of the new version and the ideal: how many of them are new, so
// that no way of cutting the old version could have held them. A chunker is judged by how little more it calls new.
package corpus

import (
	"encoding/binary"
	"math/rand/v2"
)

// Corpus is one shard that remembers what it is made of.
type Corpus struct {
	units  [][]byte // as they stand in the shard: members with their headers and padding, lines, spans of tokens
	tail   []byte   // after the last unit: a tar's end of archive
	number int      // of the next unit that is made
	kind   maker
}

// maker knows how one kind of corpus looks.
type maker interface {
	// unit is a new one; number is part of its name where units have names.
	unit(r *source, number int) []byte
	// atom is the least that an edit writes: a byte, a word, a token.
	atom(r *source) []byte
	// grain is the alignment of atoms in bytes.
	grain() int64
}

// grow makes units up to sizeBytes, the last one perhaps beyond.
func grow(r *source, m maker, first int, tail []byte, sizeBytes int64) *Corpus {
	c := &Corpus{kind: m, tail: tail, number: first}
	for have := int64(0); have < sizeBytes; {
		u := c.fresh(r)
		c.units = append(c.units, u)
		have += int64(len(u))
	}
	return c
}

// fresh is a unit that no version had before.
func (c *Corpus) fresh(r *source) []byte {
	u := c.kind.unit(r, c.number)
	c.number++
	return u
}

// Bytes is the whole shard, a new copy.
func (c *Corpus) Bytes() []byte { return render(c.units, c.tail) }

// Units is the number of members (of samples, where a sample has several), lines or spans.
func (c *Corpus) Units() int { return len(c.units) }

func render(units [][]byte, tail []byte) []byte {
	data := make([]byte, 0, sizeOf(units)+int64(len(tail)))
	for _, u := range units {
		data = append(data, u...)
	}
	return append(data, tail...)
}

func sizeOf(units [][]byte) (n int64) {
	for _, u := range units {
		n += int64(len(u))
	}
	return n
}

// source is one stream of randomness, read as numbers or as bytes.
type source struct {
	*rand.Rand
	stream *rand.ChaCha8
	ranks  *rand.Zipf // see rank; nil until it is asked for
}

// newSource differs between purposes, so that two kinds or two edits of one seed have nothing in common.
func newSource(purpose string, seed uint64) *source {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:8], seed)
	copy(key[8:], purpose)
	s := rand.NewChaCha8(key)
	return &source{Rand: rand.New(s), stream: s}
}

// bytes are n that cannot be compressed.
func (s *source) bytes(n int) []byte {
	b := make([]byte, n)
	_, _ = s.stream.Read(b) // never fails
	return b
}

// between is a whole number in [low, high].
func (s *source) between(low, high int) int { return low + s.IntN(high-low+1) }
