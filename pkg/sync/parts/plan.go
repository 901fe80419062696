package parts

import (
	"fmt"
	"math"
	"slices"
)

// Plan returns the cheapest list of parts that covers the chunks in order, and of several equally cheap ones the shortest.
// Where MaxParts binds, it is the cheapest of all lists with at most as many parts as it has. Errors: [ErrLimits].
func Plan(chunks []Chunk, l Limits, p Prices) ([]Part, error) {
	if len(chunks) == 0 {
		return nil, nil
	}
	t, err := newTable(chunks, l, p)
	if err != nil {
		return nil, err
	}
	list := t.solve(0)
	if list == nil {
		return nil, fmt.Errorf("%w: %d chunks, %d bytes, parts of %d to %d bytes", ErrLimits, len(chunks), t.at[len(chunks)], l.MinBytes, t.sendMax)
	}
	if l.MaxParts <= 0 || len(list) <= l.MaxParts {
		return list, nil
	}
	return t.shorten(l.MaxParts)
}

// shorten finds the smallest surcharge of a part under which the cheapest list has at most so many.
func (t *table) shorten(most int) ([]Part, error) {
	// One part fewer can never save more than everything costs.
	low, high := int64(0), t.dearest
	best := t.solve(high)
	if len(best) > most {
		return nil, fmt.Errorf("%w: at least %d parts, at most %d are taken", ErrLimits, len(best), most)
	}
	for low+1 < high {
		middle := low + (high-low)/2
		if list := t.solve(middle); len(list) <= most {
			high, best = middle, list
		} else {
			low = middle
		}
	}
	return best, nil
}

// table is what the dynamic program works on. Prices are whole numbers, so that equal costs are equal.
type table struct {
	chunks           []Chunk
	at               []int64 // at[i] is where chunk i starts; one more for the end
	runs             [][]run // runs[i] are those that chunk i belongs to
	min              int64
	sendMax, copyMax int64
	glue             bool
	chain            bool // several tails: however many there are, the part is none too large
	perByte          int64
	send, copy, join int64
	// dearest is more than any list costs.
	dearest int64

	// direct[i] is the cheapest cover of the first i chunks that ends in a part of one piece, any[i] in any part, base[i] in one
	// that a tail can be glued to.
	direct, any, base []cost
	// tails of the last part of any[i].
	tails []int32
	// how the last piece of direct[i] was made, and the last tail of any[i] where that is glued.
	directStep, tailStep []step
}

// cost compares by price, then by parts.
type cost struct {
	price int64
	parts int32
}

const never = math.MaxInt64 / 4

func (a cost) less(b cost) bool {
	return a.price < b.price || a.price == b.price && a.parts < b.parts
}

func (a cost) plus(price int64, parts int32) cost { return cost{a.price + price, a.parts + parts} }

// step is how a piece that ends at some boundary was made.
type step struct {
	from   int32 // chunk at which it starts; -1: there is none
	copied bool
	place  Place
}

func newTable(chunks []Chunk, l Limits, p Prices) (*table, error) {
	n := len(chunks)
	t := &table{chunks: chunks, at: make([]int64, n+1), min: l.MinBytes, copyMax: l.CopyMaxBytes, glue: l.Glue}
	largest := int64(0)
	places := 0
	for i, c := range chunks {
		if c.Length <= 0 {
			return nil, fmt.Errorf("parts: chunk %d has %d bytes", i, c.Length)
		}
		t.at[i+1] = t.at[i] + c.Length
		largest = max(largest, c.Length)
		places += len(c.Places)
	}
	if min(p.Byte, p.Send, p.Copy, p.Glue) < 0 {
		return nil, fmt.Errorf("parts: negative price in %+v", p)
	}
	// Any run of chunks of at least MinBytes can then be cut short of it by a chunk.
	t.sendMax = max(l.SendMaxBytes, l.MinBytes+largest)
	t.chain = t.at[n] <= 2*t.copyMax
	t.scale(p)
	if places > 0 {
		t.findRuns()
	}
	t.direct, t.any, t.base = make([]cost, n+1), make([]cost, n+1), make([]cost, n+1)
	t.directStep, t.tailStep = make([]step, n+1), make([]step, n+1)
	t.tails = make([]int32, n+1)
	return t, nil
}

