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
	"github.com/datagravity/datagravity/pkg/store"
)

// copied is an edge on a copy of another's state.
func (r *rig) copied() *rig {
	r.t.Helper()
	other := *r
	other.dir = filepath.Join(r.t.TempDir(), "copy")
	if err := os.CopyFS(other.dir, os.DirFS(r.dir)); err != nil {
		r.t.Fatal(err)
	}
	return &other
}

// image is what the files of a state directory have; putBack writes it, and keeps the files.
func (r *rig) image() (putBack func()) {
	r.t.Helper()
	image := map[string][]byte{}
	if err := filepath.WalkDir(r.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		image[path], err = os.ReadFile(path)
		return err
	}); err != nil {
		r.t.Fatal(err)
	}
	return func() {
		for path, b := range image {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				r.t.Fatal(err)
			}
		}
	}
}

// passes has an edge begin and end something for which it needs no grant.
func (r *rig) passes() {
	r.t.Helper()
	s := r.open()
	s.Grants.enter(context.Background(), s.link(r.src, &r.dst), r.src.Name, r.src.For)()
	r.close()
}

// A refusal to an earlier run, which was gone when it came, is not the answer to this one.
func TestAnOldRefusalIsNoAnswer(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 10})
	edge.put("a.bin", data(1, 1<<20))
	origin.index()
	s := impatient(edge.open())
	_, err := s.Sync(context.Background(), edge.request())
	edge.close()
	if !errors.Is(err, ErrNotGranted) {
		t.Fatal(err)
	}
	if got := origin.grantOnce(t); got.Refused != 1 {
		t.Fatalf("%+v, want a refusal", got)
	}
	origin.budgets[0].LimitBytes = 1 << 30
	end := origin.granting(t)
	_, err = edge.sync()
	end()
	if err != nil {
		t.Errorf("after the budget was raised: %v", err)
	}
}

// A copy made before the grant was claimed does not have it when the exchange is put back to how it was then, either.
func TestACopyDoesNotClaimWhatIsPutBack(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	if got := ids(t, edge, 1<<20); len(got) != 0 {
		t.Fatal(got)
	}
	other := edge.copied()
	origin.grantOnce(t)
	kept := map[string][]byte{}
	for _, k := range edge.keys(".datagravity/v1/") {
		kept[k] = readObject(t, edge.source, k)
	}
	if got := ids(t, edge, 1<<20); len(got) != 1 {
		t.Fatal(got)
	}
	edge.passes()
	if got := origin.grantOnce(t); got.Settled != 1 {
		t.Fatalf("%+v", got)
	}
	for k, b := range kept {
		putObject(t, edge.source, k, b)
	}
	if got := ids(t, other, 1<<20); len(got) != 0 {
		t.Errorf("%v was read on twice", got)
	}
}

// claiming has an edge die when it is about to claim what was granted.
func claiming(t *testing.T, origin, edge *rig) (id, nonce string) {
	t.Helper()
	if got := ids(t, edge, 1<<20); len(got) != 0 {
		t.Fatal(got)
	}
	origin.grantOnce(t)
	edge.src.Store = unpublished{Store: edge.source, refuse: ".claim.json"}
	s := impatient(edge.open())
	if err := s.Grants.get(context.Background(), edge.crossing(t, 1<<20), wanted{1 << 20, 1 << 20, 10}); !errors.Is(err, store.ErrTransient) {
		t.Fatal(err)
	}
	held, err := s.Ledger.Grants(nil)
	if err != nil || len(held) != 1 || held[0].Nonce == "" || held[0].Claimed != 0 {
		t.Fatalf("%+v, %v", held, err)
	}
	edge.close()
	edge.src.Store = edge.source
	return held[0].ID, held[0].Nonce
}

// A machine that is put back to when it claimed, after it settled, does not claim again.
func TestAnImageDoesNotClaimWhatWasSettled(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	claiming(t, origin, edge)
	putBack := edge.image()
	if got := ids(t, edge, 1<<20); len(got) != 1 {
		t.Fatal(got)
	}
	edge.passes()
	putBack()
	if got := ids(t, edge, 1<<20); len(got) != 0 {
		t.Errorf("%v after it was settled", got)
	}
}

// Who died when it had claimed, and comes back when the grant is over, says that nothing was read on it.
func TestWhatWasClaimedAndNotUsedComesBack(t *testing.T) {
	for _, written := range []bool{false, true} {
		origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
		id, nonce := claiming(t, origin, edge)
		if written {
			if _, err := exchange.PutClaim(context.Background(), edge.source, exchange.Claim{ID: id, Edge: edge.name, Nonce: nonce, Time: edge.now()}); err != nil {
				t.Fatal(err)
			}
		}
		later := time.Now().Add(2 * readFor)
		edge.now = func() time.Time { return later }
		if got := ids(t, edge, 1<<20); len(got) != 0 {
			t.Errorf("%v: it is over", got)
		}
		if got := origin.grantOnce(t); got.Settled != 1 {
			t.Errorf("written %v: %+v", written, got)
		}
	}
}

