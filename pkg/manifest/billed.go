package manifest

// billed is sealed: what was booked of a bill is found by summing these, and one that got lost would be booked again.
var billed = table[Billed]{bucket: "billed", sealed: true}

// The kinds of a Billed.
const (
	// KindCorrection is the difference between what the bill has for a link and what was metered, or a change of its state.
	KindCorrection = "correction"
	// KindCredit is what a provider gave back for a link.
	KindCredit = "credit"
)

// The states of a ledger line, in order.
const (
	// StateEstimated: a reservation was charged whole, because nobody knows what moved.
	StateEstimated = "estimated"
	// StateMetered: counted at the socket, at the price book's prices.
	StateMetered = "metered"
	// StateBilled: the provider's export has it, in a period that may still be restated.
	StateBilled = "billed"
	// StateInvoiced: it is on an invoice.
	StateInvoiced = "invoiced"
)

// Billed is a line of the ledger that came from a provider's bill. Lines are only added: a bill that says something else later
// adds the difference. What was metered stays as it is.
type Billed struct {
	// ID is given out with those of reservations, so that the journal can tell which lines a manifest has.
	ID    uint64 `cbor:"1,keyasint" json:"-"`
	At    Millis `cbor:"2,keyasint" json:"at"`
	Kind  string `cbor:"3,keyasint" json:"kind"`  // correction or credit
	Month string `cbor:"4,keyasint" json:"month"` // of the charges, 2026-11, UTC
	From  string `cbor:"5,keyasint" json:"from"`  // location
	To    string `cbor:"6,keyasint" json:"to"`    // location
	// Source and Dest are those of the ledger lines that it is about.
	Source string `cbor:"7,keyasint" json:"source"`
	Dest   string `cbor:"8,keyasint,omitempty" json:"destination,omitempty"`
	Meter  string `cbor:"9,keyasint" json:"meter"`
	State  string `cbor:"10,keyasint" json:"state"` // billed or invoiced
	// Bytes and NanoUSD are what this line adds to the account; negative where the bill has less.
	Bytes   int64 `cbor:"11,keyasint" json:"bytes"`
	NanoUSD int64 `cbor:"12,keyasint" json:"nano_usd"`
	// Invoice is the provider's number, if there is one.
	Invoice string `cbor:"13,keyasint,omitempty" json:"invoice,omitempty"`
	// Reason says in words how it came about.
	Reason string `cbor:"14,keyasint,omitempty" json:"reason,omitempty"`
	// Account that the id belongs to: after the manifest was lost there may be lines of several.
	Account string `cbor:"15,keyasint" json:"-"`
}

func (b Billed) bytes() []byte {
	return append(append(key(b.Month, b.From, b.To, b.Source, b.Dest, b.Kind, b.Account), 0), u64(b.ID)...)
}

// AddBilled gives a line its id and records it. The entry goes to the journal once the transaction is committed.
func (tx *Tx) AddBilled(b Billed) (Entry, error) {
	var err error
	if b.ID, err = tx.NextReservation(); err != nil {
		return Entry{}, err
	}
	if b.Account, err = tx.ID(); err != nil {
		return Entry{}, err
	}
	e := Entry{Kind: "bill", Open: Open{ID: b.ID, At: b.At, Line: LineKey{Month: b.Month}}, Billed: &b}
	return e, billed.put(tx, b.bytes(), b)
}

// ReplayBilled records the line of a journal's entry that this manifest does not know.
func (tx *Tx) ReplayBilled(e Entry) error {
	b := *e.Billed
	b.ID, b.Account = e.ID, e.Account
	return billed.put(tx, b.bytes(), b)
}

// BilledLines calls f for every line from a bill, by month and link. Within those the order says nothing; At does.
func (tx *Tx) BilledLines(f func(Billed) (bool, error)) error {
	return billed.scan(tx, nil, nil, func(_ []byte, b Billed) (bool, error) { return f(b) })
}
