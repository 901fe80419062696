package manifest

// Grants let an agent beside a destination spend from the budgets of the agent beside the source. Both sides keep theirs here, because both
// decide about money: what was given stays set aside until it is settled, and what is held bounds what may be read.
var (
	heldGrants  = table[HeldGrant]{bucket: "grants_held", sealed: true}
	givenGrants = table[GivenGrant]{bucket: "grants_given", sealed: true}
)

// GrantFor says what a grant may be used for. It has the names of the agent that keeps the record.
type GrantFor struct {
	Source  string `cbor:"1,keyasint" json:"source"`                // store
	Dest    string `cbor:"2,keyasint,omitempty" json:"destination"` // "" for reading only
	Dataset string `cbor:"3,keyasint" json:"dataset"`
	Team    string `cbor:"4,keyasint,omitempty" json:"team,omitempty"`
	Job     string `cbor:"5,keyasint,omitempty" json:"job,omitempty"`
}

// HeldGrant is one that this agent asked for, and from when it was claimed, holds.
type HeldGrant struct {
	ID  string   `cbor:"1,keyasint" json:"id"`
	For GrantFor `cbor:"2,keyasint" json:"for"`
	// Asked is when it was asked for, and Void until when it can still be given.
	Asked Millis `cbor:"3,keyasint" json:"asked"`
	Void  Millis `cbor:"4,keyasint" json:"void"`
	// Nonce that it was claimed with. It is recorded before the claim is made.
	Nonce string `cbor:"5,keyasint,omitempty" json:"-"`
	// Claimed is when it became this agent's, 0 before.
	Claimed Millis `cbor:"6,keyasint,omitempty" json:"claimed"`
	// Bytes and Requests that it gives; until it is claimed, those that were asked for.
	Bytes    int64  `cbor:"7,keyasint,omitempty" json:"bytes"`
	Requests int64  `cbor:"8,keyasint,omitempty" json:"requests"`
	Expires  Millis `cbor:"9,keyasint,omitempty" json:"expires"`
	// Closed is when it was decided that nothing more is read on it, 0 before.
	Closed Millis `cbor:"10,keyasint,omitempty" json:"closed"`
	// Place is that of the manifest when it was claimed, see [Manifest.Place].
	Place string `cbor:"11,keyasint,omitempty" json:"-"`
	// NanoUSD is what the origin set aside for it, at its prices.
	NanoUSD int64 `cbor:"12,keyasint,omitempty" json:"-"`
}

// Window names what was reserved and settled on it.
func (g HeldGrant) Window() string { return WindowID("", "grant "+g.ID) }

// GivenGrant is one that this agent gave, or refused to give.
type GivenGrant struct {
	ID   string   `cbor:"1,keyasint" json:"id"`
	Edge string   `cbor:"2,keyasint" json:"edge"`
	For  GrantFor `cbor:"3,keyasint" json:"for"`
	// To is where the edge is, and DestinationAt where its destination.
	To            string `cbor:"4,keyasint" json:"to"`
	DestinationAt string `cbor:"5,keyasint,omitempty" json:"destination_location,omitempty"`
	// Reservation in the ledger that stands for it, 0 if it was refused; it numbers the grants of an account.
	Reservation uint64 `cbor:"6,keyasint,omitempty" json:"-"`
	Bytes       int64  `cbor:"7,keyasint" json:"bytes"`
	Requests    int64  `cbor:"8,keyasint" json:"requests"`
	NanoUSD     int64  `cbor:"9,keyasint" json:"-"`
	Refused     string `cbor:"10,keyasint,omitempty" json:"refused,omitempty"`
	Given       Millis `cbor:"11,keyasint" json:"given"`
	Expires     Millis `cbor:"12,keyasint" json:"expires"`
	// Void is when the request is over: until then it must be known that it was answered.
	Void Millis `cbor:"13,keyasint" json:"void"`
	// Published is when the edge was told, 0 before.
	Published Millis `cbor:"14,keyasint,omitempty" json:"published"`
	// Settled is when what was used of it was booked, 0 before; or, with Revoked, when nobody could claim it any more.
	Settled      Millis `cbor:"15,keyasint,omitempty" json:"settled"`
	Revoked      bool   `cbor:"16,keyasint,omitempty" json:"revoked,omitempty"`
	SettledBytes int64  `cbor:"17,keyasint,omitempty" json:"settled_bytes"`
	SettledUSD   int64  `cbor:"18,keyasint,omitempty" json:"-"`
	// Disputed is when a settlement was found that is not by whom the grant was claimed, 0 for none: all of it counts as spent.
	Disputed Millis `cbor:"20,keyasint,omitempty" json:"disputed,omitempty"`
	// Claimed is when a claim by an edge was first seen, 0 before: should it be gone later, the grant may have been used all the same.
	Claimed Millis `cbor:"21,keyasint,omitempty" json:"claimed,omitempty"`
	// Removed is when its objects were removed from the store, 0 before.
	Removed Millis `cbor:"19,keyasint,omitempty" json:"-"`
}

