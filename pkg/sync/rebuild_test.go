package sync

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
)

// lostRig is a rig with a budget, a few shards at the destination, and the path of its manifest.
func lostRig(t testing.TB) *rig {
	r := newRig(t)
	r.budgets = []cost.Budget{{Name: "all", LimitNanoUSD: 5e9, LimitBytes: 1 << 30}}
	for i := range 4 {
		r.put(fmt.Sprintf("s%d.tar", i), data(uint64(i), 150_000)) // of one size: only their content tells them apart
	}
	r.put("index.json", []byte("{}"))
	return r
}

func (r *rig) db() string { return filepath.Join(r.dir, "manifest.db") }

func (r *rig) remove(names ...string) {
	r.t.Helper()
	for _, name := range names {
		if err := os.RemoveAll(filepath.Join(r.dir, name)); err != nil {
			r.t.Fatal(err)
		}
	}
}

// rebuild makes the manifest again, as the command does.
func (r *rig) rebuild(o manifest.RebuildOptions, change ...func(*Remains)) Rebuilt {
	r.t.Helper()
	ctx := context.Background()
	kept, err := manifest.ReadKept(r.dir)
	if err != nil {
		r.t.Fatal(err)
	}
	o.Now = r.now
	b, err := manifest.BeginRebuild(ctx, r.dir, o)
	if err != nil {
		r.t.Fatal(err)
	}
	l, err := cost.OpenLedger(b.Manifest, cost.LedgerOptions{Book: cost.Default(), Budgets: r.budgets})
	if err != nil {
		r.t.Fatal(err)
	}
	s := &Syncer{
		Manifest: b.Manifest, Ledger: l, Engine: engine.New(b.Manifest, l, r.options), Agent: r.src.Location, Log: slog.New(slog.DiscardHandler), Role: r.role, Name: "rig",
	}
	in := Remains{
		Kept: kept, Old: b.Old, Packs: filepath.Join(r.dir, "recipes"), Sources: []Source{r.src},
		Places: []RebuiltPlace{{Dataset: r.src.Name, Destination: r.dst}},
	}
	for _, f := range change {
		f(&in)
	}
	out, err := s.Rebuild(ctx, in)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := b.Finish(ctx); err != nil {
		r.t.Fatal(err)
	}
	if err := b.Abandon(); err != nil {
		r.t.Fatal(err)
	}
	return out
}

// standingOf is how everything stands: what is ready, and what was spent.
type standingOf struct {
	Ready  Readiness
	Uses   []cost.Use
	Pins   []manifest.Pin
	Doubts int
}

func (r *rig) standing() (out standingOf) {
	r.t.Helper()
	s := r.open()
	defer r.close()
	var err error
	if out.Ready, err = s.Ready(context.Background(), r.request(), 0); err != nil {
		out.Ready.Reason = err.Error()
	}
	out.Ready.Time = time.Time{}
	if out.Uses, err = s.Ledger.Uses(); err != nil {
		r.t.Fatal(err)
	}
	for _, u := range out.Uses {
		if u.Doubt != "" {
			out.Doubts++
		}
	}
	if out.Pins, err = s.Pins(); err != nil {
		r.t.Fatal(err)
	}
	return out
}

func (r *rig) sound() {
	r.t.Helper()
	c, err := manifest.CheckDir(context.Background(), r.dir, manifest.Options{}, manifest.CheckOptions{Packs: true, Identify: index.Identify})
	if err != nil || !c.Sound() || c.Lost > 0 {
		r.t.Errorf("check: %+v, %v", c.Findings, err)
	}
}

// Deleted, and made again from what lies beside it and what the store says of its objects: ready answers as before, and the windows are as they were. Nothing is moved or read.
func TestRebuildByChecksums(t *testing.T) {
	r := lostRig(t)
	r.mustSync()
	r.sound()
	before := r.standing()
	if !before.Ready.Ready || before.Uses[0].Settled == 0 {
		t.Fatalf("%+v", before)
	}
	reads := received(r.dest)
	r.remove("manifest.db")
	out := r.rebuild(manifest.RebuildOptions{})
	if out.Replicas[0].Checksum != 5 || out.Recipes.Recipes != 5 || out.Needs != 1 || len(out.Problems) > 0 || out.Datasets[0].From != "beside the manifest" {
		t.Errorf("%+v", out)
	}
	if diff := cmp.Diff(before, r.standing(), cmp.AllowUnexported(cost.Budget{})); diff != "" {
		t.Errorf("-before +after:\n%s", diff)
	}
	r.sound()
	if got := received(r.dest) - reads; got > 4096 { // receipts
		t.Errorf("%d bytes were read", got)
	}
	if rep := r.mustSync(); rep.MovedBytes != 0 || ways(rep.Summary) != "have:5 " {
		t.Errorf("%d bytes, %s", rep.MovedBytes, ways(rep.Summary))
	}
}

// received is how much was read of a store.
func received(s *mem.Store) (sum int64) {
	for _, op := range s.Stats() {
		sum += op.ReceivedBytes
	}
	return sum
}

