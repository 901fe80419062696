package manifest

import "github.com/datagravity/datagravity/pkg/chunker"

// pins are sealed like the ledger's records: one that got lost would let a shard be replaced under the job that reads it, and
// nothing would say so.
var pins = table[Pin]{bucket: "pins", sealed: true}

// Pin is a job's claim on a snapshot at a destination: as long as it is live, what the snapshot names is neither replaced nor
// removed there. An owner has at most one pin of a dataset at a destination.
type Pin struct {
	Owner       string         `cbor:"1,keyasint" json:"owner"`
	Dataset     string         `cbor:"2,keyasint" json:"dataset"`
	Snapshot    chunker.Digest `cbor:"3,keyasint" json:"snapshot"`
	Destination string         `cbor:"4,keyasint" json:"destination"` // its configured name
	Created     Millis         `cbor:"5,keyasint" json:"created"`
	// Expires is when it stops counting; 0: never.
	Expires Millis `cbor:"6,keyasint" json:"expires"`
	// Store and Prefix are where the destination kept the dataset when the pin was made: the job reads there, whatever the
	// configuration says by now.
	Store  string `cbor:"7,keyasint" json:"store"`
	Prefix string `cbor:"8,keyasint" json:"prefix"`
}

// Live tells whether the pin counts at this time.
func (p Pin) Live(now Millis) bool { return p.Expires == 0 || now < p.Expires }

// Pin returns one.
func (tx *Tx) Pin(destination, owner, dataset string) (Pin, bool, error) {
	return pins.get(tx, key(destination, owner, dataset))
}

// PutPin makes, renews or moves one.
func (tx *Tx) PutPin(p Pin) error { return pins.put(tx, key(p.Destination, p.Owner, p.Dataset), p) }

// DeletePin forgets one.
func (tx *Tx) DeletePin(p Pin) error {
	return pins.delete(tx, key(p.Destination, p.Owner, p.Dataset))
}

// Pins calls f for every pin, live or not, in byte order of destination, owner and dataset; f returns false to stop, and must not
// change any.
func (tx *Tx) Pins(f func(Pin) (bool, error)) error {
	return pins.scan(tx, nil, nil, func(_ []byte, p Pin) (bool, error) { return f(p) })
}
