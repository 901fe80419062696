package schedule

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// plainLots finds the lots shard by shard: two that follow each other, of those that are missing, are in one if the same jobs need them, they
// come the same way, and no range begins or ends between them.
func plainLots(p *Problem) (sizes []int64, ranges [][]Range) {
	index := make([]uint32, p.Shards()+1)
	open := false
	var before Shard
	for s := range p.Shards() {
		index[s] = uint32(len(sizes))
		needed := false
		for _, j := range p.Jobs {
			for _, r := range j.Shards {
				if j.Blocked != "" {
					continue
				}
				needed = needed || r.From <= uint32(s) && uint32(s) < r.To
				open = open && r.From != uint32(s) && r.To != uint32(s)
			}
		}
		if !needed || p.missing[s] == 0 {
			continue
		}
		now := Shard{Link: p.link[s], Route: p.route[s]}
		if !open || now != before {
			sizes = append(sizes, 0)
		}
		open, before = true, now
		sizes[len(sizes)-1] += p.missing[s]
	}
	index[p.Shards()] = uint32(len(sizes))
	for _, j := range p.Jobs {
		var list []Range
		for _, r := range j.Shards {
			if from, to := index[r.From], index[r.To]; from < to && j.Blocked == "" {
				list = append(list, Range{from, to})
			}
		}
		ranges = append(ranges, list)
	}
	return sizes, ranges
}

func TestLotsAreWhatTheyAreShardByShard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &Problem{Now: time.Unix(0, 0)}
		for range rapid.IntRange(1, 200).Draw(t, "shards") {
			p.AddShard(Shard{
				Link: rapid.Uint16Range(0, 1).Draw(t, "link"), Route: rapid.Uint16Range(0, 1).Draw(t, "route"),
				MissingBytes: rapid.Int64Range(0, 3).Draw(t, "missing"),
			})
		}
		for range rapid.IntRange(0, 6).Draw(t, "jobs") {
			var j Job
			if rapid.IntRange(0, 4).Draw(t, "blocked") == 0 {
				j.Blocked = "no source"
			}
			for at := 0; at < p.Shards(); {
				from := rapid.IntRange(at, p.Shards()-1).Draw(t, "from")
				to := rapid.IntRange(from+1, p.Shards()).Draw(t, "to")
				j.Shards = append(j.Shards, Range{uint32(from), uint32(to)})
				if at = to; rapid.Bool().Draw(t, "last") {
					break
				}
			}
			p.Jobs = append(p.Jobs, j)
		}
		l := newLots(p)
		sizes, ranges := plainLots(p)
		if diff := cmp.Diff(append([]int64(nil), sizes...), append([]int64(nil), l.bytes...)); diff != "" {
			t.Fatalf("bytes of the lots (-want +got):\n%s", diff)
		}
		for j, want := range ranges {
			if diff := cmp.Diff(want, append([]Range(nil), l.ofJob(uint32(j))...)); diff != "" {
				t.Fatalf("lots of job %d (-want +got):\n%s", j, diff)
			}
		}
	})
}
