package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// A shard is read before it is written. Where a disk is full, a bucket is gone or a key was disabled, every shard of a run would be read, and sent, and
// paid for, and none would arrive. What is wrong with one key alone (its condition, its name, its bytes) says nothing about the others.

// ErrRefusing: the destination takes nothing, so that nothing more is read for it.
var ErrRefusing = errors.New("the destination takes nothing")

// refusedInARow is how many shards may be read in vain, one after the other, before nothing more is begun.
const refusedInARow = 16

// refusing tells of a failure after which the next shard would fail alike.
func refusing(err error) bool {
	var e *store.Error
	if !errors.As(err, &e) || e.Op != "put" && e.Op != "part" && e.Op != "complete" {
		return false
	}
	return slices.Contains([]error{store.ErrPermanent, store.ErrNotFound, store.ErrTransient, store.ErrThrottled}, e.Kind)
}

// written notes whether an item that is read and then written came to its end; after too many that did not nothing more is begun.
func (r *run) written(it plan.Item, err error) {
	if r.Dest == nil || it.Way != plan.Full && it.Way != plan.Pull && it.Way != plan.Assemble {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		r.refused = 0
		return
	case !refusing(err):
		return
	}
	if r.refused++; r.refused >= refusedInARow && r.halted == nil {
		r.halted = fmt.Errorf("%w: of the last %d shards that were read for it none could be written, and nothing more is read; the last one: %w", ErrRefusing, r.refused, err)
	}
}
