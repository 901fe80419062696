package dispatch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
)

// receipt tells whether a job has one at a destination.
func (r *rig) receipt(id, destination string) bool {
	r.t.Helper()
	_, err := jobs.ReadJobReceipt(r.t.Context(), r.dests[destination], id, destination)
	if err != nil && !errors.Is(err, jobs.ErrNoJobReceipt) {
		r.t.Fatal(err)
	}
	return err == nil
}

// known has the whole dataset be read, so that jobs are pinned at once.
func (r *rig) known() {
	r.t.Helper()
	r.add("known", "lab")
	r.until("known", Ready)
}

// A job that wants other shards now is not ready by what it wanted before: not in the list, not in the handout, not by its receipt.
func TestOtherShardsAreNotReadyByTheOldOnes(t *testing.T) {
	r := newRig(t)
	r.fill(4, 1000)
	r.known()
	for i := range 6 { // ids order needs in the manifest
		id := fmt.Sprintf("job-%c", 'a'+i)
		r.add(id, "aws", shards("shard-000.bin"))
		r.until(id, Ready)
		r.once()
		if !r.receipt(id, "aws") {
			t.Fatalf("%s has no receipt", id)
		}
		other := fmt.Sprintf("shard-00%d.bin", 1+i%3)
		if st := r.add(id, "aws", shards(other)); st.State == Ready {
			t.Errorf("%s is ready at once", id)
		}
		if r.receipt(id, "aws") {
			t.Errorf("%s keeps the receipt of what it wanted before", id)
		}
		if h, err := r.d.Handout(t.Context(), id, ""); !errors.Is(err, dgsync.ErrNotReady) {
			t.Errorf("%s is handed out: %+v, %v", id, h, err)
		}
		r.until(id, Ready)
		if h, err := r.d.Handout(t.Context(), id, ""); err != nil || len(h.Shards) != 1 || h.Shards[0].Path != other || !r.has("aws", "data/c4/"+other) {
			t.Errorf("%s: %+v, %v", id, h, err)
		}
	}
}

