package choose

import (
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
)

// scene is a lab with two sources: reading in Azure is cheaper, and has the smaller budget.
func scene() *Problem {
	p := &Problem{
		Now: now, Sources: []string{"azure", "aws"}, Routes: [][]uint16{{0, 1}, {1}},
		Budgets: []Budget{
			{Name: "azure", LeftNanoUSD: 5 * cost.USD, LeftBytes: -1, LimitNanoUSD: 8 * cost.USD},
			{Name: "all", LeftNanoUSD: 20 * cost.USD, LeftBytes: 100, LimitNanoUSD: 40 * cost.USD},
		},
	}
	for range 10 { // with a choice
		p.AddShard(Offer{0, []Charge{{0, cost.USD, 1}}}, Offer{1, []Charge{{1, 2 * cost.USD, 1}}})
	}
	for range 30 { // in Azure alone
		p.AddShard(Offer{0, []Charge{{0, cost.USD, 1}}})
	}
	return p
}

func shards(from, to uint32) (list []uint32) {
	for s := from; s < to; s++ {
		list = append(list, s)
	}
	return list
}

func TestWords(t *testing.T) {
	tomorrow := now.Add(24 * time.Hour)
	for _, tt := range []struct {
		name string
		jobs []Job
		want []string // by job, parts of what is said of it
	}{
		{"cheapest source", []Job{{ID: "a", Shards: shards(0, 5)}}, []string{"runs $5.00: nobody said by when it is needed"}},
		{
			"another source where the cheapest has no budget left", []Job{{ID: "a", StartBy: now, Shards: shards(0, 8)}},
			[]string{"runs $11.00: must begin today; 3 shards are not read where that is cheapest, because a budget does not cover it there: $3.00 more"},
		},
		{
			"sooner first, whatever it is worth", []Job{
				{ID: "a", StartBy: tomorrow, Value: 1000, Shards: shards(10, 14)}, {ID: "b", StartBy: now, Shards: shards(20, 24)},
			},
			[]string{`held by budget "azure" needing $3.00 more (it adds $4.00, and what runs leaves $1.00); must begin by tomorrow`, "runs $4.00: must begin today"},
		},
		{
			"what is late counts as today", []Job{
				{ID: "a", StartBy: now.Add(-50 * time.Hour), Shards: shards(10, 14)}, {ID: "b", StartBy: now, Value: 2, Shards: shards(20, 24)},
			},
			[]string{"held by", "runs $4.00: must begin today"},
		},
		{
			"priority on the same day", []Job{
				{ID: "a", StartBy: tomorrow, Value: 1000, Shards: shards(10, 14)}, {ID: "b", StartBy: tomorrow, Priority: 3, Shards: shards(20, 24)},
			},
			[]string{"held by", "runs $4.00: must begin by tomorrow, priority 3"},
		},
		{
			"value per USD", []Job{{ID: "a", Value: 5, Shards: shards(10, 15)}, {ID: "b", Value: 3, Shards: shards(20, 22)}, {ID: "c", Value: 3, Shards: shards(25, 28)}},
			[]string{"held by", "runs $2.00", "runs $3.00"},
		},
		{
			"shared shards are paid once", []Job{{ID: "a", Value: 5, Shards: shards(10, 14)}, {ID: "b", Shards: shards(11, 15)}, {ID: "c", Shards: shards(12, 14)}},
			[]string{"runs $4.00", "runs $1.00: nobody said by when it is needed; 3 of its 4 shards are brought for others", "all that it needs is brought for others"},
		},
		{
			"never a half", []Job{{ID: "a", Shards: shards(10, 17)}},
			[]string{`held by budget "azure" needing $2.00 more (it adds $7.00, and what runs leaves $5.00); nobody said by when it is needed`},
		},
		{
			"a half that is welcome", []Job{{ID: "a", Part: true, Shards: shards(10, 17)}, {ID: "b", Shards: shards(10, 11)}},
			[]string{`held by budget "azure" needing $2.00 more (it adds $6.00, and what runs leaves $4.00); nobody said by when it is needed; a part runs: 5 of 7 shards`, "runs $1.00"},
		},
		{
			"more than a window", []Job{{ID: "a", Shards: shards(10, 20)}},
			[]string{"; it will not fit the next window either: raise that budget, or let a part of it run"},
		},
		{
			"others that are needed later", []Job{{ID: "a", StartBy: now, Shards: shards(10, 17)}, {ID: "b", Shards: shards(20, 23)}},
			[]string{"it adds $7.00, and what runs leaves $2.00); must begin today; 1 needed less soon run, since without them it would not fit either", "runs $3.00"},
		},
		{"nothing to do", []Job{{ID: "a"}}, []string{"runs $0.00"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := scene()
			p.Jobs = tt.jobs
			c, err := Choose(p)
			if err != nil {
				t.Fatal(err)
			}
			said := make([]string, len(p.Jobs))
			for _, r := range c.Run {
				said[r.Job] = "runs " + r.NanoUSD.String() + ": " + c.Why(p, r)
			}
			for _, h := range c.Held {
				said[h.Job] = h.Why(p, c)
			}
			for j, want := range tt.want {
				if !strings.Contains(said[j], want) {
					t.Errorf("of %s is said %q, want %q in it", p.Jobs[j].ID, said[j], want)
				}
			}
		})
	}
}

