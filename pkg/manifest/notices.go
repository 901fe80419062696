package manifest

// What people are told by themselves, until they were, and what they were told last, so that a start tells nothing twice.
var (
	notices = table[Notice]{bucket: "notices"}
	noticed = table[Noticed]{bucket: "noticed"}
)

// Notice is an event that one target is still to be told of.
type Notice struct {
	Target string `cbor:"1,keyasint" json:"target"`
	// ID of the event, the same for every target and every attempt; ids are in the order of time.
	ID    string `cbor:"2,keyasint" json:"id"`
	Event string `cbor:"3,keyasint" json:"event"`
	Body  []byte `cbor:"4,keyasint" json:"-"` // as it is sent, JSON
	At    Millis `cbor:"5,keyasint" json:"at"`
	// Attempts that failed, when the next one is, and why the last one failed.
	Attempts int    `cbor:"6,keyasint,omitempty" json:"attempts"`
	Next     Millis `cbor:"7,keyasint,omitempty" json:"next"`
	Why      string `cbor:"8,keyasint,omitempty" json:"why,omitempty"`
}

// Noticed is how something was when somebody was last told, or would have been.
type Noticed struct {
	// Kind of what it is (job, budget, problem, health), and its Name.
	Kind  string `cbor:"1,keyasint" json:"kind"`
	Name  string `cbor:"2,keyasint" json:"name"`
	State string `cbor:"3,keyasint" json:"state"`
	At    Millis `cbor:"4,keyasint" json:"at"`
}

// PutNotice replaces it.
func (tx *Tx) PutNotice(n Notice) error { return notices.put(tx, key(n.Target, n.ID), n) }

// DeleteNotice forgets it.
func (tx *Tx) DeleteNotice(n Notice) error { return notices.delete(tx, key(n.Target, n.ID)) }

// Notices calls f for those of a target, of all with "", the oldest of each target first; f returns false to stop.
func (tx *Tx) Notices(target string, f func(Notice) (bool, error)) error {
	var prefix []byte
	if target != "" {
		prefix = within(target)
	}
	return notices.scan(tx, prefix, nil, func(_ []byte, n Notice) (bool, error) { return f(n) })
}

// PutNoticed replaces it.
func (tx *Tx) PutNoticed(n Noticed) error { return noticed.put(tx, key(n.Kind, n.Name), n) }

// DeleteNoticed forgets it.
func (tx *Tx) DeleteNoticed(n Noticed) error { return noticed.delete(tx, key(n.Kind, n.Name)) }

// Noticed calls f for all of them; f returns false to stop.
func (tx *Tx) Noticed(f func(Noticed) (bool, error)) error {
	return noticed.scan(tx, nil, nil, func(_ []byte, n Noticed) (bool, error) { return f(n) })
}
