// Package choosetest makes problems for package choose that are as large as those of a whole company, for tests and benchmarks.
package choosetest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/sync/choose"
)

// Large says what a problem has.
type Large struct {
	// Shards, of 10 datasets at 5 destinations.
	Shards, Jobs int
	// Scattered has jobs need single shards here and there; otherwise they need ranges, as selections of paths are.
	Scattered bool
	// OneDay has all jobs needed equally soon, so that their values alone decide; otherwise they are spread over ten days and three priorities.
	OneDay bool
}

const (
	datasets     = 10
	destinations = 5
	// Budgets are one of everything, one of everything in bytes, and those of three sources, five destinations and ten datasets.
	Budgets = 2 + sources + destinations + datasets
	sources = 3
)

// route of a shard of a dataset to a destination from a source.
func route(source, destination, dataset int) uint16 {
	return uint16((source*destinations+destination)*datasets + dataset)
}

// Problem makes it, always the same. Budgets have about two fifths of what all jobs together would use.
func (l Large) Problem() *choose.Problem {
	r := rand.New(rand.NewPCG(1, 2))
	p := &choose.Problem{Now: time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC), Sources: []string{"azure", "aws", "gcp"}}
	for source := range sources {
		for destination := range destinations {
			for dataset := range datasets {
				p.Routes = append(p.Routes, []uint16{
					0, 1, uint16(2 + source), uint16(2 + sources + destination), uint16(2 + sources + destinations + dataset),
				})
			}
		}
	}
	p.Grow(l.Shards, 2*l.Shards, 2*l.Shards)
	perPlace := l.Shards / (datasets * destinations)
	var usd, bytes int64
	for s := range l.Shards {
		place := min(s/perPlace, datasets*destinations-1)
		destination, dataset := place/datasets, place%datasets
		size := int64(64<<20 + r.IntN(448<<20))
		offer := func(source int, perMiB int64) choose.Offer {
			return choose.Offer{Source: uint16(source), Charges: []choose.Charge{{
				Route: route(source, destination, dataset), NanoUSD: cost.NanoUSD(size >> 20 * perMiB), Bytes: size,
			}}}
		}
		first := offer(0, 85_000) // $0.087 a GiB
		usd, bytes = usd+int64(first.Charges[0].NanoUSD), bytes+size
		switch dataset % 3 {
		case 0:
			p.AddShard(first)
		case 1:
			p.AddShard(first, offer(1, 88_000))
		default:
			p.AddShard(first, offer(2, 78_000))
		}
	}
	l.jobs(p, r, perPlace)
	share := func(of int64, parts, fifths int64) int64 { return of / parts / 5 * fifths }
	for b := range Budgets {
		left := choose.Budget{Name: fmt.Sprint("budget-", b), LeftNanoUSD: -1, LeftBytes: -1}
		switch {
		case b == 0:
			left.LeftNanoUSD = cost.NanoUSD(share(usd, 1, 2))
		case b == 1:
			left.LeftBytes = share(bytes, 1, 2)
		case b < 2+sources:
			left.LeftNanoUSD = cost.NanoUSD(share(usd, sources, 3))
		case b < 2+sources+destinations:
			left.LeftBytes = share(bytes, destinations, 2)
		default:
			left.LeftNanoUSD, left.LeftBytes = cost.NanoUSD(share(usd, datasets, 3)), share(bytes, datasets, 3)
		}
		p.Budgets = append(p.Budgets, left)
	}
	return p
}

func (l Large) jobs(p *choose.Problem, r *rand.Rand, perPlace int) {
	for j := range l.Jobs {
		place := j % (datasets * destinations)
		job := choose.Job{ID: fmt.Sprintf("job-%04d", j), Value: int64(1 + r.IntN(100))}
		if !l.OneDay {
			job.Priority = r.IntN(3)
			if n := r.IntN(11); n < 10 {
				job.StartBy = p.Now.Add(time.Duration(n*24) * time.Hour)
			}
		}
		if l.Scattered {
			for s := range perPlace {
				if r.IntN(7) == 0 {
					job.Shards = append(job.Shards, uint32(place*perPlace+s))
				}
			}
		} else {
			length := 1 + perPlace/20 + r.IntN(perPlace/5)
			start := r.IntN(perPlace - length + 1)
			for s := range length {
				job.Shards = append(job.Shards, uint32(place*perPlace+start+s))
			}
		}
		p.Jobs = append(p.Jobs, job)
	}
}
