package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
)

// Errors about jobs, beside those of pkg/sync.
var (
	// ErrNoJob: there is no job of this name.
	ErrNoJob = errors.New("no such job")
	// ErrBlocked: the job cannot be had as it is, and waiting does not help.
	ErrBlocked = errors.New("the job cannot be had as it is")
)

// State of a job at a destination.
type State string

// The states, from good to bad. A job is in the worst of its destinations' states.
const (
	// Ready: all of it is there and proven.
	Ready State = "ready"
	// OnTime: it will be there when it is needed, or some time if nobody said by when.
	OnTime State = "on_time"
	// Late: it will be there after it is needed.
	Late State = "late"
	// Unresolved: what its selection means is not known yet; the next pass finds out.
	Unresolved State = "unresolved"
	// Held: a budget has no room for it.
	Held State = "held"
	// Blocked: it cannot be had as it is: the source no longer has it, or the selection is impossible.
	Blocked State = "blocked"
)

// Status is what is known of a job.
type Status struct {
	ID       string `json:"id"`
	Dataset  string `json:"dataset"`
	State    State  `json:"state"`
	Snapshot string `json:"snapshot,omitempty"` // that it is pinned to
	// Selection are the terms; empty: all shards. MoreTerms are those that are left out of an overview.
	Selection []string   `json:"shards"`
	MoreTerms int        `json:"shards_more,omitempty"`
	NeedBy    *time.Time `json:"need_by,omitempty"`
	Priority  int        `json:"priority"`
	Team      string     `json:"team,omitempty"`
	Origin    string     `json:"origin,omitempty"`
	Added     time.Time  `json:"added"`
	// ShardCount and Bytes of the selection, once it is resolved.
	ShardCount int        `json:"shard_count"`
	Bytes      int64      `json:"bytes"`
	ETA        *time.Time `json:"eta,omitempty"`
	// MarginSeconds between the ETA and when it is needed; below 0: late by so much.
	MarginSeconds *int64 `json:"margin_seconds,omitempty"`
	Why           string `json:"why"`
	// Kind of what is in the way and does not end by waiting alone: see [Readiness.Kind].
	Kind     string   `json:"kind,omitempty"`
	Notes    []string `json:"notes,omitempty"`
	Repinned int      `json:"repinned,omitempty"`
	Places   []Place  `json:"destinations"`
}

// Place is a job at one of its destinations.
type Place struct {
	Destination string `json:"destination"`
	State       State  `json:"state"`
	// Missing shards and bytes; of them Shared come with jobs before it.
	MissingShards int        `json:"missing_shards"`
	MissingBytes  int64      `json:"missing_bytes"`
	SharedShards  int        `json:"shared_shards,omitempty"`
	Start         *time.Time `json:"start,omitempty"`
	ETA           *time.Time `json:"eta,omitempty"`
	// USD is at most what bringing it costs.
	USD cost.NanoUSD `json:"usd"`
	// Budget that holds it, and how much more it would have to have.
	Budget     string       `json:"budget,omitempty"`
	NeedsUSD   cost.NanoUSD `json:"needs_usd,omitempty"`
	NeedsBytes int64        `json:"needs_bytes,omitempty"`
	Why        string       `json:"why"`
	// URL of the folder that its shards are in, once it is ready: see [Handout.URL].
	URL string `json:"url,omitempty"`
}

// ShardStatus is a shard of a job at a destination.
type ShardStatus struct {
	Path        string `json:"path"`
	Destination string `json:"destination"`
	Bytes       int64  `json:"bytes"`
	Present     bool   `json:"present"`
	Why         string `json:"why,omitempty"`
}

// Detail is a job with its shards.
type Detail struct {
	Status
	Shards []ShardStatus `json:"list,omitempty"`
}

// Readiness is the answer to whether a job is ready: at each of its destinations.
type Readiness struct {
	ID    string `json:"id"`
	Ready bool   `json:"ready"`
	State State  `json:"state"`
	Why   string `json:"why"`
	// Kind of what is in the way, for the exit code: "", "budget", "missing", "selection", "unknown", "access", "failed".
	Kind   string             `json:"kind,omitempty"`
	ETA    *time.Time         `json:"eta,omitempty"`
	Places []dgsync.Readiness `json:"destinations"`
}

// Placement is what a job would cost at a destination, and when it could be ready there.
type Placement struct {
	Destination   string       `json:"destination"`
	Wanted        bool         `json:"wanted"` // the job names it
	MissingShards int          `json:"missing_shards"`
	MissingBytes  int64        `json:"missing_bytes"`
	USD           cost.NanoUSD `json:"usd"`
	ETA           *time.Time   `json:"eta,omitempty"`
	OnTime        bool         `json:"on_time"`
	// OthersLate are the jobs that would no longer be on time.
	OthersLate int    `json:"others_late"`
	Why        string `json:"why"`
}

// Handout is what a training run needs to read its shards.
type Handout struct {
	Job         string         `json:"job,omitempty"`
	Dataset     string         `json:"dataset"`
	Destination string         `json:"destination"`
	Snapshot    chunker.Digest `json:"snapshot"`
	// URL of the folder that the paths are in, as fsspec, the clouds' own tools and loaders write it: s3://bucket/prefix/, gs://, az://, file:///.
	URL string `json:"url"`
	// Path of that folder in the file system, for stores that are directories.
	Path   string         `json:"path,omitempty"`
	Format string         `json:"format,omitempty"`
	Bytes  int64          `json:"bytes"`
	Shards []HandoutShard `json:"shards"`
}

// HandoutShard is a file to read.
type HandoutShard struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
	// Index tells that it lists shards, and holds no samples.
	Index bool `json:"index,omitempty"`
}

// Jobs is what can be asked about jobs: of a [Dispatcher] that holds the manifest, or of the process that does.
type Jobs interface {
	// Add takes jobs in, or changes them; the same again changes nothing. A wrong one is refused, with its reason in the error, and the others are taken.
	Add(ctx context.Context, origin string, specs []spec.Job) ([]Status, error)
	// Remove takes jobs back, with their pins and receipts. What is there of them stays. Errors: [ErrNoJob].
	Remove(ctx context.Context, ids []string) error
	// List tells of all jobs, in the order in which they are worked on.
	List(ctx context.Context) ([]Status, error)
	// Show tells of one job and, if asked, each of its shards. Errors: [ErrNoJob].
	Show(ctx context.Context, id string, shards bool) (Detail, error)
	// Ready tells whether all of a job is there; what was not seen for maxAge (below 0: as configured) is looked at first. Errors: [ErrNoJob].
	Ready(ctx context.Context, id string, maxAge time.Duration) (Readiness, error)
	// Place ranks the destinations that a job could be brought to. Errors: [ErrNoJob].
	Place(ctx context.Context, id string) ([]Placement, error)
	// Handout tells what a run needs to read its shards at a destination ("": the only one, or the first that is ready). Errors: [ErrNoJob],
	// [dgsync.ErrNotReady].
	Handout(ctx context.Context, id, destination string) (Handout, error)
}
