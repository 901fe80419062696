package sync

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// lines is text that compresses well.
func lines(seed, n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, `{"id": %d, "text": "the %d little shards of seed %d went to the market", "score": 0.%d}`+"\n", i, (i*7919)%1000, seed, (i*104729)%9973)
	}
	return b.Bytes()[:n]
}

// serving has the origin answer what edges want, until the test asks it to end.
func (r *rig) serving(t *testing.T, others ...Source) (end func() Answered) {
	t.Helper()
	s := r.open()
	if err := s.Beat(context.Background(), []Source{r.src}, "test"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan Answered)
	go func() {
		var all Answered
		for ctx.Err() == nil {
			one, err := s.Answer(ctx, r.src, append(others, r.src))
			if err != nil && ctx.Err() == nil {
				t.Errorf("answer: %v", err)
			}
			all.Wants, all.Packs = all.Wants+one.Wants, all.Packs+one.Packs
			all.ContentBytes, all.StoredBytes = all.ContentBytes+one.ContentBytes, all.StoredBytes+one.StoredBytes
		}
		done <- all
	}()
	return func() Answered {
		cancel()
		all := <-done
		r.close()
		return all
	}
}

// Text crosses packed, also what is new altogether; what is put together from packs is proven like everything else, and the packs are gone afterwards.
func TestTextCrossesPacked(t *testing.T) {
	origin, edge := newPair(t)
	edge.put("a.jsonl", lines(1, 6<<20))
	edge.put("b.jsonl", lines(2, 300_000))
	origin.index()
	edge.budgets = []cost.Budget{{Name: "b", LimitBytes: 1 << 30}}
	end := origin.serving(t)
	rep := edge.mustSync()
	answered := end()
	crossed := edge.settled(t)
	if answered.Wants != 1 || answered.Packs != 1 || crossed > 6<<20*2/5 {
		t.Errorf("%+v, %d bytes crossed of %d", answered, crossed, 6<<20)
	}
	if ways(rep.Summary) != "full:2 " {
		t.Errorf("%s", ways(rep.Summary))
	}
	edge.equal()
	edge.nothingOpen()
	edge.nothingWanted(t)
}

// settled are the bytes that the first budget counts.
func (r *rig) settled(t *testing.T) int64 {
	t.Helper()
	s := r.open()
	defer r.close()
	uses, err := s.Ledger.Uses()
	if err != nil || uses[0].ReservedBytes != 0 || uses[0].SettledBytes == 0 {
		t.Fatalf("%+v, %v", uses, err)
	}
	return uses[0].SettledBytes
}

