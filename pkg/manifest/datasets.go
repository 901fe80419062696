package manifest

import (
	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
)

var (
	datasets = table[Dataset]{bucket: "datasets"}
	facts    = table[Fact]{bucket: "facts"}
)

// Dataset is what is known of a configured dataset.
type Dataset struct {
	Name string `cbor:"1,keyasint" json:"name"`
	// Store and Prefix as they were when it was last listed: another place under the same name starts anew.
	Store  string `cbor:"2,keyasint" json:"store"`
	Prefix string `cbor:"3,keyasint" json:"prefix"`
	// Latest snapshot, zero before the first.
	Latest chunker.Digest `cbor:"4,keyasint" json:"latest"`
	// Listed is when the source was last listed completely; Stable since when the listing has not changed.
	Listed Millis `cbor:"5,keyasint" json:"listed"`
	Stable Millis `cbor:"6,keyasint" json:"stable"`
	// Fingerprint of the last listing (paths, sizes, ETags), to notice that it changed.
	Fingerprint chunker.Digest `cbor:"7,keyasint" json:"fingerprint"`
	// Cut tells how all shards of the latest snapshot are cut (index.Dataset.Cut); "" if in several ways, or before the format was
	// frozen.
	Cut string `cbor:"8,keyasint,omitempty" json:"cut,omitempty"`
	// Published is the snapshot that was last published from here, or last taken from where another agent published it, and Sequence the
	// highest that its reference is known to have had: one put back from a copy is older.
	Published chunker.Digest `cbor:"9,keyasint" json:"published,omitzero"`
	Sequence  uint64         `cbor:"10,keyasint,omitempty" json:"sequence,omitempty"`
	// Looked is what was seen before it was last listed for jobs that wait, and Kept before it was last indexed without being told to.
	Looked Watched `cbor:"11,keyasint,omitzero" json:"looked,omitzero"`
	Kept   Watched `cbor:"12,keyasint,omitzero" json:"kept,omitzero"`
}

// Watched is what tells whether a source changed since it was listed.
type Watched struct {
	// Full is when it was listed; zero: never.
	Full Millis `cbor:"1,keyasint" json:"full"`
	// Marker is the object that was asked for before, and ETag what it had; "": it was not there.
	Marker string `cbor:"2,keyasint,omitempty" json:"marker,omitempty"`
	ETag   string `cbor:"3,keyasint,omitempty" json:"etag,omitempty"`
	// Cursor is how far the change feed of the source was read.
	Cursor string `cbor:"4,keyasint,omitempty" json:"cursor,omitempty"`
}

// Dataset returns the record of a dataset.
func (tx *Tx) Dataset(name string) (Dataset, bool, error) { return datasets.get(tx, key(name)) }

// PutDataset replaces it.
func (tx *Tx) PutDataset(d Dataset) error { return datasets.put(tx, key(d.Name), d) }

// Fact is what reading one source object taught: it holds as long as the object keeps its ETag. Facts outlive snapshots
// that could not be taken yet, so that a killed index goes on where it stopped.
type Fact struct {
	Path      string          `cbor:"1,keyasint"` // within the dataset
	Size      int64           `cbor:"2,keyasint"`
	ETag      string          `cbor:"3,keyasint"`
	Version   string          `cbor:"4,keyasint,omitempty"`
	Stored    store.Checksums `cbor:"5,keyasint"` // as the source lists them
	Shard     chunker.Digest  `cbor:"6,keyasint"`
	Recipe    chunker.Digest  `cbor:"7,keyasint"`
	CRC64NVME uint64          `cbor:"8,keyasint"`
	CRC32C    uint32          `cbor:"9,keyasint"`
	Indexed   Millis          `cbor:"10,keyasint"`
	// Cut tells how the recipe cuts the shard (index.CutOf), "" before the format was frozen.
	Cut string `cbor:"11,keyasint,omitempty"`
}

// Checksums are the proven checksums of the shard.
func (f Fact) Checksums() store.Checksums {
	return store.Checksums{CRC64NVME: store.Hex64(f.CRC64NVME), CRC32C: store.Hex32(f.CRC32C)}
}

// Fact returns what is known of one path of a dataset.
func (tx *Tx) Fact(dataset, path string) (Fact, bool, error) {
	return facts.get(tx, key(dataset, path))
}

// PutFact replaces it.
func (tx *Tx) PutFact(dataset string, f Fact) error {
	tx.names(f.Recipe)
	return facts.put(tx, key(dataset, f.Path), f)
}

// DeleteFact forgets one path.
func (tx *Tx) DeleteFact(dataset, path string) error { return facts.delete(tx, key(dataset, path)) }

// Facts calls f for every known path of a dataset in byte order.
func (tx *Tx) Facts(dataset string, f func(Fact) (bool, error)) error {
	return facts.scan(tx, within(dataset), nil, func(_ []byte, v Fact) (bool, error) { return f(v) })
}

// ForgetDataset removes the record and the facts of a dataset that moved to another place; its snapshots stay.
func (tx *Tx) ForgetDataset(name string) error {
	gone, err := facts.keys(tx, within(name))
	if err != nil {
		return err
	}
	for _, k := range gone {
		if err := facts.delete(tx, k); err != nil {
			return err
		}
	}
	return datasets.delete(tx, key(name))
}

// Datasets calls f for the record of every dataset, in byte order of their names; f returns false to stop, and must not change any.
func (tx *Tx) Datasets(f func(Dataset) (bool, error)) error {
	return datasets.scan(tx, nil, nil, func(_ []byte, d Dataset) (bool, error) { return f(d) })
}
