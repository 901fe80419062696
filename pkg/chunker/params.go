package chunker

import (
	"fmt"
	"slices"
	"strings"
)

// The algorithms of recipe version 1. What they do will never change; docs/format.md has it byte by byte.
const (
	// AlgorithmPlain looks at content alone.
	AlgorithmPlain = "plain-v1"
	// AlgorithmTarV1 also knows the members of a tar archive. What is no tar archive it cuts as AlgorithmPlain does.
	AlgorithmTarV1 = "tar-v1"
	// AlgorithmTar is AlgorithmTarV1 with half as much from which on a sample has chunks of its own.
	AlgorithmTar = "tar-v2"
)

// Limits on Params, all bytes.
const (
	LeastAvgBytes int64 = 4 << 10
	// LeastMinBytes keeps a tar header and a boundary's window inside one chunk.
	LeastMinBytes int64 = 1 << 10
	// MostMaxBytes keeps every length in the recipe's 32 bits with room to spare.
	MostMaxBytes int64 = 1 << 30
)

// Params say how a shard is cut. They are recorded in its recipe: two recipes share chunks only if their sizes are equal.
type Params struct {
	// Algorithm is one of [Algorithms].
	Algorithm string
	// MinBytes is the least length of a chunk (but of a shard's last, and of tar samples), MaxBytes the most of any,
	// AvgBytes the mean over data without structure.
	MinBytes, AvgBytes, MaxBytes int64
}

// Algorithms are all that this version cuts by.
func Algorithms() []string { return []string{AlgorithmTar, AlgorithmTarV1, AlgorithmPlain} }

// DefaultParams are [AlgorithmTar] at 64 KiB. A recipe is then 0.06 % of its shard (0.2 % where tar
// samples have 16 KiB), and an edit of a shard makes some 100 KiB around it new.
func DefaultParams() Params { return ParamsFor(AlgorithmTar, 64<<10) }

// ParamsFor average avgBytes, with half of it as the least and twice it as the most: so whatever the data, and whoever
// crafted it, the mean is within a factor of two of what was asked for.
func ParamsFor(algorithm string, avgBytes int64) Params {
	return Params{Algorithm: algorithm, MinBytes: avgBytes / 2, AvgBytes: avgBytes, MaxBytes: 2 * avgBytes}
}

// String names what decides about chunks, as in "tar-v2 32768/65536/131072".
func (p Params) String() string {
	return fmt.Sprintf("%s %d/%d/%d", p.Algorithm, p.MinBytes, p.AvgBytes, p.MaxBytes)
}

// largeSample is how many bytes a tar sample must have to be chunks of its own.
func (p Params) largeSample() int64 {
	if p.Algorithm == AlgorithmTarV1 {
		return p.MinBytes
	}
	return p.MinBytes / 2
}

// Validate tells why nothing can be cut with these parameters, or nil.
func (p Params) Validate() error {
	switch {
	case !slices.Contains(Algorithms(), p.Algorithm):
		return fmt.Errorf("chunk algorithm %q is not known to this version (known: %s); upgrade datagravity if a newer one made this recipe",
			p.Algorithm, strings.Join(Algorithms(), ", "))
	case p.AvgBytes < LeastAvgBytes:
		return fmt.Errorf("average chunk of %d bytes: the least is %d", p.AvgBytes, LeastAvgBytes)
	case p.MinBytes < LeastMinBytes:
		return fmt.Errorf("least chunk of %d bytes: it cannot be below %d", p.MinBytes, LeastMinBytes)
	case p.MaxBytes > MostMaxBytes:
		return fmt.Errorf("largest chunk of %d bytes: it cannot be above %d", p.MaxBytes, MostMaxBytes)
	case p.MinBytes > p.AvgBytes || p.AvgBytes >= p.MaxBytes || 2*p.MinBytes > p.MaxBytes:
		return fmt.Errorf("chunk sizes %d/%d/%d bytes: want least <= average < most, and least at most half of most", p.MinBytes, p.AvgBytes, p.MaxBytes)
	}
	return nil
}
