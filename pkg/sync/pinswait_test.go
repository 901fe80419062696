package sync

import (
	"strings"
	"testing"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// What a job's snapshot names was lost at the destination and changed at the source, and other content that another job's pin needs came in its place. A copy that
// lies elsewhere cannot be brought while that pin lasts: the first job is told that it cannot be had, and not to wait for the other, which may wait for the first
// one's pins. Once the place is free, it can.
func TestTwoPinsDoNotWaitForEachOther(t *testing.T) {
	r := newRig(t)
	r.put("a.tar", data(1, 50_000))
	r.put("b.tar", data(2, 1000))
	first := r.mustSync().Snapshot.ID
	_, lab := r.lab() // has all of it, too
	r.pin("job-1", first, 0)
	o, err := r.dest.Head(t.Context(), "data/c4/a.tar")
	if err == nil {
		err = r.dest.Delete(t.Context(), o.Ref())
	}
	if err != nil {
		t.Fatal(err)
	}
	r.put("a.tar", data(3, 50_000))
	r.put("copy.tar", data(1, 50_000))
	s := r.open()
	q := r.request()
	q.Check = true
	rep, err := s.Sync(t.Context(), q)
	r.close()
	if err != nil || !rep.Ready {
		t.Fatalf("%v, %+v", err, rep.Failures)
	}
	r.pin("job-2", rep.Snapshot.ID, 0)

	ask := func(origins []Origin) (way plan.Way, why string, lost []string) {
		t.Helper()
		s := r.open()
		defer r.close()
		q := r.request()
		q.Snapshot, q.Origins = first, origins
		p, err := s.Plan(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.Contents(t.Context(), r.src, first)
		if err != nil {
			t.Fatal(err)
		}
		lost, err = c.Lost(q, jobs.Selection{})
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range p.Items {
			if it.Path == "a.tar" {
				way, why = it.Way, it.Reason
			}
		}
		return way, why, lost
	}
	for name, origins := range map[string][]Origin{"a copy elsewhere": nil, "and an origin": lab} {
		if way, why, lost := ask(origins); way != plan.Missing || !strings.Contains(why, "no longer has this content") || !strings.Contains(why, "the pin of job-2") || len(lost) != 1 || lost[0] != "a.tar" {
			t.Errorf("%s: %s, %q, lost %q", name, way, why, lost)
		}
	}
	r.unpin("job-2")
	if way, why, lost := ask(nil); way != plan.Copy || len(lost) != 0 {
		t.Errorf("%s, %q, lost %q", way, why, lost)
	}
	s = r.open()
	q = r.request()
	q.Snapshot = first
	rep, err = s.Sync(t.Context(), q)
	r.close()
	if err != nil || !rep.Ready || chunker.Sum(readObject(t, r.dest, "data/c4/a.tar")) != chunker.Sum(data(1, 50_000)) {
		t.Errorf("%v, %+v", err, rep)
	}
}