// scale turns prices into whole numbers as large as sums of them allow.
func (t *table) scale(p Prices) {
	n := len(t.chunks)
	most := p.Byte*float64(t.at[n]) + float64(n)*(p.Send+p.Copy+p.Glue)
	if most == 0 {
		t.dearest = 1
		return
	}
	unit := float64(never/64) / most / float64(n+1) // a surcharge of a part may be as dear as everything
	// A factor of two keeps what is exact exact.
	unit = math.Exp2(math.Floor(math.Log2(unit)))
	round := func(v float64) int64 { return int64(math.Round(v * unit)) }
	t.perByte, t.send, t.copy, t.join = round(p.Byte), round(p.Send), round(p.Copy), round(p.Glue)
	t.dearest = t.perByte*t.at[n] + int64(n)*(t.send+t.copy+t.join) + 1
}

// solve fills the table with a surcharge on every part and reads the list back; nil where there is none.
func (t *table) solve(surcharge int64) []Part {
	n := len(t.chunks)
	sends, tails := &sendWindow{t: t, costs: t.any}, &sendWindow{t: t, costs: t.base}
	copies, copyTails := newCopyWindows(t, t.any), newCopyWindows(t, t.base)
	t.any[0], t.direct[0], t.base[0] = cost{}, cost{price: never}, cost{price: never}
	for i := 1; i <= n; i++ {
		minimum := t.min
		if i == n {
			minimum = 1 // the last part may be short
		}
		t.direct[i], t.directStep[i] = cost{price: never}, step{from: -1}
		if c, from := sends.best(i, minimum); c.price < never {
			t.direct[i], t.directStep[i] = c.plus(t.perByte*t.at[i]+t.send+surcharge, 1), step{from: from}
		}
		if c, from, place := copies.best(i, minimum); c.price < never {
			if c = c.plus(t.copy+surcharge, 1); c.less(t.direct[i]) {
				t.direct[i], t.directStep[i] = c, step{from: from, copied: true, place: place}
			}
		}
		t.any[i], t.tailStep[i] = t.direct[i], step{from: -1}
		if !t.glue {
			continue
		}
		if c, from := tails.best(i, 1); c.price < never {
			if c = c.plus(t.perByte*t.at[i]+t.send+t.join, 0); c.less(t.any[i]) {
				t.any[i], t.tailStep[i] = c, step{from: from}
			}
		}
		if c, from, place := copyTails.best(i, 1); c.price < never {
			if c = c.plus(t.copy+t.join, 0); c.less(t.any[i]) {
				t.any[i], t.tailStep[i] = c, step{from: from, copied: true, place: place}
			}
		}
		switch s := t.tailStep[i]; {
		case s.from < 0:
			t.tails[i] = 0
		case t.goesOn(int(s.from)):
			t.tails[i] = t.tails[s.from] + 1
		default:
			t.tails[i] = 1
		}
		if t.base[i] = t.direct[i]; t.goesOn(i) {
			t.base[i] = t.any[i]
		}
	}
	if t.any[n].price >= never {
		return nil
	}
	return t.list()
}

// goesOn tells whether a tail that starts at a boundary is glued to any part that ends there, and not only to one of one piece.
func (t *table) goesOn(i int) bool { return t.chain && t.tails[i] < MaxTails }

// list reads the parts back from the end.
func (t *table) list() []Part {
	var reversed []Part
	for i := len(t.chunks); i > 0; {
		var part Part
		for s := t.tailStep[i]; s.from >= 0; s = t.tailStep[i] {
			part.Tails = append(part.Tails, t.piece(s, i))
			if i = int(s.from); !t.goesOn(i) {
				break
			}
		}
		slices.Reverse(part.Tails)
		part.Piece = t.piece(t.directStep[i], i)
		i = part.First
		reversed = append(reversed, part)
	}
	list := make([]Part, 0, len(reversed))
	for i := len(reversed) - 1; i >= 0; i-- {
		list = append(list, reversed[i])
	}
	return list
}

func (t *table) piece(s step, end int) Piece {
	first := int(s.from)
	return Piece{
		First: first, Count: end - first, Offset: t.at[first], Size: t.at[end] - t.at[first], Copied: s.copied, From: s.place,
	}
}