// An answer that cannot be used is forgotten: the next run asks anew.
func TestABadAnswerIsForgotten(t *testing.T) {
	for _, bad := range []string{"grant", "claim"} {
		origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
		if got := ids(t, edge, 1<<20); len(got) != 0 {
			t.Fatal(got)
		}
		origin.grantOnce(t)
		for _, k := range edge.keys(".datagravity/v1/grants/") {
			if bad == "claim" {
				id := filepath.Base(k)
				k = ".datagravity/v1/asks/" + edge.name + "/" + id[:len(id)-len(".json")] + ".claim.json"
			}
			putObject(t, edge.source, k, []byte("{}"))
		}
		ids(t, edge, 1<<20)
		origin.grantOnce(t)
		if got := ids(t, edge, 1<<20); len(got) != 1 {
			t.Errorf("a bad %s: %v", bad, got)
		}
	}
}

// A grant whose claim is not under this manifest's nonce is another's, wherever the manifest is: it is neither used nor settled.
func TestAClaimUnderAnotherNonceIsNotUsed(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	id := holds(t, origin, edge, 1<<20)
	deleteObject(t, edge.source, askKey(t, edge, ".claim.json"))
	if _, err := exchange.PutClaim(context.Background(), edge.source, exchange.Claim{ID: id, Edge: edge.name, Nonce: randomID(), Time: edge.now()}); err != nil {
		t.Fatal(err)
	}
	if got := ids(t, edge, 1<<20); len(got) != 0 {
		t.Errorf("%v is used", got)
	}
	edge.passes()
	if _, settled, err := exchange.ReadSettlement(context.Background(), edge.source, edge.name, id); settled || err != nil {
		t.Errorf("settled by whom it is not: %v, %v", settled, err)
	}
}

// Nor is it settled when that happens under a process that uses it.
func TestAClaimThatWasReplacedIsNotSettled(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	ids(t, edge, 1<<20)
	origin.grantOnce(t)
	s := impatient(edge.open())
	defer edge.close()
	if err := s.Grants.get(context.Background(), edge.crossing(t, 1<<20), wanted{1 << 20, 1 << 20, 10}); err != nil {
		t.Fatal(err)
	}
	key := askKey(t, edge, ".claim.json")
	id := filepath.Base(key)[:32]
	deleteObject(t, edge.source, key)
	if _, err := exchange.PutClaim(context.Background(), edge.source, exchange.Claim{ID: id, Edge: edge.name, Nonce: randomID(), Time: edge.now()}); err != nil {
		t.Fatal(err)
	}
	s.Grants.settle(context.Background(), edge.crossing(t, 1))
	if _, settled, err := exchange.ReadSettlement(context.Background(), edge.source, edge.name, id); settled || err != nil {
		t.Errorf("settled: %v, %v", settled, err)
	}
}

// interrupted does something before a key is written.
type interrupted struct {
	store.Store
	suffix string
	before func()
}

func (s interrupted) Put(ctx context.Context, key string, b []byte, o store.WriteOptions) (store.Object, error) {
	if strings.HasSuffix(key, s.suffix) {
		s.before()
	}
	return s.Store.Put(ctx, key, b, o)
}

// Between the answer and the claim, another claims, or all that belongs to the grant goes: it is not used.
func TestWhatChangesBeforeTheClaim(t *testing.T) {
	for what, change := range map[string]func(edge *rig, id string) error{
		"claimed by another": func(edge *rig, id string) error {
			_, err := exchange.PutClaim(context.Background(), edge.source, exchange.Claim{ID: id, Edge: edge.name, Nonce: randomID(), Time: edge.now()})
			return err
		},
		"taken back": func(edge *rig, id string) error {
			_, err := exchange.PutClaim(context.Background(), edge.source, exchange.Claim{ID: id, Edge: edge.name, Nonce: randomID(), Revoked: true, Time: edge.now()})
			return err
		},
		"removed": func(edge *rig, id string) error {
			return exchange.RemoveGrant(context.Background(), edge.source, edge.name, id)
		},
	} {
		origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
		ids(t, edge, 1<<20)
		origin.grantOnce(t)
		id := filepath.Base(askKey(t, edge, ".claim.json"))[:32]
		edge.src.Store = interrupted{Store: edge.source, suffix: id + ".claim.json", before: func() {
			if err := change(edge, id); err != nil {
				t.Error(what, err)
			}
		}}
		if got := ids(t, edge, 1<<20); len(got) != 0 {
			t.Errorf("%s: %v is used", what, got)
		}
	}
}

// An agent that does not know all that it spent does not know what it used of a grant: it neither uses nor settles it.
func TestADoubtedEdgeDoesNotUseTheGrant(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	id := holds(t, origin, edge, 1<<20)
	if err := edge.open().Ledger.Doubt("the journal has lost a month", "00ff00ff00ff00ff", 7); err != nil {
		t.Fatal(err)
	}
	edge.close()
	if got := ids(t, edge, 1<<20); len(got) != 0 {
		t.Errorf("%v is used", got)
	}
	if _, settled, err := exchange.ReadSettlement(context.Background(), edge.source, edge.name, id); settled || err != nil {
		t.Errorf("settled: %v, %v", settled, err)
	}
}
