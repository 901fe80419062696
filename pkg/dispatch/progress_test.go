package dispatch

import (
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// What arrived for a job that moves counts while it moves, and not only when its move is over: half of it there, it wants the money and the time for the
// other half alone.
func TestProgressOfWhatMoves(t *testing.T) {
	r := newRig(t)
	r.fill(10, 1<<20)
	r.add("before", "lab")
	r.until("before", Ready)
	r.add("run", "aws")
	if err := r.d.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	st := r.show("run")
	whole := st.Places[0].USD
	if st.Places[0].MissingShards != 10 || st.Snapshot == "" || whole == 0 {
		t.Fatalf("before it moves: %+v", st)
	}
	r.d.mu.Lock()
	r.d.carries["training->aws"] = &carry{turn: turn{"run", "aws"}, stop: func() {}, done: make(chan struct{})}
	r.d.mu.Unlock()
	defer func() {
		r.d.mu.Lock()
		defer r.d.mu.Unlock()
		clear(r.d.carries)
	}()
	came := func(from, to int) {
		t.Helper()
		d, err := r.d.Show(t.Context(), "run", true)
		if err != nil {
			t.Fatal(err)
		}
		err = r.m.Update(func(tx *manifest.Tx) error {
			for i := from; i < to; i++ {
				at, ok, err := tx.Replica("bucket-lab", "data/c4/"+d.Shards[i].Path)
				if err != nil || !ok {
					t.Fatalf("%v, %v", ok, err)
				}
				at.Store = "bucket-aws"
				if err := tx.PutReplica(at); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	came(0, 4)
	r.pass(10 * time.Second)
	if st := r.show("run"); st.Places[0].MissingShards != 6 || st.Places[0].MissingBytes != 6<<20 || st.Places[0].USD >= whole*7/10 || st.State != OnTime {
		t.Errorf("four of ten are there: %+v", st)
	}
	// It is not looked at each time that somebody asks.
	came(4, 5)
	if st := r.show("run"); st.Places[0].MissingShards != 6 {
		t.Errorf("at once: %+v", st)
	}
	// The last one is there when the move has ended.
	came(5, 10)
	r.pass(10 * time.Second)
	if st := r.show("run"); st.Places[0].MissingShards != 1 || st.State != OnTime {
		t.Errorf("all are there, and it has not ended: %+v", st)
	}
}
