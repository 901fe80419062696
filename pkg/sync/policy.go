package sync

import (
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// Policy says what may be replaced or removed at a destination. The zero value replaces nothing that a pin needs, deletes nothing,
// and has no limit.
type Policy struct {
	// BesideWhenPinned brings a whole snapshot beside a mirror where a pin keeps it from being updated.
	BesideWhenPinned bool
	// PropagateDeletions removes from a mirror what was deleted at the source.
	PropagateDeletions bool
	// DeletionShare is the most of the shards held that may be deleted at once, 0 to 1.
	DeletionShare float64
	// CapacityBytes is the most that all datasets together may take; 0: no limit.
	CapacityBytes int64
	// EvictUnused lets what no pin needs go when there is no room, what was used longest ago first.
	EvictUnused bool
}

// Neighbor is another dataset at the same destination. What is there of it counts against the capacity, and can be evicted.
type Neighbor struct {
	Dataset string
	Prefix  string // at the destination: "" or ending in "/"
	// Source is the store that the dataset is read from, SourcePrefix where in it.
	Source       Origin
	SourcePrefix string
}

// at is the request for another place at the same destination.
func (q Request) at(d plan.Destination) Request {
	q.Destination.Destination = d
	return q
}

// beside is the request for the place beside the mirror, where what the mirror holds may serve.
func (q Request) beside() Request {
	q.Related = append([]string{q.Destination.Prefix}, q.Related...)
	return q.at(q.Destination.BesideMirror())
}

// of is a neighbor's place at the destination.
func (d Destination) of(n Neighbor) Destination {
	d.Prefix = n.Prefix
	return d
}
