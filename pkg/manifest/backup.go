package manifest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/datagravity/datagravity/internal/crashpoint"
	"github.com/datagravity/datagravity/pkg/chunker"
)

// BackupName is the file in a backup's folder that says what the others are. It is written last: a folder without it is no backup.
const BackupName = "backup.json"

const (
	backupPrefix = "datagravity-"
	backupTimes  = "20060102T150405Z"
	// makingPrefix is how the folder of a backup begins while it is made or removed, before the number of the process that does that.
	makingPrefix = ".making-"
)

// Backup is a folder that has all that a state directory needs to go on: the manifest, the recipes that it names, and the journal. What it does not have is
// account.json, so that whoever goes on from it finds out that nobody knows what was spent since.
type Backup struct {
	Datagravity int          `json:"datagravity"` // format version, 0
	Kind        string       `json:"kind"`        // "backup"
	Time        Millis       `json:"time"`
	Program     string       `json:"program,omitempty"`
	Schema      int          `json:"schema"`
	Account     string       `json:"account"` // the manifest's own name
	Scheduled   bool         `json:"scheduled,omitempty"`
	Manifest    BackupFile   `json:"manifest"`
	Journal     []BackupFile `json:"journal"`
	Recipes     []BackupFile `json:"recipes"`
	// Lost are packs that the manifest names and that were not there any more: their shards are read again when they are needed.
	Lost []chunker.Digest `json:"lost,omitempty"`

	// Path is where it lies, and Took how much room it took on the disk beyond what was there already; neither is part of the file, since both change.
	Path string `json:"-"`
	Took int64  `json:"-"`
}

// BackupFile is one file of a backup, relative to its folder.
type BackupFile struct {
	Path   string         `json:"path"`
	Bytes  int64          `json:"bytes"`
	Digest chunker.Digest `json:"digest"` // BLAKE3
}

// BackupOptions of [Manifest.Backup].
type BackupOptions struct {
	// Scheduled tells that nobody asked for it, so that it may go when newer ones are there.
	Scheduled bool
	// Program is the version of the program that makes it.
	Program string
}

// BackupFileTo copies the manifest alone to a path at which nothing is, durable and verified when it returns. It may be called while others write.
// Errors: [ErrNoRoom], [ErrCorrupt], and those of the disk; nothing is left after any of them.
func (m *Manifest) BackupFileTo(ctx context.Context, path string) (Backup, error) {
	b := Backup{Kind: "backup", Time: At(m.now()), Schema: SchemaVersion, Path: path}
	if _, err := os.Lstat(path); err == nil {
		return b, fmt.Errorf("%s is there already: %w; name another file, or a folder, in which each backup has a name of its own", path, os.ErrExist)
	}
	if err := m.copyVerified(ctx, path, &restored{At: b.Time}); err != nil {
		return b, fmt.Errorf("back up the manifest to %s: %w", path, err)
	}
	info, err := os.Stat(path)
	if err == nil {
		b.Manifest, b.Took = BackupFile{Path: filepath.Base(path), Bytes: info.Size()}, info.Size()
	}
	return b, err
}

// Backup makes a backup in a folder, under a name of its own, durable and verified when it returns. It may be called while others write. Recipes are linked where the file system can, and copied where it cannot. Errors: [ErrNoRoom], [ErrCorrupt], and those of
// the disk; nothing is left after any of them.
func (m *Manifest) Backup(ctx context.Context, dir string, o BackupOptions) (b Backup, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("back up the manifest to %s: %w", dir, err)
		}
	}()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return b, err
	}
	m.backing.Lock()
	defer m.backing.Unlock()
	if err := clearMaking(dir); err != nil {
		return b, err
	}
	making, err := os.MkdirTemp(dir, makingName())
	if err != nil {
		return b, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(making))
		}
	}()
	k := backingUp{m: m, to: making, beside: dir}
	k.b = Backup{Kind: "backup", Time: At(m.now()), Program: o.Program, Schema: SchemaVersion, Scheduled: o.Scheduled}
	if err := k.all(ctx); err != nil {
		return b, err
	}
	b = k.b
	crashpoint.Hit(crashpoint.BackupName)
	b.Path, err = nameBackup(making, dir, b)
	return b, err
}

// nameBackup gives a folder that is complete its name.
func nameBackup(making, dir string, b Backup) (path string, err error) {
	for n := 1; ; n++ {
		path = filepath.Join(dir, backupPrefix+b.Time.Time().Format(backupTimes))
		if n > 1 {
			path += fmt.Sprintf("-%d", n)
		}
		if exists(path) {
			continue
		}
		// Of two that take the same name at the same moment the second fails: a folder that is not empty is not replaced.
		if err = os.Rename(making, path); err == nil || !exists(path) {
			break
		}
	}
	if err != nil {
		return "", err
	}
	return path, syncDir(dir)
}

// backingUp is a backup while it is made.
type backingUp struct {
	m      *Manifest
	to     string // its folder
	beside string // where others are
	b      Backup
	live   []chunker.Digest // packs that the copy names
}

