package dispatch

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// A job that is declared is resolved, planned, brought, and announced with a pin and a receipt of its own; nothing of it is ready before.
func TestJobIsBrought(t *testing.T) {
	r := newRig(t)
	r.fill(20, 10_000)
	if st := r.add("train-1", "aws", shards("range:5-9"), needBy(r.now().Add(time.Hour))); st.State != Unresolved {
		t.Errorf("before the first pass it is %s", st.State)
	}
	ready, err := r.d.Ready(t.Context(), "train-1", time.Hour)
	if err != nil || ready.Ready || ready.State != Unresolved {
		t.Errorf("%+v, %v", ready, err)
	}
	if _, err := r.d.Handout(t.Context(), "train-1", ""); !errors.Is(err, dgsync.ErrNotReady) {
		t.Errorf("a job that is not ready is handed out: %v", err)
	}

	st := r.until("train-1", Ready)
	if st.ShardCount != 5 || st.Bytes != 50_000 || st.Snapshot == "" {
		t.Errorf("%+v", st)
	}
	if !r.has("aws", "data/c4/shard-005.bin") || r.has("aws", "data/c4/shard-004.bin") {
		t.Error("other shards came than those that were selected")
	}
	if ready, err = r.d.Ready(t.Context(), "train-1", time.Hour); err != nil || !ready.Ready {
		t.Errorf("%+v, %v", ready, err)
	}
	h, err := r.d.Handout(t.Context(), "train-1", "")
	if err != nil || len(h.Shards) != 5 || h.URL != "mem://aws/data/c4/" {
		t.Errorf("%+v, %v", h, err)
	}
	if list, err := r.d.List(t.Context()); err != nil || len(list) != 1 || list[0].Places[0].URL != h.URL || list[0].Snapshot != h.Snapshot.String() || list[0].Kind != "" {
		t.Errorf("the list says otherwise than the handout: %+v, %v", list, err)
	}
	// The pass after the arrival writes the receipt, for machines that can read nothing but the destination.
	r.once()
	rec, err := jobs.ReadJobReceipt(t.Context(), r.dests["aws"], "train-1", "aws")
	if err != nil || rec.Count != 5 || rec.Prefix != "data/c4/" || !rec.KeepUntil.Equal(r.now().Add(25*time.Hour)) {
		t.Errorf("%+v, %v", rec, err)
	}
	list, err := jobs.ReadJobShards(t.Context(), r.dests["aws"], rec)
	if err != nil || len(list) != 5 || list[0].Path != "shard-005.bin" {
		t.Errorf("%+v, %v", list, err)
	}
	pins, err := r.s.Pins()
	if err != nil || len(pins) != 1 || pins[0].Owner != "job:train-1" {
		t.Errorf("%+v, %v", pins, err)
	}

	// Another process on the manifest gives the same answers.
	r.again()
	if st := r.show("train-1"); st.State != Ready {
		t.Errorf("after a restart it is %s: %s", st.State, st.Why)
	}
	// When its time is over it goes, with its receipt and its pin; the shards stay.
	r.pass(26 * time.Hour)
	r.once()
	if _, err := r.d.Show(t.Context(), "train-1", false); !errors.Is(err, ErrNoJob) {
		t.Errorf("a job that is over is still there: %v", err)
	}
	if _, err := jobs.ReadJobReceipt(t.Context(), r.dests["aws"], "train-1", "aws"); !errors.Is(err, jobs.ErrNoJobReceipt) {
		t.Errorf("its receipt is still there: %v", err)
	}
	if pins, err := r.s.Pins(); err != nil || len(pins) != 0 {
		t.Errorf("its pin is still there: %+v, %v", pins, err)
	}
	if !r.has("aws", "data/c4/shard-005.bin") {
		t.Error("its shards are gone")
	}
}