// Stands tells that money is set aside for it.
func (g GivenGrant) Stands() bool { return g.Reservation != 0 && g.Settled == 0 }

// HeldGrant returns one.
func (tx *Tx) HeldGrant(id string) (HeldGrant, bool, error) { return heldGrants.get(tx, key(id)) }

// PutHeldGrant replaces it.
func (tx *Tx) PutHeldGrant(g HeldGrant) error { return heldGrants.put(tx, key(g.ID), g) }

// DeleteHeldGrant removes it, with what was counted on it.
func (tx *Tx) DeleteHeldGrant(g HeldGrant) error {
	if err := windows.delete(tx, []byte(g.Window())); err != nil {
		return err
	}
	return heldGrants.delete(tx, key(g.ID))
}

// HeldGrants calls f for every one; f returns false to stop.
func (tx *Tx) HeldGrants(f func(HeldGrant) (bool, error)) error {
	return heldGrants.scan(tx, nil, nil, func(_ []byte, g HeldGrant) (bool, error) { return f(g) })
}

// GivenGrant returns one.
func (tx *Tx) GivenGrant(edge, id string) (GivenGrant, bool, error) {
	return givenGrants.get(tx, key(edge, id))
}

// PutGivenGrant replaces it.
func (tx *Tx) PutGivenGrant(g GivenGrant) error { return givenGrants.put(tx, key(g.Edge, g.ID), g) }

// DeleteGivenGrant removes it.
func (tx *Tx) DeleteGivenGrant(edge, id string) error { return givenGrants.delete(tx, key(edge, id)) }

// GivenGrants calls f for every one, by edge; f returns false to stop.
func (tx *Tx) GivenGrants(f func(GivenGrant) (bool, error)) error {
	return givenGrants.scan(tx, nil, nil, func(_ []byte, g GivenGrant) (bool, error) { return f(g) })
}

// TookOver tells whether everything up to an id of an account's ledger is in this one though another manifest gave it out: one that was lost, or
// of which this one is an old copy, and whose journal was taken over, or that was doubted.
func (tx *Tx) TookOver(account string, id uint64) (bool, error) {
	a, err := tx.ledgerAccount()
	if err != nil {
		return false, err
	}
	if account == a.ID {
		return id <= a.TakenOver, nil
	}
	last, ok := a.Others[account]
	return ok && id <= last, nil
}

// GrantMark is how far a ledger says in a store that it has granted.
type GrantMark struct {
	Origin   string `cbor:"1,keyasint"`
	Sequence uint64 `cbor:"2,keyasint"`
	Second   int64  `cbor:"3,keyasint"` // Unix time of saying it
}

// maxMarks bounds the marks of a store: one that was written, and those of which nobody knows whether they were.
const maxMarks = 8

// GrantMarks are the marks of a store that this manifest wrote: first the one that it knows to have been written, then those that may have been. By its
// number alone a mark is not known: an old copy of this manifest gives out the same numbers again.
func (tx *Tx) GrantMarks(store string) ([]GrantMark, error) {
	a, err := tx.ledgerAccount()
	if err != nil {
		return nil, err
	}
	return a.Marks[store], nil
}

// PutGrantMark records a mark: before it is written, and again, with written, when it is known to be.
func (tx *Tx) PutGrantMark(store string, m GrantMark, written bool) error {
	a, err := tx.ledgerAccount()
	if err != nil {
		return err
	}
	if a.Marks == nil {
		a.Marks = map[string][]GrantMark{}
	}
	list := append(a.Marks[store], m)
	switch {
	case written:
		list = []GrantMark{m}
	case len(list) > maxMarks:
		list = append(list[:1:1], list[2:]...)
	}
	a.Marks[store] = list
	tx.changed = true
	return nil
}
