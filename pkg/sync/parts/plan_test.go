package parts

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// largestDrawn chunk, in bytes.
const largestDrawn = 6

// drawChunks makes chunks that partly stand in a few objects, in runs and apart.
func drawChunks(t *rapid.T, most int) []Chunk {
	n := rapid.IntRange(1, most).Draw(t, "chunks")
	chunks := make([]Chunk, n)
	for i := range chunks {
		chunks[i].Length = rapid.Int64Range(1, largestDrawn).Draw(t, "length")
	}
	for object := range rapid.IntRange(0, 3).Draw(t, "objects") {
		offset := int64(0)
		for i := range chunks {
			switch rapid.IntRange(0, 3).Draw(t, "held") {
			case 0: // not held
				continue
			case 1: // held elsewhere in the object
				offset += rapid.Int64Range(1, 3).Draw(t, "gap")
			}
			if len(chunks[i].Places) < 4 {
				chunks[i].Places = append(chunks[i].Places, Place{Object: int32(object), Offset: offset})
			}
			offset += chunks[i].Length
		}
	}
	return chunks
}

func drawLimits(t *rapid.T) Limits {
	l := Limits{
		MinBytes: rapid.Int64Range(1, 10).Draw(t, "min"), CopyMaxBytes: rapid.Int64Range(5, 40).Draw(t, "copy max"),
		Glue: rapid.Bool().Draw(t, "glue"),
	}
	l.SendMaxBytes = l.MinBytes + rapid.Int64Range(0, 12).Draw(t, "send max")
	if l.Glue {
		l.CopyMaxBytes = max(l.CopyMaxBytes, l.SendMaxBytes, l.MinBytes+largestDrawn)
	}
	return l
}

func drawPrices(t *rapid.T) Prices {
	p := rapid.Int64Range(0, 12)
	return Prices{
		Byte: float64(p.Draw(t, "byte")), Send: float64(p.Draw(t, "send")), Copy: float64(p.Draw(t, "copy")), Glue: float64(p.Draw(t, "glue")),
	}
}

// check that a list is what it claims to be.
func check(chunks []Chunk, l Limits, list []Part) error {
	largest := int64(0)
	for _, c := range chunks {
		largest = max(largest, c.Length)
	}
	next, offset := 0, int64(0)
	for n, part := range list {
		if part.Bytes() < l.MinBytes && n < len(list)-1 {
			return fmt.Errorf("part %d of %d has %d bytes", n+1, len(list), part.Bytes())
		}
		if len(part.Tails) > 0 && (!l.Glue || part.Size < l.MinBytes) {
			return fmt.Errorf("part %d is glued to %d bytes", n+1, part.Size)
		}
		if len(part.Tails) > MaxTails {
			return fmt.Errorf("part %d has %d tails", n+1, len(part.Tails))
		}
		if len(part.Tails) > 0 && part.Bytes() > 2*l.CopyMaxBytes {
			return fmt.Errorf("part %d is glued to %d bytes", n+1, part.Bytes())
		}
		for _, x := range part.Pieces() {
			if x.First != next || x.Offset != offset || x.Count < 1 {
				return fmt.Errorf("part %d starts at chunk %d, byte %d, want %d, %d", n+1, x.First, x.Offset, next, offset)
			}
			size := int64(0)
			for i := x.First; i < x.First+x.Count; i++ {
				if x.Copied && !heldAt(chunks[i], Place{x.From.Object, x.From.Offset + size}) {
					return fmt.Errorf("part %d copies chunk %d from %+v + %d, where it is not", n+1, i, x.From, size)
				}
				size += chunks[i].Length
			}
			switch {
			case size != x.Size:
				return fmt.Errorf("part %d has %d bytes, its chunks %d", n+1, x.Size, size)
			case x.Copied && size > l.CopyMaxBytes:
				return fmt.Errorf("part %d copies %d bytes", n+1, size)
			case !x.Copied && size > max(l.SendMaxBytes, l.MinBytes+largest):
				return fmt.Errorf("part %d sends %d bytes", n+1, size)
			}
			next, offset = x.First+x.Count, offset+size
		}
	}
	if next != len(chunks) {
		return fmt.Errorf("%d of %d chunks are covered", next, len(chunks))
	}
	return nil
}

func heldAt(c Chunk, p Place) bool {
	for _, q := range c.Places {
		if q == p {
			return true
		}
	}
	return false
}

func chunksBytes(chunks []Chunk) (n int64) {
	for _, c := range chunks {
		n += c.Length
	}
	return n
}

