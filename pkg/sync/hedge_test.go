package sync

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

// crawling has one read of a part take an hour, unless it is given up before.
type crawling struct {
	store.Store
	at     int64 // offset of the part
	left   atomic.Int32
	gaveUp atomic.Bool
}

func (s *crawling) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	if off == s.at && s.left.Add(-1) >= 0 {
		select {
		case <-time.After(time.Hour):
		case <-ctx.Done():
			s.gaveUp.Store(true)
			return &store.Error{Op: "read", Kind: store.ErrTransient, Err: context.Cause(ctx)}
		}
	}
	return s.Store.ReadRange(ctx, ref, off, p)
}

// The last part's read crawls: it is made again and overtaken. Where the budget has no room for the part a second time, it is
// waited for.
func TestCrawlingReadIsOvertaken(t *testing.T) {
	const size = 20 << 20
	for _, c := range []struct {
		name  string
		limit int64 // bytes of the budget
		hedge bool
	}{
		{"free", 0, true}, {"room in the budget", 40 << 20, true}, {"no room", 21 << 20, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.source = mem.New(mem.Options{Latency: func(op string, n int64) time.Duration { return 100 * time.Millisecond }})
				r.put("a.bin", data(1, size))
				slow := &crawling{Store: r.source, at: size - 1<<20}
				slow.left.Store(1)
				r.src.Store = slow
				s := r.open()
				defer r.close()
				if c.limit > 0 {
					// The agent stands at the destination, so that reading is what is paid.
					s.Agent = r.dst.Location
					r.close()
					r.budgets = []cost.Budget{{Name: "b", LimitBytes: c.limit}}
					s = r.open()
					s.Agent = r.dst.Location
				}
				start := time.Now()
				if _, err := s.Sync(t.Context(), r.request()); err != nil {
					t.Fatal(err)
				}
				took := time.Since(start)
				if hedged := took < time.Hour; hedged != c.hedge || slow.gaveUp.Load() != c.hedge {
					t.Errorf("it took %v", took)
				}
				r.equal()
			})
		})
	}
}