// all makes everything: what is linked before the manifest is copied may be gone a moment later, and what is new after may have to be linked then.
func (k *backingUp) all(ctx context.Context) error {
	for _, sub := range []string{"recipes", "journal"} {
		if err := os.Mkdir(filepath.Join(k.to, sub), 0o700); err != nil {
			return err
		}
	}
	size, err := k.journalBytes()
	if err != nil {
		return err
	}
	if err := k.m.roomFor(k.to, size); err != nil {
		return err
	}
	if err := k.links(ctx); err != nil {
		return err
	}
	for try := 1; ; try++ {
		again, err := k.manifest(ctx)
		if err != nil {
			return err
		}
		if !again || try == 3 {
			break
		}
	}
	if err := k.dropUnused(); err != nil {
		return err
	}
	if err := k.journal(ctx); err != nil {
		return err
	}
	return k.describe()
}

// manifest copies the file, and then the packs that it names and that are not here yet. again tells that one of them went away meanwhile: recipes were moved into
// another pack, so that the next copy names that one.
func (k *backingUp) manifest(ctx context.Context) (again bool, err error) {
	path := filepath.Join(k.to, "manifest.db")
	if err := k.m.copyVerified(ctx, path, &restored{At: k.b.Time}); err != nil {
		return false, err
	}
	c, err := OpenCopy(path)
	if err != nil {
		return false, err
	}
	k.live, k.b.Lost = nil, nil
	err = c.View(func(tx *Tx) error {
		if k.b.Account, err = tx.ID(); err != nil {
			return err
		}
		return packs.scan(tx, nil, nil, func(key []byte, p pack) (bool, error) {
			if p.Live > 0 {
				k.live = append(k.live, chunker.Digest(key))
			}
			return true, nil
		})
	})
	if err = errors.Join(err, c.CloseCopy()); err != nil {
		return false, err
	}
	for _, id := range k.live {
		found, err := k.pack(ctx, id)
		if err != nil {
			return false, err
		}
		if !found {
			k.b.Lost = append(k.b.Lost, id)
		}
	}
	sum, size, err := digestFile(path)
	k.b.Manifest = BackupFile{Path: "manifest.db", Bytes: size, Digest: sum}
	return len(k.b.Lost) > 0, err
}

// describe writes what the backup has, when all else of it is durable.
func (k *backingUp) describe() error {
	k.b.Took += k.b.Manifest.Bytes
	body, err := json.MarshalIndent(k.b, "", "  ")
	if err != nil {
		return err
	}
	for _, sub := range []string{"recipes", "journal"} {
		if err := syncDir(filepath.Join(k.to, sub)); err != nil {
			return err
		}
	}
	return WriteFile(filepath.Join(k.to, BackupName), append(body, '\n'), 0o600)
}

// maxDescription bounds what is read of a file that claims to describe a backup: 150 bytes for each of 1,300 packs of 100 TB of shards, and much more.
const maxDescription = 64 << 20

// ReadBackup reads what a folder says of itself. That all of it is there is [Backup.Verify]'s to say. Errors: [os.ErrNotExist] for a folder that is no backup,
// and [ErrCorrupt].
func ReadBackup(path string) (b Backup, err error) {
	name := filepath.Join(path, BackupName)
	info, err := os.Stat(name)
	if err != nil {
		return b, err
	}
	if info.Size() > maxDescription {
		return b, fmt.Errorf("%w: %s has %d bytes", ErrCorrupt, name, info.Size())
	}
	body, err := os.ReadFile(name)
	if err != nil {
		return b, err
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return b, fmt.Errorf("%w: %s: %w", ErrCorrupt, name, err)
	}
	if b.Kind != "backup" || b.Datagravity != 0 {
		return b, fmt.Errorf("%w: %s is no description of a backup that this program knows", ErrCorrupt, name)
	}
	for _, f := range b.files() {
		if !filepath.IsLocal(f.Path) || strings.ContainsRune(f.Path, '\\') {
			return b, fmt.Errorf("%w: %s names %q, which is not in it", ErrCorrupt, name, f.Path)
		}
	}
	b.Path = path
	return b, nil
}

func (b Backup) files() []BackupFile {
	all := append([]BackupFile{b.Manifest}, b.Journal...)
	return append(all, b.Recipes...)
}

// Verify reads all of a backup: every file has the bytes that were written, and the manifest in it is sound.
func (b Backup) Verify(ctx context.Context) error {
	for _, f := range b.files() {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		path := filepath.Join(b.Path, filepath.FromSlash(f.Path))
		sum, size, err := digestFile(path)
		if err != nil {
			return fmt.Errorf("backup %s: %w", b.Path, err)
		}
		if sum != f.Digest || size != f.Bytes {
			return fmt.Errorf("%w: %s is not what was backed up: %d bytes, %s; it should have %d, %s", ErrCorrupt, path, size, sum, f.Bytes, f.Digest)
		}
	}
	return VerifyCopy(filepath.Join(b.Path, "manifest.db"))
}

// digestFile is the BLAKE3 of a file, and its size.
func digestFile(path string) (d chunker.Digest, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return d, 0, err
	}
	h := chunker.NewHasher()
	size, err = copyTo(h, f)
	return h.Digest(), size, errors.Join(err, f.Close())
}