// A move that was begun for what a job wanted before does not make it ready.
func TestOldMoveDoesNotAnnounceTheNewSelection(t *testing.T) {
	r := newRig(t)
	r.fill(4, 1000)
	r.known()
	prepare := func() dgsync.Request {
		t.Helper()
		if err := r.d.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		q, err := r.d.request(t.Context(), mustJob(t, r, "j"), "aws")
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	r.add("j", "aws", shards("range:0-0"))
	q := prepare()
	r.add("j", "aws", shards("range:1-2"))
	prepare()
	if _, err := r.s.Sync(t.Context(), q); !errors.Is(err, dgsync.ErrSuperseded) {
		t.Errorf("the old move ended with %v", err)
	}
	r.d.forget("j")
	if st := r.show("j"); st.State == Ready {
		t.Error("it is ready by what came for the old selection")
	}
	r.until("j", Ready)
	if !r.has("aws", "data/c4/shard-001.bin") || !r.has("aws", "data/c4/shard-002.bin") {
		t.Error("ready without its shards")
	}
	// And one for a job that is gone leaves no need.
	q, err := r.d.request(t.Context(), mustJob(t, r, "j"), "google")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.d.Remove(t.Context(), []string{"j"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.s.Sync(t.Context(), q); !errors.Is(err, dgsync.ErrSuperseded) {
		t.Errorf("a move for nobody ended with %v", err)
	}
	if needs, err := r.d.needsByJob(); err != nil || len(needs["j"]) != 0 {
		t.Errorf("%+v, %v", needs["j"], err)
	}
}

// A receipt that stops being true while it is written is taken back, and leaves no pin behind.
func TestReceiptIsNotWrittenTooLate(t *testing.T) {
	r := newRig(t)
	r.fill(2, 1000)
	ready := func() (manifest.Job, manifest.Need) {
		t.Helper()
		r.add("j", "aws")
		r.until("j", Ready)
		j := mustJob(t, r, "j")
		needs, err := r.d.needs(j)
		if err != nil || len(needs) != 1 {
			t.Fatalf("%+v, %v", needs, err)
		}
		return j, needs[0]
	}
	j, n := ready()
	now := n
	now.Ready, now.Announced = 0, 0
	if err := r.m.Update(func(tx *manifest.Tx) error { return tx.PutNeed(now) }); err != nil {
		t.Fatal(err)
	}
	if err := r.s.Retract(t.Context(), r.dests["aws"], n); err != nil {
		t.Fatal(err)
	}
	if err := r.d.tell(t.Context(), j, n, 0); err != nil || r.receipt("j", "aws") {
		t.Errorf("announced what is not so any more: %v", err)
	}
	if err := r.d.Remove(t.Context(), []string{"j"}); err != nil {
		t.Fatal(err)
	}
	j, n = ready()
	if err := r.d.Remove(t.Context(), []string{"j"}); err != nil {
		t.Fatal(err)
	}
	if err := r.d.tell(t.Context(), j, n, 0); err != nil || r.receipt("j", "aws") {
		t.Errorf("announced a job that is gone: %v", err)
	}
	if pins, err := r.s.Pins(); err != nil || len(pins) != 0 {
		t.Errorf("%+v, %v", pins, err)
	}
}

// Whatever a crash left of a receipt goes when its job is taken back, and so do its pins wherever it was wanted.
func TestRemovedJobLeavesNothing(t *testing.T) {
	r := newRig(t)
	r.fill(2, 1000)
	r.add("j", "aws")
	r.until("j", Ready)
	r.once()
	err := r.m.Update(func(tx *manifest.Tx) error { // died before the receipt was withdrawn
		return r.d.eachNeed(tx, mustJob(t, r, "j"), func(n manifest.Need) error {
			n.Ready, n.Announced = 0, 0
			return tx.PutNeed(n)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	r.add("j", "google")
	if err := r.d.Remove(t.Context(), []string{"j"}); err != nil {
		t.Fatal(err)
	}
	if r.receipt("j", "aws") {
		t.Error("its receipt is still there")
	}
	if pins, err := r.s.Pins(); err != nil || len(pins) != 0 {
		t.Errorf("%+v, %v", pins, err)
	}
	if needs, err := r.d.needsByJob(); err != nil || len(needs) != 0 {
		t.Errorf("%+v, %v", needs, err)
	}
}

// A destination that a job no longer names is left behind: no receipt, no pin, no need.
func TestLeftDestination(t *testing.T) {
	r := newRig(t)
	r.fill(2, 1000)
	r.add("j", "aws")
	r.until("j", Ready)
	r.once()
	r.add("j", "google")
	r.until("j", Ready)
	r.once()
	pins, err := r.s.Pins()
	if err != nil || len(pins) != 1 || pins[0].Destination != "google" || r.receipt("j", "aws") || !r.receipt("j", "google") {
		t.Errorf("pins %+v, %v, receipts %v %v", pins, err, r.receipt("j", "aws"), r.receipt("j", "google"))
	}
}

// A shard that is found damaged ends what was promised of it, and is brought again.
func TestDamageIsNoticed(t *testing.T) {
	r := newRig(t)
	r.fill(2, 1000)
	r.add("j", "aws")
	r.until("j", Ready)
	r.once()
	err := r.m.Update(func(tx *manifest.Tx) error {
		rep, _, err := tx.Replica("bucket-aws", "data/c4/shard-000.bin")
		rep.Missing = manifest.Damaged
		return errors.Join(err, tx.PutReplica(rep))
	})
	if err != nil {
		t.Fatal(err)
	}
	if h, err := r.d.Handout(t.Context(), "j", ""); !errors.Is(err, dgsync.ErrNotReady) {
		t.Errorf("handed out: %+v, %v", h, err)
	}
	r.until("j", Ready)
	if ready, err := r.d.Ready(t.Context(), "j", -1); err != nil || !ready.Ready {
		t.Errorf("%+v, %v", ready, err)
	}
}

// A job that fails does not hold up the one behind it, and one that cannot be had at one destination is brought to the others.
func TestBadJobLeavesTheOthersAlone(t *testing.T) {
	r := newRig(t)
	r.fill(4, 100_000)
	r.known()
	if _, err := r.dests["aws"].Put(t.Context(), "data/c4/shard-000.bin", []byte("foreign"), store.WriteOptions{Condition: store.Always()}); err != nil {
		t.Fatal(err)
	}
	r.add("a", "aws", shards("range:0-1"))
	r.pass(time.Second)
	r.add("b", "aws", shards("range:2-3"))
	r.until("b", Ready)
	if st := r.show("a"); st.State == Ready || !strings.Contains(st.Why, "shard-000.bin") {
		t.Errorf("%s: %s", st.State, st.Why)
	}
	r.add("two", "aws", shards("range:2-2"), func(j *spec.Job) { j.To = []string{"aws", "google"} })
	delete(r.dests, "google")
	r.add("z", "aws", shards("range:3-3"))
	r.until("z", Ready)
	st := r.show("two")
	if st.State != Blocked || len(st.Places) != 2 || st.Places[0].State != Ready || st.Places[1].State != Blocked {
		t.Errorf("%+v", st)
	}
	if ready, err := r.d.Ready(t.Context(), "two", -1); err == nil && (ready.Ready || ready.Kind != "unknown") {
		t.Errorf("%+v, %v", ready, err)
	}
}

// A move that cannot even begin lets the one behind it go.
func TestMoveThatCannotBegin(t *testing.T) {
	r := newRig(t)
	r.fill(2, 1000)
	r.add("a", "aws", shards("shard-000.bin"), needBy(r.now().Add(time.Hour)))
	r.add("b", "aws", shards("shard-001.bin"))
	if err := r.d.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.refuses = "a"
	r.until("b", Ready)
	if st := r.show("a"); st.State == Ready || !strings.Contains(st.Why, "no credentials") {
		t.Errorf("%s: %s", st.State, st.Why)
	}
}

// What a listing for one job finds missing takes back what was promised to another.
func TestLossIsNoticedForOthersToo(t *testing.T) {
	r := newRig(t)
	r.fill(2, 1000)
	for i, id := range []string{"a", "b"} {
		r.add(id, "aws", shards(fmt.Sprintf("shard-00%d.bin", i)))
		r.until(id, Ready)
	}
	r.once()
	r.pass(2 * time.Hour)
	deleteFrom(t, r.dests["aws"], "data/c4/shard-001.bin")
	deleteFrom(t, r.source, "c4/shard-001.bin")
	if ready, err := r.d.Ready(t.Context(), "a", time.Hour); err != nil || !ready.Ready {
		t.Errorf("%+v, %v", ready, err)
	}
	r.once()
	if st := r.show("b"); st.State == Ready || r.receipt("b", "aws") {
		t.Errorf("%s: %s, receipt %v", st.State, st.Why, r.receipt("b", "aws"))
	}
}

func deleteFrom(t *testing.T, s store.Store, key string) {
	t.Helper()
	if err := s.Delete(t.Context(), store.Ref{Key: key}); err != nil {
		t.Fatal(err)
	}
}

// A receipt that could not be taken back at once is taken back later.
func TestWithdrawalIsTriedAgain(t *testing.T) {
	r := newRig(t)
	r.fill(2, 1000)
	r.add("j", "aws")
	r.until("j", Ready)
	r.once()
	err := r.m.Update(func(tx *manifest.Tx) error { // the process died in between
		return r.d.eachNeed(tx, mustJob(t, r, "j"), func(n manifest.Need) error {
			n.Ready, n.Announced = 0, 0
			return tx.PutNeed(n)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	deleteFrom(t, r.source, "c4/shard-000.bin")
	deleteFrom(t, r.dests["aws"], "data/c4/shard-000.bin")
	r.d.distrust()
	if err := r.d.Announce(t.Context()); err != nil || r.receipt("j", "aws") {
		t.Errorf("%v, receipt %v", err, r.receipt("j", "aws"))
	}
}

// As long as a job waits for one destination, what it has at another stays.
func TestPromiseLastsWhileTheJobWaits(t *testing.T) {
	r := newRig(t)
	r.fill(2, 1000)
	r.refusesAt = "google"
	r.add("j", "aws", func(j *spec.Job) { j.To, j.Keep = []string{"aws", "google"}, time.Hour })
	for range 4 {
		r.once()
		r.pass(40 * time.Minute)
	}
	pins, err := r.s.Pins()
	if err != nil || len(pins) != 2 || pins[0].Expires != 0 || pins[1].Expires != 0 || !r.receipt("j", "aws") {
		t.Errorf("%+v, %v, receipt %v", pins, err, r.receipt("j", "aws"))
	}
	r.refusesAt = ""
	r.until("j", Ready)
	r.once()
	if pins, err = r.s.Pins(); err != nil || len(pins) != 2 || pins[0].Expires == 0 || pins[0].Expires != pins[1].Expires {
		t.Errorf("%+v, %v", pins, err)
	}
}

// What a job selected is not looked for again in the snapshot that has only that.
func TestSelectionIsFoundOnce(t *testing.T) {
	r := newRig(t)
	r.fill(6, 1000)
	r.add("j", "aws", shards("range:3-4"), func(j *spec.Job) { j.To = []string{"aws", "lab"} })
	if st := r.until("j", Ready); st.ShardCount != 2 || !r.has("lab", "data/c4/shard-004.bin") {
		t.Errorf("%+v", st)
	}
	r.add("j", "aws", shards("range:3-4"), func(j *spec.Job) { j.Priority = 3 })
	if st := r.until("j", Ready); st.ShardCount != 2 || st.Priority != 3 {
		t.Errorf("%+v", st)
	}
}

// A job's own pin does not keep it from another snapshot.
func TestOwnPinIsNoObstacle(t *testing.T) {
	r := newRig(t)
	r.fill(2, 1000)
	r.add("j", "aws")
	r.until("j", Ready)
	r.once()
	r.put("shard-000.bin", data(77, 1000))
	r.known()
	second := r.show("known").Snapshot
	r.add("j", "aws", func(j *spec.Job) { j.Snapshot = strings.TrimPrefix(second, "blake3:") })
	if st := r.until("j", Ready); st.Snapshot != second {
		t.Errorf("%+v", st)
	}
}

// A longer time to stay holds for the pin and the receipt of a job that is ready.
func TestKeepingLonger(t *testing.T) {
	r := newRig(t)
	r.fill(2, 1000)
	r.add("j", "aws")
	r.until("j", Ready)
	r.once()
	r.add("j", "aws", func(j *spec.Job) { j.Keep = 30 * 24 * time.Hour })
	r.once()
	until := r.now().Add(30 * 24 * time.Hour)
	pins, err := r.s.Pins()
	if err != nil || len(pins) != 1 || !pins[0].Expires.Time().Equal(until) {
		t.Errorf("%+v, %v", pins, err)
	}
	rec, err := jobs.ReadJobReceipt(t.Context(), r.dests["aws"], "j", "aws")
	if err != nil || !rec.KeepUntil.Equal(until) {
		t.Errorf("%+v, %v", rec, err)
	}
}

// A time that was given as so much from now counts from when the job was first declared with it, however often a hook says it again.
func TestRelativeNeedByAgain(t *testing.T) {
	r := newRig(t)
	r.fill(2, 1000)
	in := func(text string) func(*spec.Job) {
		by, err := spec.ParseNeedBy(text)
		if err != nil {
			t.Fatal(err)
		}
		return func(j *spec.Job) { j.NeedBy = by }
	}
	first := r.add("j", "aws", in("+4h")).NeedBy
	r.pass(5 * time.Hour)
	if again := r.add("j", "aws", in("+4h")).NeedBy; !again.Equal(*first) {
		t.Errorf("%s, and again %s", first, again)
	}
	if other := r.add("j", "aws", in("+6h")).NeedBy; !other.Equal(r.now().Add(6 * time.Hour)) {
		t.Errorf("another time: %s", other)
	}
	if other := r.add("j", "aws", in("+6h"), shards("range:0-0")).NeedBy; !other.Equal(r.now().Add(6 * time.Hour)) {
		t.Errorf("other shards: %s", other)
	}
}

// An id may be as long as any other name, and a pass that has nothing to do sleeps.
func TestLongIDsAndIdlePasses(t *testing.T) {
	r := newRig(t)
	r.fill(1, 1000)
	id := strings.Repeat("x", 128)
	r.add(id, "aws")
	r.until(id, Ready)
	r.once()
	if !r.receipt(id, "aws") {
		t.Error("it has no receipt")
	}
	r.add("j", "aws")
	r.d.rest(turn{"j", "aws"})
	if err := r.d.Remove(t.Context(), []string{"j"}); err != nil {
		t.Fatal(err)
	}
	r.pass(time.Hour)
	if out := r.once(); !out.Next.After(r.now().Add(time.Minute)) {
		t.Errorf("the next pass is at %s, and it is %s", out.Next, r.now())
	}
}

// A job of a folder whose time is over is not brought again by a restart, and one that was refused is taken when what was in its way is gone.
func TestFolderRemembers(t *testing.T) {
	r := newRig(t)
	r.fill(2, 1000)
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folder := func() {
		r.d.Declarers, r.d.asked = []Declarer{&SpecFolder{Folder: spec.Folder{Dir: dir}, Poll: time.Second}}, make([]time.Time, 1)
	}
	gone := func(id string) bool {
		_, err := r.d.Show(t.Context(), id, false)
		return errors.Is(err, ErrNoJob)
	}
	write("a.yaml", "id: a\ndataset: c4\nto: aws\nkeep: 1h\n")
	folder()
	r.until("a", Ready)
	r.once()
	r.pass(2 * time.Hour)
	r.once()
	if !gone("a") || r.receipt("a", "aws") {
		t.Error("its time is over, and it is there")
	}
	r.again()
	folder()
	r.once()
	r.once()
	if !gone("a") {
		t.Error("a restart declared it again")
	}
	write("a.yaml", "id: a\ndataset: c4\nto: aws\nkeep: 2h\n")
	r.pass(2 * time.Second)
	r.until("a", Ready)

	if _, err := r.d.Add(t.Context(), "file:x", []spec.Job{{ID: "b", Dataset: "c4", To: []string{"lab"}}}); err != nil {
		t.Fatal(err)
	}
	write("b.yaml", "id: b\ndataset: c4\nto: aws\n")
	r.pass(2 * time.Second)
	r.once()
	if err := r.d.Remove(t.Context(), []string{"b"}); err != nil {
		t.Fatal(err)
	}
	r.pass(2 * time.Second)
	if st := r.until("b", Ready); len(st.Places) != 1 || st.Places[0].Destination != "aws" {
		t.Errorf("%+v", st)
	}
}
