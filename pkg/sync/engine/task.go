package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// Task is one shard's transfer as one process hands it to another: it marshals to JSON and back. Carrying it out twice, at once or
// later, by the same process or another one, is harmless: the destination's key is written under the condition that the plan saw,
// and what stands there already is recognised by its digest or its checksums.
type Task struct {
	// ID names the move of one pinned source object to one key; it is that of the transfer's record.
	ID          string    `json:"id"`
	Dataset     string    `json:"dataset"`
	Destination string    `json:"destination"`
	Item        plan.Item `json:"item"`
}

// ErrTask: a task is not of the job that it was given to.
var ErrTask = errors.New("not a task of this job")

// Tasks are the items of a job that something has to be done for.
func (j Job) Tasks() []Task {
	var out []Task
	for _, it := range j.Items {
		if it.Way != plan.Have && it.Way != plan.Refused && it.Way != plan.Missing {
			out = append(out, Task{ID: j.transferID(it), Dataset: j.Dataset.Name, Destination: j.Destination.Name, Item: it})
		}
	}
	return out
}

// WithTasks is the job with these tasks for its items, in their order. Errors: [ErrTask].
func (j Job) WithTasks(tasks []Task) (Job, error) {
	j.Items = nil
	for _, t := range tasks {
		if t.Dataset != j.Dataset.Name || t.Destination != j.Destination.Name || t.ID != j.transferID(t.Item) {
			return j, fmt.Errorf("%w: %q of %s to %s, for %s to %s", ErrTask, t.Item.Path, t.Dataset, t.Destination, j.Dataset.Name, j.Destination.Name)
		}
		j.Items = append(j.Items, t.Item)
	}
	return j, nil
}

// transfer is the record of an item's transfer as it begins, but for its times.
func (j Job) transfer(it plan.Item) manifest.Transfer {
	t := manifest.Transfer{
		Dataset: j.Dataset.Name, Path: it.Path, SourceStore: j.Dataset.Store, SourceKey: it.Ref(j.Dataset.Prefix).Key, ETag: it.ETag,
		Version: it.Version, Size: it.Size, DestStore: j.Destination.Store, DestKey: it.Key,
	}
	if j.Dest == nil {
		t.DestStore, t.DestKey = "", ""
	}
	t.ID = TransferID(t)
	return t
}

// transferID is the id of the transfer's record.
func (j Job) transferID(it plan.Item) string { return j.transfer(it).ID }

// doneBefore tells whether the manifest knows that the shard is at its key: the task was carried out after it was planned.
func (r *run) doneBefore(it plan.Item) (done bool, err error) {
	writes := it.Way == plan.Full || it.Way == plan.Copy || it.Way == plan.Assemble || it.Way == plan.Pull
	if r.Dest == nil || !it.Known || !writes {
		return false, nil
	}
	err = r.m.View(func(tx *manifest.Tx) error {
		rep, ok, err := tx.Replica(r.Destination.Store, it.Key)
		done = ok && rep.Present() && rep.Shard == it.Digest
		return err
	})
	return done, err
}

// conflicted decides on a key whose condition was refused: nil if the shard stands there.
func (r *run) conflicted(ctx context.Context, it plan.Item, refused error) error {
	there, err := r.standing(ctx, it)
	if there {
		return err
	}
	return errors.Join(refused, err, r.distrust(it.Key))
}

// standing looks, after the condition at the key was refused, whether what stands there is the shard: another process carried
// the same task out.
func (r *run) standing(ctx context.Context, it plan.Item) (bool, error) {
	if !it.Known {
		return false, nil
	}
	o, err := r.Dest.Head(ctx, it.Key)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if o.Size != it.Size || o.Checksums.Compare(it.Checksums()) != store.Equal {
		return false, nil
	}
	it.Found = o
	return true, r.adopt(ctx, it)
}
