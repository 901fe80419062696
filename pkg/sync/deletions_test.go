package sync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// mirrored is a rig whose destination propagates deletions, with n shards there.
func mirrored(t *testing.T, n int) *rig {
	t.Helper()
	r := newRig(t)
	r.dst.PropagateDeletions, r.dst.DeletionShare = true, 0.1
	for i := range n {
		r.put(fmt.Sprintf("%02d.tar", i), data(uint64(i+1), 1000))
	}
	r.mustSync()
	return r
}

func (r *rig) gone(paths ...string) {
	r.t.Helper()
	for _, path := range paths {
		deleteObject(r.t, r.source, "c4/"+path)
	}
}

// replica is what the manifest knows of a key at the destination.
func (r *rig) replica(key string) manifest.Replica {
	r.t.Helper()
	r.open()
	defer r.close()
	var out manifest.Replica
	err := r.m.View(func(tx *manifest.Tx) (err error) {
		out, _, err = tx.Replica("bucket", key)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// removed names what went, and kept what stayed, of a list.
func removed(list []plan.Removal) (went, kept string) {
	for _, r := range list {
		if r.Kept != "" {
			kept += r.Path + ": " + r.Kept + "\n"
		} else if r.Removed {
			went += r.Path + " "
		}
	}
	return went, kept
}

func TestDeletionsArePropagated(t *testing.T) {
	r := mirrored(t, 20)
	first := r.readyFrom(r.readyTo(r.index().Snapshot.ID).Snapshot)
	r.gone("03.tar", "04.tar")

	// The plan lists them, and does nothing.
	s := r.open()
	p, err := s.Plan(context.Background(), r.request())
	r.close()
	if err != nil || len(p.Removals) != 2 || p.Removals[0].Way != plan.Delete || p.Guard != nil || !r.has("data/c4/03.tar") {
		t.Fatalf("%v, %+v, %v", err, p.Removals, p.Guard)
	}
	rep := r.mustSync()
	if went, kept := removed(rep.Removed); went != "03.tar 04.tar " || kept != "" {
		t.Errorf("%q went, %q stayed", went, kept)
	}
	if r.has("data/c4/03.tar") || r.has("data/c4/04.tar") || !r.has("data/c4/05.tar") {
		t.Error("wrong objects are there")
	}
	if got := r.replica("data/c4/03.tar"); got.Missing != manifest.Deleted {
		t.Errorf("recorded as %q", got.Missing)
	}
	if r.readyFrom(first.Snapshot).Ready || r.readyTo(first.Snapshot).Ready || !r.readyFrom(rep.Snapshot.ID).Ready || !r.readyTo(rep.Snapshot.ID).Ready {
		t.Error("the snapshot with the deleted shards is not ready any more, and the one without them is")
	}
	if again := r.mustSync(); len(again.Removed) != 0 {
		t.Errorf("again: %+v", again.Removed)
	}
}

func TestDeletionsAreKeptUnlessAskedFor(t *testing.T) {
	for name, change := range map[string]func(*Request){
		"keep":        func(q *Request) { q.Destination.PropagateDeletions = false },
		"a selection": func(q *Request) { q.Selection = jobs.Selection{Globs: []string{"0*.tar"}} },
	} {
		r := mirrored(t, 20)
		r.gone("03.tar")
		if rep := r.mustSync(change); len(rep.Removed) != 0 || !r.has("data/c4/03.tar") {
			t.Errorf("%s: %+v", name, rep.Removed)
		}
	}
	r := mirrored(t, 20)
	first := r.index().Snapshot.ID
	r.put("later.tar", data(30, 1000))
	r.mustSync()
	r.gone("later.tar")
	if rep := r.mustSync(func(q *Request) { q.Snapshot = first }); len(rep.Removed) != 0 || !r.has("data/c4/later.tar") {
		t.Errorf("an older snapshot: %+v", rep.Removed)
	}
}

// More than the limit is refused as a whole, and allowed once when told to. The shards that are wanted are ready all the same.
func TestTooManyDeletionsAreRefused(t *testing.T) {
	r := mirrored(t, 20)
	r.gone("03.tar", "04.tar", "05.tar")
	s := r.open()
	p, err := s.Plan(context.Background(), r.request())
	r.close()
	if err != nil || !errors.Is(p.Guard, ErrDeletions) || len(p.Removals) != 3 {
		t.Errorf("planned: %v, %v", err, p.Guard)
	}
	rep, err := r.sync()
	if !errors.Is(err, ErrDeletions) || !strings.Contains(err.Error(), "3 of the 20 shards") || !strings.Contains(err.Error(), "--allow-deletions") {
		t.Fatalf("%v", err)
	}
	if !r.has("data/c4/03.tar") || !rep.Ready || !r.readyFrom(rep.Snapshot.ID).Ready {
		t.Errorf("nothing goes, and what is wanted is ready: %+v", rep.Removed)
	}
	rep = r.mustSync(func(q *Request) { q.AllowDeletions = true })
	if went, _ := removed(rep.Removed); went != "03.tar 04.tar 05.tar " || r.has("data/c4/03.tar") {
		t.Errorf("%q went", went)
	}
}

// A listing that is empty, incomplete or failed deletes nothing, whatever is allowed.
func TestDeletionsNeedAWholeListing(t *testing.T) {
	allowed := func(q *Request) { q.AllowDeletions = true }
	r := mirrored(t, 3)
	r.gone("00.tar", "01.tar", "02.tar")
	if _, err := r.sync(allowed); !errors.Is(err, index.ErrEmpty) || !r.has("data/c4/00.tar") {
		t.Errorf("empty: %v", err)
	}
	r = mirrored(t, 20)
	r.gone("03.tar")
	if _, err := r.sync(allowed, func(q *Request) { q.Source.Marker = "_SUCCESS" }); !errors.Is(err, index.ErrNotComplete) || !r.has("data/c4/03.tar") {
		t.Errorf("incomplete: %v", err)
	}
	broken := errors.New("the second page")
	if _, err := r.sync(allowed, func(q *Request) { q.Source.Store = &halfListed{r.source, broken} }); !errors.Is(err, broken) || !r.has("data/c4/03.tar") {
		t.Errorf("failed: %v", err)
	}
	// A store that leaves objects out of its listing still has them.
	rep, err := r.sync(allowed, func(q *Request) { q.Source.Store = &forgetful{r.source, "c4/07.tar"} })
	went, kept := removed(rep.Removed)
	if err != nil || went != "03.tar " || !strings.Contains(kept, "07.tar: the source still has it") || !r.has("data/c4/07.tar") {
		t.Errorf("%v: %q went, %q stayed", err, went, kept)
	}
}

// halfListed fails after the first page of a listing.
type halfListed struct {
	store.Store
	err error
}

func (s *halfListed) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	if o.Token != "" {
		return store.Page{}, s.err
	}
	o.Max = 5
	return s.Store.List(ctx, o)
}

// forgetful leaves a key out of its listings.
type forgetful struct {
	store.Store
	key string
}

func (s *forgetful) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	page, err := s.Store.List(ctx, o)
	for i, obj := range page.Objects {
		if obj.Key == s.key {
			page.Objects = append(page.Objects[:i:i], page.Objects[i+1:]...)
			break
		}
	}
	return page, err
}

// What a pin needs, what was there already, what somebody wrote over it, and what another dataset has under the same key stays.
func TestWhatIsNeverDeleted(t *testing.T) {
	r := newRig(t)
	r.dst.PropagateDeletions, r.dst.DeletionShare = true, 1
	for i := range 6 {
		r.put(fmt.Sprintf("%02d.tar", i), data(uint64(i+1), 1000))
	}
	putObject(t, r.dest, "data/c4/01.tar", data(2, 1000)) // adopted
	first := r.mustSync()
	if first.Ways[plan.Adopt].Shards != 1 {
		t.Fatalf("%s", ways(first.Summary))
	}
	s := r.open() // an adopted object whose bytes were read back is an adopted one
	if _, err := s.Verify(context.Background(), r.src, r.dst, 1); err != nil {
		t.Fatal(err)
	}
	r.close()
	if !r.replica("data/c4/02.tar").Ours() || r.replica("data/c4/01.tar").Ours() {
		t.Error("reading back changed who wrote an object")
	}
	r.gone("01.tar", "02.tar", "03.tar", "04.tar")
	r.pinOne("job-7", "02.tar")
	putObject(t, r.dest, "data/c4/03.tar", data(9, 1000)) // behind our back
	putObject(t, r.dest, "data/c4/stranger.tar", data(10, 1000))
	r.alien("alien.tar")
	putObject(t, r.source, "shared/04.tar", data(5, 1000))
	shared := r.share("shared")
	rep := r.mustSync(func(q *Request) { q.Neighbors = shared })
	went, kept := removed(rep.Removed)
	for _, want := range []string{"01.tar: datagravity did not write it", "02.tar: blocked by the pin of job-7", "03.tar: somebody else wrote it since", "04.tar: dataset shared"} {
		if !strings.Contains(kept, want) {
			t.Errorf("it does not say %q: %s", want, kept)
		}
	}
	if went != "" {
		t.Errorf("%q went", went)
	}
	for _, path := range []string{"01", "02", "03", "04", "stranger", "alien"} {
		if !r.has("data/c4/" + path + ".tar") {
			t.Errorf("%s.tar is gone", path)
		}
	}
	if got := r.replica("data/c4/03.tar"); got.Missing != manifest.Changed {
		t.Errorf("what somebody wrote over is recorded as %q", got.Missing)
	}
	r.unpin("job-7")
	rep = r.mustSync(func(q *Request) { q.Neighbors = shared })
	if went, _ := removed(rep.Removed); went != "02.tar " {
		t.Errorf("without the pin %q went", went)
	}
}

// pinOne pins a snapshot of one shard that was at the source before.
func (r *rig) pinOne(owner, path string) {
	r.t.Helper()
	rep := r.replica("data/c4/" + path)
	s := r.open()
	err := s.Manifest.Update(func(tx *manifest.Tx) error {
		w := tx.NewSnapshot(rep.Shard, "c4", 1)
		if err := w.Add(manifest.Shard{Path: path, Size: rep.Size, Digest: rep.Shard}); err != nil {
			return err
		}
		_, err := w.Close()
		return err
	})
	r.close()
	if err != nil {
		r.t.Fatal(err)
	}
	r.pin(owner, rep.Shard, 0)
}

// alien is an object of ours, of a path that a snapshot names, with content that none does: some other dataset's, once.
func (r *rig) alien(path string) {
	r.t.Helper()
	putObject(r.t, r.dest, "data/c4/"+path, data(11, 1000))
	o, err := r.dest.Head(context.Background(), "data/c4/"+path)
	if err != nil {
		r.t.Fatal(err)
	}
	s := r.open()
	defer r.close()
	err = s.Manifest.Update(func(tx *manifest.Tx) error {
		w := tx.NewSnapshot(chunker.Digest{7}, "c4", 1)
		err := errors.Join(w.Add(manifest.Shard{Path: path, Size: 1000, Digest: chunker.Digest{8}}),
			tx.PutReplica(manifest.Replica{Store: "bucket", Key: o.Key, Size: 1000, ETag: o.ETag, Shard: chunker.Digest{9}, Proof: "upload"}))
		_, closed := w.Close()
		return errors.Join(err, closed)
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// share indexes another dataset of the source, whose place at the destination is the same.
func (r *rig) share(name string) []Neighbor {
	r.t.Helper()
	src := r.src
	src.Name, src.Prefix = name, name+"/"
	s := r.open()
	defer r.close()
	if _, err := s.Index(context.Background(), src); err != nil {
		r.t.Fatal(err)
	}
	return []Neighbor{{Dataset: name, Prefix: r.dst.Prefix, Source: Origin{Name: "training", Location: src.Location, Open: opened(r.source)}, SourcePrefix: src.Prefix}}
}

// An index is replaced before a shard that it named goes, and an index that is gone itself goes before its shards.
func TestOrderOfDeletions(t *testing.T) {
	r := newRig(t)
	r.dst.PropagateDeletions, r.dst.DeletionShare = true, 1
	r.put("a/0.tar", data(1, 1000))
	r.put("a/index.json", []byte("0"))
	r.put("b/0.tar", data(2, 1000))
	r.put("b/1.tar", data(3, 1000))
	r.put("b/index.json", []byte("0 1"))
	r.put("b/_SUCCESS", nil)
	r.mustSync()
	r.gone("a/0.tar", "a/index.json", "b/1.tar")
	r.put("b/index.json", []byte("only 0"))
	var mu sync.Mutex
	var order []string
	r.dst.Store = &watched{Store: r.dest, saw: func(what string) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, what)
		path, deleted := strings.CutPrefix(what, "delete ")
		if err := r.m.View(func(tx *manifest.Tx) error {
			rep, _, err := tx.Replica("bucket", "data/c4/"+path)
			if deleted && rep.Present() {
				t.Errorf("%s counts while it is deleted", path)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	}}
	r.mustSync()
	want := "put b/index.json, delete a/index.json, "
	got := strings.Join(order, ", ")
	if !strings.HasPrefix(got, want) || !strings.Contains(got, "delete a/0.tar") || !strings.Contains(got, "delete b/1.tar") || len(order) != 4 {
		t.Errorf("%s", got)
	}
}

// watched tells of the shards that are put and deleted, by their paths.
type watched struct {
	store.Store
	saw func(string)
}

func (s *watched) Put(ctx context.Context, key string, b []byte, o store.WriteOptions) (store.Object, error) {
	if path, ok := strings.CutPrefix(key, "data/c4/"); ok {
		s.saw("put " + path)
	}
	return s.Store.Put(ctx, key, b, o)
}

func (s *watched) Delete(ctx context.Context, ref store.Ref) error {
	if path, ok := strings.CutPrefix(ref.Key, "data/c4/"); ok {
		if ref.ETag == "" {
			s.saw("unpinned delete of " + path)
		}
		s.saw("delete " + path)
	}
	return s.Store.Delete(ctx, ref)
}

// Killed between the record and its effect, or between the effect and its record, the next sync finishes the deletions.
func TestDeletionsAreFinishedAfterAKill(t *testing.T) {
	for _, deleted := range []bool{false, true} {
		r := mirrored(t, 20)
		first := r.index().Snapshot.ID
		r.gone("03.tar")
		ctx, kill := context.WithCancel(context.Background())
		r.dst.Store = &failedDelete{Store: r.dest, first: deleted, kill: kill}
		s := r.open()
		if _, err := s.Sync(ctx, r.request()); err == nil {
			t.Fatal("the deletion did not fail")
		}
		r.close()
		r.dst.Store = r.dest
		if r.readyTo(first).Ready || r.readyFrom(first).Ready || r.replica("data/c4/03.tar").Present() {
			t.Errorf("deleted=%v: what may be gone still counts", deleted)
		}
		r.mustSync()
		if r.has("data/c4/03.tar") || r.replica("data/c4/03.tar").Missing != manifest.Deleted {
			t.Errorf("deleted=%v: it was not finished", deleted)
		}
	}
}

// failedDelete answers no deletion of a shard, nor anything after it.
type failedDelete struct {
	store.Store
	first bool // delete it before
	kill  func()
	dead  bool
}

func (s *failedDelete) Delete(ctx context.Context, ref store.Ref) error {
	if store.IsPrivate(ref.Key) {
		return s.Store.Delete(ctx, ref)
	}
	if s.first {
		_ = s.Store.Delete(ctx, ref)
	}
	s.kill()
	s.dead = true
	return context.Canceled
}

func (s *failedDelete) Head(ctx context.Context, key string) (store.Object, error) {
	if s.dead {
		return store.Object{}, context.Canceled
	}
	return s.Store.Head(ctx, key)
}

// A deletion that the store refuses leaves the replica counted as before.
func TestRefusedDeletion(t *testing.T) {
	r := mirrored(t, 20)
	r.gone("03.tar")
	r.dst.Store = &failedDelete{Store: r.dest, kill: func() {}}
	s := r.open()
	_, err := s.Sync(context.Background(), r.request())
	r.close()
	if err == nil {
		t.Fatal("no error")
	}
	r.dst.Store = &noDelete{r.dest}
	r.put("zz.tar", data(50, 10))
	rep, err := r.sync()
	if !errors.Is(err, store.ErrPermission) || !rep.Ready {
		t.Errorf("%v", err)
	}
	if got := r.replica("data/c4/03.tar"); !got.Present() || !r.has("data/c4/03.tar") {
		t.Errorf("it stands there and is recorded as %q", got.Missing)
	}
}

type noDelete struct{ *mem.Store }

func (s *noDelete) Delete(ctx context.Context, ref store.Ref) error {
	if store.IsPrivate(ref.Key) {
		return s.Store.Delete(ctx, ref)
	}
	return &store.Error{Op: "delete", Key: ref.Key, Kind: store.ErrPermission}
}

// Beside a mirror that pins hold back nothing is deleted in it.
func TestNothingIsDeletedBesideAMirror(t *testing.T) {
	r := mirrored(t, 20)
	r.dst.BesideWhenPinned = true
	r.pinOne("job-7", "00.tar")
	r.put("00.tar", data(90, 1000))
	r.gone("03.tar")
	if rep := r.mustSync(); !rep.At.Beside || len(rep.Removed) != 0 || !r.has("data/c4/03.tar") {
		t.Errorf("%+v, %+v", rep.At, rep.Removed)
	}
	r.unpin("job-7")
	rep := r.mustSync()
	if went, _ := removed(rep.Removed); went != "03.tar " {
		t.Errorf("%q went", went)
	}
	if !r.has(rep.At.BesideMirror().Key(plan.Folder(rep.Snapshot.ID), "00.tar")) {
		t.Error("what is beside the mirror is no shard of the mirror")
	}
}
