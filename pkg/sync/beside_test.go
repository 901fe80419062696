package sync

import (
	"context"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// What this process works on is not collected beside it, however long ago it began and whatever the age that is asked for; what nobody works on is, also
// where the clock was set back since.
func TestCollectLeavesAloneWhatIsWorkedOn(t *testing.T) {
	for name, c := range map[string]struct{ later, olderThan time.Duration }{
		"two days later":         {48 * time.Hour, 24 * time.Hour},
		"of any age":             {time.Minute, 0},
		"the clock was set back": {-24 * time.Hour, 0},
		"of any age, in no time": {0, 0},
	} {
		t.Run(name, func(t *testing.T) { collectsBeside(t, c.later, c.olderThan) })
	}
}

func collectsBeside(t *testing.T, later, olderThan time.Duration) {
	r := newRig(t)
	r.put("a.bin", data(1, 9<<20))
	g := gateOf(r.source)
	r.src.Store = g
	if err := r.draining(g, 3, engine.ErrDrain, context.Background()); err == nil {
		t.Fatal("nothing was left unfinished")
	}
	at := time.Now()
	r.now = func() time.Time { return at.Add(later) }
	collect := func(atWork bool) []Leftover {
		s := r.open()
		defer r.close()
		s.AtWork = func(m manifest.Transfer) bool { return atWork && m.Path == "a.bin" }
		found, err := s.Collect(context.Background(), map[string]store.Store{"bucket": r.dest}, olderThan, false)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if found := collect(true); len(found) != 0 {
		t.Errorf("collected what is worked on: %+v", found)
	}
	if n := r.recordedParts(); n != 3 {
		t.Errorf("%d parts are recorded", n)
	}
	if found := collect(false); len(found) != 1 || !found[0].Removed {
		t.Errorf("what nobody works on: %+v", found)
	}
	if n := r.recordedParts(); n != 0 {
		t.Errorf("%d parts are recorded", n)
	}
}

// listingHook acts before a listing of the destination is answered.
type listingHook struct {
	store.Store
	before func()
}

func (h *listingHook) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	page, err := h.Store.List(ctx, o)
	if h.before != nil {
		before := h.before
		h.before = nil
		before() // the listing is of before
	}
	return page, err
}

// What a sync brings, replaces and removes while a destination is verified is nothing that was found wrong.
func TestVerifyBesideASync(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "k"} {
		r.put(path, data(1, 3000))
	}
	r.mustSync()
	s := r.open()
	defer r.close()
	hook := &listingHook{Store: r.dest}
	hook.before = func() {
		r.put("a", data(2, 4000)) // another content
		r.put("0", data(3, 3000)) // before all others
		if _, err := s.Sync(context.Background(), r.request()); err != nil {
			t.Error(err)
		}
	}
	d := r.dst
	d.Store = hook
	v, err := s.Verify(context.Background(), r.src, d, 1)
	if err != nil || len(v.Wrong) != 0 || v.Checked != 9 {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := s.Verify(context.Background(), r.src, r.dst, 1); err != nil || len(v.Wrong) != 0 || v.Checked != 11 || v.Read != 11 {
		t.Errorf("afterwards: %+v, %v", v, err)
	}
}
