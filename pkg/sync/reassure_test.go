package sync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// A sync begins to replace a shard and does not finish; then what it began to replace is pinned. Nobody knows whether the old shard still stands, so what is pinned is not
// ready; the next sync looks before it plans, and then it is known: ready where it stands, and else replaced, so that neither waits for the other for ever.
func TestPinMadeAfterAReplacementThatFailed(t *testing.T) {
	for _, replaced := range []bool{false, true} {
		for _, clock := range []time.Duration{time.Second, -time.Hour} {
			t.Run(fmt.Sprintf("replaced %t, clock %v", replaced, clock), func(t *testing.T) {
				r := newRig(t)
				off := time.Duration(0)
				r.now = func() time.Time { return time.Now().Add(off) }
				r.put("a.tar", data(1, 50_000))
				r.put("b.tar", data(2, 1000))
				first := r.mustSync().Snapshot.ID
				r.put("a.tar", data(3, 50_000))
				s := r.open()
				q := r.request()
				q.Destination.Store = &takesNothing{r.dest}
				if _, err := s.Sync(context.Background(), q); !errors.Is(err, store.ErrPermanent) {
					t.Fatalf("%v", err)
				}
				if replaced { // and the process was killed before it could say so
					if _, err := r.dest.Put(context.Background(), "data/c4/a.tar", data(3, 50_000), store.WriteOptions{Condition: store.Always()}); err != nil {
						t.Fatal(err)
					}
				}
				off = clock
				r.pinFirst(s, first)
				was := r.request()
				was.Snapshot = first
				if out, err := s.Ready(context.Background(), was, time.Hour); err != nil || out.Ready {
					t.Errorf("nobody knows what stands there: %+v, %v", out, err)
				}
				_, err := s.Sync(context.Background(), r.request())
				if errors.Is(err, plan.ErrPinned) == replaced || replaced && err != nil {
					t.Errorf("%v", err)
				}
				out, err := s.Ready(context.Background(), was, time.Hour)
				if err != nil || out.Ready == replaced {
					t.Errorf("after a look: %+v, %v", out, err)
				}
				_, err = s.Sync(context.Background(), r.request())
				r.close()
				if replaced != (err == nil) {
					t.Errorf("then: %v", err)
				}
				if replaced {
					r.equal()
				}
			})
		}
	}
}

// takesNothing refuses shards.
type takesNothing struct{ store.Store }

func (n *takesNothing) refuse(key string) error {
	if !strings.HasPrefix(key, "data/") {
		return nil
	}
	return &store.Error{Op: "put", Store: n.URL(), Key: key, Kind: store.ErrPermanent, Err: errors.New("the disk is full")}
}

func (n *takesNothing) Put(ctx context.Context, key string, b []byte, o store.WriteOptions) (store.Object, error) {
	if err := n.refuse(key); err != nil {
		return store.Object{}, err
	}
	return n.Store.Put(ctx, key, b, o)
}

func (n *takesNothing) CreateUpload(ctx context.Context, key string, o store.UploadOptions) (store.Upload, error) {
	if err := n.refuse(key); err != nil {
		return store.Upload{}, err
	}
	return n.Store.CreateUpload(ctx, key, o)
}
