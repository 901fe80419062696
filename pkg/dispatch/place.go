package dispatch

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/jobs/schedule"
	"github.com/datagravity/datagravity/pkg/manifest"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
)

// Place ranks the destinations that a job could be brought to. See [Jobs.Place].
func (d *Dispatcher) Place(_ context.Context, id string) ([]Placement, error) {
	j, err := d.job(id)
	if err != nil {
		return nil, err
	}
	if j.Resolved == 0 {
		return nil, fmt.Errorf("%w: what job %s selects is not known yet; the next pass finds out", dgsync.ErrNotReady, id)
	}
	needs, err := d.needs(j)
	if err != nil {
		return nil, err
	}
	d.planning.Lock()
	defer d.planning.Unlock()
	b, err := d.current()
	if err != nil {
		return nil, err
	}
	// The job leaves the board while it is asked about, and comes back as it was.
	b.dirty[id] = true
	if i, on := b.at[id]; on {
		b.take(i)
	}
	var list, impossible []Placement
	var where []schedule.Alternative
	for _, to := range d.catalog.Known().Destinations {
		p := placed{destination: to}
		_, p.ready = metAt(j, to, needs)
		if err := d.lay(b, j, &p); err != nil {
			impossible = append(impossible, Placement{Destination: to, Wanted: slices.Contains(j.To, to), Why: oneLine(err)})
			continue
		}
		where = append(where, b.alternative(p))
	}
	if err := d.standing(b); err != nil { // of links that are new
		return nil, err
	}
	now, err := schedule.Make(b.problem, d.turns)
	if err != nil {
		return nil, err
	}
	options, err := schedule.Place(b.problem, now, schedule.Job{ID: id, NeedBy: j.NeedBy.Time(), Priority: j.Priority, Asked: j.Added.Time()}, where)
	if err != nil {
		return nil, err
	}
	for _, o := range options {
		list = append(list, placement(j, o, d.now()))
	}
	return append(list, impossible...), nil
}

// alternative is what is missing of a job at a destination.
func (b *board) alternative(p placed) schedule.Alternative {
	out := schedule.Alternative{Name: p.destination, Link: p.link, Route: p.table.route}
	if p.ready {
		return out
	}
	m := b.missing(p)
	out.Missing, out.WireBytes, out.NanoUSD = m.Amount, m.wireBytes, m.usd
	return out
}

func placement(j manifest.Job, o schedule.Option, now time.Time) Placement {
	out := Placement{
		Destination: o.Name, Wanted: slices.Contains(j.To, o.Name), MissingShards: o.Missing.Shards, MissingBytes: o.Missing.Bytes, USD: o.NanoUSD,
		ETA: moment(o.Job.ETA), OnTime: o.Job.State == schedule.Ready || o.Job.State == schedule.OnTime, OthersLate: o.Costs,
	}
	if o.Job.State == schedule.Ready {
		out.ETA, out.Why = moment(now), "all of it is there"
		return out
	}
	switch {
	case out.ETA == nil:
		out.Why = "a budget never lets it, or its link is closed"
	case j.NeedBy == 0:
		out.Why = "nobody said by when it is needed"
	case o.Job.Margin >= 0:
		out.Why = "there " + o.Job.Margin.Round(time.Second).String() + " before it is needed"
	default:
		out.Why = "late by " + (-o.Job.Margin).Round(time.Second).String()
	}
	if o.Costs > 0 {
		out.Why = told(out.Why, fmt.Sprintf("%d other jobs would be late for it", o.Costs))
	}
	return out
}
