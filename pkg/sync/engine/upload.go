package engine

import (
	"context"
	"errors"

	"github.com/datagravity/datagravity/internal/crashpoint"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

// begin goes on from an earlier upload if the store still has it, or starts one.
func (s *shard) begin(ctx context.Context) error {
	s.dropMisfits()
	if s.Dest != nil && s.t.Upload != nil {
		if err := s.reconcile(ctx); err != nil {
			return err
		}
	}
	if s.Dest != nil && s.t.Upload == nil {
		if err := s.create(ctx); err != nil {
			return err
		}
	} else if !s.recorded {
		if err := s.save(); err != nil {
			return err
		}
	}
	var resumed int64
	for _, p := range s.parts {
		resumed += p.Size
	}
	if resumed > 0 {
		s.wire(0, 0, resumed)
		s.observe(Event{Kind: BytesResumed, Path: s.it.Path, Way: string(s.it.Way), Bytes: resumed})
	}
	return nil
}

// dropMisfits forgets parts that do not fit the layout: other settings, or a smaller record than was written.
func (s *shard) dropMisfits() {
	at := map[int]span{}
	for _, sp := range s.spans {
		at[sp.number] = sp
	}
	for n, p := range s.parts {
		if sp, ok := at[n]; !ok || sp.offset != p.Offset || sp.bytes() != p.Size {
			delete(s.parts, n)
		}
	}
}

// reconcile keeps the parts that both the record and the store know.
func (s *shard) reconcile(ctx context.Context) error {
	var listed []store.Part
	err := s.control(ctx, hopOut, s.it.Path, 0, cost.OpList, &s.notes, func(ctx context.Context) (err error) {
		listed, err = s.Dest.ListParts(ctx, *s.t.Upload, s.storeParts())
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		if len(s.parts) == len(s.spans) {
			return nil // perhaps completed just before the end: completing again tells
		}
		return s.restart()
	}
	if err != nil {
		return err
	}
	held := map[int]store.Part{}
	for _, p := range listed {
		held[p.Number] = p
	}
	s.takeUnrecorded(held)
	for n, p := range s.parts {
		h, ok := held[n]
		own := storePart(p)
		if !ok || h.Size != p.Size || !agree(h.CRC64NVME, own.CRC64NVME) || !agree(h.CRC32C, own.CRC32C) {
			delete(s.parts, n)
		}
	}
	return nil
}

// takeUnrecorded takes over parts that the store holds and the record lacks: a process ended between the answer and the record. They
// are of this upload, and with a known recipe nothing else is to be learned from them; what they hold is proven with the whole
// object, which starts anew if it is wrong.
func (s *shard) takeUnrecorded(held map[int]store.Part) {
	if s.recipe == nil {
		return
	}
	for _, sp := range s.spans {
		h, there := held[sp.number]
		if _, recorded := s.parts[sp.number]; recorded || !there || h.Size != sp.bytes() || h.ETag == "" {
			continue
		}
		s.parts[sp.number], s.taken = sp.record(h), true
	}
}

// agree tells whether two checksums are equal as far as both are known.
func agree(a, b string) bool { return a == "" || b == "" || a == b }

// restart forgets an upload that the store no longer has. What was learned of its parts goes with it: their bytes must be
// sent again, so they are read again.
func (s *shard) restart() error {
	s.parts = map[int]manifest.Part{}
	s.t.Upload = nil
	err := s.m.Batch(func(tx *manifest.Tx) error { return tx.DeleteTransfer(s.t.ID) })
	s.recorded = false
	return recordError(err)
}

// startOver forgets every part, and removes those that were sent.
func (s *shard) startOver(ctx context.Context) error {
	if s.t.Upload != nil {
		return s.abandon(ctx)
	}
	return s.restart()
}

func (s *shard) create(ctx context.Context) error {
	if at, known := store.Time(s.Dest); known && s.t.Begun == 0 && !s.strayed {
		s.t.Begun = manifest.At(at)
	}
	// The record comes before the upload, so that an upload is never without a record that names its key.
	if err := s.save(); err != nil {
		return err
	}
	if s.strayed {
		// Before there is another one: until then the record without an upload is what says that they are strays.
		if err := s.abortStrays(ctx, ""); err != nil {
			return err
		}
		s.strayed = false
	}
	var u store.Upload
	err := s.control(ctx, hopOut, s.it.Path, 0, cost.OpWrite, &s.notes, func(ctx context.Context) (err error) {
		announce := store.AttemptFrom(ctx)
		ctx = store.WithAttempt(ctx, func(ctx context.Context, previous error) error {
			s.strayed = true
			return announce(ctx, previous)
		})
		u, err = s.Dest.CreateUpload(ctx, s.it.Key, store.UploadOptions{
			Properties: s.properties(), Size: s.it.Size, CopiesParts: s.t.Assembly != nil,
		})
		crashpoint.Hit(crashpoint.UploadCreated)
		return err
	})
	if err != nil {
		return err
	}
	if s.strayed {
		if err := s.abortStrays(ctx, u.ID); err != nil {
			return err
		}
	}
	s.t.Upload = &u
	return s.save()
}

// abortStrays ends uploads for the key that were begun since the transfer was, other than the one that is known: the
// answers that named them were lost, and parts of uploads that nobody knows are billed for ever.
func (s *shard) abortStrays(ctx context.Context, known string) error {
	var found []store.Upload
	err := s.control(ctx, hopOut, s.it.Path, 0, cost.OpList, &s.notes, func(ctx context.Context) (err error) {
		found, err = s.Dest.ListUploads(ctx, s.it.Key)
		return err
	})
	if errors.Is(err, store.ErrUnsupported) {
		return nil
	}
	for _, u := range found {
		if u.Key == s.it.Key && u.ID != known && s.t.May(u.Created) {
			err = errors.Join(err, s.Dest.AbortUpload(ctx, u))
		}
	}
	return err
}

func (s *shard) save() error {
	s.t.Updated = manifest.At(s.m.Now())
	err := s.m.Batch(s.saveIn)
	s.recorded = s.recorded || err == nil
	return recordError(err)
}

func (s *shard) saveIn(tx *manifest.Tx) error {
	if !s.recorded {
		// A record that could not be continued may have left parts, which were read under other rules.
		if err := tx.DeleteTransfer(s.t.ID); err != nil {
			return err
		}
	}
	return tx.PutTransfer(s.t)
}