// The same declaration again changes nothing; another selection is found out anew, and a wish alone is not.
func TestDeclaringAgain(t *testing.T) {
	r := newRig(t)
	r.fill(4, 1000)
	r.add("j", "lab", shards("shard-00[01].bin"))
	r.until("j", Ready)
	if st := r.add("j", "lab", shards("shard-00[01].bin")); st.State != Ready {
		t.Errorf("declared again it is %s", st.State)
	}
	r.add("j", "lab", shards("shard-00[01].bin"), func(j *spec.Job) { j.Priority = 7 })
	if st := r.until("j", Ready); st.Priority != 7 || st.ShardCount != 2 {
		t.Errorf("%+v", st)
	}
	if st := r.add("j", "lab"); st.State == Ready {
		t.Error("another selection is ready at once")
	}
	if st := r.until("j", Ready); st.ShardCount != 4 {
		t.Errorf("%+v", st)
	}
	_, err := r.d.Add(t.Context(), "file:a.yaml", []spec.Job{{ID: "k", Dataset: "c4", To: []string{"lab"}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.d.Add(t.Context(), "file:b.yaml", []spec.Job{{ID: "k", Dataset: "c4", To: []string{"lab"}}})
	if !errors.Is(err, ErrSpec) || !strings.Contains(err.Error(), "file:a.yaml") {
		t.Errorf("a job of another file was taken over: %v", err)
	}
}

// One that is declared wrongly is refused with what is wrong, and the others are taken.
func TestWrongJobsLeaveTheOthersAlone(t *testing.T) {
	r := newRig(t)
	r.fill(2, 1000)
	list, err := r.d.Add(t.Context(), "", []spec.Job{
		{ID: "unknown", Dataset: "c5", To: []string{"lab"}},
		{ID: "late", Dataset: "c4", To: []string{"lab"}, NeedBy: spec.By(r.now().Add(-time.Minute))},
		{ID: "pipe", Dataset: "c4", To: []string{"lab"}, Shards: []string{"wds:pipe:aws s3 cp s3://b/x.tar -"}},
		{ID: "good", Dataset: "c4", To: []string{"lab"}},
		{ID: "impossible", Dataset: "c4", To: []string{"lab"}, Shards: []string{"range:5-9"}},
	})
	if err == nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, want := range []string{"unknown", "late", "pipe"} {
		if !strings.Contains(err.Error(), "job "+want+": ") {
			t.Errorf("the error does not say what is wrong with %s: %v", want, err)
		}
	}
	r.until("good", Ready)
	if st := r.until("impossible", Blocked); !strings.Contains(st.Why, "2") || st.Kind != "missing" || st.Places[0].URL != "" {
		t.Errorf("it does not say how many shards there are, or of what kind the problem is: %+v", st)
	}
	ready, err := r.d.Ready(t.Context(), "impossible", time.Hour)
	if err != nil || ready.Ready || ready.Kind != "missing" {
		t.Errorf("%+v, %v", ready, err)
	}
}

// What a job selects may come later, also where all that there was is known when it is asked for.
func TestWhatIsSelectedComesLater(t *testing.T) {
	r := newRig(t)
	r.fill(2, 1000)
	r.add("all", "aws")
	r.until("all", Ready)
	r.add("later", "aws", shards("val/**"))
	if st := r.until("later", Blocked); st.Snapshot != "" || !strings.Contains(st.Why, "no shard matches val/**") {
		t.Errorf("%+v", st)
	}
	r.put("val/a.bin", []byte("now"))
	r.pass(10 * time.Minute)
	if st := r.until("later", Ready); st.ShardCount != 1 || !r.has("aws", "data/c4/val/a.bin") {
		t.Errorf("%+v", st)
	}
}

// A budget without room holds a job, says so, and lets it go when the next window begins.
func TestBudgetHoldsAJob(t *testing.T) {
	r := newRig(t)
	r.close()
	r.budgets = []cost.Budget{{Name: "small", LimitNanoUSD: cost.USD / 1000, Period: cost.Period{Kind: cost.Daily}}}
	r.open()
	r.fill(10, 10_000)
	r.add("cheap", "aws", shards("shard-000.bin"))
	r.until("cheap", Ready)
	for i := range 4 {
		r.put("large.bin", data(uint64(50+i), 6_000_000))
	}
	r.add("dear", "aws", shards("large.bin"))
	r.put("large2.bin", data(60, 6_000_000))
	r.add("dear2", "aws", shards("large2.bin"))
	r.pass(6 * time.Minute)
	r.until("dear", Ready)
	st := r.until("dear2", Held)
	if len(st.Places) != 1 || st.Places[0].Budget != "small" || st.Places[0].NeedsUSD <= 0 || st.Kind != "budget" {
		t.Errorf("%+v", st)
	}
	ready, err := r.d.Ready(t.Context(), "dear2", time.Hour)
	if err != nil || ready.Ready || ready.Kind != "budget" {
		t.Errorf("%+v, %v", ready, err)
	}
	if r.has("aws", "data/c4/large2.bin") {
		t.Error("it was brought against the budget")
	}
	r.pass(24 * time.Hour)
	r.until("dear2", Ready)
}

// What somebody approves for a held job lets that job go, and no other; nobody waits for the next window.
func TestApprovalForAJobLetsItGo(t *testing.T) {
	r := newRig(t)
	r.close()
	r.budgets = []cost.Budget{{Name: "small", LimitNanoUSD: cost.USD / 10_000, Period: cost.Period{Kind: cost.Daily}}}
	r.open()
	r.put("a.bin", data(1, 6_000_000))
	r.put("b.bin", data(2, 6_000_000))
	r.add("approved", "aws", shards("a.bin"))
	r.add("other", "aws", shards("b.bin"))
	r.until("approved", Held)
	r.until("other", Held)
	if _, err := r.d.sync.Ledger.Approve(cost.NewApproval{Job: "approved", ExtraNanoUSD: cost.USD, Reason: "it is urgent", By: "ada@mill", Expires: r.clock.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	r.d.Wake()
	select {
	case <-r.d.Changed():
	default:
		t.Error("the loop is not told")
	}
	r.until("approved", Ready)
	if st := r.until("other", Held); st.Places[0].Budget != "small" {
		t.Errorf("%+v", st)
	}
	if r.has("aws", "data/c4/b.bin") {
		t.Error("another job was brought for what was approved")
	}
}

// A source that changes under a job that is pinned to a snapshot is said at once; a job that says repin takes what there is now.
func TestSourceChanges(t *testing.T) {
	r := newRig(t)
	r.fill(4, 10_000)
	if _, err := r.s.Index(t.Context(), mustOpen(r).Source); err != nil {
		t.Fatal(err)
	}
	r.add("strict", "aws")
	r.add("easy", "google", func(j *spec.Job) { j.OnSourceChange = spec.Repin })
	if err := r.d.Resolve(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := r.show("easy").Snapshot
	r.put("shard-002.bin", data(99, 20_000))
	r.pass(6 * time.Minute)
	st := r.until("strict", Blocked)
	if !strings.Contains(st.Why, "shard-002.bin") || !strings.Contains(st.Why, "repin") {
		t.Errorf("it does not say what is gone and what to do: %s", st.Why)
	}
	ready, err := r.d.Ready(t.Context(), "strict", time.Hour)
	if err != nil || ready.Kind != "missing" {
		t.Errorf("%+v, %v", ready, err)
	}
	st = r.until("easy", Ready)
	if st.Repinned != 1 || st.Snapshot == before || st.Bytes != 50_000 {
		t.Errorf("%+v", st)
	}
}

func mustOpen(r *rig) dgsync.Request {
	q, err := r.Open(r.t.Context(), "c4", "aws", plan.Payer{})
	if err != nil {
		r.t.Fatal(err)
	}
	return q
}

// Shards that a job was promised are not replaced under it; the one that wants the newer ones waits.
func TestPinsKeepAJobsShards(t *testing.T) {
	r := newRig(t)
	r.fill(2, 10_000)
	r.add("old", "aws")
	r.until("old", Ready)
	r.once()
	r.put("shard-001.bin", data(77, 10_000))
	r.add("new", "aws")
	r.pass(6 * time.Minute)
	for range 3 {
		r.once()
	}
	if st := r.show("new"); st.State == Ready || !strings.Contains(st.Why, "pin") {
		t.Errorf("%s: %s", st.State, st.Why)
	}
	if st := r.show("old"); st.State != Ready {
		t.Errorf("%s: %s", st.State, st.Why)
	}
	if err := r.d.Remove(t.Context(), []string{"old"}); err != nil {
		t.Fatal(err)
	}
	r.pass(20 * time.Minute)
	r.until("new", Ready)
}

// A dataset that nobody has read is indexed on the way, and the job is pinned to what came.
func TestUnreadDatasetIsPinnedOnArrival(t *testing.T) {
	r := newRig(t)
	r.fill(6, 10_000)
	r.add("first", "lab", shards("list:shard-001.bin,shard-003.bin"))
	st := r.until("first", Ready)
	if st.Snapshot == "" || st.ShardCount != 2 || st.Bytes != 20_000 {
		t.Errorf("%+v", st)
	}
	d, err := r.d.Show(t.Context(), "first", true)
	if err != nil || len(d.Shards) != 2 || !d.Shards[0].Present {
		t.Errorf("%+v, %v", d, err)
	}
}

// What an index names comes before the index.
func TestIndexComesLast(t *testing.T) {
	r := newRig(t)
	r.fill(2, 1000)
	r.put("index.json", []byte(`{"version":2,"shards":[{"format":"mds","compression":null,"hashes":[],"raw_data":{"basename":"shard-000.bin","bytes":1000,"hashes":{}},"zip_data":null,"samples":1,"version":2,"column_names":[],"column_encodings":[],"column_sizes":[],"size_limit":1000}]}`))
	r.add("mds", "aws", shards("mds:"))
	if st := r.until("mds", Ready); st.ShardCount != 2 {
		t.Errorf("%+v", st)
	}
	h, err := r.d.Handout(t.Context(), "mds", "aws")
	if err != nil || len(h.Shards) != 2 || !h.Shards[0].Index || h.Shards[1].Index {
		t.Errorf("%+v, %v", h, err)
	}
}

// Two destinations are both served, and a job is ready when both have it; a shard that two jobs need moves once.
func TestSeveralDestinationsAndSharedShards(t *testing.T) {
	r := newRig(t)
	r.fill(6, 50_000)
	r.add("a", "aws", shards("range:0-3"), func(j *spec.Job) { j.To = []string{"aws", "google"} })
	r.add("b", "aws", shards("range:2-5"))
	r.until("a", Ready)
	r.until("b", Ready)
	for _, dest := range []string{"aws", "google"} {
		if !r.has(dest, "data/c4/shard-002.bin") {
			t.Errorf("%s lacks a shard", dest)
		}
	}
	by := map[string]int64{}
	err := r.m.View(func(tx *manifest.Tx) error {
		return tx.Lines(func(l manifest.Line) (bool, error) {
			if l.LineKey.Dest == "aws" && l.LineKey.To == "aws:us-east-1" {
				by[l.LineKey.Job] += l.Bytes
			}
			return true, nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if by["a"] < 200_000 || by["a"] > 260_000 || by["b"] < 100_000 || by["b"] > 140_000 {
		t.Errorf("the ledger says who caused what: %v", by)
	}
	if err := r.d.Remove(t.Context(), []string{"a", "nobody"}); !errors.Is(err, ErrNoJob) {
		t.Errorf("%v", err)
	}
	if _, err := r.d.Show(t.Context(), "a", false); !errors.Is(err, ErrNoJob) {
		t.Errorf("%v", err)
	}
}

// Ready looks at the destination itself when what is known is too old, and notices what is gone.
func TestReadyLooksAtRealObjects(t *testing.T) {
	r := newRig(t)
	r.fill(3, 1000)
	r.add("j", "aws")
	r.until("j", Ready)
	if err := r.dests["aws"].Delete(t.Context(), store.Ref{Key: "data/c4/shard-001.bin"}); err != nil {
		t.Fatal(err)
	}
	if ready, err := r.d.Ready(t.Context(), "j", time.Hour); err != nil || !ready.Ready {
		t.Errorf("what was seen a moment ago is believed: %+v, %v", ready, err)
	}
	r.pass(2 * time.Hour)
	ready, err := r.d.Ready(t.Context(), "j", time.Hour)
	if err != nil || ready.Ready || len(ready.Places) != 1 || len(ready.Places[0].Missing) != 1 || ready.Kind != "" {
		t.Errorf("%+v, %v", ready, err)
	}
	// What was promised is taken back, and brought again.
	if _, err := jobs.ReadJobReceipt(t.Context(), r.dests["aws"], "j", "aws"); !errors.Is(err, jobs.ErrNoJobReceipt) {
		t.Errorf("its receipt is still there: %v", err)
	}
	if st := r.show("j"); st.State == Ready {
		t.Errorf("it is %s: %s", st.State, st.Why)
	}
	r.until("j", Ready)
	if !r.has("aws", "data/c4/shard-001.bin") {
		t.Error("the shard was not brought again")
	}
}

// A job that is taken back while its shards move leaves nothing behind that says it is wanted.
func TestRemovedWhileItMoves(t *testing.T) {
	r := newRig(t)
	r.fill(30, 200_000)
	r.add("j", "aws")
	if _, err := r.d.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.d.Remove(t.Context(), []string{"j"}); err != nil {
		t.Fatal(err)
	}
	r.d.Drain()
	needs, err := r.d.needsByJob()
	if err != nil || len(needs) != 0 {
		t.Errorf("%+v, %v", needs, err)
	}
	r.once()
	if _, err := r.d.Show(t.Context(), "j", false); !errors.Is(err, ErrNoJob) {
		t.Errorf("%v", err)
	}
}

// Place says of every destination what bringing the job there would take.
func TestPlaceRanksDestinations(t *testing.T) {
	r := newRig(t)
	r.fill(4, 1_000_000)
	r.add("here", "google", shards("range:0-2"))
	r.until("here", Ready)
	r.add("j", "aws")
	if err := r.d.Resolve(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := r.d.Place(t.Context(), "j")
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	if list[0].Destination != "google" || list[0].MissingShards != 1 || list[0].Wanted || list[1].MissingShards != 4 || list[1].USD <= list[0].USD {
		t.Errorf("%+v", list)
	}
	// Asking changed nothing.
	if st := r.show("j"); len(st.Places) != 1 || st.Places[0].Destination != "aws" || st.Places[0].MissingShards != 4 {
		t.Errorf("%+v", st)
	}
}

// An index whose name does not tell that it is one travels after its shards all the same.
func TestIndexOfAnotherNameComesLast(t *testing.T) {
	r := newRig(t)
	r.fill(2, 1000)
	r.put("list.json", []byte(`{"__kind__":"wids-shard-index-v1","wids_version":1,"shardlist":[{"url":"shard-000.bin","nsamples":1},{"url":"shard-001.bin","nsamples":1}]}`))
	r.add("wids", "aws", shards("wids:list.json"))
	r.until("wids", Ready)
	h, err := r.d.Handout(t.Context(), "wids", "aws")
	if err != nil || len(h.Shards) != 3 || !h.Shards[0].Index || h.Shards[1].Index {
		t.Errorf("%+v, %v", h, err)
	}
	q, err := r.d.request(t.Context(), mustJob(t, r, "wids"), "lab")
	if err != nil {
		t.Fatal(err)
	}
	q.Destination.Store, _ = q.Destination.Open(t.Context())
	p, err := r.s.Plan(t.Context(), q)
	if err != nil || len(p.Items) != 3 || p.Items[2].Path != "list.json" || p.Items[2].Rank != jobs.RankIndex {
		t.Errorf("%+v, %v", p, err)
	}
}

func mustJob(t *testing.T, r *rig, id string) manifest.Job {
	t.Helper()
	j, err := r.d.job(id)
	if err != nil {
		t.Fatal(err)
	}
	return j
}
