package schedule

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func ids(turns []Turn) (list []string) {
	for _, t := range turns {
		list = append(list, t.ID)
	}
	return list
}

// TestPlanningAgainChangesNothing: also where jobs have meanwhile got nearer to their need-by.
func TestPlanningAgainChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawn(t).problem()
		a, err := Make(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Make(p, a.Turns)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(ids(a.Turns), ids(b.Turns)) {
			t.Fatalf("turns were %v, and are %v without a reason", ids(a.Turns), ids(b.Turns))
		}
	})
}

// TestTurnsChangeForJobsOnTimeOnly: after a job was added, those before it keep their order unless more are on time in the new one than
// could be in the old.
func TestTurnsChangeForJobsOnTimeOnly(t *testing.T) {
	moved := 0
	rapid.Check(t, func(t *rapid.T) {
		p := drawn(t).problem()
		added := p.Jobs[len(p.Jobs)-1]
		p.Jobs = p.Jobs[:len(p.Jobs)-1]
		a, err := Make(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		p.Jobs = append(p.Jobs, added)
		b, err := Make(p, a.Turns)
		if err != nil {
			t.Fatal(err)
		}
		// Part by part: what shares no link and no budget has no order that means anything.
		m := newModel(p)
		d := &decider{timeline: newTimeline(m)}
		at := uint32(len(p.Jobs) - 1)
		for part, old := range m.order(a.Turns) {
			turns := m.order(b.Turns)[part]
			if slices.Equal(old, without(turns, []uint32{at})) {
				continue
			}
			moved++
			if m.part[at] != part {
				t.Fatalf("turns were %v and are %v, where nothing was added", ids(a.Turns), ids(b.Turns))
			}
			// The new job at any place in the old order has fewer on time.
			now := d.onTime(turns)
			if !now.better(d.onTime(d.putIn(m.parts[part], turns, old))) {
				t.Fatalf("turns were %v and are %v, with %v on time as before", ids(a.Turns), ids(b.Turns), now)
			}
		}
	})
	t.Logf("%d times others moved", moved)
}

// TestOtherLinksStay: what is added on one link moves nothing on another that shares no budget with it.
func TestOtherLinksStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawn(t)
		s.pays = [][]int{{0}, {1}}
		for j, needs := range s.needs { // one link for each job
			s.needs[j] = slices.DeleteFunc(needs, func(i int) bool { return i%2 != j%2 })
		}
		p := s.problem()
		a, err := Make(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		one := p.AddShard(Shard{Link: 1, Route: 1, MissingBytes: rapid.Int64Range(1, 20).Draw(t, "bytes"), NanoUSD: 3})
		p.Jobs = append(p.Jobs, Job{
			ID: "new", Priority: rapid.IntRange(0, 1).Draw(t, "priority"), NeedBy: now.Add(time.Duration(rapid.IntRange(1, 40).Draw(t, "need")) * time.Second),
			Shards: []Range{{one, one + 1}},
		})
		b, err := Make(p, a.Turns)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(a.Work[0], b.Work[0]) {
			t.Fatalf("link 0 worked %+v, and works %+v", a.Work[0], b.Work[0])
		}
	})
}

// TestRunningIsFinished unless that makes another job late.
func TestRunningIsFinished(t *testing.T) {
	for _, tt := range []struct {
		name string
		need int // of the other job, which takes 10 seconds
		want string
	}{
		{"there is time", 40, "running"}, {"there is none", 15, "other"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &Problem{Now: now, Links: []Link{{"l", []Rate{{BitsPerSecond: 8}}}}, Routes: [][]uint16{nil}}
			p.AddShard(Shard{MissingBytes: 10})
			p.AddShard(Shard{MissingBytes: 10})
			p.Jobs = []Job{
				{ID: "other", NeedBy: now.Add(time.Duration(tt.need) * time.Second), Shards: []Range{{0, 1}}}, {ID: "running", Running: true, Shards: []Range{{1, 2}}},
			}
			plan, err := Make(p, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := plan.Turns[0].ID; got != tt.want {
				t.Errorf("%s is first, want %s", got, tt.want)
			}
		})
	}
}
