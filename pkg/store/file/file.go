package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// Options of a directory as a store. The zero value opens one that exists.
type Options struct {
	// Create makes the directory, and those above it, if it is missing.
	Create bool
	// Used: objects are known to be there. A directory that is missing or has nothing at all in it is then refused, with [store.ErrPermanent]: what looks
	// so is a mount point without its file system, and what was written to it would fill another disk.
	Used bool
	// Now is the clock by which abandoned files grow old; nil is time.Now.
	Now func() time.Time
}

const (
	uploadsDir    = store.Private + "uploads"
	uploadsPrefix = uploadsDir + "/"
)

// Limits. A file of ext4 with 4 KiB blocks has at most 16 TiB (kernel.org, ext4 "high level design"); XFS takes more. Path
// length is Linux' PATH_MAX less its NUL, so that programs that know nothing of openat can open what we write.
const (
	maxFileBytes = 16 * store.TiB
	maxPathBytes = 4095
	maxPutBytes  = 256 * store.MiB // in memory; more goes in parts
	maxParts     = 1_000_000
)

// Store is a directory as a store.
type Store struct {
	dir   string // absolute
	root  *os.Root
	self  os.FileInfo // of the directory as it was opened
	now   func() time.Time
	link  func(oldname, newname string) error
	mu    sync.Mutex // in-process half of the lock
	walks parked

	noLocks, noLinks atomic.Bool // learnt: this file system has no such thing
}

var _ store.Store = (*Store)(nil)

// Open opens a directory. A missing one is ErrNotFound, so that a file system that is not mounted never looks like an empty
// store; Options.Create makes it instead.
func Open(dir string, o Options) (*Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, &store.Error{Op: "open", Store: "file://" + dir, Kind: store.ErrPermanent, Err: err}
	}
	s := &Store{dir: abs, now: o.Now}
	if s.now == nil {
		s.now = time.Now
	}
	if !supported {
		return nil, s.fail("open", "", store.ErrUnsupported, errors.New("directories as stores need Linux or macOS"))
	}
	if o.Create && !o.Used {
		if err := os.MkdirAll(abs, 0o777); err != nil {
			return nil, s.wrap("open", "", err)
		}
	}
	if s.root, err = os.OpenRoot(abs); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			err = fmt.Errorf("%w: mount it, or create the directory if it is to be new", err)
		}
		return nil, s.wrap("open", "", err)
	}
	s.link = s.root.Link
	if s.self, err = s.root.Stat("."); err != nil {
		_ = s.root.Close() // the error that led here is the one to tell
		return nil, s.wrap("open", "", err)
	}
	if o.Used {
		if err := s.notBare(); err != nil {
			_ = s.root.Close() // as above
			return nil, err
		}
	}
	return s, nil
}

// notBare refuses a directory with nothing in it. The `lost+found` of a new file system is something: that is mounted.
func (s *Store) notBare() error {
	dir, err := s.root.Open(".")
	if err != nil {
		return s.wrap("open", "", err)
	}
	defer func() { _ = dir.Close() }() // it was only read
	switch _, err := dir.Readdirnames(1); {
	case errors.Is(err, io.EOF):
		return s.failf("open", "", store.ErrPermanent, "%s is empty, and objects are known to be in it: mount its file system; if it was emptied on purpose, "+
			"run `mkdir %s` and then verify", s.dir, filepath.Join(s.dir, filepath.Clean(store.Private)))
	case err != nil:
		return s.wrap("open", "", err)
	}
	return nil
}

// URL is "file://" and the absolute path.
func (s *Store) URL() string { return "file://" + filepath.ToSlash(s.dir) }

// Capabilities of a directory.
func (s *Store) Capabilities() store.Capabilities {
	c := store.Capabilities{
		Provider: "onprem",
		Names: store.NameRules{
			MaxBytes: maxPathBytes - len(s.dir) - 1, MaxSegmentBytes: 255, DotSegments: true, EmptySegments: true,
			TrailingSlash: true, FileOrFolder: true, Reserved: []string{uploadsPrefix},
		},
		Parts:        store.PartLimits{MinBytes: 1, MaxBytes: maxFileBytes, MaxParts: maxParts, MaxObjectBytes: maxFileBytes},
		PutMaxBytes:  maxPutBytes,
		CopyMaxBytes: maxFileBytes,
		CopiesParts:  true, AssembledChecksums: true,
		ServerChecks:    []string{"crc64nvme", "crc32c"},
		ObjectChecksums: []string{"crc64nvme", "crc32c"},
		Proof:           "the synced file is dropped from the page cache, read back and compared with its CRC64NVME and CRC32C before it gets its name",
	}
	if s.noLocks.Load() {
		c.Warnings = append(c.Warnings, "this file system has no locks: let only one agent replace or delete objects in "+s.dir)
	}
	if s.noLinks.Load() {
		c.Warnings = append(c.Warnings, "this file system has no hard links: let no other program create files in "+s.dir+" while datagravity writes there")
	}
	return c
}

// Close closes the directory.
func (s *Store) Close() error {
	s.walks.clear()
	if err := s.root.Close(); err != nil {
		return s.wrap("close", "", err)
	}
	return nil
}

// begin is the start of every operation: a live context, a key that can be, and the directory still being the one that was
// opened. Without the last, a file system unmounted under us would read as empty, and everything in it as gone.
func (s *Store) begin(ctx context.Context, op string, keys ...string) error {
	if err := ctx.Err(); err != nil {
		return &store.Error{Op: op, Store: s.URL(), Kind: store.ErrTransient, NotSent: true, Err: err}
	}
	names := s.Capabilities().Names
	for _, k := range keys {
		if err := names.Check(k); err != nil {
			return &store.Error{Op: op, Store: s.URL(), Key: k, Kind: store.ErrName, NotSent: true, Err: err}
		}
	}
	fi, err := os.Stat(s.dir)
	if err == nil && !os.SameFile(fi, s.self) {
		err = fmt.Errorf("%s is no longer the directory that was opened: %w", s.dir, os.ErrNotExist)
	}
	if errors.Is(err, os.ErrNotExist) {
		// Not ErrNotFound: whoever asked for an object would take it for gone, and forget, remove or send again what lies where nobody looks now.
		return s.failf(op, "", store.ErrPermanent, "%w: mount it again or restore it, then restart", err)
	}
	return s.wrap(op, "", err)
}