// With a journal that is gone, or shorter than account.json says, every open window counts as spent until somebody says otherwise.
func TestRebuildWithoutTheJournal(t *testing.T) {
	for _, lost := range [][]string{{"journal"}, {"journal", "account.json"}, {"journal", "account.json", "snapshots", "recipes"}} {
		t.Run(strings.Join(lost, " "), func(t *testing.T) {
			r := lostRig(t)
			r.mustSync()
			r.remove(append(lost, "manifest.db")...)
			r.rebuild(manifest.RebuildOptions{})
			if after := r.standing(); after.Doubts != 1 {
				t.Errorf("%+v", after.Uses)
			}
			s := r.open()
			if _, ok, err := s.Ledger.Reset("", "the bill says so", "somebody@here"); !ok || err != nil {
				t.Errorf("%v, %v", ok, err)
			}
			r.close()
			if after := r.standing(); after.Doubts != 0 {
				t.Errorf("after the reset: %+v", after.Uses)
			}
		})
	}
}

// A store that tells no checksums: only the ETags under which replicas were proven prove them, and those are in a backup, or in what can be read of a damaged file.
func TestRebuildWithoutChecksums(t *testing.T) {
	start := func(t *testing.T) *rig {
		r := lostRig(t)
		r.dest = mem.New(mem.Options{ObjectChecksums: []string{}})
		r.dst.Store = r.dest
		r.mustSync()
		return r
	}
	t.Run("nothing", func(t *testing.T) {
		r := start(t)
		r.remove("manifest.db")
		out := r.rebuild(manifest.RebuildOptions{})
		if out.Replicas[0].Unproven != 5 || out.Replicas[0].Checksum+out.Replicas[0].Confirmed != 0 || out.Needs != 0 {
			t.Errorf("%+v", out)
		}
		if r.standing().Ready.Ready {
			t.Error("ready, and nothing proves it")
		}
		if said := strings.Join(out.Problems, "\n"); !strings.Contains(said, "--adopt=read") || !strings.Contains(said, "is not confirmed") {
			t.Errorf("%s", said)
		}
	})
	t.Run("a backup", func(t *testing.T) {
		r := start(t)
		before := r.standing()
		s := r.open()
		b, err := s.Manifest.Backup(context.Background(), filepath.Join(r.dir, "backups"), manifest.BackupOptions{})
		if err != nil {
			t.Fatal(err)
		}
		r.close()
		r.remove("manifest.db", "recipes", "snapshots")
		out := r.rebuild(manifest.RebuildOptions{From: b.Path})
		if out.Replicas[0].Confirmed != 5 || out.Datasets[0].From != "backup" || len(out.Problems) != 1 || !strings.Contains(out.Problems[0], "may be older") {
			t.Errorf("%+v", out)
		}
		if diff := cmp.Diff(before, r.standing(), cmp.AllowUnexported(cost.Budget{})); diff != "" {
			t.Errorf("-before +after:\n%s", diff)
		}
		r.sound()
	})
	t.Run("the damaged file", func(t *testing.T) {
		r := start(t)
		b, err := os.ReadFile(r.db())
		if err != nil {
			t.Fatal(err)
		}
		// The name of a budget's window, whose checksum is wrong from then on: the account is damaged, so that nothing opens it.
		at := strings.Index(string(b), "all\x00day\x00")
		if at < 0 {
			t.Fatal("no spending")
		}
		b[at+8] ^= 1
		if err := os.WriteFile(r.db(), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := manifest.OpenDir(r.dir, manifest.Options{}); err == nil {
			t.Fatal("it opens")
		}
		out := r.rebuild(manifest.RebuildOptions{})
		if out.Replicas[0].Confirmed != 5 || out.Facts != 5 {
			t.Errorf("%+v", out)
		}
		if after := r.standing(); !after.Ready.Ready || after.Doubts != 0 {
			t.Errorf("%+v", after)
		}
		r.sound()
	})
}

// What changed at the destination since the backup does not count, and what was found damaged stays damaged.
func TestRebuildOfChangedReplicas(t *testing.T) {
	r := lostRig(t)
	r.dest = mem.New(mem.Options{ObjectChecksums: []string{}})
	r.dst.Store = r.dest
	r.mustSync()
	s := r.open()
	err := s.Manifest.Update(func(tx *manifest.Tx) error {
		rep, _, err := tx.Replica("bucket", "data/c4/s2.tar")
		rep.Missing = manifest.Damaged
		if err != nil {
			return err
		}
		return tx.PutReplica(rep)
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Manifest.Backup(context.Background(), filepath.Join(r.dir, "backups"), manifest.BackupOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r.close()
	putObject(t, r.dest, "data/c4/s0.tar", data(77, 150_000)) // the same size, other bytes
	deleteObject(t, r.dest, "data/c4/s1.tar")
	r.remove("manifest.db")
	out := r.rebuild(manifest.RebuildOptions{From: b.Path})
	if got := out.Replicas[0]; got.Confirmed != 2 || got.Gone != 2 || got.Unproven != 1 {
		t.Errorf("%+v", got)
	}
	after := r.standing()
	if after.Ready.Ready || len(after.Ready.Missing) != 3 {
		t.Errorf("%+v", after.Ready)
	}
	// The same with a checksum: it is that of other bytes.
	r = lostRig(t)
	r.mustSync()
	putObject(t, r.dest, "data/c4/s0.tar", data(77, 150_000))
	r.remove("manifest.db")
	if out := r.rebuild(manifest.RebuildOptions{}); out.Replicas[0].Checksum != 4 || out.Replicas[0].Unproven != 1 {
		t.Errorf("%+v", out.Replicas)
	}
	if after := r.standing(); after.Ready.Ready || len(after.Ready.Missing) != 1 {
		t.Errorf("%+v", after.Ready)
	}
}

// A destination that is not asked: nothing counts as being there.
func TestRebuildWithoutADestination(t *testing.T) {
	r := lostRig(t)
	r.mustSync()
	s := r.open()
	b, err := s.Manifest.Backup(context.Background(), filepath.Join(r.dir, "backups"), manifest.BackupOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r.close()
	r.remove("manifest.db")
	r.rebuild(manifest.RebuildOptions{From: b.Path}, func(in *Remains) { in.Places, in.Without = nil, in.Places })
	if after := r.standing(); after.Ready.Ready || len(after.Ready.Missing) != 5 {
		t.Errorf("%+v", after.Ready)
	}
	if rep := r.mustSync(); rep.MovedBytes != 0 {
		t.Errorf("%d bytes were moved again", rep.MovedBytes)
	}
	if !r.standing().Ready.Ready {
		t.Error("not ready after a sync")
	}
}

// An origin whose state directory is gone has its snapshots back from where it published them.
func TestRebuildOfAnOrigin(t *testing.T) {
	r := lostRig(t)
	r.role = OriginRole
	r.mustSync()
	before := r.standing()
	r.remove("manifest.db", "recipes", "journal", "account.json", "snapshots")
	out := r.rebuild(manifest.RebuildOptions{})
	if out.Datasets[0].From != "published" || out.Replicas[0].Checksum != 5 {
		t.Errorf("%+v", out)
	}
	if after := r.standing(); !after.Ready.Ready || after.Ready.Snapshot != before.Ready.Snapshot || after.Doubts != 1 {
		t.Errorf("%+v", after)
	}
}

// What a job was promised stays pinned, and is taken back before it stops being true.
func TestRebuildOfJobs(t *testing.T) {
	r := lostRig(t)
	rep := r.mustSync()
	ctx := context.Background()
	list := []jobs.JobShard{{Path: "index.json", Bytes: 2, Index: true}, {Path: "s0.tar", Bytes: 150_000}}
	s := r.open()
	digest, _, _, err := s.selected(rep.Snapshot.ID, jobs.Named([]string{"index.json", "s0.tar"}, []string{"index.json"}, manifest.PathsID([]string{"index.json", "s0.tar"}, []string{"index.json"})))
	if err != nil {
		t.Fatal(err)
	}
	r.close()
	for _, keep := range []time.Duration{time.Hour, -time.Hour} { // the second promise is over
		err := jobs.WriteJobReceipt(ctx, r.dest, jobs.JobReceipt{
			Job: fmt.Sprintf("train%d", keep/time.Hour), Destination: "s3-east", Dataset: "c4", Snapshot: rep.Snapshot.ID, Prefix: "data/c4/", Selection: digest,
			Time: time.Now().Add(-2 * time.Hour).Truncate(time.Second), KeepUntil: time.Now().Add(keep).Truncate(time.Second),
		}, list)
		if err != nil {
			t.Fatal(err)
		}
	}
	r.remove("manifest.db")
	out := r.rebuild(manifest.RebuildOptions{})
	want := []RebuiltJob{{Job: "train1", Destination: "s3-east", Dataset: "c4", Shards: 2, Held: true}}
	if diff := cmp.Diff(want, out.Jobs); diff != "" || out.Pins != 1 || out.Needs != 2 {
		t.Errorf("pins %d, needs %d, jobs:\n%s", out.Pins, out.Needs, diff)
	}
	if pins := r.standing().Pins; len(pins) != 1 || pins[0].Owner != JobOwner("train1") || pins[0].Snapshot != rep.Snapshot.ID {
		t.Errorf("%+v", pins)
	}
	// The source replaces the shard: the pin blocks it; without the pin the receipt goes before the shard does.
	r.put("s0.tar", data(9, 150_000))
	if _, err := r.sync(); err == nil {
		t.Error("a pinned shard was replaced")
	}
	s = r.open()
	if _, err := s.Unpin("s3-east", JobOwner("train1"), "c4"); err != nil {
		t.Fatal(err)
	}
	r.close()
	r.mustSync()
	if _, err := jobs.ReadJobReceipt(ctx, r.dest, "train1", "s3-east"); err == nil {
		t.Error("the receipt of the job outlived its shard")
	}
}
