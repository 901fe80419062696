package chunker

import "fmt"

// AlgorithmW16 cuts where a hash of the 16 bytes before a position is high (see boundary.go). It is the only algorithm of
// format version 0.
const AlgorithmW16 = "w16-v0"

// Limits on Params, all bytes.
const (
	// LeastAvgBytes keeps boundaries rare enough for the 8-bit filter in front of the full hash.
	LeastAvgBytes int64 = 4 << 10
	// LeastMinBytes keeps a boundary's window inside its own chunk.
	LeastMinBytes int64 = 64
	// MostMaxBytes keeps every length in the recipe's 32 bits with room to spare.
	MostMaxBytes int64 = 1 << 30
)

// Params say how a shard is cut. They are recorded in its recipe: two recipes share chunks only if their Params are equal.
type Params struct {
	// Algorithm is [AlgorithmW16].
	Algorithm string
	// MinBytes is the least length of every chunk but a shard's last, MaxBytes the most of any, AvgBytes the mean over
	// data without structure.
	MinBytes, AvgBytes, MaxBytes int64
}

// DefaultParams average 64 KiB. Over tar shards with 1 % of their members replaced such chunks re-send 2.4 % of the bytes
// where 1 MiB chunks re-send 17 %, and a recipe is 0.06 % of the data.
func DefaultParams() Params { return ParamsFor(64 << 10) }

// ParamsFor average avgBytes, with a quarter of it as the least and four times it as the most.
func ParamsFor(avgBytes int64) Params {
	return Params{Algorithm: AlgorithmW16, MinBytes: avgBytes / 4, AvgBytes: avgBytes, MaxBytes: 4 * avgBytes}
}

// Validate tells why nothing can be cut with these parameters, or nil.
func (p Params) Validate() error {
	switch {
	case p.Algorithm != AlgorithmW16:
		return fmt.Errorf("chunk algorithm %q is not known to this version (known: %s); upgrade datagravity if a newer one made this recipe", p.Algorithm, AlgorithmW16)
	case p.AvgBytes < LeastAvgBytes:
		return fmt.Errorf("average chunk of %d bytes: the least is %d", p.AvgBytes, LeastAvgBytes)
	case p.MinBytes < LeastMinBytes:
		return fmt.Errorf("least chunk of %d bytes: it cannot be below %d", p.MinBytes, LeastMinBytes)
	case p.MaxBytes > MostMaxBytes:
		return fmt.Errorf("largest chunk of %d bytes: it cannot be above %d", p.MaxBytes, MostMaxBytes)
	case p.MinBytes > p.AvgBytes || p.AvgBytes >= p.MaxBytes:
		return fmt.Errorf("chunk sizes %d/%d/%d bytes: want least <= average < most", p.MinBytes, p.AvgBytes, p.MaxBytes)
	}
	return nil
}
