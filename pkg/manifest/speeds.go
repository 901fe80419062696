package manifest

var speeds = table[Speed]{bucket: "speeds"}

// Speed is how fast a link was lately.
type Speed struct {
	// Source and Destination are the configured names of the source's store and of the destination.
	Source      string `cbor:"1,keyasint" json:"source"`
	Destination string `cbor:"2,keyasint" json:"destination"`
	// BytesPerSecond of payload, a moving average over what moved, the newest GiB counting for about half.
	BytesPerSecond int64  `cbor:"3,keyasint" json:"bytes_per_second"`
	Measured       Millis `cbor:"4,keyasint" json:"measured"`
}

// Speed of a link; false if nothing has moved over it yet.
func (tx *Tx) Speed(source, destination string) (Speed, bool, error) {
	return speeds.get(tx, key(source, destination))
}

// PutSpeed replaces it.
func (tx *Tx) PutSpeed(s Speed) error { return speeds.put(tx, key(s.Source, s.Destination), s) }
