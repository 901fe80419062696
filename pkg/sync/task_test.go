package sync

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	gosync "sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/fault"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// job is the engine's part of a sync, planned and not carried out.
func (r *rig) job() engine.Job {
	r.t.Helper()
	s := r.open()
	defer r.close()
	p, err := s.Plan(context.Background(), r.request())
	if err != nil {
		r.t.Fatal(err)
	}
	return engine.Job{
		Dataset: r.src.Dataset, Source: r.source, Dest: r.dest, Destination: r.dst.Destination, Route: p.Route, Items: p.Items, Activity: "transfer",
	}
}

// onAnotherMachine is a process with a state directory of its own, that knows the source but not the destination.
func (r *rig) onAnotherMachine() *rig {
	other := *r
	other.dir = r.t.TempDir()
	other.index()
	return &other
}

func (r *rig) carryOut(j engine.Job) engine.Summary {
	r.t.Helper()
	s := r.open()
	defer r.close()
	sum, err := s.Engine.Run(context.Background(), j)
	if err != nil || len(sum.Failures) > 0 {
		r.t.Errorf("%v, failures %v", err, sum.Failures)
	}
	return sum
}

// Tasks are carried out by the process that planned them, again by the same, and by two more at the same time: every object
// is right, and nothing is sent that is there.
func TestTasksAreHarmlessTwice(t *testing.T) {
	r := newRig(t)
	old := data(1, 9<<20)
	r.put("changed.bin", old)
	r.put("gone.bin", data(2, 2<<20))
	r.mustSync()
	deleteObject(t, r.source, "c4/gone.bin")
	r.put("renamed.bin", data(2, 2<<20))
	r.put("changed.bin", edited(old, 4<<20, 1000))
	r.put("new.bin", data(3, 3<<20))
	for i := range 20 {
		r.put("small-"+string(rune('a'+i)), data(uint64(100+i), 2000))
	}
	r.index()
	j := r.job()
	text, err := json.Marshal(j.Tasks())
	if err != nil {
		t.Fatal(err)
	}
	tasks := func() (list []engine.Task) {
		if err := json.Unmarshal(text, &list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	for i, task := range tasks() {
		if diff := cmp.Diff(j.Items[i], task.Item, cmp.AllowUnexported(store.Condition{}), cmp.FilterPath(func(p cmp.Path) bool {
			return p.Last().String() == ".carried"
		}, cmp.Ignore()), cmp.AllowUnexported(index.State{})); diff != "" {
			t.Errorf("a task is another one after its way through JSON:\n%s", diff)
		}
	}
	again, err := j.WithTasks(tasks())
	if err != nil {
		t.Fatal(err)
	}
	first := r.carryOut(again)
	r.equal()
	sent := r.dest.Stats().Total().SentBytes
	if got := ways(first); got != "copy:1 assemble:1 full:21 " {
		t.Errorf("%s", got)
	}
	r.carryOut(again)
	var all gosync.WaitGroup
	for range 2 {
		other := r.onAnotherMachine()
		mine, err := j.WithTasks(tasks())
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			sum := other.carryOut(withoutReuse(mine))
			if sum.MovedBytes != 0 {
				t.Errorf("%d bytes counted as moved", sum.MovedBytes)
			}
		})
	}
	all.Wait()
	r.equal()
	r.nothingOpen()
	if more := r.dest.Stats().Total().SentBytes - sent; more > 2*(9+3)<<20+2*20*2000 {
		t.Errorf("%d bytes were sent", more)
	}
}

// withoutReuse is the job for a machine that does not know what the destination holds.
func withoutReuse(j engine.Job) engine.Job {
	j.Items = slices.DeleteFunc(slices.Clone(j.Items), func(it plan.Item) bool { return it.Way == plan.Copy || it.Way == plan.Assemble })
	return j
}

func TestTaskOfAnotherJob(t *testing.T) {
	r := newRig(t)
	r.put("a.bin", data(1, 1000))
	j := r.job()
	tasks := j.Tasks()
	tasks[0].Item.Key = "elsewhere"
	if _, err := j.WithTasks(tasks); !errors.Is(err, engine.ErrTask) {
		t.Errorf("another key: %v", err)
	}
	tasks = j.Tasks()
	tasks[0].Destination = "other"
	if _, err := j.WithTasks(tasks); !errors.Is(err, engine.ErrTask) {
		t.Errorf("another destination: %v", err)
	}
}

// The answer to a part is lost with the process: the server's list mends the record, and the part is not sent again.
func TestPartsWithoutARecordAreTakenOver(t *testing.T) {
	r := newRig(t)
	r.options.PartsPerShard = 1
	r.put("a.bin", data(1, 9<<20))
	r.index()
	f := fault.Wrap(r.dest, fault.Plan{Rules: []fault.Rule{{Kind: fault.After, Op: "part", Nth: 5, Err: store.ErrTransient}}})
	r.dst.Store = f
	if _, err := r.sync(); !errors.Is(err, ErrFailed) {
		t.Fatal(err)
	}
	f.VerifyAllHit(t)
	r.dst.Store = r.dest
	before := r.dest.Stats()["part"].SentBytes
	rep := r.mustSync()
	r.equal()
	if sent := r.dest.Stats()["part"].SentBytes - before; before+sent != 9<<20 || rep.ResumedBytes != before {
		t.Errorf("%d bytes sent before, %d resumed, %d sent after", before, rep.ResumedBytes, sent)
	}
}

// A part that the store holds and nobody recorded is wrong: the whole object tells, and the shard starts anew.
func TestWrongPartWithoutARecord(t *testing.T) {
	r := newRig(t)
	r.options.PartsPerShard = 1
	r.put("a.bin", data(1, 9<<20))
	r.index()
	sub := &substituting{Store: r.dest, number: 4}
	r.dst.Store = sub
	if _, err := r.sync(); !errors.Is(err, ErrFailed) || !sub.done {
		t.Fatal(err)
	}
	r.dst.Store = r.dest
	r.mustSync()
	r.equal()
	r.nothingOpen()
}

// substituting sends other bytes in place of one part, and loses the answer.
type substituting struct {
	store.Store
	number int
	done   bool
}

func (s *substituting) UploadPart(ctx context.Context, u store.Upload, p store.PartInput) (store.Part, error) {
	if p.Number != s.number || s.done {
		return s.Store.UploadPart(ctx, u, p)
	}
	s.done = true
	p.Data = data(77, len(p.Data))
	p.CRC64NVME, p.CRC32C = chunker.CRC64NVME(p.Data), chunker.CRC32C(p.Data)
	if _, err := s.Store.UploadPart(ctx, u, p); err != nil {
		return store.Part{}, err
	}
	return store.Part{}, &store.Error{Op: "part", Key: u.Key, Kind: store.ErrTransient}
}
