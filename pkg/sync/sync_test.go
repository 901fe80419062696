package sync

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

func TestSyncMovesOnlyTheDifference(t *testing.T) {
	r := newRig(t)
	big := data(1, 5<<20+12345)
	r.put("shard-0.tar", big)
	r.put("shard-1.tar", data(2, 300_000))
	r.put("shard-2.tar", data(3, 1<<20))
	r.put("empty.tar", nil)
	r.put("index.json", []byte(`{}`))

	rep := r.mustSync()
	if got := ways(rep.Summary); got != "full:5 " {
		t.Errorf("first sync: %s", got)
	}
	r.equal()
	if rep.USD <= 0 || rep.Plan.Estimate.USD <= 0 {
		t.Errorf("a paid link cost %s, planned %s", rep.USD, rep.Plan.Estimate.USD)
	}

	before := r.dest.Stats().Total().Requests
	rep = r.mustSync()
	if got := ways(rep.Summary); got != "have:5 " || rep.MovedBytes != 0 || rep.USD != 0 {
		t.Errorf("second sync: %s, %d bytes, %s", got, rep.MovedBytes, rep.USD)
	}
	if after := r.dest.Stats().Total().Requests; after != before {
		t.Errorf("a sync without work made %d requests to the destination", after-before)
	}

	r.put("shard-1.tar", data(4, 310_000)) // changed
	r.put("renamed.tar", big)              // renamed
	if err := r.source.Delete(context.Background(), store.Ref{Key: "c4/shard-0.tar"}); err != nil {
		t.Fatal(err)
	}
	r.put("new.tar", data(5, 2_000_000)) // added
	rep = r.mustSync()
	if got := ways(rep.Summary); got != "have:3 copy:1 full:2 " || rep.MovedBytes != 310_000+2_000_000 {
		t.Errorf("third sync: %s, %d bytes", got, rep.MovedBytes)
	}
	r.equal()
	if _, err := r.dest.Head(context.Background(), "data/c4/shard-0.tar"); err != nil {
		t.Errorf("a shard deleted at the source must stay at the destination: %v", err)
	}
}

func TestReadyFromManifestAndReceipt(t *testing.T) {
	r := newRig(t)
	r.put("a.tar", data(1, 1000))
	r.put("b.tar", data(2, 1000))
	ctx := context.Background()

	before, err := ReadyFromReceipt(ctx, r.dst, "c4", "", jobs.Selection{})
	if err != nil || before.Ready {
		t.Fatalf("ready before anything moved: %+v, %v", before, err)
	}
	s := r.open()
	if _, err := s.Ready(ctx, r.request(), time.Minute); !errors.Is(err, ErrNotReady) {
		t.Errorf("ready without a snapshot: %v", err)
	}
	r.close()
	rep := r.mustSync()
	if !rep.Ready {
		t.Error("the report does not say ready")
	}
	after, err := ReadyFromReceipt(ctx, r.dst, "c4", rep.Snapshot.ID.Hex()[:12], jobs.Selection{})
	if err != nil || !after.Ready || after.Shards != 2 {
		t.Errorf("receipt: %+v, %v", after, err)
	}
	if other, err := ReadyFromReceipt(ctx, r.dst, "c4", "ffffff", jobs.Selection{}); err != nil || other.Ready {
		t.Errorf("receipt for another snapshot: %+v, %v", other, err)
	}

	// An object that vanishes behind us is noticed once what was seen is old.
	if err := r.dest.Delete(ctx, store.Ref{Key: "data/c4/b.tar"}); err != nil {
		t.Fatal(err)
	}
	s = r.open()
	defer r.close()
	ready, err := s.Ready(ctx, r.request(), time.Nanosecond)
	if err != nil || ready.Ready || len(ready.Missing) != 1 || ready.Missing[0].Path != "b.tar" {
		t.Errorf("after a deletion at the destination: %+v, %v", ready, err)
	}
}

func TestForeignObjectsAreAdoptedOrRefused(t *testing.T) {
	r := newRig(t)
	same, other := data(1, 2_000_000), data(2, 5000)
	r.put("same.tar", same)
	r.put("other.tar", other)
	putObject(t, r.dest, "data/c4/same.tar", same)
	putObject(t, r.dest, "data/c4/other.tar", data(9, 5000))

	rep, err := r.sync()
	if !errors.Is(err, engine.ErrForeign) || !errors.Is(err, ErrFailed) {
		t.Fatalf("a foreign object: %v", err)
	}
	if got := ways(rep.Summary); got != "adopt:1 " || rep.MovedBytes != 0 {
		t.Errorf("ways %s, moved %d", got, rep.MovedBytes)
	}
	rep = r.mustSync(func(q *Request) { q.Adopt = plan.AdoptOverwrite })
	if got := ways(rep.Summary); got != "have:1 full:1 " {
		t.Errorf("ways %s", got)
	}
	r.equal()
}

func TestEmptyOrFailingListingIsNeverReady(t *testing.T) {
	r := newRig(t)
	if rep, err := r.sync(); !errors.Is(err, index.ErrEmpty) || rep.Ready {
		t.Errorf("empty source: ready %v, %v", rep.Ready, err)
	}
	r.put("a.tar", data(1, 10))
	r.mustSync()
	if err := r.source.Delete(context.Background(), store.Ref{Key: "c4/a.tar"}); err != nil {
		t.Fatal(err)
	}
	if rep, err := r.sync(); !errors.Is(err, index.ErrEmpty) || rep.Ready {
		t.Errorf("source emptied: ready %v, %v", rep.Ready, err)
	}
	if _, err := r.dest.Head(context.Background(), "data/c4/a.tar"); err != nil {
		t.Errorf("the replica must stay: %v", err)
	}
}

func TestSelectionSyncsWithoutReadingTheRest(t *testing.T) {
	r := newRig(t)
	r.put("train-0.tar", data(1, 70_000))
	r.put("train-1.tar", data(2, 70_000))
	r.put("val-0.tar", data(3, 70_000))
	rep := r.mustSync(func(q *Request) { q.Selection = selection(t, "val-*") })
	if rep.MovedBytes != 70_000 || rep.Snapshot.Shards != 1 {
		t.Errorf("moved %d bytes, snapshot of %d shards", rep.MovedBytes, rep.Snapshot.Shards)
	}
	if _, err := r.sync(func(q *Request) { q.Selection = selection(t, "nothing-*") }); !errors.Is(err, jobs.ErrNothingSelected) {
		t.Errorf("nothing matches: %v", err)
	}
}
