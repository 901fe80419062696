package sync

import (
	"context"
	"errors"

	"github.com/datagravity/datagravity/internal/crashpoint"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// Plan says what would move, how, and for how much. Nothing moves.
func (s *Syncer) Plan(ctx context.Context, q Request) (*plan.Plan, error) {
	defer s.Grants.enter(ctx, s.link(q.Source, &q.Destination), q.Source.Name, q.Source.For)()
	defer s.Manifest.HoldSnapshot(q.Snapshot)()
	v, err := s.survey(ctx, q.Source, q.Selection, q.Snapshot, s.link(q.Source, &q.Destination))
	if err != nil {
		return nil, err
	}
	q.Source = v.src
	p, err := s.plan(ctx, q, v)
	if err == nil {
		err = errors.Join(s.foresee(ctx, q, v, p), s.foreseePacks(q, p))
	}
	return p, errors.Join(err, v.listing.Close())
}

// Outline is the plan of a request without its shards, from names and locations alone: nothing is opened. Requests have the prices of the
// providers.
func (s *Syncer) Outline(q Request) (*plan.Plan, error) {
	route, err := plan.NewRoute(s.Ledger.Book(), s.link(q.Source, &q.Destination), s.Agent, s.Routes)
	route.SourcePrices, route.DestinationPrices = providerPrices(q.Source.Location), providerPrices(q.Destination.Location)
	route.DestinationClass = q.Destination.StorageClass
	return &plan.Plan{Dataset: q.Source.Name, Destination: q.Destination.Destination, Route: route, For: q.Source.For}, err
}

// providerPrices are those of a location's provider, "" where requests cost nothing.
func providerPrices(at store.Location) string {
	if at.Provider == "onprem" {
		return ""
	}
	return at.Provider
}

// planAt plans a request for the place that it names.
func (s *Syncer) planAt(ctx context.Context, q Request, v *survey) (*plan.Plan, error) {
	crashpoint.Hit(crashpoint.PlanBegin)
	if err := s.fill(v, q.Selection); err != nil {
		return nil, err
	}
	route, err := s.route(q.Source, &q.Destination)
	if err != nil {
		return nil, err
	}
	folder, err := s.folder(q, v)
	if err != nil {
		return nil, err
	}
	origins, err := s.origins(q)
	if err != nil {
		return nil, err
	}
	begun, err := s.begun(q, v)
	if err != nil {
		return nil, err
	}
	items, err := plan.Build(ctx, s.Manifest, q.Destination.Store, plan.Input{
		Dataset: q.Source.Dataset, States: v.states, Selection: q.Selection, Destination: q.Destination.Destination, Folder: folder, Adopt: q.Adopt,
		Check: q.Check, FreeRead: route.In.IsFree(), Begun: begun, Reuse: s.reuse(q, route),
		Source: plan.Origin{Store: q.Source.Dataset.Store, Location: q.Source.Location, In: route.In}, Origins: origins,
	})
	if err != nil {
		return nil, err
	}
	p := &plan.Plan{
		Dataset: q.Source.Name, Snapshot: v.snapshot, Destination: q.Destination.Destination, Route: route, Items: items, For: q.Source.For,
		Folder: folder, Unnamed: folder == unread,
	}
	return p, p.Finish(s.Ledger, s.Manifest, s.Engine.PartBytes(), s.BitsPerSecond)
}

// begun is since when a need that is not met yet was worked on with the listing as it still is; 0: there is none.
func (s *Syncer) begun(q Request, v *survey) (at manifest.Millis, err error) {
	err = s.Manifest.View(func(tx *manifest.Tx) error {
		n, _, err := tx.Need(needID(q))
		if err == nil && n.Open != nil {
			at = max(n.Open.Asked, v.record.Stable)
		}
		return err
	})
	return at, err
}

// origins prices the stores that may be read from.
func (s *Syncer) origins(q Request) (list []plan.Origin, err error) {
	for _, o := range q.Origins {
		if o.Name == q.Source.Dataset.Store || o.Name == q.Destination.Destination.Store {
			continue
		}
		rate, err := s.Ledger.Book().Transfer(o.Location, s.Agent, s.Routes.FromStore(o.Name))
		if err != nil {
			return nil, err
		}
		list = append(list, plan.Origin{Store: o.Name, Location: o.Location, In: rate, Prices: providerPrices(o.Location)})
	}
	return list, nil
}

// openOrigins opens what a plan reads from.
func (s *Syncer) openOrigins(ctx context.Context, q Request, p *plan.Plan) (map[string]store.Store, error) {
	out := map[string]store.Store{}
	for _, it := range p.Items {
		if it.Origin == nil || out[it.Origin.Place.Store] != nil {
			continue
		}
		for _, o := range q.Origins {
			if o.Name != it.Origin.Place.Store {
				continue
			}
			st, err := o.Open(ctx)
			if err != nil {
				return nil, err
			}
			out[o.Name] = st
		}
	}
	return out, nil
}

// reuse says how the destination's objects may serve.
func (s *Syncer) reuse(q Request, route plan.Route) plan.Reuse {
	u := plan.Reuse{
		PartBytes: s.Engine.PartBytes(), TwoSteps: q.Destination.TwoSteps, Prefixes: append([]string{q.Destination.Prefix}, q.Related...),
	}
	u.Prices, u.ReadByte = route.PartPrices(s.Ledger.Book())
	// Several destinations share what is read of the source, each range once.
	if p := route.PullPrices(s.Ledger.Book()); p.MayPay() && q.shared == nil {
		u.Pull = &p
	}
	if at, err := route.At(s.Ledger.Book(), route.Destination); q.Compare && err == nil {
		if p := at.PullPrices(s.Ledger.Book()); p.MayPay() {
			u.Beside = &p
		}
	}
	return u
}

// unread is a folder that no snapshot has.
const unread = "unread"

// folder is where the snapshots layout puts this snapshot. Its name needs every digest; until they are known the plan is
// made against a name that nothing has.
func (s *Syncer) folder(q Request, v *survey) (string, error) {
	if !q.Destination.Snapshots {
		return "", nil
	}
	id := v.snapshot
	if id.IsZero() && len(index.Unread(v.states)) == 0 {
		var err error
		if id, err = index.SnapshotID(q.Source.Name, v.states); err != nil {
			return "", err
		}
	}
	if id.IsZero() {
		return unread, nil
	}
	return plan.Folder(id), nil
}

// learn reads the shards of a plan whose digest decides whether they must cross at all.
func (s *Syncer) learn(ctx context.Context, q Request, p *plan.Plan) (engine.Summary, error) {
	var items []plan.Item
	for _, it := range p.Items {
		if it.LearnFirst {
			it.Way, it.Rank = plan.Full, 0
			items = append(items, it)
		}
	}
	if len(items) == 0 {
		return engine.Summary{}, nil
	}
	return s.read(ctx, q.Source, items, p.Route, q.shared)
}

// read has the engine read shards for the index alone.
func (s *Syncer) read(ctx context.Context, src Source, items []plan.Item, route plan.Route, shared *store.PartLimits) (engine.Summary, error) {
	return s.Engine.Run(ctx, engine.Job{
		Dataset: src.Dataset, Source: src.Store, Route: route, Items: items, Shared: shared, Activity: "index", For: src.For,
	})
}
