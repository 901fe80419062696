package manifest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/datagravity/datagravity/internal/crashpoint"
)

// ErrSound: nothing is wrong with the manifest that was to be made anew.
var ErrSound = errors.New("the manifest is sound")

// RebuildOptions of [BeginRebuild].
type RebuildOptions struct {
	// Options of the manifest that is made.
	Options
	// From is the backup to begin with, a folder or a file; "": with nothing.
	From string
	// Replace has a sound manifest be replaced.
	Replace bool
	// DryRun changes nothing in the state directory and in the journal's folder.
	DryRun bool
}

// Rebuilding is a manifest that is made in place of one that is lost or damaged. Others find the state directory locked meanwhile. It is either put in its place with
// Finish, or given up with Abandon.
type Rebuilding struct {
	// Manifest that is made: empty, or as the backup has it. Its folder is not the state directory.
	*Manifest
	// Old is the one that is replaced, as far as it can be read; nil if there is none, or its pages are damaged.
	Old *Manifest
	// Damage says what is wrong with the old one; nil if it is not there, or sound.
	Damage error
	// Began is when the backup was made; 0 without one.
	Began Millis

	o        RebuildOptions
	state    string
	staging  string
	lock     *os.File // if Old does not hold it
	made     bool     // the file that is locked was made for that
	finished bool
}

// BeginRebuild looks at the manifest of a state directory, and begins another. Errors: [ErrLocked], [ErrSound], [ErrNewer], [ErrCorrupt] for a backup that is damaged, and
// those of the disk; nothing is left after any of them.
func BeginRebuild(ctx context.Context, state string, o RebuildOptions) (r *Rebuilding, err error) {
	if o.JournalDir == "" {
		o.JournalDir = filepath.Join(state, "journal")
	}
	r = &Rebuilding{o: o, state: state}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Abandon())
			r = nil
		}
	}()
	if err := os.MkdirAll(state, 0o700); err != nil {
		return r, err
	}
	if err := r.look(ctx); err != nil {
		return r, err
	}
	if r.staging, err = os.MkdirTemp(state, creating+"rebuild-*"); err != nil {
		return r, err
	}
	if err := r.gather(ctx); err != nil {
		return r, err
	}
	if r.Manifest, err = OpenDir(r.staging, r.options()); err != nil {
		return r, fmt.Errorf("begin another manifest: %w", err)
	}
	return r, r.Update(func(tx *Tx) error {
		// What is beside it is taken over by who rebuilds; the rest is nobody's from then on.
		return errors.Join(leave(tx, func(s *trimming) { s.Recipes = true }), earlier.delete(tx, earlierKey), restores.put(tx, restoreKey, restored{At: max(r.Began, 1), Rebuilt: r.Began == 0}))
	})
}

func (r *Rebuilding) path() string { return filepath.Join(r.state, "manifest.db") }

// look takes the lock, and finds out what is wrong.
func (r *Rebuilding) look(ctx context.Context) error {
	old, err := openToRead(r.path())
	switch {
	case errors.Is(err, os.ErrNotExist):
		return r.lockNew()
	case errors.Is(err, ErrCorrupt):
		r.Damage = err
		return r.lockOld()
	case err != nil:
		return err
	}
	r.Old = old
	if !r.o.DryRun {
		if err := writeHolder(r.state, r.o.Holder, old.now()); err != nil {
			return err
		}
	}
	c, err := old.Check(ctx, CheckOptions{Alone: true})
	if err != nil {
		return err
	}
	if c.Schema != SchemaVersion { // of an older one the tables cannot be read
		r.Old = nil
		if err := errors.Join(old.CloseCopy(), r.lockOld()); err != nil {
			return err
		}
	}
	switch {
	case !c.Sound():
		r.Damage = fmt.Errorf("%w: %s: %s", ErrCorrupt, c.Findings[0].Where, c.Findings[0].Text)
		if c.Damaged > 1 {
			r.Damage = fmt.Errorf("%w, and %d more", r.Damage, c.Damaged-1)
		}
	case !r.o.Replace:
		if bare, err := old.bare(); err != nil || bare {
			return err
		}
		return fmt.Errorf("%w: %s; there is nothing to rebuild. --replace makes another one all the same, for example where this one was begun after the loss", ErrSound, r.path())
	}
	return nil
}

// bare tells that nothing was ever recorded: a rebuild that was killed left it, or a command that only looked. There is nothing to lose in it.
func (m *Manifest) bare() (bool, error) {
	empty := true
	err := m.View(func(tx *Tx) error {
		return tx.b.ForEach(func(name []byte, b *bolt.Bucket) error {
			first, _ := b.Cursor().First()
			empty = empty && (first == nil || bytes.Equal(name, metaBucket))
			return nil
		})
	})
	return empty, err
}

