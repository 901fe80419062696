package sync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/trace"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// Errors of a sync as a whole, beside those of the packages below.
var (
	// ErrNotReady: not all that was asked for is at the destination.
	ErrNotReady = errors.New("not ready")
	// ErrFailed: some shards are not at the destination; the report names them.
	ErrFailed = errors.New("not every shard is at the destination")
)

// Source is a dataset with the store it is read from.
type Source struct {
	index.Dataset
	Store    store.Store
	Location store.Location
	// Exchange is the store, in the same location, in which agents tell each other about what is in Store. nil: Store itself.
	Exchange store.Store
	// For is who reading and moving it is charged to.
	For plan.Payer
	// Watch is how it is found out that it changed.
	Watch Watch
}

// exchange is where agents tell each other about it.
func (src Source) exchange() store.Store {
	if src.Exchange != nil {
		return src.Exchange
	}
	return src.Store
}

// Destination is a place with the store it is in.
type Destination struct {
	plan.Destination
	Policy
	Store store.Store
	// Open opens the store, each time the same one; Sync takes it in place of Store, and does not call it where it finds that there is
	// nothing to do at the destination. The other methods want Store.
	Open func(ctx context.Context) (store.Store, error)
}

// opened is the destination with its store open.
func (d Destination) opened(ctx context.Context) (Destination, error) {
	if d.Store != nil {
		return d, nil
	}
	s, err := d.Open(ctx)
	d.Store = s
	return d, err
}

// Origin is a configured store beside the dataset's own. It is opened when a plan reads from it.
type Origin struct {
	Name     string
	Location store.Location
	Open     func(ctx context.Context) (store.Store, error)
}

// Syncer does the work of the commands: index, plan, sync, ready, verify, gc.
type Syncer struct {
	Manifest *manifest.Manifest
	Ledger   *cost.Ledger
	Engine   *engine.Engine
	Agent    store.Location
	Routes   cost.RouteOptions
	// BitsPerSecond of the link, for how long a plan takes.
	BitsPerSecond float64
	Log           *slog.Logger
	// Role for others that share a source's store, and Name of this agent for them.
	Role Role
	Name string
	// Leases on the places that are written to; nil: none are taken.
	Leases *Leases
	// Grants ask the origin for what an edge may read. nil: its own budgets decide.
	Grants *Grants
	// AtWork tells of transfers that this process works on, for [Syncer.Collect] beside them; nil: of none.
	AtWork func(manifest.Transfer) bool
}

// Request says what is wanted where.
type Request struct {
	Source      Source
	Destination Destination
	Selection   jobs.Selection
	// Snapshot pins one; zero means what the source lists now.
	Snapshot chunker.Digest
	Adopt    plan.AdoptMode
	// Check looks at the destination even for what the manifest knows.
	Check bool
	// Compare finds out what an agent elsewhere would do, for [plan.Plan.Weigh], and what may cross packed.
	Compare bool
	// Partial runs what fits the budgets.
	Partial bool
	// Wish is how soon and how much it is wanted beside others.
	Wish Wish
	// Places of the selected shards in the snapshot, where somebody found them before; nil: the selection is asked about each.
	Places manifest.Spans
	// Job that the request comes from, by its id: what it needs is a need of its own. "": it was asked for by itself.
	Job string
	// sources are the stores, by key at the destination, that shards are read from under all budgets together; nil: wherever is cheapest.
	sources map[string]string
	// leased are the leases that the run holds.
	leased *leased
	// shared are the limits of all destinations of one [Syncer.Many].
	shared *store.PartLimits
	// Origins are other stores that may hold shards of the dataset, and be cheaper to read from.
	Origins []Origin
	// Related are prefixes in the destination's store of other datasets that may share chunks with this one.
	Related []string
	// Neighbors are the other datasets at the destination.
	Neighbors []Neighbor
	// AllowDeletions lifts the limit on how many shards are deleted at once.
	AllowDeletions bool
}

// survey is what a round starts from.
type survey struct {
	// src is the dataset with how its shards are cut, also where its configuration leaves that open.
	src      Source
	listing  *index.Listing
	record   manifest.Dataset
	states   []index.State // the selected ones; nil before fill
	snapshot chunker.Digest
	// unchanged: all of the dataset is selected, and it is as the latest snapshot has it.
	unchanged bool
	// at is where the last plan puts the shards.
	at plan.Destination
}

// survey lists the source and joins it with what is known.
func (s *Syncer) survey(ctx context.Context, src Source, sel jobs.Selection, snapshot chunker.Digest, link cost.Link) (_ *survey, err error) {
	ctx, span := trace.Start(ctx, "survey", trace.Dataset.String(src.Name), trace.Source.String(src.Dataset.Store))
	defer span.Ends(&err)
	listing, err := s.list(ctx, src, link)
	if err != nil {
		return nil, err
	}
	v := &survey{src: src, listing: listing, snapshot: snapshot}
	err = s.Manifest.Update(func(tx *manifest.Tx) (err error) {
		v.record, err = index.RecordListing(tx, src.Dataset, listing)
		return err
	})
	if err == nil {
		err = s.Manifest.View(func(tx *manifest.Tx) (err error) {
			if s.Role == EdgeRole {
				v.src.Dataset = src.CutAs(v.record.Cut) // how it is cut is the origin's choice
			} else if v.src.Dataset, err = index.Kept(tx, src.Dataset); err != nil {
				return err
			}
			if snapshot.IsZero() && sel.All() {
				v.unchanged, err = index.Unchanged(tx, v.src.Dataset, listing)
			}
			return err
		})
	}
	if err != nil {
		return nil, errors.Join(err, listing.Close())
	}
	if v.unchanged {
		v.snapshot = v.record.Latest
		return v, nil // its states are read if somebody asks for them
	}
	if s.Role == EdgeRole && v.snapshot.IsZero() && listing.Whole {
		v.snapshot = listing.Snapshot // whatever is published meanwhile
	}
	if err := s.fill(v, sel); err != nil {
		return nil, errors.Join(err, listing.Close())
	}
	return v, nil
}

