package operate

import (
	"context"
	"errors"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// PlanRequest asks what would move.
type PlanRequest struct {
	Dataset     string   `json:"dataset" doc:"a configured dataset" maxLength:"256"`
	Snapshot    string   `json:"snapshot,omitempty" doc:"a snapshot by its first hex digits; without it, what the source lists now" maxLength:"128"`
	Shards      []string `json:"shards,omitempty" doc:"only shards whose path matches one of these globs" maxItems:"1000"`
	Destination string   `json:"destination" doc:"a configured destination" maxLength:"256"`
	Job         string   `json:"job,omitempty" doc:"the job that it would be for" maxLength:"128"`
	Team        string   `json:"team,omitempty" doc:"the team that it would be charged to" maxLength:"256"`
	// BitsPerSecond of the link, for the time; 0: 10 Gbit/s.
	BitsPerSecond int64 `json:"bits_per_second,omitempty" doc:"bandwidth of the link, for the time; 0 means 10 Gbit/s" minimum:"0"`
	// KeepSeconds is for how long the replicas are wanted, for the price of their storage.
	KeepSeconds int64  `json:"keep_seconds,omitempty" doc:"for how long the replicas are wanted, for the price of their storage" minimum:"0" maximum:"3153600000"`
	Check       bool   `json:"check,omitempty" doc:"look at the destination even for what the manifest knows"`
	Adopt       string `json:"adopt,omitempty" doc:"objects that datagravity did not write: read (compare their bytes) or overwrite" enum:"read,overwrite"`
	// ListShards lists every shard.
	ListShards bool `json:"list_shards,omitempty" doc:"list every shard"`
}

// Plan is what would move, how, and for how much.
type Plan struct {
	Dataset     string        `json:"dataset"`
	Destination string        `json:"destination"`
	Snapshot    string        `json:"snapshot,omitempty"`
	Source      string        `json:"source_location"`
	Agent       string        `json:"agent_location"`
	Location    string        `json:"destination_location"`
	Estimate    plan.Estimate `json:"estimate"`
	// Storage of the replicas, and the other ways that the bytes could go.
	Storage      *plan.Keeping      `json:"storage,omitempty"`
	Alternatives []plan.Alternative `json:"alternatives,omitempty"`
	// Packs of what is missing, at an edge.
	Packs   *plan.Packs `json:"packs,omitempty"`
	Fits    bool        `json:"fits_budgets"`
	Refusal string      `json:"refusal,omitempty"`
	// Approve are the commands that would let it, where a budget asks.
	Approve []string `json:"approve,omitempty"`
	Shards  []Item   `json:"shards,omitempty"`
	Room
}

// Item is what happens to one shard.
type Item struct {
	Path   string `json:"path"`
	Key    string `json:"key"`
	Bytes  int64  `json:"bytes"`
	Digest string `json:"digest,omitempty"`
	Way    string `json:"way"`
	Reason string `json:"reason"`
	// ReadFirst: the source is read before it is decided whether the bytes must cross.
	ReadFirst bool `json:"read_first,omitempty"`
}

// Room is where a plan puts things, what has room there, and what goes.
type Room struct {
	Beside   *Beside   `json:"beside,omitempty"`
	Capacity *Capacity `json:"capacity,omitempty"`
	Removals []Removal `json:"removals,omitempty"`
	// DeletionsRefused says why sync will refuse the deletions.
	DeletionsRefused string `json:"deletions_refused,omitempty"`
}

// Beside is a folder beside a mirror that is pinned.
type Beside struct {
	Prefix        string `json:"prefix,omitempty"`
	StoredBytes   int64  `json:"stored_bytes"`
	BlockedShards int    `json:"blocked_shards"`
	Reason        string `json:"reason"`
}

// Capacity of a destination.
type Capacity struct {
	CapacityBytes int64 `json:"capacity_bytes"`
	HeldBytes     int64 `json:"held_bytes"`
	AddedBytes    int64 `json:"added_bytes"`
	ReplacedBytes int64 `json:"replaced_bytes"`
	EvictedBytes  int64 `json:"evicted_bytes"`
	// OverBytes do not fit; 0 if everything does.
	OverBytes int64 `json:"over_bytes"`
}

// Removal is an object that goes, or that would have to and stays.
type Removal struct {
	Way     plan.Way `json:"way"`
	Dataset string   `json:"dataset"`
	Path    string   `json:"path"`
	Key     string   `json:"key"`
	Bytes   int64    `json:"bytes"`
	Reason  string   `json:"reason"`
	Kept    string   `json:"kept,omitempty"`
	Removed bool     `json:"removed"`
}

// RemovalsOf describes what goes.
func RemovalsOf(list []plan.Removal) []Removal {
	out := []Removal{}
	for _, r := range list {
		out = append(out, Removal{r.Way, r.Dataset, r.Path, r.Key, r.Size, r.Reason, r.Kept, r.Removed})
	}
	return out
}

func roomOf(p *plan.Plan) (out Room) {
	if b := p.Beside; b != nil {
		out.Beside = &Beside{b.Prefix, b.StoredBytes, b.Shards, b.Why}
	}
	if r := p.Room; r != nil {
		out.Capacity = &Capacity{r.CapacityBytes, r.HeldBytes, r.AddedBytes, r.ReplacedBytes, r.EvictedBytes, max(0, r.OverBytes())}
	}
	if p.Guard != nil {
		out.DeletionsRefused = p.Guard.Error()
	}
	out.Removals = RemovalsOf(p.Removals)
	return out
}

// PlanOf describes a plan. fits is why it does not fit the budgets, room why it does not fit the destination; shards: with all of them.
func PlanOf(p *plan.Plan, fits, room error, shards bool) Plan {
	out := Plan{
		Dataset: p.Dataset, Destination: p.Destination.Name, Source: p.Route.Source.String(), Agent: p.Route.Agent.String(),
		Location: p.Route.Destination.String(), Estimate: p.Estimate, Storage: p.Keeping, Alternatives: p.Alternatives, Packs: p.Packs, Fits: fits == nil, Room: roomOf(p),
	}
	if !p.Snapshot.IsZero() {
		out.Snapshot = p.Snapshot.String()
	}
	if err := errors.Join(fits, room); err != nil {
		out.Refusal, out.Approve = err.Error(), approvalCommands(fits)
	}
	if !shards {
		return out
	}
	for _, it := range p.Items {
		digest := ""
		if !it.Digest.IsZero() {
			digest = it.Digest.String()
		}
		out.Shards = append(out.Shards, Item{
			Path: it.Path, Key: it.Key, Bytes: it.Size, Digest: digest, Way: string(it.Way), Reason: it.Reason, ReadFirst: it.LearnFirst,
		})
	}
	return out
}

// approvalCommands are the commands that would let what an error refused.
func approvalCommands(err error) []string {
	var over *cost.OverBudget
	if errors.As(err, &over) && over.Use.Budget.Ask && over.Use.Doubt == "" {
		return []string{over.Approve()}
	}
	return nil
}

// usualBitsPerSecond of a link that nobody says anything about.
const usualBitsPerSecond = 10_000_000_000

// Plan says what would move. What a budget refuses is recorded, so that somebody can be told, as it is for the command.
func (l *Local) Plan(ctx context.Context, q PlanRequest) (out Plan, err error) {
	if q.Adopt != "" && q.Adopt != string(plan.AdoptRead) && q.Adopt != string(plan.AdoptOverwrite) {
		return out, mistakef("adopt %q: want read or overwrite", q.Adopt)
	}
	if q.KeepSeconds < 0 || q.BitsPerSecond < 0 {
		return out, mistakef("keep_seconds and bits_per_second: want none that is negative")
	}
	r, err := l.request(ctx, q.Dataset, q.Destination, q.Shards, q.Snapshot, q.Job, q.Team)
	if err != nil {
		return out, err
	}
	r.Check, r.Adopt, r.Compare = q.Check, plan.AdoptMode(q.Adopt), true
	s := *l.Sync
	if s.BitsPerSecond = float64(q.BitsPerSecond); q.BitsPerSecond == 0 {
		s.BitsPerSecond = usualBitsPerSecond
	}
	p, err := s.Plan(ctx, r)
	if err == nil {
		err = p.Weigh(s.Ledger, s.Manifest, s.Engine.PartBytes(), time.Duration(q.KeepSeconds)*time.Second)
	}
	if err != nil {
		return out, err
	}
	fits := p.Fits(s.Ledger)
	if fits != nil {
		if err := s.Ledger.Tell(fits); err != nil {
			return out, err
		}
	}
	return PlanOf(p, fits, errors.Join(p.Readable(s.Ledger.Book()), p.FitsRoom()), q.ListShards), nil
}

// request opens what a dataset and a destination name.
func (l *Local) request(ctx context.Context, dataset, destination string, shards []string, snapshot, job, team string) (r dgsync.Request, err error) {
	if err := l.checkPlace(dataset, destination); err != nil {
		return r, err
	}
	payer, err := l.payer(job, team)
	if err != nil {
		return r, err
	}
	if r, err = l.Catalog.Open(ctx, dataset, destination, payer); err != nil {
		return r, err
	}
	if r.Destination.Store == nil && r.Destination.Open != nil {
		if r.Destination.Store, err = r.Destination.Open(ctx); err != nil {
			return r, err
		}
	}
	return l.selected(r, shards, snapshot)
}

// ReadyRequest asks whether a selection is at a destination.
type ReadyRequest struct {
	Dataset, Snapshot, Destination string
	Shards                         []string
	// MaxAge of what was seen there; negative: as configured.
	MaxAge time.Duration
}

// ReadyAt tells whether a selection is at a destination and proven. What was not seen for too long is looked at first.
func (l *Local) ReadyAt(ctx context.Context, q ReadyRequest) (out dgsync.Readiness, err error) {
	r, err := l.request(ctx, q.Dataset, q.Destination, q.Shards, q.Snapshot, "", "")
	if err != nil {
		return out, err
	}
	maxAge := q.MaxAge
	if maxAge < 0 {
		maxAge = l.MaxAge
	}
	out, err = l.Sync.Ready(ctx, r, max(maxAge, time.Nanosecond))
	if out.Missing == nil {
		out.Missing = []dgsync.MissingShard{}
	}
	return out, err
}
