// Package format reads the indexes that training formats keep beside their shards: which files there are, in which order, how
// long they should be, and which hashes and samples the index claims for them.
//
//	MDS           index.json           [MDS]
//	WebDataset    a wids shard list    [Wids]
//	LitData       index.json           [LitData]
//	Energon       .nv-meta/            [Energon]
//	Megatron      PREFIX.idx           [Megatron]
//	parquet sets  -00000-of-00014      [ParquetSet]
//	Delta         _delta_log/          [Delta]
//
// # What a reader promises
//
// It is a function of bytes. It opens nothing, follows no reference out of what it was given, runs nothing and unpickles nothing. What it
// returns is inside the dataset: a name that leaves it (../x, /x, a URL under no root) is [ErrOutside]. Its memory is bounded by that of its
// input, which may have [MaxBytes]; depth and the expansion of braces are bounded too.
//
// # What an index is worth
//
// An index says what its writer meant to write. Sizes can be compared with the objects; hashes and samples cannot without reading them,
// and are passed on as claims.
package format

import "errors"

// MaxBytes is the longest index that is read: at some 300 bytes a shard, that of 800,000 shards.
const MaxBytes = 256 << 20

// MaxNames is how many names the braces of an index may expand to.
const MaxNames = 1_000_000

// Kinds of errors. Each error names the place in the index: a JSON path with the offset in bytes, or a line.
var (
	// ErrMalformed: the index is not what its format says, is of a version that is not known, or is too large.
	ErrMalformed = errors.New("the index cannot be used")
	// ErrOutside: a name that leads out of the dataset.
	ErrOutside = errors.New("outside the dataset")
)

// Unknown stands for a number that an index does not tell.
const Unknown = -1

// File is what an index says of one file.
type File struct {
	Path    string // in the dataset
	Bytes   int64  // of the object, or Unknown
	Samples int64  // in the shard, or Unknown
	Hashes  []Hash // as claimed, in byte order of their names
}

// Hash of a file's bytes, as an index writes it: mostly lower-case hex.
type Hash struct{ Algorithm, Value string }
