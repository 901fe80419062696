package sync

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/exchange"
	"github.com/datagravity/datagravity/pkg/store"
)

// Set aside for nobody: what is not claimed comes back when it is over; what is claimed counts as spent until it is settled, however late.
func TestWhatIsGrantedComesBack(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30, Period: cost.Period{Kind: cost.Total}})
	claimed := holds(t, origin, edge, 1<<20)
	late := edge.another("late")
	ids(t, late, 1<<20)
	origin.grantOnce(t)
	set := origin.use(t).ReservedBytes
	if set < 2*64<<20 {
		t.Fatalf("%d bytes are set aside", set)
	}
	now := time.Now().Add(readFor + 30*time.Minute)
	origin.now = func() time.Time { return now }
	if got := origin.grantOnce(t); got.Revoked != 1 {
		t.Errorf("%+v, want one revoked", got)
	}
	if got := origin.use(t).ReservedBytes; got != set/2 {
		t.Errorf("%d bytes are set aside, before %d", got, set)
	}
	if got := ids(t, late, 1<<20); len(got) != 0 { // by its clock it is not over
		t.Errorf("%v were taken back", got)
	}
	now = now.Add(30 * 24 * time.Hour)
	origin.grantOnce(t)
	if got := origin.use(t); got.ReservedBytes+got.SettledBytes < 64<<20 {
		t.Errorf("%d bytes are set aside for grant %s", got.ReservedBytes, claimed)
	}
	s := edge.open()
	s.Grants.settle(context.Background(), edge.crossing(t, 1))
	edge.close()
	if got := origin.grantOnce(t); got.Settled != 1 {
		t.Errorf("%+v, want the late settlement", got)
	}
	if got := origin.use(t).ReservedBytes; got != 0 {
		t.Errorf("%d bytes are still set aside", got)
	}
}

// unpublished fails where the origin tells the edge.
type unpublished struct {
	store.Store
	refuse string
	put    bool // it fails when it is written
}

func (s unpublished) Put(ctx context.Context, key string, b []byte, o store.WriteOptions) (store.Object, error) {
	if strings.Contains(key, s.refuse) {
		if s.put {
			if o, err := s.Store.Put(ctx, key, b, o); err != nil {
				return o, err
			}
		}
		return store.Object{}, &store.Error{Kind: store.ErrTransient, Op: "put", Key: key}
	}
	return s.Store.Put(ctx, key, b, o)
}

// Whatever an origin dies after, what it granted is set aside once, and published in the end.
func TestGrantIsDurableBeforeItIsPublished(t *testing.T) {
	for _, refuse := range []string{"ledger.json", "/grants/"} {
		origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
		ids(t, edge, 1<<20)
		s := origin.open()
		src := origin.src
		src.Store = unpublished{Store: origin.source, refuse: refuse}
		_, err := s.Grant(context.Background(), []Source{src})
		origin.close()
		if !errors.Is(err, store.ErrTransient) {
			t.Fatalf("%s: %v", refuse, err)
		}
		if left := edge.keys(".datagravity/v1/grants/"); len(left) != 0 {
			t.Fatalf("%s: published %v", refuse, left)
		}
		set := origin.use(t).ReservedBytes
		if set < 64<<20 {
			t.Errorf("%s: %d bytes are set aside", refuse, set)
		}
		if got := origin.grantOnce(t); got.Granted != 1 {
			t.Errorf("%s: %+v", refuse, got)
		}
		if again := origin.use(t).ReservedBytes; again != set {
			t.Errorf("%s: %d bytes are set aside, before %d", refuse, again, set)
		}
		if got := ids(t, edge, 1<<20); len(got) != 1 {
			t.Errorf("%s: %v", refuse, got)
		}
	}
}

// askKey is the key of what lies beside an edge's one request.
func askKey(t *testing.T, edge *rig, suffix string) string {
	t.Helper()
	for _, k := range edge.keys(".datagravity/v1/asks/") {
		if base, ok := strings.CutSuffix(k, ".ask.json"); ok {
			return base + suffix
		}
	}
	t.Fatal("nothing is asked for")
	return ""
}

// Who keeps the budgets can pause a link: nothing is granted for it until it is resumed.
func TestAPausedLinkIsNotGranted(t *testing.T) {
	for _, link := range []string{"*", "training", "s3-east"} {
		origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
		ids(t, edge, 1<<20)
		if err := cost.SetPause(origin.dir, link, true, time.Now()); err != nil {
			t.Fatal(err)
		}
		if got := origin.grantOnce(t); got.Granted != 0 || got.Refused != 1 {
			t.Errorf("%s: %+v while it is paused", link, got)
		}
		if err := cost.SetPause(origin.dir, link, false, time.Now()); err != nil {
			t.Fatal(err)
		}
		ids(t, edge, 1<<20)
		if got := origin.grantOnce(t); got.Granted != 1 {
			t.Errorf("%s: %+v when it is resumed", link, got)
		}
	}
}

