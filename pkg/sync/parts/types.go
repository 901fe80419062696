package parts

import "errors"

// Chunk is one chunk of the shard, in order, with the places where the destination holds it: none means that it is missing.
type Chunk struct {
	Length int64 // bytes
	Places []Place
}

// Limits are a backend's rules for the parts of one upload.
type Limits struct {
	// MinBytes of every part but the last.
	MinBytes int64
	// SendMaxBytes of a sent part, which is held in memory. It grows where MinBytes and the largest chunk need it to.
	SendMaxBytes int64
	// CopyMaxBytes of a copied piece. With Glue it is at most half of what a part may have and no less than a sent piece, and a
	// shard of more than twice as many bytes has one tail a part.
	CopyMaxBytes int64
	// MaxParts of the upload; 0: any number.
	MaxParts int
	// Glue allows parts that are put together first, as a temporary object: see [Part].
	Glue bool
}

// Prices weigh the ways to make a part. Any one unit will do; none may be negative.
type Prices struct {
	Byte float64 // of a byte that is sent
	Send float64 // of the requests of a sent part
	Copy float64 // of the request of a copied part
	Glue float64 // of the requests that make, use and remove one temporary object; each tail takes one
}

// Piece is a run of whole chunks, sent or copied.
type Piece struct {
	First, Count int   // chunks
	Offset, Size int64 // bytes, in the shard
	Copied       bool
	From         Place // of its first byte, where it is copied
}

// MaxTails of one part. Each takes several requests that wait for each other, and has the service copy all that is before it once
// more: past some number what is saved is not worth the time. Where it binds, the list is the cheapest of those whose shorter
// beginnings are the cheapest, which may not be the cheapest of all.
const MaxTails = 16

// Part is one part of the upload: one piece, or, with Tails, several that are glued: an upload of its own makes a temporary
// object of the piece and the first tail, which, as its last part, may be of any size; another one makes an object of that
// and the second tail, and so on. The final upload copies the last object whole.
type Part struct {
	Piece
	Tails []Piece
}

// Bytes is the size of the part.
func (p Part) Bytes() int64 {
	n := p.Size
	for _, x := range p.Tails {
		n += x.Size
	}
	return n
}

// Pieces are those that the part is made of.
func (p Part) Pieces() []Piece { return append([]Piece{p.Piece}, p.Tails...) }

// Totals of a list of parts.
type Totals struct {
	Parts               int
	Sent, Copied, Glued int   // pieces sent, pieces copied, temporary objects
	SentBytes           int64 // what crosses
	CopiedBytes         int64
}

// Sum adds up a list.
func Sum(list []Part) (t Totals) {
	t.Parts = len(list)
	for _, p := range list {
		t.Glued += len(p.Tails)
		for _, x := range p.Pieces() {
			if x.Copied {
				t.Copied++
				t.CopiedBytes += x.Size
			} else {
				t.Sent++
				t.SentBytes += x.Size
			}
		}
	}
	return t
}

// Price is what a list of parts costs.
func (p Prices) Price(t Totals) float64 {
	return p.Byte*float64(t.SentBytes) + p.Send*float64(t.Sent) + p.Copy*float64(t.Copied) + p.Glue*float64(t.Glued)
}

// ErrLimits: no list of parts keeps to the backend's limits.
var ErrLimits = errors.New("the backend's limits allow no list of parts")
