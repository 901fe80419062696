package crash

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/datagravity/datagravity/internal/crashpoint"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync"
)

// scenario is what the processes of a trial do, each from the beginning. All of them synchronize, collect and back up; what differs is what they find.
type scenario struct {
	name string
	// points are where its processes die: those that it is about, and of synchronize all that it passes.
	points []crashpoint.Point
	// prepare leaves what they find, and tells how many processes it killed for that.
	prepare func(r *trial) (crashes int64)
	// first is what they do before they open the manifest, and opened what they do with it before they synchronize.
	first  func(ctx context.Context, w world) error
	opened func(ctx context.Context, p *process) error
	// dataset is what they synchronize, and its prefix at the destination; "": c4.
	dataset string
	// lease is the length of theirs; 0: as long as ever.
	lease time.Duration
}

const (
	synchronizes = "synchronize" // nothing is there
	takesOver    = "takeover"    // another agent's lease stands at the destination, whose process is gone
	collects     = "collect"     // an upload is there that nobody goes on with
	rebuilds     = "rebuild"     // the manifest is damaged or gone
	migrates     = "migrate"     // the manifest is of an older schema
	other        = "other"       // the agent whose lease is taken over
)

var scenarios []scenario

func init() { // its functions look it up
	scenarios = []scenario{
		{name: synchronizes, points: slices.DeleteFunc(crashpoint.All(), func(p crashpoint.Point) bool {
			return slices.Contains([]crashpoint.Point{
				crashpoint.CollectAbort, crashpoint.RebuildFolders, crashpoint.RebuildRename, crashpoint.MigrateBefore,
			}, p)
		})},
		{name: takesOver, points: []crashpoint.Point{crashpoint.LeaseOver, crashpoint.LeaseWritten}, prepare: leaveLease},
		{name: collects, points: []crashpoint.Point{crashpoint.CollectAbort, crashpoint.CollectRecords}, prepare: leaveUpload, opened: collect},
		{name: rebuilds, points: []crashpoint.Point{
			crashpoint.CommitBefore, crashpoint.CommitAfter, crashpoint.RebuildFolders, crashpoint.RebuildRename,
		}, prepare: loseManifest, first: rebuild},
		{name: migrates, points: []crashpoint.Point{crashpoint.MigrateBefore, crashpoint.CommitBefore, crashpoint.CommitAfter}, prepare: leaveOld, dataset: "later"},
	}
}

func scenarioOf(name string) scenario {
	for _, s := range scenarios {
		if s.name == name {
			return s
		}
	}
	return scenario{name: other, lease: foreignLease}
}

func (s scenario) data() string {
	if s.dataset == "" {
		return "c4"
	}
	return s.dataset
}

// run is a process from its beginning to its end.
func (s scenario) run(ctx context.Context, w world) (err error) {
	if s.first != nil {
		if err := s.first(ctx, w); err != nil {
			return err
		}
	}
	p, err := start(ctx, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if s.opened != nil {
		if err := s.opened(ctx, p); err != nil {
			return err
		}
	}
	if _, err := p.syncer.Sync(ctx, p.request); err != nil {
		return err
	}
	if err := collect(ctx, p); err != nil {
		return err
	}
	_, err = p.m.Backup(ctx, w.backups(), manifest.BackupOptions{Program: "trial"})
	return err
}

// collect takes all for idle that this process does not work on.
func collect(ctx context.Context, p *process) error {
	_, err := p.syncer.Collect(ctx, map[string]store.Store{"bucket": p.request.Destination.Store}, 0, false)
	return err
}

// rebuild does what the command does, with the newest backup if there is one. A manifest that is sound stays.
func rebuild(ctx context.Context, w world) (err error) {
	kept, err := manifest.ReadKept(w.state())
	if err != nil {
		return err
	}
	backup := ""
	if list, err := filepath.Glob(filepath.Join(w.backups(), "*")); err != nil {
		return err
	} else if len(list) > 0 {
		backup = slices.Max(list)
	}
	r, err := manifest.BeginRebuild(ctx, w.state(), manifest.RebuildOptions{From: backup})
	if errors.Is(err, manifest.ErrSound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Abandon()) }()
	p, err := on(ctx, w, r.Manifest)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.release()) }()
	q := p.request
	if _, err := p.syncer.Rebuild(ctx, sync.Remains{
		Kept: kept, Old: r.Old, Packs: filepath.Join(w.state(), "recipes"), Sources: []sync.Source{q.Source},
		Places: []sync.RebuiltPlace{{Dataset: q.Source.Name, Destination: q.Destination}},
	}); err != nil {
		return err
	}
	_, err = r.Finish(ctx)
	return err
}

// foreignLease is as short as a lease can be: who finds it must look for that long.
const foreignLease = time.Second

// leaveLease has another agent, with a manifest of its own, die with a lease on the same prefix.
func leaveLease(r *trial) int64 {
	r.t.Helper()
	w := r.world
	w.folder, w.scenario = filepath.Join(w.folder, "other"), other
	for _, dir := range []string{"hit", "source"} {
		if err := os.MkdirAll(filepath.Join(w.folder, dir), 0o700); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(w.folder, "source", "a.bin"), []byte("never sent"), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if !w.process(r.t, crashpoint.LeaseWritten, 1) {
		r.t.Fatal("the other agent wrote no lease")
	}
	return 0
}

// leaveUpload has a process die in the middle of one.
func leaveUpload(r *trial) int64 {
	r.t.Helper()
	w := r.world
	w.scenario = synchronizes
	if !w.process(r.t, crashpoint.SendAcknowledged, 1) {
		r.t.Fatal("nothing was sent in parts")
	}
	return 1
}

// loseManifest has everything be there, with the snapshot before, and then the manifest be gone or damaged; in half of the trials there is a backup.
func loseManifest(r *trial) int64 {
	r.t.Helper()
	w := r.world
	w.scenario = synchronizes
	later, away := filepath.Join(w.folder, "source", "a.bin"), filepath.Join(w.folder, "a.bin")
	for _, move := range [][2]string{{later, away}, {away, later}} {
		if err := os.Rename(move[0], move[1]); err != nil {
			r.t.Fatal(err)
		}
		w.ends(r.t)
	}
	r.keep(w)
	var err error
	if r.rnd.IntN(2) == 0 {
		err = os.Remove(filepath.Join(w.state(), "manifest.db"))
	} else {
		err = damage(w.state(), r.rnd)
	}
	if err == nil && r.rnd.IntN(2) == 0 {
		err = os.RemoveAll(w.backups())
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return 0
}

// damage a manifest as a disk does that gives back zeros: of a page, and of another one as long as nothing was in them.
func damage(state string, rnd *rand.Rand) error {
	path, page := filepath.Join(state, "manifest.db"), os.Getpagesize()
	b, err := os.ReadFile(path) //nolint:gosec // of the trial
	for err == nil {
		at := (2 + rnd.IntN(len(b)/page-2)) * page
		clear(b[at : at+page])
		if err := os.WriteFile(path, b, 0o600); err != nil {
			return err
		}
		var c manifest.Checked
		if c, err = manifest.CheckDir(context.Background(), state, manifest.Options{}, manifest.CheckOptions{}); err == nil && !c.Sound() {
			return nil
		}
	}
	return err
}