// fill reads the states of a survey's shards.
func (s *Syncer) fill(v *survey, sel jobs.Selection) error {
	if v.states != nil {
		return nil
	}
	var all []index.State
	err := s.Manifest.View(func(tx *manifest.Tx) (err error) {
		if !v.snapshot.IsZero() && !v.unchanged {
			all, err = index.OfSnapshot(tx, v.snapshot, v.listing)
			return err
		}
		all, _, err = index.States(tx, v.src.Dataset, v.listing)
		return err
	})
	if err != nil {
		return err
	}
	for _, st := range all {
		if sel.Matches(st.Path) {
			v.states = append(v.states, st)
		}
	}
	if len(v.states) == 0 {
		return fmt.Errorf("%w %s in dataset %s (%d shards); datagravity snapshot show %s lists their names",
			jobs.ErrNothingSelected, sel, v.src.Name, len(all), v.src.Name)
	}
	return nil
}

// maxPageBytes is reserved for a page of a listing over a paid link: 5,000 blobs at about 1,200 bytes of XML each.
const maxPageBytes = 8 << 20

// list lists the source, each page under a reservation where the link is paid.
func (s *Syncer) list(ctx context.Context, src Source, link cost.Link) (*index.Listing, error) {
	if s.Role == EdgeRole {
		return s.published(ctx, src, link)
	}
	c, err := s.lookup(link, src.Name, src.For, maxPageBytes, cost.OpList, src.Store)
	if err != nil {
		return nil, err
	}
	var used store.Usage
	before := func() (func(error) error, error) { return s.reserve(c, &used) }
	l, err := index.List(store.WithUsage(ctx, &used), src.Store, src.Dataset, s.Manifest.Now(), before)
	if err != nil || !s.Ledger.Free(c) {
		return l, err
	}
	err = s.Manifest.Update(func(tx *manifest.Tx) error {
		_, err := s.Ledger.Note(tx, c, cost.Moved{Bytes: used.Received.Load(), Requests: map[cost.Op]int64{cost.OpList: l.Requests}})
		return err
	})
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// lookup is a request to a link's source about what it has, answered with so many bytes at most.
func (s *Syncer) lookup(link cost.Link, dataset string, payer plan.Payer, bytes int64, op cost.Op, at store.Store) (cost.Crossing, error) {
	rate, err := s.Ledger.Book().Transfer(link.SourceLocation, s.Agent, s.Routes.FromStore(link.Source))
	if err == nil {
		err = s.Ledger.CheckPrices(payer.Subject(link, dataset), s.Routes.Trust, rate)
	}
	return cost.Crossing{
		Link: link, From: link.SourceLocation, To: s.Agent, Dataset: dataset, Activity: "list", Bytes: bytes, Rate: rate, Job: payer.Job, Team: payer.Team,
		Requests: map[cost.Op]int64{op: 1}, RequestPrices: requestPrices(at, link.SourceLocation),
	}, err
}

// reserve pays for one request, of which used counts the bytes. after must be called with its error: without one it settles what
// was received, and otherwise all that was reserved. Over a free link there is only the gate to pass.
func (s *Syncer) reserve(c cost.Crossing, used *store.Usage) (after func(failed error) error, err error) {
	if s.Ledger.Free(c) {
		return func(error) error { return nil }, s.Ledger.Gate(c.Link)
	}
	ticket, err := s.Ledger.Reserve([]cost.Crossing{c}, nil)
	if err != nil {
		return nil, err
	}
	base := used.Received.Load()
	return func(failed error) error {
		if failed != nil {
			return ticket.ChargeWhole()
		}
		return ticket.Settle([]cost.Moved{{Bytes: used.Received.Load() - base, Requests: c.Requests}})
	}, nil
}

func (s *Syncer) link(src Source, d *Destination) cost.Link {
	l := cost.Link{Source: src.Dataset.Store, SourceLocation: src.Location}
	if d != nil {
		l.Dest, l.DestLocation = d.Name, d.Location
	}
	return l
}

// s3Elsewhere are providers whose stores are opened as S3 with an endpoint: the service does not tell whose it is, the location
// does.
var s3Elsewhere = []string{"r2", "b2", "oracle"}

// requestPrices names whose prices a store's requests have in the price book, "" for none.
func requestPrices(st store.Store, at store.Location) string {
	if p := st.Capabilities().RequestPrices; p != "" || !slices.Contains(s3Elsewhere, at.Provider) {
		return p
	}
	return at.Provider
}

func (s *Syncer) route(src Source, d *Destination) (plan.Route, error) {
	r, err := plan.NewRoute(s.Ledger.Book(), s.link(src, d), s.Agent, s.Routes)
	r.SourcePrices = requestPrices(src.Store, src.Location)
	if d != nil {
		r.DestinationPrices = requestPrices(d.Store, d.Location)
		r.DestinationClass = d.StorageClass
		r.CopiesReadBack = len(d.Store.Capabilities().ObjectChecksums) == 0
	}
	return r, err
}
