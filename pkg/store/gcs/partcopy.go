package gcs

import (
	"context"
	"errors"

	"github.com/datagravity/datagravity/pkg/store"
)

// CopyPart is not to be had: Cloud Storage copies and composes whole objects only.
func (s *Store) CopyPart(_ context.Context, u store.Upload, _ store.PartCopy) (store.Part, error) {
	return store.Part{}, &store.Error{Op: "part-copy", Store: s.URL(), Key: u.Key, Kind: store.ErrUnsupported, NotSent: true,
		Err: errors.New("Cloud Storage copies no ranges of objects")} //nolint:staticcheck // a name
}