// lockNew makes a manifest that others find locked.
func (r *Rebuilding) lockNew() error {
	if r.o.DryRun {
		return nil
	}
	if err := createIfMissing(r.path()); err != nil {
		return err
	}
	r.made = true
	return r.lockOld()
}

// lockOld takes the lock of a file that bbolt must not see.
func (r *Rebuilding) lockOld() error {
	f, err := os.OpenFile(r.path(), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err = lock(f, 2*time.Second); err == nil {
		err = stillThere(f, r.path())
	}
	if err != nil {
		r.made = false
		if errors.Is(err, errTimeout) {
			err = fmt.Errorf("%w: %s is held by %s", ErrLocked, r.path(), describeHolder(r.state))
		}
		return errors.Join(err, f.Close())
	}
	r.lock = f
	if r.o.DryRun {
		return nil
	}
	return writeHolder(r.state, r.o.Holder, time.Now()) //nolint:forbidigo // it is what people read of the lock
}

// gather has all lie in the new folder that the new manifest begins with.
func (r *Rebuilding) gather(ctx context.Context) error {
	if err := os.Mkdir(filepath.Join(r.staging, "recipes"), 0o700); err != nil {
		return err
	}
	if err := linkPacks(filepath.Join(r.state, "recipes"), filepath.Join(r.staging, "recipes")); err != nil {
		return err
	}
	if err := copyIfThere(filepath.Join(r.state, traceFile), filepath.Join(r.staging, traceFile)); err != nil {
		return err
	}
	if r.o.DryRun {
		if err := copyFolder(r.o.JournalDir, filepath.Join(r.staging, "journal")); err != nil {
			return err
		}
	}
	if r.o.From == "" {
		return nil
	}
	return r.begin(ctx)
}

// begin puts what a backup has into the new folder.
func (r *Rebuilding) begin(ctx context.Context) error {
	info, err := os.Stat(r.o.From)
	if err != nil {
		return fmt.Errorf("the backup to begin with: %w", err)
	}
	file := r.o.From
	if info.IsDir() {
		b, err := ReadBackup(r.o.From)
		if err == nil {
			err = b.Verify(ctx)
		}
		if err == nil {
			err = linkPacks(filepath.Join(r.o.From, "recipes"), filepath.Join(r.staging, "recipes"))
		}
		if err == nil {
			err = copyFolder(filepath.Join(r.o.From, "journal"), r.options().JournalDir)
		}
		if err != nil {
			return fmt.Errorf("the backup to begin with: %w", err)
		}
		r.Began, file = b.Time, filepath.Join(r.o.From, "manifest.db")
	}
	to := filepath.Join(r.staging, "manifest.db")
	if err := copyIfThere(file, to); err != nil {
		return err
	}
	if err := VerifyCopy(to); err != nil {
		return fmt.Errorf("the backup to begin with, %s: %w", r.o.From, err)
	}
	if r.Began == 0 {
		if r.Began, err = copiedAt(to, info); err != nil {
			return err
		}
	}
	return nil
}

// copiedAt is when a file was copied: it says so itself, or the file system does.
func copiedAt(path string, info fs.FileInfo) (at Millis, err error) {
	m, err := openToRead(path)
	if err != nil {
		return 0, err
	}
	err = m.View(func(tx *Tx) (err error) {
		at, err = tx.Restored()
		return err
	})
	if at == 0 {
		at = At(info.ModTime())
	}
	return at, errors.Join(err, m.CloseCopy())
}

// options of the manifest that is made.
func (r *Rebuilding) options() Options {
	o := r.o.Options
	o.LeavesLater = false
	if r.o.DryRun {
		o.JournalDir = filepath.Join(r.staging, "journal")
	}
	return o
}

// Finish puts the new manifest in its place. aside is the name that the old one has from then on, "" if there was none. A process that dies in here leaves either the old one or
// the new one.
func (r *Rebuilding) Finish(ctx context.Context) (aside string, err error) {
	if err := r.KeepSnapshots(ctx); err != nil {
		return "", err
	}
	made := r.Manifest
	r.Manifest = nil
	if err := made.Close(); err != nil {
		return "", err
	}
	if r.o.DryRun {
		return "", nil
	}
	for _, folder := range []string{"recipes", keptFolder} {
		to := filepath.Join(r.state, folder)
		if err := os.MkdirAll(to, 0o700); err != nil {
			return "", err
		}
		if err := linkAll(filepath.Join(r.staging, folder), to); err != nil {
			return "", err
		}
	}
	crashpoint.Hit(crashpoint.RebuildFolders)
	if err := replaceWith(filepath.Join(r.staging, keptFolder, datasetsFile), filepath.Join(r.state, keptFolder, datasetsFile)); err != nil {
		return "", err
	}
	if err := replaceWith(filepath.Join(r.staging, traceFile), filepath.Join(r.state, traceFile)); err != nil {
		return "", err
	}
	if !r.made {
		if aside, err = r.putAside(made.Now()); err != nil {
			return "", err
		}
	}
	if err := removeHolder(r.state); err != nil { // from the next moment on it may be another's
		return "", err
	}
	crashpoint.Hit(crashpoint.RebuildRename)
	if err := os.Rename(filepath.Join(r.staging, "manifest.db"), r.path()); err != nil {
		return "", err
	}
	r.made, r.finished = false, true
	return aside, syncDir(r.state)
}

// putAside gives the old file another name beside its own, so that it is never without one.
func (r *Rebuilding) putAside(now time.Time) (string, error) {
	kind := "replaced"
	if r.Damage != nil {
		kind = "damaged"
	}
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s.%s-%s", r.path(), kind, now.UTC().Format(backupTimes))
		if n > 1 {
			name += fmt.Sprintf("-%d", n)
		}
		err := os.Link(r.path(), name)
		if !errors.Is(err, os.ErrExist) {
			return name, err
		}
	}
}

