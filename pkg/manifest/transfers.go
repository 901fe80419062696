package manifest

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
)

var (
	transfers = table[Transfer]{bucket: "transfers"}
	parts     = table[Part]{bucket: "parts"}
)

// Transfer is one shard's move (or, without a destination, its reading for the index), persisted step by step so that
// another process can go on.
type Transfer struct {
	// ID is derived from what is moved and where to, so that the same work finds its own record again.
	ID      string `cbor:"1,keyasint" json:"id"`
	Dataset string `cbor:"2,keyasint" json:"dataset"`
	Path    string `cbor:"3,keyasint" json:"path"`
	// Source, pinned.
	SourceStore string `cbor:"4,keyasint" json:"source_store"`
	SourceKey   string `cbor:"5,keyasint" json:"source_key"`
	ETag        string `cbor:"6,keyasint" json:"etag"`
	Version     string `cbor:"7,keyasint,omitempty" json:"version,omitempty"`
	Size        int64  `cbor:"8,keyasint" json:"size"`
	// Shard is zero while the digest is learned on the way.
	Shard  chunker.Digest `cbor:"9,keyasint" json:"shard"`
	Recipe chunker.Digest `cbor:"10,keyasint" json:"recipe"`
	// Destination; DestStore is "" for reading only.
	DestStore string        `cbor:"11,keyasint,omitempty" json:"dest_store,omitempty"`
	DestKey   string        `cbor:"12,keyasint,omitempty" json:"dest_key,omitempty"`
	Upload    *store.Upload `cbor:"13,keyasint,omitempty" json:"upload,omitempty"`
	// PartBytes is the part size when the digest is not known (a power of two); with a recipe the parts are runs of whole
	// chunks of about this size.
	PartBytes int64           `cbor:"14,keyasint" json:"part_bytes"`
	Params    *chunker.Params `cbor:"15,keyasint,omitempty" json:"-"`
	Created   Millis          `cbor:"16,keyasint" json:"created"`
	Updated   Millis          `cbor:"17,keyasint" json:"updated"`
	// Digests are the extra ones that are computed while the shard is read from its first byte to its last.
	Digests []string `cbor:"18,keyasint,omitempty" json:"-"`
	// Assembly is how the shard is put together from what the destination held when the transfer began; nil: all of it is sent.
	// The parts are those of this record, whatever a later plan would choose.
	Assembly *Assembly `cbor:"19,keyasint,omitempty" json:"-"`
	// Begun is Created by the destination's clock; 0: not known.
	Begun Millis `cbor:"20,keyasint,omitempty" json:"-"`
	// Over: all that it had open is gone. It is kept for the object at its key, which may be what it sent: nobody would know it for ours.
	Over bool `cbor:"21,keyasint,omitempty" json:"over,omitempty"`
}

// clockSkew between this machine, or a service's answer some time ago, and the service that the times of uploads allow for.
const clockSkew = time.Minute

// May tells whether an upload for the transfer's key, which no record names, can have been begun for it, by when the service says that it was.
func (t Transfer) May(begun time.Time) bool {
	from := t.Begun
	if from == 0 {
		from = t.Created
	}
	return begun.After(from.Time().Add(-clockSkew))
}

// Assembly is a list of parts, some of them ranges of objects of the destination.
type Assembly struct {
	From  []store.Ref `cbor:"1,keyasint"`
	Parts []Piece     `cbor:"2,keyasint"`
}

// Piece is a run of whole chunks of the recipe.
type Piece struct {
	_      struct{} `cbor:",toarray"`
	Chunks int      // how many
	From   int      // 1 + the index in From that it is copied from; 0: it is sent
	Offset int64    // in that object
	// Glued to the piece before it, in a temporary object.
	Glued bool
}

// Part is one finished part of a transfer.
type Part struct {
	Number    int    `cbor:"1,keyasint"` // from 1
	Offset    int64  `cbor:"2,keyasint"`
	Size      int64  `cbor:"3,keyasint"`
	ETag      string `cbor:"4,keyasint,omitempty"` // the destination's, "" for reading only
	CRC64NVME uint64 `cbor:"5,keyasint"`
	CRC32C    uint32 `cbor:"6,keyasint"`
	// What learning a digest on the way needs: the part's chaining value, the chunks that end in the part, and where the
	// chunk that is open at the part's end starts.
	CV        []byte `cbor:"7,keyasint,omitempty"`
	Chunks    []byte `cbor:"8,keyasint,omitempty"` // u32 length and 32-byte digest each, little-endian
	OpenStart int64  `cbor:"9,keyasint,omitempty"`
	// Format and Extra are those of chunker.State at the part's end.
	Format []byte `cbor:"10,keyasint,omitempty"`
	Extra  []byte `cbor:"11,keyasint,omitempty"`
	// Copied on the server: the checksums are what the service told of the range, those in Unknown are not known.
	Copied  bool    `cbor:"12,keyasint,omitempty"`
	Unknown Unknown `cbor:"13,keyasint,omitempty"`
}

// Unknown names the checksums that a service told nothing of.
type Unknown uint8

// The checksums of a copied part.
const (
	UnknownCRC64NVME Unknown = 1 << iota
	UnknownCRC32C
)

// Transfer returns one by its id.
func (tx *Tx) Transfer(id string) (Transfer, bool, error) { return transfers.get(tx, key(id)) }

// PutTransfer replaces it.
func (tx *Tx) PutTransfer(t Transfer) error {
	tx.names(t.Recipe)
	return transfers.put(tx, key(t.ID), t)
}

// Transfers calls f for every transfer.
func (tx *Tx) Transfers(f func(Transfer) (bool, error)) error {
	return transfers.scan(tx, nil, nil, func(_ []byte, t Transfer) (bool, error) { return f(t) })
}

// PutPart records a finished part.
func (tx *Tx) PutPart(transfer string, p Part) error {
	return parts.put(tx, partKey(transfer, p.Number), p)
}

// DeletePart forgets one.
func (tx *Tx) DeletePart(transfer string, number int) error {
	return parts.delete(tx, partKey(transfer, number))
}

// Parts returns a transfer's finished parts in order.
func (tx *Tx) Parts(transfer string) (list []Part, err error) {
	err = parts.scan(tx, within(transfer), nil, func(_ []byte, p Part) (bool, error) {
		list = append(list, p)
		return true, nil
	})
	return list, err
}

// DeleteTransfer removes a transfer and its parts.
func (tx *Tx) DeleteTransfer(id string) error {
	return errors.Join(tx.deleteParts(id), transfers.delete(tx, key(id)))
}

// EndTransfer keeps of a transfer what tells that the object at its key may be what it sent.
func (tx *Tx) EndTransfer(t Transfer) error {
	t.Over, t.Upload, t.Assembly, t.Recipe = true, nil, nil, chunker.Digest{}
	return errors.Join(tx.deleteParts(t.ID), tx.PutTransfer(t))
}

func (tx *Tx) deleteParts(transfer string) error {
	finished, err := parts.keys(tx, within(transfer))
	if err != nil {
		return err
	}
	for _, k := range finished {
		if err := parts.delete(tx, k); err != nil {
			return err
		}
	}
	return nil
}

func partKey(transfer string, number int) []byte {
	return binary.BigEndian.AppendUint32(within(transfer), uint32(number))
}
