package manifest

// restores has one record. It stands in the meta bucket of a copy, and of a manifest that was made from what is left of another.
var (
	restores   = table[restored]{bucket: "meta"}
	restoreKey = []byte("restored")
)

// restored says that what a manifest knows ends at a time, whatever was spent since. It is put into every backup, and taken out when the ledger
// has looked at what the journal and the traces say of the time after; where nothing does, what was spent since is in doubt.
type restored struct {
	At Millis `cbor:"1,keyasint"`
	// Rebuilt tells that it is not a backup.
	Rebuilt bool `cbor:"2,keyasint,omitempty"`
}

// why says in words what nobody can tell.
func (r restored) why() string {
	from := "the manifest is a backup of " + r.At.Time().Format("2006-01-02 15:04:05Z")
	if r.Rebuilt {
		from = "the manifest was rebuilt"
	}
	return from + ", and no " + traceFile + " of it is left that would tell what was spent since"
}

// Restored tells when a manifest that was put back from a backup was copied, and 0 once its ledger has been looked after.
func (tx *Tx) Restored() (Millis, error) {
	r, _, err := restores.get(tx, restoreKey)
	return r.At, err
}