// Abandon removes what was made, and lets go of the lock. After Finish there is only the lock to let go of.
func (r *Rebuilding) Abandon() error {
	if r == nil {
		return nil
	}
	var errs []error
	if r.Manifest != nil {
		errs = append(errs, r.Manifest.Close())
	}
	if r.staging != "" {
		errs = append(errs, os.RemoveAll(r.staging))
	}
	if r.made {
		errs = append(errs, os.Remove(r.path()))
	}
	if (r.Old != nil || r.lock != nil) && !r.o.DryRun && !r.finished {
		errs = append(errs, removeHolder(r.state))
	}
	if r.Old != nil {
		errs = append(errs, r.Old.CloseCopy())
	}
	if r.lock != nil {
		errs = append(errs, r.lock.Close())
	}
	r.Manifest, r.Old, r.lock, r.staging, r.made = nil, nil, nil, "", false
	return errors.Join(errs...)
}

// State is the directory that the manifest will be in.
func (r *Rebuilding) State() string { return r.state }

// linkPacks has the packs of one folder lie in another too.
func linkPacks(from, to string) error {
	files, err := os.ReadDir(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, f := range files {
		if err == nil && strings.HasSuffix(f.Name(), packSuffix) {
			err = linkOrCopy(filepath.Join(from, f.Name()), filepath.Join(to, f.Name()))
		}
	}
	return err
}

// linkAll has the files of one folder lie in another too, under their names; what is there stays.
func linkAll(from, to string) error {
	files, err := os.ReadDir(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, f := range files {
		if err == nil && f.Type().IsRegular() {
			err = linkOrCopy(filepath.Join(from, f.Name()), filepath.Join(to, f.Name()))
		}
	}
	return errors.Join(err, syncDir(to))
}

func linkOrCopy(from, to string) error {
	if exists(to) {
		return nil
	}
	if err := os.Link(from, to); err == nil || errors.Is(err, os.ErrExist) {
		return nil
	}
	return copyIfThere(from, to)
}

// copyFolder copies files that are not there yet.
func copyFolder(from, to string) error {
	files, err := os.ReadDir(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = os.MkdirAll(to, 0o700)
	}
	for _, f := range files {
		if target := filepath.Join(to, f.Name()); err == nil && f.Type().IsRegular() && !exists(target) {
			err = copyIfThere(filepath.Join(from, f.Name()), target)
		}
	}
	return err
}

// copyIfThere copies a file under a temporary name first, durable when it returns. That there is none is no error.
func copyIfThere(from, to string) (err error) {
	in, err := os.Open(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // read only
	out, err := os.CreateTemp(filepath.Dir(to), ".copy-*")
	if err != nil {
		return err
	}
	_, err = out.ReadFrom(in)
	if err = errors.Join(err, out.Sync(), out.Close()); err == nil {
		err = os.Rename(out.Name(), to)
	}
	if err != nil {
		return errors.Join(err, os.Remove(out.Name()))
	}
	return syncDir(filepath.Dir(to))
}

// replaceWith moves a file, if it is there.
func replaceWith(from, to string) error {
	if !exists(from) {
		return nil
	}
	return errors.Join(os.Rename(from, to), syncDir(filepath.Dir(to)))
}
