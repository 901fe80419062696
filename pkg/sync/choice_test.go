package sync

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

const shardBytes = 8 << 20

// two has a bucket of another cloud, which is dearer to read than the source, hold what the source has by now.
func (r *rig) two() (bucket *mem.Store, origins []Origin) {
	r.t.Helper()
	return r.heldElsewhere("copy", "aws:us-east-1")
}

// from counts where the items that move come from.
func from(p *plan.Plan) map[string]int {
	out := map[string]int{}
	for _, it := range p.Items {
		if it.Origin != nil {
			out[it.Origin.Place.Store]++
		} else if it.Moves() {
			out["source"]++
		}
	}
	return out
}

func TestAnotherSourceWhereTheBudgetOfTheCheapestIsUsedUp(t *testing.T) {
	r := newRig(t)
	for i, path := range []string{"a.bin", "b.bin", "c.bin", "d.bin"} {
		r.put(path, data(uint64(i), shardBytes))
	}
	bucket, origins := r.two()
	r.budgets = []cost.Budget{{Name: "azure", From: "azure", LimitBytes: 18 << 20}} // two shards
	s := r.open()
	s.Agent = r.dst.Location
	q := r.request()
	if _, err := s.Sync(context.Background(), q); !errors.Is(err, cost.ErrBudget) {
		t.Fatalf("without another source: %v", err)
	}
	q.Origins = origins
	rep, err := s.Sync(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	if got := bucket.Stats()["read"].ReceivedBytes; got != 2*shardBytes {
		t.Errorf("%d bytes were read from the other source", got)
	}
	if got := from(rep.Plan); got["source"] != 2 || got["copy"] != 2 {
		t.Errorf("planned from %v", got)
	}
	r.close()
	r.equal()
}

// When pins send what was asked for beside the mirror, the need is met as well.
func TestNeedThatIsMetBeside(t *testing.T) {
	r := newRig(t)
	r.now = ticking(time.Second)
	r.dst.BesideWhenPinned = true
	r.put("a.tar", data(1, 50_000))
	r.pin("job-7", r.mustSync().Snapshot.ID, 0)
	r.put("a.tar", data(3, 50_000))
	if rep := r.mustSync(); !rep.At.Beside {
		t.Fatalf("at %+v", rep.At)
	}
	r.open()
	defer r.close()
	if list, err := r.s.OpenNeeds(); err != nil || len(list) != 0 {
		t.Errorf("open: %+v, %v", list, err)
	}
}

// Two needs share a budget: the one that has another source leaves the cheaper one to the other, and both run.
func TestSourcesAreChosenForAllNeedsTogether(t *testing.T) {
	r := newRig(t)
	r.put("old/a.bin", data(1, shardBytes))
	r.put("old/b.bin", data(2, shardBytes))
	_, origins := r.two()
	r.put("new/c.bin", data(3, shardBytes))
	r.budgets = []cost.Budget{{Name: "azure", From: "azure", To: "onprem", LimitBytes: 26 << 20}} // two shards, and the reservation of a listing
	s := r.open()
	defer r.close()
	s.Agent = r.dst.Location
	request := func(glob string) Request {
		q := r.request()
		q.Origins = origins
		q.Selection, _ = jobs.NewSelection([]string{glob})
		return q
	}
	c, err := s.Choose(context.Background(), []Request{request("old/*"), request("new/*")})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Choice.Run) != 2 || c.Choice.NanoUSD == 0 {
		t.Fatalf("%d of 2 run, for %s; %v", len(c.Choice.Run), c.Choice.NanoUSD, c.Errs)
	}
	for _, run := range c.Choice.Run {
		rep, err := s.Sync(context.Background(), c.Carry(run))
		if err != nil {
			t.Fatal(err)
		}
		if got := from(rep.Plan); len(rep.Plan.Items) == 2 && (got["copy"] != 1 || got["source"] != 1) {
			t.Errorf("read from %v", got)
		}
	}
}

