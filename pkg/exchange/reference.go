package exchange

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
)

const referenceKind = "reference"

// Reference says which publication of a dataset is the latest.
type Reference struct {
	Datagravity int    `json:"datagravity"` // format version, 1
	Kind        string `json:"kind"`        // "reference"
	Dataset     string `json:"dataset"`
	// Sequence grows with each publication, by one unless the origin knows of a later one than the store.
	Sequence uint64         `json:"sequence"`
	Snapshot chunker.Digest `json:"snapshot"`
	// Publication is the BLAKE3 of the publication as it lies in the store, and Bytes its size there.
	Publication chunker.Digest `json:"publication"`
	Bytes       int64          `json:"bytes"`
	Agent       string         `json:"agent"` // that published it
	Time        time.Time      `json:"time"`  // when, by its clock; UTC, whole seconds
	Check       chunker.Digest `json:"check,omitzero"`
}

// Key is where it lies in the store.
func (r Reference) Key() string { return referenceKey(r.Dataset) }

// Older tells whether another reference of the same dataset was written later.
func (r Reference) Older(than Reference) bool { return r.Sequence < than.Sequence }

// check tells what is wrong with it, or nil.
func (r Reference) check() error {
	switch {
	case r.Datagravity != version || r.Kind != referenceKind:
		return fmt.Errorf("it is no %s of version %d", referenceKind, version)
	case r.Sequence == 0 || r.Snapshot.IsZero() || r.Publication.IsZero():
		return errors.New("it lacks the sequence, the snapshot or the publication")
	case r.Bytes <= 0 || r.Bytes > maxPublicationBytes:
		return fmt.Errorf("it names a publication of %d bytes, one has 1 to %d", r.Bytes, maxPublicationBytes)
	}
	return errors.Join(checkName("dataset", r.Dataset), checkName("agent", r.Agent), checkTime(r.Time))
}

func (r Reference) encode() (Reference, []byte, error) {
	if err := r.check(); err != nil {
		return r, nil, fmt.Errorf("write the reference of dataset %q: %w", r.Dataset, err)
	}
	b, err := seal(&r, &r.Check)
	return r, b, err
}

func decodeReference(b []byte, dataset string) (r Reference, err error) {
	if err = unseal(b, referenceKind, &r, &r.Check); err == nil {
		err = r.check()
	}
	if err == nil && r.Dataset != dataset {
		err = fmt.Errorf("it is about dataset %q", r.Dataset)
	}
	if err != nil {
		return Reference{}, err
	}
	return r, nil
}

// Latest reads which publication of a dataset is the latest; false if none was published. atLeast is the highest sequence that the
// caller has seen, 0 if none. Errors: the store's, and [ErrBad], which is [ErrStale] too if an older reference was put back, and
// [ErrVersion] if a newer datagravity wrote it.
func Latest(ctx context.Context, r Reader, dataset string, atLeast uint64) (Reference, bool, error) {
	ref, _, found, err := latest(ctx, r, dataset)
	key := referenceKey(dataset)
	switch {
	case err != nil:
		return Reference{}, false, err
	case !found && atLeast > 0:
		return Reference{}, false, bad(key, againHint, "it is gone, and sequence %d was seen before", atLeast)
	case found && ref.Sequence < atLeast:
		return Reference{}, false, bad(key, againHint, "it has sequence %d and is %w, %d", ref.Sequence, ErrStale, atLeast)
	}
	return ref, found, nil
}

// latest also tells the object that was read. With [ErrBad] found is true, and the object stands there.
func latest(ctx context.Context, r Reader, dataset string) (ref Reference, o store.Object, found bool, err error) {
	if err := checkName("dataset", dataset); err != nil {
		return ref, o, false, err
	}
	key := referenceKey(dataset)
	b, o, found, err := readDocument(ctx, r, key)
	if err != nil {
		return ref, o, false, fmt.Errorf("read the reference of dataset %q: %w", dataset, err)
	}
	if !found {
		return ref, o, false, nil
	}
	if b == nil {
		return ref, o, true, bad(key, againHint, "it has %d bytes, a reference has 1 to %d", o.Size, maxDocumentBytes)
	}
	if ref, err = decodeReference(b, dataset); err != nil {
		err = bad(key, againHint, "%w", err)
	}
	return ref, o, true, err
}