func TestBytesHold(t *testing.T) {
	p := scene()
	p.Budgets[1].LeftBytes = 3
	p.Jobs = []Job{{ID: "a", Shards: shards(0, 5)}}
	c, err := Choose(p)
	if err != nil {
		t.Fatal(err)
	}
	const want = `held by budget "all" needing 2 bytes more (it adds 5, and what runs leaves 3)`
	if got := c.Held[0].Why(p, c); !strings.HasPrefix(got, want) || c.Held[0].Missing() != 0 {
		t.Errorf("%q, %s missing; want %q", got, c.Held[0].Missing(), want)
	}
}

func TestProblemsThatContradictThemselves(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(p *Problem)
		want string
	}{
		{"same id", func(p *Problem) { p.Jobs = []Job{{ID: "a"}, {ID: "a"}} }, `two jobs have the id "a"`},
		{"no such shard", func(p *Problem) { p.Jobs = []Job{{ID: "a", Shards: []uint32{40}}} }, `job "a" needs shard 40 of 40`},
		{"shard twice", func(p *Problem) { p.Jobs = []Job{{ID: "a", Shards: []uint32{1, 1}}} }, `job "a" names shard 1 twice`},
		{"no offer", func(p *Problem) { p.Jobs = []Job{{ID: "a", Shards: []uint32{p.AddShard()}}} }, `needs shard 40, which has 0 offers`},
		{"value", func(p *Problem) { p.Jobs = []Job{{ID: "a", Value: -1}} }, `job "a" has the value -1`},
		{"budget", func(p *Problem) { p.Budgets[0].LeftBytes = -2 }, `budget 0, "azure", has 5000000000 nano-USD and -2 bytes left`},
		{"route", func(p *Problem) { p.Routes[0] = []uint16{2} }, "route 0 names budget 2, of 2"},
		{"route twice", func(p *Problem) { p.Routes[0] = []uint16{1, 1} }, "route 0 names budget 1, of 2, twice"},
		{"source", func(p *Problem) { p.AddShard(Offer{Source: 2}) }, "is of source 2 of 2"},
		{"charge", func(p *Problem) { p.AddShard(Offer{0, []Charge{{0, -1, 1}}}) }, "charge 50 is for route 0 of 2, -1 nano-USD and 1 bytes"},
		{"no price", func(p *Problem) { p.AddShard(Offer{0, []Charge{{0, cost.MaxNanoUSD, 1}}}) }, "no price that can be counted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := scene()
			tt.make(p)
			if _, err := Choose(p); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}