// What was approved for a budget and not given yet is room for whoever comes: the choice counts on it as a reservation does.
func TestChoiceCountsOnApprovals(t *testing.T) {
	r := newRig(t)
	r.put("a.bin", data(1, shardBytes))
	r.budgets = []cost.Budget{{Name: "all", LimitBytes: 1 << 20}}
	s := r.open()
	defer r.close()
	c, err := s.Choose(context.Background(), []Request{r.request()})
	if err != nil || len(c.Choice.Run) != 0 || !errors.Is(c.Held(), cost.ErrBudget) {
		t.Fatalf("%+v, %v", c, err)
	}
	_, err = s.Ledger.Approve(cost.NewApproval{Budget: "all", ExtraBytes: 32 << 20, Reason: "a deadline", By: "ada@mill", Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if c, err = s.Choose(context.Background(), []Request{r.request()}); err != nil || len(c.Choice.Run) != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	if rep, err := s.Sync(context.Background(), c.Carry(c.Choice.Run[0])); err != nil || !rep.Ready {
		t.Errorf("%v", err)
	}
}

func TestSharedShardsCountOnce(t *testing.T) {
	r := newRig(t)
	r.put("a.bin", data(1, shardBytes))
	r.put("b.bin", data(2, shardBytes))
	r.budgets = []cost.Budget{{Name: "all", LimitBytes: 18 << 20}}
	s := r.open()
	defer r.close()
	all, some, beyond := r.request(), r.request(), r.request()
	some.Selection, _ = jobs.NewSelection([]string{"a*"})
	beyond.Destination.Name, beyond.Destination.Prefix = "other", "other/"
	c, err := s.Choose(context.Background(), []Request{all, some, beyond})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Choice.Run) != 2 || len(c.Choice.Held) != 1 || c.Jobs[c.Choice.Held[0].Job] != 2 || c.Choice.Bytes > 2*cost.WithMargin(shardBytes+1<<20, 1) {
		t.Errorf("%+v", c.Choice)
	}
	if why := c.Choice.Held[0].Why(c.Problem, c.Choice); !strings.Contains(why, `held by budget "all" needing`) || c.Held() == nil {
		t.Error(why)
	}
}

// A need is open from when it was asked for until all of it is there.
func TestOpenNeeds(t *testing.T) {
	r := newRig(t)
	r.put("a.bin", data(1, 1000))
	open := func() (list []manifest.Need) {
		t.Helper()
		r.open()
		defer r.close()
		list, err := r.s.OpenNeeds()
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	r.budgets = []cost.Budget{{Name: "none", LimitBytes: 1}}
	by := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	wish := func(q *Request) { q.Wish = Wish{NeedBy: by, Priority: 2, Value: 7} }
	if _, err := r.sync(wish); !errors.Is(err, cost.ErrBudget) {
		t.Fatal(err)
	}
	if _, err := r.sync(); !errors.Is(err, cost.ErrBudget) { // without a wish: the one before stays
		t.Fatal(err)
	}
	list := open()
	if len(list) != 1 || !list[0].Open.NeedBy.Time().Equal(by) || list[0].Open.Priority != 2 || list[0].Open.Value != 7 {
		t.Fatalf("open: %+v", list)
	}
	r.budgets = nil
	r.mustSync()
	if list := open(); len(list) != 0 {
		t.Fatalf("open though all of it is there: %+v", list)
	}
	r.open()
	defer r.close()
	q := r.request()
	if err := r.s.DropNeeds(q); !errors.Is(err, ErrNoNeed) {
		t.Errorf("%v", err)
	}
	if _, err := r.s.Ask(q); err != nil {
		t.Fatal(err)
	}
	if err := r.s.DropNeeds(q); err != nil {
		t.Fatal(err)
	}
	var n manifest.Need
	err := r.m.View(func(tx *manifest.Tx) (err error) {
		n, _, err = tx.Need(needID(q))
		return err
	})
	if err != nil || n.Ready == 0 || n.Open != nil {
		t.Errorf("what is ready was forgotten: %+v, %v", n, err)
	}
}
