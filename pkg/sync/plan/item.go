package plan

import (
	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/parts"
)

// Way is how a shard gets to the destination.
type Way string

// The ways, cheapest first; see the package comment.
const (
	Have     Way = "have"
	Adopt    Way = "adopt"
	Read     Way = "read"
	Copy     Way = "copy"
	Assemble Way = "assemble"
	Pull     Way = "pull"
	Full     Way = "full"
	Refused  Way = "refused"
	Missing  Way = "missing"
	Blocked  Way = "blocked"
)

// Ways in order, for reports.
var Ways = []Way{Have, Adopt, Read, Copy, Assemble, Pull, Full, Refused, Missing, Blocked}

// Item is the plan for one shard.
type Item struct {
	index.State
	Key    string // at the destination
	Way    Way
	Reason string
	Rank   jobs.Rank
	// Condition of the final write: what the plan saw at the key.
	Condition store.Condition
	// Found is the object at the key, for adopt and read.
	Found store.Object
	// Suspect: what is read is an object of ours that may be damaged; it is replaced if it is.
	Suspect bool
	// From are the keys at the destination that hold the digest, for copy.
	From []manifest.Replica
	// Assembly is how the shard is put together, for assemble.
	Assembly *Assembly
	// Pulled is how the agent puts it together, for pull.
	Pulled *Pulled
	// Beside is what an agent beside the destination would pull, if that was asked for and this one cannot.
	Beside *PullTotals
	// Origin is a replica elsewhere that is read in place of the source; nil: the source is.
	Origin *From
	// Elsewhere are all replicas that could be read in place of the source, dearer ones too; [FindElsewhere] fills it in.
	Elsewhere []From
	// Replaces: an object of ours with other content stands under the key.
	Replaces bool
	// ReplacedBytes is the size of that object, 0 where it is not known.
	ReplacedBytes int64
	// LearnFirst: the digest is not known, and knowing it may save the crossing.
	LearnFirst bool
	// Begun is the transfer that put the object there which must be compared: what it learned of the shard need not be read again. "": none did.
	Begun string
}

// Assembly puts a shard together from what the destination holds and what it does not.
type Assembly struct {
	// Parts in order; the Object of a place is an index into From.
	Parts []parts.Part
	// From are the objects that ranges are copied from, pinned.
	From []manifest.Replica
	// Totals of the parts.
	parts.Totals `json:"totals"`
	// ReadBack: the destination vouches for no checksum of a copied range, so that the whole object is read to prove it.
	ReadBack bool
}

// AdoptMode says what to do with objects at the destination that datagravity did not write.
type AdoptMode string

// The modes. The default adopts what is proven by size and a full checksum, and refuses the rest.
const (
	AdoptProven    AdoptMode = ""
	AdoptRead      AdoptMode = "read"
	AdoptOverwrite AdoptMode = "overwrite"
)

// Destination is where the shards are wanted.
type Destination struct {
	Name   string // configured name
	Store  string // configured name of its store
	Prefix string // "" or ending in "/", without a snapshot's folder
	// Snapshots puts each snapshot under a prefix of its own.
	Snapshots bool
	// Beside tells that it is the place beside a mirror for what pins keep out of the mirror.
	Beside bool
	// TwoSteps allows temporary objects under [store.Private], so that less crosses where a store takes no small parts.
	TwoSteps bool
	Location store.Location
	store.Properties
}

// Folder is the folder of a snapshot, "" in the layout that has none.
func (d Destination) Folder(snapshot chunker.Digest) string {
	if d.Snapshots {
		return Folder(snapshot)
	}
	return ""
}

// Key is where a path goes. folder is the snapshot's, for the layout that has one.
func (d Destination) Key(folder, path string) string {
	if d.Snapshots {
		return d.Prefix + folder + "/" + path
	}
	return d.Prefix + path
}
