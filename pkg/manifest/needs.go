package manifest

import "github.com/datagravity/datagravity/pkg/chunker"

var needs = table[Need]{bucket: "needs"}

// Need is what was asked for at one destination, by a job or by itself.
type Need struct {
	ID          string         `cbor:"1,keyasint" json:"id"`
	Dataset     string         `cbor:"2,keyasint" json:"dataset"`
	Snapshot    chunker.Digest `cbor:"3,keyasint" json:"snapshot"`
	Destination string         `cbor:"4,keyasint" json:"destination"`
	Globs       []string       `cbor:"5,keyasint,omitempty" json:"shards,omitempty"`
	// Selection is the digest of the selected paths.
	Selection chunker.Digest `cbor:"6,keyasint" json:"selection"`
	Shards    int            `cbor:"7,keyasint" json:"shard_count"`
	Bytes     int64          `cbor:"8,keyasint" json:"bytes"`
	// Updated is when it was last worked on; Ready when all of it was proven at the destination, 0 until then.
	Updated Millis `cbor:"9,keyasint" json:"updated"`
	Ready   Millis `cbor:"10,keyasint" json:"ready"`
	// Replacing is when a sync began to replace objects that had been promised, 0 once all of it is ready again.
	Replacing Millis `cbor:"11,keyasint,omitempty" json:"replacing,omitempty"`
	// Beside tells that it was brought beside a mirror, because pins kept it out of it.
	Beside bool `cbor:"12,keyasint,omitempty" json:"beside,omitempty"`
	// Open is set while it was asked for and is not all there.
	Open *OpenNeed `cbor:"13,keyasint,omitempty" json:"open,omitempty"`
	// Job that it comes from; "": it was asked for by itself.
	Job string `cbor:"14,keyasint,omitempty" json:"job,omitempty"`
	// Paths is the id of the list of selected paths; zero: the globs select.
	Paths chunker.Digest `cbor:"15,keyasint" json:"-"`
	// Told is set before the job's own receipt is written at the destination, and 0 again once it is certain that there is none.
	Told Millis `cbor:"16,keyasint,omitempty" json:"told,omitempty"`
	// Announced is when the receipt was there and true, 0 while it is not.
	Announced Millis `cbor:"17,keyasint,omitempty" json:"announced,omitempty"`
	// Until is the end of the promise that was announced, 0 for none.
	Until Millis `cbor:"18,keyasint,omitempty" json:"until,omitempty"`
}

// OpenNeed is how much and by when a need is wanted that is not met.
type OpenNeed struct {
	Asked Millis `cbor:"1,keyasint" json:"asked"` // first
	// NeedBy is when all of it should be there; 0: nobody said.
	NeedBy   Millis `cbor:"2,keyasint,omitempty" json:"need_by,omitempty"`
	Priority int    `cbor:"3,keyasint,omitempty" json:"priority,omitempty"`
	// Value is what having it is worth beside others, 0 counting as 1.
	Value int64 `cbor:"4,keyasint,omitempty" json:"value,omitempty"`
	// Snapshot that is wanted; zero: what the source lists.
	Snapshot chunker.Digest `cbor:"5,keyasint" json:"snapshot"`
	// Job and Team that it is charged to; "": nobody said.
	Job  string `cbor:"6,keyasint,omitempty" json:"job,omitempty"`
	Team string `cbor:"7,keyasint,omitempty" json:"team,omitempty"`
}

// Need returns one by its id.
func (tx *Tx) Need(id string) (Need, bool, error) { return needs.get(tx, key(id)) }

// PutNeed replaces it.
func (tx *Tx) PutNeed(n Need) error { return needs.put(tx, key(n.ID), n) }

// DeleteNeed forgets it.
func (tx *Tx) DeleteNeed(id string) error { return needs.delete(tx, key(id)) }

// Needs calls f for every need.
func (tx *Tx) Needs(f func(Need) (bool, error)) error {
	return needs.scan(tx, nil, nil, func(_ []byte, n Need) (bool, error) { return f(n) })
}
