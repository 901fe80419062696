package manifest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/datagravity/datagravity/pkg/chunker"
)

func copyTo(w io.Writer, r io.Reader) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, make([]byte, 1<<20))
}

// links has all packs that are there now in the backup.
func (k *backingUp) links(ctx context.Context) error {
	var list []chunker.Digest
	err := k.m.View(func(tx *Tx) error {
		return packs.scan(tx, nil, nil, func(key []byte, p pack) (bool, error) {
			if p.Live > 0 {
				list = append(list, chunker.Digest(key))
			}
			return true, nil
		})
	})
	for _, id := range list {
		if err == nil {
			_, err = k.pack(ctx, id)
		}
	}
	return err
}

// pack has one pack in the backup; found tells that there is one. It never changes, so that a link is as good as a copy: to ours, or where that is on another file
// system to the one in the backup before.
func (k *backingUp) pack(ctx context.Context, id chunker.Digest) (found bool, err error) {
	from := k.m.recipes.path(id)
	to := filepath.Join(k.to, "recipes", filepath.Base(from))
	if exists(to) {
		return true, nil
	}
	err = os.Link(from, to)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, os.ErrNotExist):
		return false, nil
	}
	if before := k.beforeHas(filepath.Base(from)); before != "" && os.Link(before, to) == nil {
		return true, nil
	}
	n, err := copyFileTo(ctx, from, to, k.m)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	k.b.Took += n
	return err == nil, err
}

// beforeHas finds a pack in a backup that is there already.
func (k *backingUp) beforeHas(name string) string {
	there, err := filepath.Glob(filepath.Join(k.beside, backupPrefix+"*", "recipes", name))
	if err != nil || len(there) == 0 {
		return ""
	}
	return there[len(there)-1]
}

// copyFileTo copies a file that others may still append to, as far as it is when this begins, durable when it returns.
func copyFileTo(ctx context.Context, from, to string, m *Manifest) (n int64, err error) {
	in, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer in.Close() //nolint:errcheck // read only
	info, err := in.Stat()
	if err != nil {
		return 0, err
	}
	if err := m.roomFor(filepath.Dir(to), info.Size()); err != nil {
		return 0, err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	n, err = (&patient{ctx, out}).ReadFrom(io.LimitReader(in, info.Size()))
	return n, errors.Join(err, out.Sync(), out.Close())
}

// dropUnused removes links to packs that the copy does not name, and writes down the others. A pack's name is its digest, so that a backup need not read it.
func (k *backingUp) dropUnused() error {
	named := map[string]chunker.Digest{}
	for _, id := range k.live {
		named[filepath.Base(k.m.recipes.path(id))] = id
	}
	k.b.Recipes = []BackupFile{}
	files, err := os.ReadDir(filepath.Join(k.to, "recipes"))
	if err != nil {
		return err
	}
	for _, f := range files {
		id, used := named[f.Name()]
		if !used {
			if err := os.Remove(filepath.Join(k.to, "recipes", f.Name())); err != nil {
				return err
			}
			continue
		}
		info, err := f.Info()
		if err != nil {
			return err
		}
		k.b.Recipes = append(k.b.Recipes, BackupFile{Path: "recipes/" + f.Name(), Bytes: info.Size(), Digest: id})
	}
	return nil
}

// journalBytes are those that a copy of the journal takes.
func (k *backingUp) journalBytes() (sum int64, err error) {
	for _, n := range k.m.journal.lengths() {
		sum += n
	}
	return sum, nil
}

// journal copies the journal. It is newer than the copy of the manifest, which finds in it what it does not know.
func (k *backingUp) journal(ctx context.Context) error {
	names, err := k.m.journal.names()
	if err != nil {
		return err
	}
	k.b.Journal = []BackupFile{}
	for _, name := range names {
		to := filepath.Join(k.to, "journal", name)
		if before := k.sameBefore(name); before != "" && os.Link(before, to) == nil {
			sum, size, err := digestFile(to)
			if err != nil {
				return err
			}
			k.b.Journal = append(k.b.Journal, BackupFile{Path: "journal/" + name, Bytes: size, Digest: sum})
			continue
		}
		n, err := copyFileTo(ctx, filepath.Join(k.m.journal.dir, name), to, k.m)
		if err != nil {
			return err
		}
		sum, size, err := digestFile(to)
		if err != nil {
			return err
		}
		k.b.Took += n
		k.b.Journal = append(k.b.Journal, BackupFile{Path: "journal/" + name, Bytes: size, Digest: sum})
	}
	return nil
}

// sameBefore finds a month of the journal in a backup that is there already, if nothing was added since: a month that ended is not copied every day.
func (k *backingUp) sameBefore(name string) string {
	there, err := filepath.Glob(filepath.Join(k.beside, backupPrefix+"*", "journal", name))
	if err != nil || len(there) == 0 {
		return ""
	}
	last := slices.Max(there)
	a, size, err := digestFile(last)
	if err != nil {
		return ""
	}
	if info, err := os.Stat(filepath.Join(k.m.journal.dir, name)); err != nil || info.Size() != size {
		return ""
	}
	b, _, err := digestFile(filepath.Join(k.m.journal.dir, name))
	if err != nil || a != b {
		return ""
	}
	return last
}

// makingName is the pattern of a folder that this process makes or removes.
func makingName() string { return fmt.Sprintf("%s%d-*", makingPrefix, os.Getpid()) }

// clearMaking removes what killed processes left of backups that they were making or removing, and this one when it failed. It is called with
// [Manifest.backing] held.
func clearMaking(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, makingPrefix+"*"))
	for _, folder := range left {
		var pid int
		_, unnamed := fmt.Sscanf(strings.TrimPrefix(filepath.Base(folder), makingPrefix), "%d-", &pid)
		if unnamed == nil && pid != os.Getpid() && alive(pid) {
			continue
		}
		err = errors.Join(err, os.RemoveAll(folder))
	}
	if err != nil {
		return fmt.Errorf("remove what is left of a backup that was not finished: %w", err)
	}
	return nil
}
