package sync

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/exchange"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

func TestAKilledEdgeGoesOnWithItsGrant(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	id := holds(t, origin, edge, 1<<20)
	if got := ids(t, edge, 1<<20); len(got) != 1 || got[0] != id {
		t.Errorf("%v, want %s", got, id)
	}
}

// A manifest that was copied, or put back from a backup, never uses what the one that it was copied from claimed.
func TestACopyDoesNotUseTheGrant(t *testing.T) {
	for _, back := range []bool{false, true} {
		origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
		holds(t, origin, edge, 1<<20)
		copied := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(copied, os.DirFS(edge.dir)); err != nil {
			t.Fatal(err)
		}
		if back { // under its own name
			if err := errors.Join(os.RemoveAll(edge.dir), os.Rename(copied, edge.dir)); err != nil {
				t.Fatal(err)
			}
		} else {
			edge.dir = copied
		}
		if got := ids(t, edge, 1<<20); len(got) != 0 {
			t.Errorf("put back %v: the copy uses %v", back, got)
		}
		if use := origin.use(t); use.ReservedBytes < 64<<20 {
			t.Errorf("put back %v: %d bytes are set aside: what nobody settled counts as spent", back, use.ReservedBytes)
		}
	}
}

// A machine that is put back from an image, files in their places and all, does not read on what it settled since.
func TestAnImageDoesNotUseWhatWasSettled(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	holds(t, origin, edge, 1<<20)
	image := map[string][]byte{}
	if err := filepath.WalkDir(edge.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		image[path], err = os.ReadFile(path)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	s := edge.open()
	if err := s.Grants.get(context.Background(), edge.crossing(t, 1<<20), wanted{1 << 20, 1 << 20, 10}); err != nil {
		t.Fatal(err)
	}
	s.Grants.settle(context.Background(), edge.crossing(t, 1))
	edge.close()
	for path, b := range image {
		if err := os.WriteFile(path, b, 0o600); err != nil { // keeps the file
			t.Fatal(err)
		}
	}
	if got := ids(t, edge, 1<<20); len(got) != 0 {
		t.Errorf("%v after it was settled", got)
	}
	if got := origin.grantOnce(t); got.Settled != 1 || got.Granted != 1 {
		t.Errorf("%+v, want the settlement, and an answer to what it asks anew", got)
	}
	if got := ids(t, edge, 1<<20); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

// A copy that was made when the grant was asked for and not claimed does not get it either.
func TestOfTwoCopiesOneGetsTheGrant(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	if got := ids(t, edge, 1<<20); len(got) != 0 {
		t.Fatal(got)
	}
	other, third := *edge, *edge
	for _, copied := range []*rig{&other, &third} {
		copied.dir = filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(copied.dir, os.DirFS(edge.dir)); err != nil {
			t.Fatal(err)
		}
	}
	origin.grantOnce(t)
	first := ids(t, edge, 1<<20)
	second := ids(t, &other, 1<<20)
	if len(first) != 1 || len(second) != 0 {
		t.Errorf("%v and %v, want that the first has it alone", first, second)
	}
	// Nor when the first has settled it, and the origin removed all of it.
	s := edge.open()
	s.Grants.settle(context.Background(), edge.crossing(t, 1))
	edge.close()
	origin.grantOnce(t)
	if got := ids(t, &third, 1<<20); len(got) != 0 {
		t.Errorf("%v after it was settled", got)
	}
}

// A ledger that is older than what was granted refuses, until somebody looked at the bill.
func TestAnOlderLedgerDoesNotGrant(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	old := filepath.Join(t.TempDir(), "old")
	origin.open()
	origin.close()
	if err := os.CopyFS(old, os.DirFS(origin.dir)); err != nil {
		t.Fatal(err)
	}
	holds(t, origin, edge, 1<<20)
	if err := errors.Join(os.RemoveAll(origin.dir), os.Rename(old, origin.dir)); err != nil {
		t.Fatal(err)
	}
	end := origin.granting(t)
	s := edge.open()
	s.Grants.poll = time.Millisecond
	err := s.Grants.get(context.Background(), edge.crossing(t, 100<<20), wanted{100 << 20, 100 << 20, 10})
	edge.close()
	end()
	if !errors.Is(err, cost.ErrBudget) || !strings.Contains(err.Error(), "nobody knows what budget") || !strings.Contains(err.Error(), "budget reset") {
		t.Errorf("%v, want a refusal that says what to do", err)
	}
	o := origin.open()
	if _, ok, err := o.Ledger.Reset("", "the bill was looked at", "me@here"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	origin.close()
	end = origin.granting(t)
	s = edge.open()
	s.Grants.poll = time.Millisecond
	err = s.Grants.get(context.Background(), edge.crossing(t, 100<<20), wanted{100 << 20, 100 << 20, 10})
	edge.close()
	if end(); err != nil {
		t.Errorf("after the reset: %v", err)
	}
}

// decides has an origin give out numbers of its ledger for something else than grants.
func (r *rig) decides(times int) {
	r.t.Helper()
	s := r.open()
	defer r.close()
	for range times {
		_, err := s.Ledger.Approve(cost.NewApproval{Budget: "b", ExtraBytes: 1, Reason: "test", By: "me@here", Expires: r.now().Add(time.Hour)})
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

// Numbers that an older ledger has given out since, for other things, do not make it know what was granted.
func TestAnOlderLedgerDoesNotCatchUp(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	holds(t, origin, edge, 1<<20)
	old := origin.copied()
	for _, name := range []string{"one", "two"} {
		holds(t, origin, edge.another(name), 1<<20)
	}
	origin.dir = old.dir
	origin.decides(5)
	ids(t, edge.another("three"), 1<<20)
	if got := origin.grantOnce(t); got.Granted != 0 || got.Refused != 1 {
		t.Errorf("%+v, want that it refuses", got)
	}
}

// Of two copies of a ledger that run at the same time, each finds out when the other has granted.
func TestACopyOfTheOriginIsNoticed(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	holds(t, origin, edge, 1<<20)
	other := origin.copied()
	origin.decides(5)
	ids(t, edge.another("two"), 1<<20)
	if got := other.grantOnce(t); got.Granted != 1 {
		t.Fatalf("%+v", got)
	}
	ids(t, edge.another("three"), 1<<20)
	if got := origin.grantOnce(t); got.Granted != 0 || got.Refused != 1 {
		t.Errorf("%+v, want that it refuses", got)
	}
}

// Whatever an origin dies after when it moves the mark, it knows its own; and an older one of its own that is put back.
func TestAnOriginKnowsItsOwnMark(t *testing.T) {
	const markKey = ".datagravity/v1/ledger.json"
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	holds(t, origin, edge, 1<<20)
	first := readObject(t, edge.source, markKey)
	ids(t, edge.another("two"), 1<<20)
	for _, fails := range []store.Store{
		unpublished{Store: origin.source, refuse: markKey},            // before the mark
		unpublished{Store: origin.source, refuse: markKey, put: true}, // when it is written, and nobody knows
		unpublished{Store: origin.source, refuse: "/grants/"},         // after it
	} {
		s := origin.open()
		src := origin.src
		src.Store = fails
		if _, err := s.Grant(context.Background(), []Source{src}); !errors.Is(err, store.ErrTransient) {
			t.Fatal(err)
		}
		origin.close()
	}
	if got := origin.grantOnce(t); got.Granted != 1 {
		t.Errorf("%+v", got)
	}
	putObject(t, edge.source, markKey, first)
	ids(t, edge.another("three"), 1<<20)
	if got := origin.grantOnce(t); got.Granted != 1 {
		t.Errorf("%+v after its own older mark was put back", got)
	}
}

// The ledger of another agent that is alive is not doubted, and not joined.
func TestOneOfTwoOriginsGrants(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	holds(t, origin, edge, 1<<20)
	if err := exchange.Beat(context.Background(), edge.source, exchange.Agent{Name: "rig", Role: exchange.RoleOrigin, Location: "azure:eastus", Version: "test", Time: origin.now()}); err != nil {
		t.Fatal(err)
	}
	ids(t, edge.another("oregon"), 1<<20) // asks
	other := *origin
	other.dir, other.name = t.TempDir(), "other"
	if got := other.grantOnce(t); got.Granted+got.Refused != 0 {
		t.Errorf("%+v, want that it leaves it to the other", got)
	}
	if use := other.use(t); use.Doubt != "" {
		t.Errorf("it doubts: %s", use.Doubt)
	}
	if got := origin.grantOnce(t); got.Granted != 1 {
		t.Errorf("%+v", got)
	}
}

// What is put back from a copy of the exchange is neither granted nor used again.
func TestReplayedGrantsAreRefused(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	holds(t, origin, edge, 1<<20)
	kept := map[string][]byte{}
	for _, k := range edge.keys(".datagravity/v1/") {
		kept[k] = readObject(t, edge.source, k)
	}
	s := edge.open()
	s.Grants.settle(context.Background(), edge.crossing(t, 1))
	edge.close()
	if got := origin.grantOnce(t); got.Settled != 1 {
		t.Fatalf("%+v", got)
	}
	for k, b := range kept {
		putObject(t, edge.source, k, b)
	}
	if got := origin.grantOnce(t); got != (Granted{}) {
		t.Errorf("%+v for what was answered before", got)
	}
	if got := ids(t, edge, 1<<20); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// The exchange deleted: what is claimed is used and settled all the same.
func TestGrantsOutliveTheExchange(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	end := origin.granting(t)
	s := edge.open()
	s.Grants.poll = time.Millisecond
	c := edge.crossing(t, 1<<20)
	if err := s.Grants.get(context.Background(), c, wanted{1 << 20, 1 << 20, 10}); err != nil {
		t.Fatal(err)
	}
	for _, k := range edge.keys(".datagravity/v1/") {
		if err := edge.source.Delete(context.Background(), store.Ref{Key: k}); err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
	}
	ticket, err := s.Ledger.Reserve([]cost.Crossing{c}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := ticket.Settle([]cost.Moved{{Bytes: 1000, Requests: c.Requests}}); err != nil {
		t.Fatal(err)
	}
	s.Grants.settle(context.Background(), c)
	edge.close()
	end()
	if use := origin.use(t); use.ReservedBytes != 0 || use.SettledBytes < 1000 || use.SettledBytes > 64<<10 {
		t.Errorf("%+v", use)
	}
}

// A process that died before it asked does not keep the next one waiting for an answer.
func TestWhatWasNeverAskedIsForgotten(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	s := edge.open()
	dead := manifest.HeldGrant{ID: randomID(), For: edge.crossing(t, 1).GrantFor(), Asked: manifest.At(edge.now()), Void: manifest.At(edge.now().Add(time.Hour)), Bytes: 1 << 40, Requests: 1 << 20}
	if err := s.Ledger.PutGrant(dead); err != nil {
		t.Fatal(err)
	}
	edge.close()
	if id := holds(t, origin, edge, 1<<20); id == dead.ID {
		t.Error("it was answered without being asked")
	}
}
