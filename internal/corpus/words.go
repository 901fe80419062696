package corpus

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// vocabulary is the number of different words and tokens: about GPT-2's 50,257.
const vocabulary = 50_000

// Text is lines of lower-case words from a vocabulary of 50,000, frequent ones first as in Zipf's law. A line is a
// document, as in JSON lines: 100 to 10,000 bytes, short ones more often. A unit is a line.
func Text(seed uint64, sizeBytes int64) *Corpus {
	r := newSource("text", seed)
	words := make([][]byte, vocabulary)
	for i := range words {
		w := make([]byte, r.between(2, 10))
		for j := range w {
			w[j] = byte('a' + r.IntN(26))
		}
		words[i] = append(w, ' ')
	}
	return grow(r, lines{words}, 0, nil, sizeBytes)
}

// Tokens is little-endian int32 below 50,000, as tokenised text is kept: high bytes that are always zero, and few values
// that are most of the data. A unit is a span (a document) of 25 to 2,500 tokens, short ones more often.
func Tokens(seed uint64, sizeBytes int64) *Corpus {
	return grow(newSource("tokens", seed), spans{}, 0, nil, sizeBytes)
}

// rank is a rank in the vocabulary by Zipf's law. Its generator precomputes, so it is kept.
func (s *source) rank() int {
	if s.ranks == nil {
		s.ranks = rand.NewZipf(s.Rand, 1.1, 2, vocabulary-1)
	}
	return int(s.ranks.Uint64())
}

// skewed is a number in [low, high], as likely in one decade as in another.
func (s *source) skewed(low, high float64) int {
	return int(low * math.Pow(high/low, s.Float64()))
}

type lines struct{ words [][]byte } // each with the blank after it

func (l lines) unit(r *source, _ int) []byte {
	n := r.skewed(100, 10_000)
	line := make([]byte, 0, n+16)
	for len(line) < n {
		line = append(line, l.atom(r)...)
	}
	line[len(line)-1] = '\n'
	return line
}

func (l lines) atom(r *source) []byte { return l.words[r.rank()] }
func (lines) grain() int64            { return 1 }

type spans struct{}

func (spans) unit(r *source, _ int) []byte {
	n := r.skewed(25, 2_500)
	span := make([]byte, 0, 4*n)
	for range n {
		span = binary.LittleEndian.AppendUint32(span, uint32(r.rank()))
	}
	return span
}

func (spans) atom(r *source) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(r.rank())) }
func (spans) grain() int64          { return 4 }
