package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// errStaleCopy: what the plan wanted to reuse is no longer there; a new plan chooses again.
var errStaleCopy = errors.New("no longer there")

// copy has the destination copy the shard from another of its keys. The source of the copy is pinned to what we proved.
func (r *run) copy(ctx context.Context, it plan.Item) (int64, error) {
	var errs []error
	for _, from := range it.From {
		err := r.copyFrom(ctx, it, from)
		if err == nil {
			return 0, nil
		}
		if errors.Is(err, store.ErrConflict) {
			if there, lookErr := r.standing(ctx, it); there {
				return 0, lookErr
			}
		}
		if errors.Is(err, store.ErrUnsupported) && !it.Gone {
			// The store cannot copy this one (Azure under a key of its own, for example): its bytes come from the source.
			return r.full(ctx, it)
		}
		gone := errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrChanged)
		if !gone && !errors.Is(err, store.ErrConflict) {
			return 0, err
		}
		// Either the source of the copy or the key changed; both are looked at anew by the next plan.
		errs = append(errs, err, r.distrust(from.Key))
		if !gone {
			errs = append(errs, r.distrust(it.Key))
			break
		}
	}
	return 0, errors.Join(append([]error{fmt.Errorf("%w: %q could not be copied from what the destination held", errStaleCopy, it.Key)}, errs...)...)
}

func (r *run) copyFrom(ctx context.Context, it plan.Item, from manifest.Replica) error {
	var n notes
	var o store.Object
	// The record lets the next run recognise the copy as ours if this one ends before it is recorded.
	t := r.transfer(it)
	t.Shard, t.Recipe, t.Created = it.Digest, it.Recipe, manifest.At(r.m.Now())
	t.Updated = t.Created
	if err := r.m.Batch(func(tx *manifest.Tx) error { return tx.PutTransfer(t) }); err != nil {
		return recordError(err)
	}
	props := r.Destination.Properties
	props.ContentType, props.ContentEncoding = it.ContentType, it.ContentEncoding
	err := r.control(ctx, hopOut, it.Path, 0, cost.OpWrite, &n, func(ctx context.Context) (err error) {
		o, err = r.Dest.Copy(ctx, it.Key, store.Ref{Key: from.Key, ETag: from.ETag, Version: from.Version}, store.WriteOptions{
			Condition: it.Condition, Properties: props, Checksums: it.Checksums(),
		})
		return err
	})
	if err != nil {
		return err
	}
	proof := "copy"
	if o, err = r.prove(ctx, it, o, it.Checksums(), &n, true); err != nil {
		return err
	}
	if o.Checksums.Compare(it.Checksums()) != store.Equal {
		// The service vouches for no checksum of the copy: its bytes are read back.
		if err := r.compare(ctx, it, o, &n); err != nil {
			return err
		}
		proof = "read"
	}
	return r.rec.add(outcome{
		dataset: r.Dataset.Name, replica: r.replica(it, o, it.Digest, it.Recipe, proof), transfer: t.ID, notes: n, ledger: r.ledger,
		urgent: it.Size >= r.o.PartBytes/2,
	})
}

// adopt takes over an object that the plan proved by size and full checksum.
func (r *run) adopt(ctx context.Context, it plan.Item) error {
	if err := r.endUpload(ctx, it); err != nil {
		return err
	}
	return r.rec.add(outcome{
		dataset: r.Dataset.Name, replica: r.replica(it, it.Found, it.Digest, it.Recipe, "adopted-checksum"), yields: r.Unleased, ledger: r.ledger,
		transfer: r.transferID(it),
	})
}

// endUpload removes what is left of the upload that may have made an object, before the record that names it goes.
func (r *run) endUpload(ctx context.Context, it plan.Item) error {
	var t manifest.Transfer
	err := r.m.View(func(tx *manifest.Tx) (err error) {
		t, _, err = tx.Transfer(r.transferID(it))
		return err
	})
	if err != nil || t.Upload == nil {
		return err
	}
	return r.Dest.AbortUpload(ctx, *t.Upload)
}

// readBack reads the object at the destination and compares its bytes with the shard; equal ones are adopted.
func (r *run) readBack(ctx context.Context, it plan.Item) error {
	var n notes
	if it.Found.Size < it.Size {
		return r.readShort(ctx, it)
	}
	if err := r.compare(ctx, it, it.Found, &n); err != nil {
		if it.Suspect && errors.Is(err, ErrForeign) {
			err = errors.Join(fmt.Errorf("%w as it was written: %q", errStaleCopy, it.Key), r.damaged(it, it.Found.ETag))
		}
		return err
	}
	if err := r.endUpload(ctx, it); err != nil {
		return err
	}
	return r.rec.add(outcome{
		dataset: r.Dataset.Name, replica: r.replica(it, it.Found, it.Digest, it.Recipe, "adopted-read"), yields: r.Unleased, notes: n, ledger: r.ledger,
		transfer: r.transferID(it),
	})
}

// readShort proves that an object is the beginning of the shard, so that it is what something left of ours. The next plan
// then replaces it.
func (r *run) readShort(ctx context.Context, it plan.Item) error {
	if err := r.compareShort(ctx, it, it.Found); err != nil {
		return err
	}
	return errors.Join(fmt.Errorf("%w as it was written: %q was cut short", errStaleCopy, it.Key), r.damaged(it, it.Found.ETag))
}

// damaged notes that the object with this ETag is ours and wrong. One that another run put in its place meanwhile is another object.
func (r *run) damaged(it plan.Item, etag string) error {
	return recordError(r.m.Batch(func(tx *manifest.Tx) error {
		rep, ok, err := tx.Replica(r.Destination.Store, it.Key)
		if err != nil || !ok || r.Unleased && rep.Present() && rep.ETag != etag {
			return err
		}
		rep.Missing, rep.ETag = manifest.Damaged, etag
		return tx.PutReplica(rep)
	}))
}
