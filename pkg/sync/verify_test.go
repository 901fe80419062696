package sync

import (
	"context"
	"sync"
	"testing"

	"github.com/datagravity/datagravity/pkg/store"
)

// afterRead tells when a range was read.
type afterRead struct {
	store.Store
	of func(key string)
}

func (a *afterRead) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	err := a.Store.ReadRange(ctx, ref, off, p)
	a.of(ref.Key)
	return err
}

// A shard that a sync replaces while verify reads the old one is not recorded as the old one again: what was replaced would be called ready.
func TestReplacedWhileItIsVerified(t *testing.T) {
	r := newRig(t)
	r.put("a.tar", data(1, 50_000))
	first := r.mustSync().Snapshot.ID
	r.put("a.tar", data(2, 50_000))
	s := r.open()
	d := r.dst
	var once sync.Once
	d.Store = &afterRead{Store: r.dest, of: func(string) {
		once.Do(func() {
			if _, err := s.Sync(context.Background(), r.request()); err != nil {
				t.Error(err)
			}
		})
	}}
	if _, err := s.Verify(context.Background(), r.src, d, 1); err != nil {
		t.Error(err)
	}
	r.close()
	r.equal()
	o, err := r.dest.Head(context.Background(), "data/c4/a.tar")
	if is := r.replica("data/c4/a.tar"); err != nil || is.ETag != o.ETag || !is.Present() {
		t.Errorf("known is %+v, and %+v stands there, %v", is, o, err)
	}
	if r.readyTo(first).Ready {
		t.Error("what was replaced is called ready")
	}
	if again := r.mustSync(); again.MovedBytes != 0 {
		t.Errorf("it was moved again: %s", ways(again.Summary))
	}
}
