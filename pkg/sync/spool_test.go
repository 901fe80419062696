package sync

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/store"
)

// takingNothing is a store that takes nothing.
type takingNothing struct{ store.Store }

func (takingNothing) Put(context.Context, string, []byte, store.WriteOptions) (store.Object, error) {
	return store.Object{}, &store.Error{Kind: store.ErrTransient, Op: "put"}
}

func (takingNothing) CreateUpload(context.Context, string, store.UploadOptions) (store.Upload, error) {
	return store.Upload{}, &store.Error{Kind: store.ErrTransient, Op: "create upload"}
}

// spooledFiles of an edge, by their ends.
func (r *rig) spooledFiles(t *testing.T, end string) (list []string) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(r.dir, spoolFolder, "*", "*"+end))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// newSpooled is an edge whose first sync fetched packs, and then could send nothing.
func newSpooled(t *testing.T) (origin, edge *rig) {
	t.Helper()
	origin, edge = newPair(t)
	for i, path := range []string{"a.jsonl", "b.jsonl"} {
		edge.put(path, lines(i, 4<<20))
	}
	origin.index()
	edge.budgets = []cost.Budget{{Name: "b", LimitBytes: 1 << 30}}
	end := origin.serving(t)
	s := edge.open()
	q := Request{Source: edge.src, Destination: edge.dst, Selection: jobs.Selection{}}
	q.Destination.Store = takingNothing{edge.dst.Store}
	if _, err := s.Sync(context.Background(), q); !errors.Is(err, store.ErrTransient) && !errors.Is(err, ErrFailed) {
		t.Fatal(err)
	}
	edge.close()
	if answered := end(); answered.Packs == 0 {
		t.Fatalf("%+v", answered)
	}
	if len(edge.spooledFiles(t, packName)) == 0 {
		t.Fatal("no pack was kept")
	}
	edge.nothingWanted(t)
	return origin, edge
}

// Whoever failed after packs were paid for goes on with them, whether an origin is there or not.
func TestPacksArePaidForOnce(t *testing.T) {
	_, edge := newSpooled(t)
	before := edge.settled(t)
	rep := edge.mustSync()
	if got := edge.settled(t) - before; got > 64<<10 {
		t.Errorf("%d bytes crossed again", got)
	}
	if ways(rep.Summary) != "full:2 " {
		t.Errorf("%s", ways(rep.Summary))
	}
	edge.equal()
	edge.nothingOpen()
	if left := edge.spooledFiles(t, ""); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// What was not fetched of an answer, because the edge was killed, is fetched by the next run, without asking again.
func TestWhatWasPromisedIsFetchedLater(t *testing.T) {
	origin, edge := newPair(t)
	edge.put("a.jsonl", lines(1, 6<<20))
	origin.index()
	edge.budgets = []cost.Budget{{Name: "b", LimitBytes: 1 << 30}}
	end := origin.serving(t)
	s := edge.open()
	ctx, cancel := context.WithCancel(context.Background())
	q := Request{Source: edge.src, Destination: edge.dst}
	q.Source.Store = cutOff{edge.src.Store, cancel}
	if _, err := s.Sync(ctx, q); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	edge.close()
	if answered := end(); answered.Packs == 0 {
		t.Fatalf("%+v", answered)
	}
	if wants := edge.spooledFiles(t, askedName); len(wants) != 1 || len(edge.keys(".datagravity/v1/packs/")) == 0 {
		t.Fatalf("it does not know what it asked for: %v", wants)
	}
	edge.mustSync() // nobody answers now
	if crossed := edge.settled(t); crossed > 6<<20*2/5 {
		t.Errorf("%d bytes crossed of %d", crossed, 6<<20)
	}
	edge.equal()
	edge.nothingWanted(t)
}

// cutOff breaks off when a pack is read, and then neither reads nor removes anything: as if the process had been killed.
type cutOff struct {
	store.Store
	cancel context.CancelFunc
}

func (s cutOff) ReadRange(ctx context.Context, ref store.Ref, offset int64, b []byte) error {
	if strings.Contains(ref.Key, "/packs/") {
		s.cancel()
		return context.Canceled
	}
	return s.Store.ReadRange(ctx, ref, offset, b)
}

func (s cutOff) Delete(context.Context, store.Ref) error {
	return &store.Error{Kind: store.ErrTransient, Op: "delete"}
}

// Packs that were damaged on the disk, or cut short, cost reading again what was in them, and nothing else.
func TestDamagedSpool(t *testing.T) {
	for name, damage := range map[string]func(b []byte) []byte{
		"tables":    func(b []byte) []byte { b[20] ^= 1; return b },
		"frames":    func(b []byte) []byte { b[len(b)-1000] ^= 1; return b },
		"cut short": func(b []byte) []byte { return b[:len(b)/2] },
		"empty":     func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			origin, edge := newSpooled(t)
			for _, file := range edge.spooledFiles(t, packName) {
				b, err := os.ReadFile(file)
				if err := errors.Join(err, os.WriteFile(file, damage(b), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			end := origin.serving(t)
			edge.mustSync()
			end()
			edge.equal()
			if left := edge.spooledFiles(t, ""); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// What nobody goes on with is removed a day later.
func TestOldSpoolsAreRemoved(t *testing.T) {
	origin, edge := newSpooled(t)
	folder := filepath.Dir(edge.spooledFiles(t, packName)[0])
	other := folder + "0"
	young := folder + "1"
	for _, dir := range []string{other, young} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(other, time.Time{}, time.Now().Add(-packLife-time.Minute)); err != nil {
		t.Fatal(err)
	}
	end := origin.serving(t)
	edge.mustSync()
	end()
	for dir, want := range map[string]bool{folder: false, other: false, young: true} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s is there: %v", filepath.Base(dir), err == nil)
		}
	}
}