// nothingWanted wants no want, answer or pack to be left.
func (r *rig) nothingWanted(t *testing.T) {
	t.Helper()
	for _, folder := range []string{"wants/", "answers/", "packs/"} {
		if left := r.keys(".datagravity/v1/" + folder); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

// Of chunks that changed a little, the difference crosses, where the old bytes can still be read at the source.
func TestDifferencesCross(t *testing.T) {
	origin, edge := newPair(t)
	old := data(1, 8<<20)
	edge.put("a.bin", old)
	origin.index()
	edge.mustSync()
	// The old version stays under another name, as another dataset.
	before := origin.src
	before.Name, before.Prefix = "old", "old/"
	putObject(t, edge.source, "old/a.bin", old)
	s := origin.open()
	if _, err := s.Index(context.Background(), before); err != nil {
		t.Fatal(err)
	}
	origin.close()
	fresh := slices.Clone(old)
	for at := 100_000; at+2000 < len(fresh); at += 500_000 {
		copy(fresh[at:], data(uint64(at), 2000))
	}
	edge.put("a.bin", fresh)
	origin.index()
	end := origin.serving(t, before)
	rep := edge.mustSync()
	answered := end()
	if rep.Ways[plan.Pull].Shards != 1 || answered.Packs != 1 || answered.StoredBytes > answered.ContentBytes/4 {
		t.Errorf("%s, %+v: want packs of a quarter of the chunks at most", ways(rep.Summary), answered)
	}
	edge.equal()
	edge.nothingWanted(t)
}

// A job that starts before packs may come does not wait for them.
func TestWhoIsInAHurryReadsRanges(t *testing.T) {
	for needBy, want := range map[time.Duration]int{10 * time.Second: 0, -time.Hour: 0, time.Hour: 1} {
		origin, edge := newPair(t)
		edge.put("a.jsonl", lines(1, 2<<20))
		origin.index()
		end := origin.serving(t)
		s := edge.open()
		p, err := s.Plan(context.Background(), Request{Source: edge.src, Destination: edge.dst, Compare: true, Wish: Wish{NeedBy: time.Now().Add(needBy)}})
		if err != nil || p.Packs == nil || p.Packs.Bytes != 2<<20 || (p.Packs.Why == "") != (want == 1) {
			t.Errorf("needed in %s: planned %+v, %v", needBy, p, err)
		}
		rep, err := s.Sync(context.Background(), Request{Source: edge.src, Destination: edge.dst, Wish: Wish{NeedBy: time.Now().Add(needBy)}})
		edge.close()
		if answered := end(); err != nil || !rep.Ready || answered.Wants != want {
			t.Errorf("needed in %s: %+v, %v, ready %v", needBy, answered, err, rep.Ready)
		}
		edge.equal()
	}
}

// What does not become smaller is left to be read as it is.
func TestWhatDoesNotPayIsNotPacked(t *testing.T) {
	origin, edge := newPair(t)
	edge.put("a.bin", data(1, 3<<20))
	origin.index()
	end := origin.serving(t)
	edge.mustSync()
	if answered := end(); answered.Wants != 1 || answered.Packs != 0 {
		t.Errorf("%+v", answered)
	}
	edge.equal()
}

// An origin that is not there is not waited for.
func TestNobodyIsAskedForPacks(t *testing.T) {
	origin, edge := newPair(t)
	edge.put("a.jsonl", lines(1, 3<<20))
	origin.index()
	edge.mustSync()
	edge.equal()
	edge.nothingWanted(t)
}

// keys are those of the source's store under a prefix.
func (r *rig) keys(prefix string) (out []string) {
	r.t.Helper()
	page, err := r.source.List(context.Background(), store.ListOptions{Prefix: prefix})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, o := range page.Objects {
		out = append(out, o.Key)
	}
	return out
}

// What another agent wrote badly, or in a later version, keeps nobody from working.
func TestBadHeartbeatIsNobodys(t *testing.T) {
	origin, edge := newPair(t)
	edge.put("a.jsonl", lines(1, 3<<20))
	origin.index()
	putObject(t, edge.source, ".datagravity/v1/agents/x.json", []byte(`{"datagravity":2,"kind":"agent"}`))
	edge.mustSync()
	edge.equal()
}

// An origin does not read what would cost it money, however it is configured.
func TestOriginReadsWhatIsBesideIt(t *testing.T) {
	origin, edge := newPair(t)
	edge.put("a.bin", data(1, 1<<20))
	far := origin.src
	far.Name, far.Location = "far", location(t, "aws:us-east-1")
	s := origin.open()
	defer origin.close()
	if got := s.beside([]Source{origin.src, far}, map[string]bool{}); len(got) != 1 || got[0].Name != "c4" {
		t.Errorf("%+v", got)
	}
}

// Something is published while an edge moves what was published before: it is done with that, and has the new one the next time.
func TestPublishedMeanwhile(t *testing.T) {
	origin, edge := newPair(t)
	edge.put("a.bin", data(1, 3<<20))
	edge.put("b.bin", data(2, 3<<20))
	first := origin.index().Snapshot.ID
	edge.dst.Store = &onComplete{Store: edge.dst.Store, do: func() {
		edge.put("c.bin", data(3, 1<<20))
		origin.index()
		if _, err := edge.s.Index(context.Background(), edge.src); err != nil {
			t.Errorf("take over meanwhile: %v", err)
		}
	}}
	for _, globs := range [][]string{nil, {"a*"}} {
		rep, err := edge.sync(func(q *Request) {
			if globs != nil {
				q.Selection, _ = jobs.NewSelection(globs)
			}
		})
		if err != nil || !rep.Ready || globs == nil && rep.Snapshot.ID != first {
			t.Errorf("%v: %v, ready %v, snapshot %s, want %s", globs, err, rep.Ready, rep.Snapshot.ID, first)
		}
	}
}

// onComplete does something once, before an upload is completed.
type onComplete struct {
	store.Store
	once sync.Once
	do   func()
}

func (s *onComplete) CompleteUpload(ctx context.Context, u store.Upload, parts []store.Part, o store.CompleteOptions) (store.Object, error) {
	s.once.Do(s.do)
	return s.Store.CompleteUpload(ctx, u, parts, o)
}