// What was claimed and never settled does not stay for ever, neither set aside nor in the store.
func TestWhatIsNeverSettledIsSpent(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30, Period: cost.Period{Kind: cost.Rolling, Last: 30 * 24 * time.Hour}})
	holds(t, origin, edge, 1<<20)
	now := time.Now()
	origin.now = func() time.Time { return now }
	now = now.Add(readFor + unsettledLife - time.Hour)
	origin.grantOnce(t)
	if use := origin.use(t); use.ReservedBytes < 64<<20 {
		t.Errorf("%+v: it can still be settled", use)
	}
	now = now.Add(2 * time.Hour)
	for range 3 {
		origin.grantOnce(t)
	}
	if use := origin.use(t); use.ReservedBytes != 0 {
		t.Errorf("%d bytes are set aside for ever", use.ReservedBytes)
	}
	for _, folder := range []string{"asks/", "grants/"} {
		if left := edge.keys(".datagravity/v1/" + folder); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	s := origin.open()
	defer origin.close()
	if list, err := s.Ledger.Given(); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// A dataset that is configured no more is settled all the same.
func TestWhatWasGrantedOfAnOldDatasetIsSettled(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	holds(t, origin, edge, 1<<20)
	edge.passes()
	origin.src.Name = "other"
	if got := origin.grantOnce(t); got.Settled != 1 {
		t.Errorf("%+v", got)
	}
	ids(t, edge, 1<<20)
	if got := origin.grantOnce(t); got.Refused != 1 {
		t.Errorf("%+v, want that nothing more of it is granted", got)
	}
}

// A request that nobody waits for any more goes at once.
func TestAnOldRequestIsRemoved(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	ids(t, edge, 1<<20)
	now := time.Now().Add(askLife + 15*time.Minute)
	origin.now = func() time.Time { return now }
	if got := origin.grantOnce(t); got != (Granted{}) || len(edge.keys(".datagravity/v1/asks/")) != 1 {
		t.Errorf("%+v, %v: its edge may wait for it by another clock", got, edge.keys(".datagravity/v1/"))
	}
	now = now.Add(10 * time.Minute)
	if got := origin.grantOnce(t); got != (Granted{}) || len(edge.keys(".datagravity/v1/asks/")) != 0 {
		t.Errorf("%+v, %v", got, edge.keys(".datagravity/v1/"))
	}
}

// A settlement that cannot be read is said once, and all of the grant counts as spent.
func TestABadSettlementIsDisputed(t *testing.T) {
	for _, bad := range []string{".settled.json", ".claim.json"} {
		origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
		holds(t, origin, edge, 1<<20)
		key := askKey(t, edge, bad)
		edge.passes()
		putObject(t, edge.source, key, []byte("{}"))
		for range 2 {
			if got := origin.grantOnce(t); got != (Granted{}) { // and no error
				t.Errorf("%s: %+v", bad, got)
			}
		}
		if use := origin.use(t); use.ReservedBytes < 64<<20 {
			t.Errorf("%s: %+v", bad, use)
		}
	}
}

// A grant whose claim was seen and is gone may have been used: it is not taken back.
func TestAClaimThatWasSeenCounts(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	holds(t, origin, edge, 1<<20)
	origin.grantOnce(t)
	deleteObject(t, edge.source, askKey(t, edge, ".claim.json"))
	now := time.Now().Add(readFor + 30*time.Minute)
	origin.now = func() time.Time { return now }
	if got := origin.grantOnce(t); got.Revoked != 0 {
		t.Errorf("%+v", got)
	}
	if use := origin.use(t); use.ReservedBytes < 64<<20 {
		t.Errorf("%+v", use)
	}
}

// A settlement by another than who claimed counts for nothing.
func TestASettlementByAnotherIsDisputed(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	id := holds(t, origin, edge, 1<<20)
	err := exchange.PutSettlement(context.Background(), edge.source, exchange.Settlement{ID: id, Edge: edge.name, Nonce: randomID(), Bytes: 1, Requests: 1, Time: edge.now()})
	if err != nil {
		t.Fatal(err)
	}
	if got := origin.grantOnce(t); got.Settled != 0 {
		t.Errorf("%+v", got)
	}
	if use := origin.use(t); use.ReservedBytes < 64<<20 {
		t.Errorf("%+v", use)
	}
}

// looking does something before a key is looked at for the second time.
type looking struct {
	store.Store
	key    string
	times  *int
	before func()
}

func (s looking) Head(ctx context.Context, key string) (store.Object, error) {
	if key == s.key {
		if *s.times++; *s.times == 2 {
			s.before()
		}
	}
	return s.Store.Head(ctx, key)
}

// Another ledger that grants between the look at the mark and its move is not passed over.
func TestAMarkThatMovesMeanwhile(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	holds(t, origin, edge, 1<<20)
	ids(t, edge.another("two"), 1<<20)
	s := origin.open()
	defer origin.close()
	src := origin.src
	src.Store = looking{Store: origin.source, key: ".datagravity/v1/ledger.json", times: new(int), before: func() {
		_, at, found, err := exchange.ReadLedgerMark(context.Background(), origin.source)
		if err == nil {
			m := exchange.LedgerMark{Origin: "other", Account: "00ff00ff00ff00ff", Sequence: 1, Time: origin.now()}
			err = exchange.PutLedgerMark(context.Background(), origin.source, m, at, found)
		}
		if err != nil {
			t.Error(err)
		}
	}}
	if got, err := s.Grant(context.Background(), []Source{src}); err != nil || got.Granted != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if uses, err := s.Ledger.Uses(); err != nil || uses[0].Doubt != "" {
		t.Errorf("%+v, %v", uses, err)
	}
	if _, err := s.Grant(context.Background(), []Source{src}); err != nil {
		t.Error(err)
	}
	if uses, err := s.Ledger.Uses(); err != nil || uses[0].Doubt == "" {
		t.Errorf("%+v, %v: the next look finds out", uses, err)
	}
}
