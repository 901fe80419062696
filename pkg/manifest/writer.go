package manifest

import "errors"

// writers has one record. It stands in the meta bucket.
var (
	writers   = table[writer]{bucket: "meta"}
	writerKey = []byte("writer")
)

// writer is the program that wrote the manifest last, so that one that is too old for it can say which one is wanted.
type writer struct {
	Program string `cbor:"1,keyasint"` // as it names its version
	Since   Millis `cbor:"2,keyasint"` // when it first held the manifest
}

// Writer is the version of the program that wrote the manifest last, "" if it said none.
func (tx *Tx) Writer() (string, error) {
	w, _, err := writers.get(tx, writerKey)
	return w.Program, err
}

// sign records which program writes from now on. Nothing is written if it was the same before.
func (m *Manifest) sign(program string) error {
	if program == "" {
		return nil
	}
	same := false
	err := m.View(func(tx *Tx) error {
		before, err := tx.Writer()
		same = before == program
		return err
	})
	if err != nil || same {
		return err
	}
	return m.Update(func(tx *Tx) error { return writers.put(tx, writerKey, writer{Program: program, Since: At(m.now())}) })
}

// writerOfNewer names the program that wrote a newer file. What a newer one calls itself may be written in another way; then nothing is said.
func writerOfNewer(tx *Tx) string {
	name, err := tx.Writer()
	if errors.Is(err, ErrCorrupt) || name == "" {
		return "a newer datagravity"
	}
	return "datagravity " + name
}

// nameOf is how this program is called in messages.
func nameOf(program string) string {
	if program == "" {
		return "an unnamed one"
	}
	return "datagravity " + program
}