// cheapest tries every list there is. byParts[k] is the price of the cheapest with k parts.
func cheapest(chunks []Chunk, l Limits, p Prices) (byParts []float64) {
	n := len(chunks)
	byParts = make([]float64, n+1)
	for k := range byParts {
		byParts[k] = math.Inf(1)
	}
	// pieces that start at a chunk
	pieces := func(first int) (out []Piece) {
		size := int64(0)
		for end := first + 1; end <= n; end++ {
			size += chunks[end-1].Length
			out = append(out, Piece{First: first, Count: end - first, Size: size})
			for _, from := range chunks[first].Places {
				whole, at := true, from.Offset
				for i := first; i < end; i++ {
					whole = whole && heldAt(chunks[i], Place{from.Object, at})
					at += chunks[i].Length
				}
				if whole {
					out = append(out, Piece{First: first, Count: end - first, Size: size, Copied: true, From: from})
				}
			}
		}
		return out
	}
	all := make([][]Piece, n)
	for i := range all {
		all[i] = pieces(i)
		offset := int64(0)
		for _, c := range chunks[:i] {
			offset += c.Length
		}
		for k := range all[i] {
			all[i][k].Offset = offset
		}
	}
	severalTails := chunksBytes(chunks) <= 2*l.CopyMaxBytes
	var extend func(list []Part, next int)
	extend = func(list []Part, next int) {
		if next == n {
			if check(chunks, l, list) == nil {
				byParts[len(list)] = min(byParts[len(list)], p.Price(Sum(list)))
			}
			return
		}
		for _, a := range all[next] {
			after := a.First + a.Count
			extend(append(list, Part{Piece: a}), after)
		}
		if !l.Glue || len(list) == 0 || len(list[len(list)-1].Tails) > 0 && !severalTails {
			return
		}
		for _, tail := range all[next] {
			longer := slices.Clone(list)
			last := &longer[len(longer)-1]
			last.Tails = append(slices.Clone(last.Tails), tail)
			extend(longer, next+tail.Count)
		}
	}
	extend(nil, 0)
	return byParts
}

func TestCheapestOfAllLists(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLimits(t)
		most := 7
		if l.Glue {
			most = 5
		}
		chunks, p := drawChunks(t, most), drawPrices(t)
		list, err := Plan(chunks, l, p)
		if err != nil {
			t.Fatal(err)
		}
		if err := check(chunks, l, list); err != nil {
			t.Fatalf("%v: %+v", err, list)
		}
		byParts := cheapest(chunks, l, p)
		best, fewest := math.Inf(1), 0
		for k, v := range byParts {
			if v < best {
				best, fewest = v, k
			}
		}
		got := p.Price(Sum(list))
		if math.Abs(got-best) > 1e-6*(1+best) || len(list) > fewest {
			t.Fatalf("%v for %d parts, the cheapest is %v with %d: %+v", got, len(list), best, fewest, list)
		}

		l.MaxParts = rapid.IntRange(1, len(list)).Draw(t, "max parts")
		short, err := Plan(chunks, l, p)
		possible := math.Inf(1)
		for _, v := range byParts[:l.MaxParts+1] {
			possible = min(possible, v)
		}
		if err != nil {
			if !errors.Is(err, ErrLimits) || !math.IsInf(possible, 1) {
				t.Fatalf("%v, although %v is possible", err, possible)
			}
			return
		}
		if err := check(chunks, l, short); err != nil || len(short) > l.MaxParts {
			t.Fatalf("%v, %d parts of at most %d: %+v", err, len(short), l.MaxParts, short)
		}
		for _, v := range byParts[:len(short)+1] {
			if got := p.Price(Sum(short)); got > v+1e-6*(1+v) {
				t.Fatalf("%v for %d parts, %v was possible", got, len(short), v)
			}
		}
	})
}

// heldBut are n chunks of 64 KiB that stand in one object as they do in the shard, but for the missing ones.
func heldBut(n int, missing func(i int) bool) []Chunk {
	const length = int64(64 << 10)
	chunks := make([]Chunk, n)
	for i := range chunks {
		chunks[i].Length = length
		if !missing(i) {
			chunks[i].Places = []Place{{Object: 0, Offset: int64(i) * length}}
		}
	}
	return chunks
}

// mostTails that one of the parts has.
func mostTails(list []Part) (most int) {
	for _, p := range list {
		most = max(most, len(p.Tails))
	}
	return most
}

// At S3's limits, one changed chunk in the middle of a shard costs a part of 5 MiB, at a file's or Azure's the chunk alone,
// and glued to what stands before it, too.
func TestOneChangedChunk(t *testing.T) {
	const kib, mib = int64(1 << 10), int64(1 << 20)
	chunks := heldBut(1024, func(i int) bool { return i == 500 })
	price := Prices{Byte: 1, Send: 60_000, Copy: 60_000, Glue: 180_000}
	for _, c := range []struct {
		name   string
		limits Limits
		sent   int64
		parts  int
	}{
		{"s3", Limits{MinBytes: 5 * mib, SendMaxBytes: 8 * mib, CopyMaxBytes: 1 << 30}, 5 * mib, 3},
		{"s3 in two steps", Limits{MinBytes: 5 * mib, SendMaxBytes: 8 * mib, CopyMaxBytes: 1 << 30, Glue: true}, 64 * kib, 2},
		{"azure", Limits{MinBytes: 1, SendMaxBytes: 8 * mib, CopyMaxBytes: 1 << 30}, 64 * kib, 3},
	} {
		list, err := Plan(chunks, c.limits, price)
		if err != nil {
			t.Fatal(err)
		}
		if got := Sum(list); got.SentBytes != c.sent || got.Parts != c.parts {
			t.Errorf("%s: %+v, want %d bytes sent in %d parts", c.name, got, c.sent, c.parts)
		}
	}
}

