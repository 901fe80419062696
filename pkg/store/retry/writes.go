package retry

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/minio/crc64nvme"

	"github.com/datagravity/datagravity/pkg/store"
)

// identity is what an object must be to be the one that we wrote.
type identity struct {
	size      int64
	checksums store.Checksums
}

// write is one conditional write of a whole object.
type write struct {
	op, key   string
	condition store.Condition
	send      func() (store.Object, error)
	// identity is asked only after an answer was lost, since it may cost a request or a pass over the bytes.
	identity func() (identity, error)
	// recovered is called when an answer was lost and the object is there; nil: nothing is.
	recovered func()
}

// write runs an operation whose repetition its own first attempt can make fail.
func (s *Store) write(ctx context.Context, w write) (store.Object, error) {
	a := s.begin()
	lost := false
	for {
		s.count.attempts.Add(1)
		o, err := w.send()
		if err == nil {
			return o, nil
		}
		if lost && (errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound)) {
			// ErrNotFound: a completed upload is gone.
			return s.settle(ctx, w, err)
		}
		lost = lost || outcomeUnknown(err)
		if end := a.again(ctx, err); end != nil {
			return store.Object{}, end
		}
		if lost && w.condition != store.Always() {
			// A big body that is refused early can look like a reset each time, so look before sending it again.
			if o, end, err := s.look(ctx, w); end {
				return o, err
			}
		}
	}
}

// outcomeUnknown tells whether a request that failed like this may have had its effect.
func outcomeUnknown(err error) bool {
	var e *store.Error
	return errors.As(err, &e) && e.Kind == store.ErrTransient && !e.NotSent
}

// look tells whether the write has been decided already: ours, or another's.
func (s *Store) look(ctx context.Context, w write) (o store.Object, end bool, err error) {
	o, err = s.Store.Head(ctx, w.key)
	if err != nil || o.ETag == w.condition.ETag() {
		return o, false, nil //nolint:nilerr // as it was before, or unknown: the next attempt will tell
	}
	if s.isOurs(o, w) == nil {
		s.recovered(w)
		return o, true, nil
	}
	// A completed upload may be what stands here even if no checksum proves it: the backend knows its parts.
	if w.op == "complete" {
		return o, false, nil
	}
	_, err = s.settle(ctx, w, &store.Error{Op: w.op, Store: s.URL(), Key: w.key, Kind: store.ErrConflict})
	return store.Object{}, true, err
}

// settle decides an attempt that was refused after an earlier one's answer was lost.
func (s *Store) settle(ctx context.Context, w write, refused error) (store.Object, error) {
	o, err := s.Head(ctx, w.key)
	if err != nil {
		return store.Object{}, annotate(refused, fmt.Sprintf("the answer to an earlier attempt was lost, and looking at the key failed: %v", err))
	}
	if o.ETag == w.condition.ETag() {
		return store.Object{}, refused
	}
	if why := s.isOurs(o, w); why != nil {
		return store.Object{}, annotate(refused, fmt.Sprintf("the answer to an earlier attempt was lost, and the object there is not proven to be ours: %v", why))
	}
	s.recovered(w)
	return o, nil
}

func (s *Store) recovered(w write) {
	s.count.recovered.Add(1)
	if w.recovered != nil {
		w.recovered()
	}
}

// isOurs returns nil if size and a full-object checksum prove that o holds what w wrote.
func (s *Store) isOurs(o store.Object, w write) error {
	id, err := w.identity()
	if err != nil {
		return err
	}
	if o.Size != id.size {
		return fmt.Errorf("it has %d bytes, we sent %d", o.Size, id.size)
	}
	switch o.Checksums.Compare(id.checksums) {
	case store.Different:
		return errors.New("its checksum differs")
	case store.Unknown:
		return errors.New("the store keeps no checksum that we know of ours")
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// identityOf computes every checksum that a store may keep.
func identityOf(data []byte) identity {
	sum := md5.Sum(data) // the only checksum Azure keeps; not for security
	return identity{
		size: int64(len(data)),
		checksums: store.Checksums{
			CRC64NVME: store.Hex64(crc64nvme.Checksum(data)),
			CRC32C:    store.Hex32(crc32.Checksum(data, castagnoli)),
			MD5:       hex.EncodeToString(sum[:]),
		},
	}
}
