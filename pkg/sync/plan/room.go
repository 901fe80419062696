package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// ErrCapacity: the destination may not hold what the plan adds.
var ErrCapacity = errors.New("over capacity")

// What happens to an object that goes: these are no ways for a shard to arrive, and stand in a plan's removals alone.
const (
	Delete Way = "delete" // its shard is gone from the source
	Evict  Way = "evict"  // it makes room
)

// Removal is an object of a destination that goes, or would have to and stays.
type Removal struct {
	manifest.Replica
	Way     Way
	Dataset string
	Path    string // within the dataset
	Reason  string
	// Kept says why it stays; "" if it goes.
	Kept string
	// Removed: it is gone.
	Removed bool
	// Other is an object with the same content that answered, elsewhere; nil where none was asked for, or none answered.
	Other *OtherCopy
}

// OtherCopy is an object in another store.
type OtherCopy struct{ Store, Key, ETag string }

// Room is what a destination holds, and what it will hold. All are bytes of shards.
type Room struct {
	CapacityBytes int64
	// HeldBytes of all datasets, before anything moves.
	HeldBytes int64
	// AddedBytes are the plan's, ReplacedBytes those of the objects that it replaces.
	AddedBytes, ReplacedBytes int64
	// EvictedBytes make room.
	EvictedBytes int64
	// Evicts tells that what is not needed may go.
	Evicts bool
}

// OverBytes is how much does not fit; 0 or less: everything does.
func (r Room) OverBytes() int64 {
	return r.HeldBytes + r.AddedBytes - r.ReplacedBytes - r.EvictedBytes - r.CapacityBytes
}

// Err is [ErrCapacity] if not everything fits. dest names the destination.
func (r Room) Err(dest string) error {
	over := r.OverBytes()
	if over <= 0 {
		return nil
	}
	advice := "raise its capacity, set evict: unpinned-lru, or look at what datagravity prune finds"
	if r.Evicts {
		advice = fmt.Sprintf("only %d bytes may be evicted: the rest is pinned, of this plan, not written by datagravity, or the last copy; "+
			"raise its capacity, or unpin what is over", r.EvictedBytes)
	}
	return fmt.Errorf("%w: %d bytes do not fit: %s may hold %d and holds %d, the plan adds %d and replaces %d; %s",
		ErrCapacity, over, dest, r.CapacityBytes, r.HeldBytes, r.AddedBytes, r.ReplacedBytes, advice)
}

// Measure finds what a destination holds under these prefixes, and what the items add.
func Measure(tx *manifest.Tx, d Destination, prefixes []string, items []Item) (r Room, err error) {
	prefixes = slices.Sorted(slices.Values(prefixes))
	last := "\x00" // begins no prefix
	for _, prefix := range prefixes {
		if strings.HasPrefix(prefix, last) {
			continue // counted with the one around it
		}
		last = prefix
		err := tx.Replicas(d.Store, prefix, func(held manifest.Replica) (bool, error) {
			if held.Present() {
				r.HeldBytes += held.Size
			}
			return true, nil
		})
		if err != nil {
			return r, err
		}
	}
	for _, it := range items {
		switch it.Way {
		case Have, Refused, Missing, Blocked:
			continue
		}
		r.AddedBytes += it.Size
		held, ok, err := tx.Replica(d.Store, it.Key)
		if err != nil {
			return r, err
		}
		if ok && held.Present() {
			r.ReplacedBytes += held.Size
		}
	}
	return r, nil
}

// FitsRoom tells whether all of the plan has room at the destination: [ErrCapacity] with what does not fit.
func (p *Plan) FitsRoom() error {
	if p.Room == nil {
		return nil
	}
	return p.Room.Err(p.Destination.Name)
}
