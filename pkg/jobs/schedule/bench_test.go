package schedule

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
)

var now = time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)

// company makes a problem of a million shards and ten thousand jobs on four links, always the same. scarce is the part of what is asked for, in
// percent, that links can carry in time and budgets allow.
func company(shards, jobs int, scarce int64) *Problem {
	r := rand.New(rand.NewPCG(1, 2))
	p := &Problem{Now: now}
	const links, days = 4, 60
	var bytes [links]int64
	perLink := shards / links
	for s := range shards {
		link := min(s/perLink, links-1)
		size := int64(64<<20 + r.IntN(448<<20))
		bytes[link] += size
		p.AddShard(Shard{Link: uint16(link), Route: uint16(link), MissingBytes: size, WireBytes: size, NanoUSD: cost.NanoUSD(size >> 20 * 80_000)})
	}
	month := Budget{Name: "month", LeftBytes: -1, Resets: []time.Time{time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}}
	for l := range links {
		rate := bytes[l] * 8 / (days / 2 * 86400) * scarce / 100
		p.Links = append(p.Links, Link{Name: fmt.Sprint("link", l), Rates: []Rate{{BitsPerSecond: rate}}})
		limit := cost.NanoUSD(bytes[l] >> 20 * 80_000 / (days / 2) * scarce / 100)
		b := Budget{Name: fmt.Sprint("day", l), LeftNanoUSD: limit / 2, LeftBytes: -1, LimitNanoUSD: limit}
		for d := range days {
			b.Resets = append(b.Resets, now.Truncate(24*time.Hour).AddDate(0, 0, d+1))
		}
		p.Budgets = append(p.Budgets, b)
		p.Routes = append(p.Routes, []uint16{uint16(l), links})
		month.LimitNanoUSD += limit * days / 2
	}
	month.LeftNanoUSD = month.LimitNanoUSD / 10
	p.Budgets = append(p.Budgets, month)
	for j := range jobs {
		job := Job{ID: fmt.Sprintf("job%05d", j), Priority: r.IntN(3), Asked: now.Add(-time.Duration(r.IntN(100)) * time.Hour)}
		if r.IntN(10) > 0 {
			job.NeedBy = now.Add(time.Duration(1+r.IntN(days*24)) * time.Hour)
		}
		end := uint32(0)
		for range 1 + r.IntN(2) {
			from := end + uint32(r.IntN(shards-int(end)-400))
			to := from + uint32(10+r.IntN(190))
			job.Shards = append(job.Shards, Range{from, to})
			if end = to; int(end) > shards-1000 {
				break
			}
		}
		p.Jobs = append(p.Jobs, job)
	}
	return p
}

func benchmark(b *testing.B, scarce int64, again bool) {
	p := company(1_000_000, 10_000, scarce)
	var before []Turn
	if again {
		plan, err := Make(p, nil)
		if err != nil {
			b.Fatal(err)
		}
		before = plan.Turns
		p.Jobs[77].NeedBy = p.Jobs[77].NeedBy.Add(time.Hour)
	}
	var plan *Plan
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if plan, err = Make(p, before); err != nil {
			b.Fatal(err)
		}
	}
	count := map[State]int{}
	for _, j := range plan.Jobs {
		count[j.State]++
	}
	for _, s := range []State{OnTime, Late, Held} {
		b.ReportMetric(float64(count[s]), strings.ReplaceAll(s.String(), " ", "-"))
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "MiB-kept")
	runtime.KeepAlive(p)
}

func BenchmarkFirst(b *testing.B)       { benchmark(b, 100, false) }
func BenchmarkFirstScarce(b *testing.B) { benchmark(b, 40, false) }
func BenchmarkAgain(b *testing.B)       { benchmark(b, 100, true) }
func BenchmarkAgainScarce(b *testing.B) { benchmark(b, 40, true) }
func BenchmarkPlenty(b *testing.B)      { benchmark(b, 1000, false) }
