package sync

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

func (r *rig) prune(dryRun bool) []plan.Removal {
	r.t.Helper()
	s := r.open()
	defer r.close()
	list, err := s.Prune(context.Background(), r.request(), dryRun)
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// An object that nothing refers to goes if its content is somewhere else, and stays as the last copy if not.
func TestPruneOfAMirror(t *testing.T) {
	r := newRig(t)
	s := r.open()
	if _, err := s.Prune(context.Background(), r.request(), true); !errors.Is(err, ErrNotReady) {
		t.Errorf("without a snapshot: %v", err)
	}
	r.close()
	moved := data(1, 1000)
	r.put("moved.tar", moved)
	r.put("lost.tar", data(2, 1000))
	r.put("stays.tar", data(3, 1000))
	r.put("adopted.tar", data(4, 1000))
	putObject(t, r.dest, "data/c4/adopted.tar", data(4, 1000))
	first := r.mustSync().Snapshot.ID
	if list := r.prune(false); len(list) != 0 {
		t.Errorf("all is needed: %+v", list)
	}
	r.gone("moved.tar", "lost.tar", "adopted.tar")
	r.put("elsewhere.tar", moved)
	r.index()
	if list := r.prune(true); len(list) != 0 {
		t.Errorf("what the last sync made ready is needed until the next: %+v", list)
	}
	r.mustSync()
	r.pin("job", first, 0)
	if list := r.prune(false); len(list) != 0 {
		t.Errorf("a pin needs it: %+v", list)
	}
	r.unpin("job")
	if list := r.prune(true); len(list) != 2 || !r.has("data/c4/moved.tar") || list[0].Kept != lastCopy || list[1].Kept != "" {
		t.Errorf("%+v", list)
	}
	if !r.readyFrom(first).Ready {
		t.Error("the first snapshot is still there whole")
	}
	went, kept := removed(r.prune(false))
	if went != "moved.tar " || !strings.Contains(kept, "lost.tar: last copy") {
		t.Errorf("%q went, %q stayed", went, kept)
	}
	if r.has("data/c4/moved.tar") || !r.has("data/c4/lost.tar") || !r.has("data/c4/adopted.tar") || r.readyFrom(first).Ready || r.readyTo(first).Ready {
		t.Error("wrong objects are there, or the first snapshot is called ready without one")
	}
	r.equal()
	if rep := r.mustSync(); ways(rep.Summary) != "have:2 " {
		t.Errorf("the latest was touched: %s", ways(rep.Summary))
	}
}

// Of the snapshots layout whole folders go; that of a pin, and the latest, stay.
func TestPruneOfSnapshots(t *testing.T) {
	r := newRig(t)
	r.dst.Snapshots = true
	r.now = ticking(time.Millisecond)
	r.source = mem.New(mem.Options{Now: r.now})
	r.src.Store = r.source
	same := data(9, 1000)
	r.put("same.tar", same)
	var ids []chunker.Digest
	for i := range 3 {
		r.put("a.tar", data(uint64(i), 1000))
		ids = append(ids, r.mustSync().Snapshot.ID)
	}
	r.pin("job", ids[1], 0)
	key := func(i int, path string) string { return "data/c4/" + ids[i].Hex()[:16] + "/" + path }
	went, kept := removed(r.prune(false))
	if went != "same.tar " || !strings.Contains(kept, "a.tar: last copy") {
		t.Errorf("%q went, %q stayed", went, kept)
	}
	if r.has(key(0, "same.tar")) || !r.has(key(0, "a.tar")) || !r.has(key(1, "same.tar")) || !r.has(key(2, "same.tar")) {
		t.Error("wrong objects are there")
	}
	if r.readyFrom(ids[0]).Ready || !r.readyFrom(ids[1]).Ready || !r.readyFrom(ids[2]).Ready {
		t.Error("wrong snapshots are ready")
	}
}

// What a sync brought that did not finish is no litter: the next run goes on with it.
func TestPruneLeavesAnUnfinishedSyncAlone(t *testing.T) {
	r := newRig(t)
	r.put("a.tar", data(1, 1000))
	r.mustSync()
	r.put("b.tar", data(2, 1000))
	r.put("c.tar", data(3, 1000))
	putObject(t, r.dest, "data/c4/c.tar", data(4, 1000)) // a stranger: the sync fails
	if _, err := r.sync(); !errors.Is(err, ErrFailed) || !r.has("data/c4/b.tar") {
		t.Fatalf("%v", err)
	}
	if list := r.prune(false); len(list) != 0 || !r.has("data/c4/b.tar") {
		t.Errorf("%+v", list)
	}
}

// What went beside a mirror is litter once the mirror has it.
func TestPruneBesideAMirror(t *testing.T) {
	r := newRig(t)
	r.dst.BesideWhenPinned = true
	r.put("a.tar", data(1, 1000))
	first := r.mustSync().Snapshot.ID
	r.pin("job", first, 0)
	r.put("a.tar", data(2, 1000))
	second := r.mustSync()
	if !second.At.Beside {
		t.Fatal("it is not beside")
	}
	key := second.At.Key(plan.Folder(second.Snapshot.ID), "a.tar")
	if list := r.prune(false); len(list) != 0 || !r.has(key) {
		t.Errorf("it is the latest: %+v", list)
	}
	r.unpin("job")
	r.put("a.tar", data(3, 1000))
	r.mustSync()
	if list := r.prune(true); len(list) != 1 || list[0].Key != key || list[0].Kept != lastCopy {
		t.Errorf("%+v", list)
	}
}