// Changed chunks with less than a part between them are glued one after the other, unless a part could become too large.
func TestChangedChunksCloserThanAPart(t *testing.T) {
	const kib, mib = int64(1 << 10), int64(1 << 20)
	chunks := heldBut(1024, func(i int) bool { return i >= 800 && i%32 == 0 })
	price := Prices{Byte: 1, Send: 60_000, Copy: 60_000, Glue: 180_000}
	for _, c := range []struct {
		copyMax      int64
		tails, sends int
	}{{32 * mib, 4, 7}, {31 * mib, 1, 0}} {
		l := Limits{MinBytes: 5 * mib, SendMaxBytes: 8 * mib, CopyMaxBytes: c.copyMax, Glue: true}
		list, err := Plan(chunks, l, price)
		if err != nil {
			t.Fatal(err)
		}
		most := mostTails(list)
		got := Sum(list)
		if c.sends > 0 && (got.SentBytes != int64(c.sends)*64*kib || most < c.tails) || c.sends == 0 && most != c.tails {
			t.Errorf("copies of at most %d bytes: at most %d tails, %+v", c.copyMax, most, got)
		}
	}
}

// However many changed chunks follow each other, a part has so many tails at most, and the list covers the shard.
func TestTailsAreBounded(t *testing.T) {
	const mib = int64(1 << 20)
	chunks := heldBut(1000, func(i int) bool { return i >= 100 && i%8 == 0 })
	l := Limits{MinBytes: 5 * mib, SendMaxBytes: 8 * mib, CopyMaxBytes: 1 << 30, Glue: true}
	list, err := Plan(chunks, l, Prices{Byte: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := check(chunks, l, list); err != nil {
		t.Error(err)
	}
	most := mostTails(list)
	if got := Sum(list); most != MaxTails || got.SentBytes > 60*mib {
		t.Errorf("at most %d tails, %+v", most, got)
	}
}

func TestNothingHeldAndAllHeld(t *testing.T) {
	l := Limits{MinBytes: 5, SendMaxBytes: 8, CopyMaxBytes: 100}
	chunks := []Chunk{{Length: 4}, {Length: 4}, {Length: 4}}
	list, err := Plan(chunks, l, Prices{Byte: 1, Send: 1, Copy: 1})
	if err != nil || Sum(list) != (Totals{Parts: 2, Sent: 2, SentBytes: 12}) {
		t.Errorf("%+v, %v", list, err)
	}
	for i := range chunks {
		chunks[i].Places = []Place{{Object: 1, Offset: 100 + int64(i)*4}}
	}
	list, err = Plan(chunks, l, Prices{Byte: 1, Send: 1, Copy: 1})
	if err != nil || Sum(list) != (Totals{Parts: 1, Copied: 1, CopiedBytes: 12}) || list[0].From != (Place{1, 100}) {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := Plan(nil, l, Prices{}); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := Plan([]Chunk{{Length: 0}}, l, Prices{}); err == nil {
		t.Error("an empty chunk was taken")
	}
}

// scattered is a shard of n chunks of which every 50th changed, the rest in two objects.
func scattered(n int) []Chunk {
	rng := rand.New(rand.NewPCG(1, 2))
	chunks := make([]Chunk, n)
	offset := int64(0)
	for i := range chunks {
		chunks[i].Length = 32<<10 + rng.Int64N(96<<10)
		if i%50 != 7 {
			chunks[i].Places = []Place{{Object: 0, Offset: offset}, {Object: 1, Offset: offset + 512*int64(i)}}
		}
		offset += chunks[i].Length
	}
	return chunks
}

func BenchmarkPlan100000(b *testing.B) {
	chunks := scattered(100_000)
	for _, glue := range []bool{false, true} {
		b.Run(fmt.Sprintf("glue=%v", glue), func(b *testing.B) {
			for b.Loop() {
				list, err := Plan(chunks, Limits{MinBytes: 5 << 20, SendMaxBytes: 8 << 20, CopyMaxBytes: 1 << 30, Glue: glue}, Prices{
					Byte: 0.0838, Send: 5000, Copy: 5000, Glue: 15000,
				})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(Sum(list).Parts), "parts")
			}
		})
	}
}
