package manifest

var timers = table[Timer]{bucket: "timers"}

// Timer is when something that is done on a schedule was done last, what came of it, and when it is due.
type Timer struct {
	Name string `cbor:"1,keyasint" json:"name"`
	// EveryMs is the schedule that Next was chosen by, in milliseconds.
	EveryMs int64 `cbor:"2,keyasint" json:"every_ms"`
	// Next is when it is due. The chance in it is decided once, so that a start changes nothing.
	Next Millis `cbor:"3,keyasint" json:"next"`
	// Started is when the run under way began, 0 if none is. A run that a process left behind has it too.
	Started Millis `cbor:"4,keyasint,omitempty" json:"started,omitempty"`
	// Last is when the last run ended, and Well when the last one ended that did all there was to do.
	Last Millis `cbor:"5,keyasint,omitempty" json:"last,omitempty"`
	Well Millis `cbor:"6,keyasint,omitempty" json:"well,omitempty"`
	// TookMs of the last run, and how it ended: Outcome is a word, Text says what it found.
	TookMs  int64  `cbor:"7,keyasint,omitempty" json:"took_ms,omitempty"`
	Outcome string `cbor:"8,keyasint,omitempty" json:"outcome,omitempty"`
	Text    string `cbor:"9,keyasint,omitempty" json:"text,omitempty"`
	// Failed runs in a row.
	Failed int `cbor:"10,keyasint,omitempty" json:"failed,omitempty"`
	// Cursor is where a run that did not come to its end goes on; "": at the beginning.
	Cursor string `cbor:"11,keyasint,omitempty" json:"cursor,omitempty"`
}

// Timer returns one by its name.
func (tx *Tx) Timer(name string) (Timer, bool, error) { return timers.get(tx, key(name)) }

// PutTimer replaces it.
func (tx *Tx) PutTimer(t Timer) error { return timers.put(tx, key(t.Name), t) }

// DeleteTimer forgets it.
func (tx *Tx) DeleteTimer(name string) error { return timers.delete(tx, key(name)) }

// Timers calls f for every timer, by name.
func (tx *Tx) Timers(f func(Timer) (bool, error)) error {
	return timers.scan(tx, nil, nil, func(_ []byte, t Timer) (bool, error) { return f(t) })
}
