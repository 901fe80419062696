package file

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/datagravity/datagravity/pkg/store"
)

// walk goes through the files whose keys start with prefix and come after the key after, in byte order of whole keys. That
// is the order of names within a directory if a directory counts with its slash: "a.b" is before "a/", "a0" behind it.
type walk struct {
	s             *Store
	prefix, after string
	frames        []frame // from the top directory down to the current one
}

type frame struct {
	dir     string  // "" or a path that ends in "/"
	entries []entry // still to come
	at      *os.Root
}

type entry struct {
	name string // a directory's ends in "/"
	link bool
}

// start reads the deepest directory that all keys with the prefix are in.
func (w *walk) start() error {
	base := w.prefix[:strings.LastIndexByte(w.prefix, '/')+1]
	for seg := range strings.SplitSeq(strings.TrimSuffix(base, "/"), "/") {
		if base != "" && (seg == "" || seg == "." || seg == "..") {
			return nil // no key has such a segment
		}
	}
	if strings.HasPrefix(base, uploadsPrefix) {
		return nil
	}
	return w.enter(base)
}

// next is the next object, or false after the last.
func (w *walk) next(ctx context.Context) (store.Object, bool, error) {
	for {
		if ok, err := w.more(ctx); !ok {
			return store.Object{}, false, err
		}
		f := &w.frames[len(w.frames)-1]
		e := f.entries[0]
		fi, err := w.stat(f, e)
		if err != nil {
			return store.Object{}, false, err
		}
		f.entries = f.entries[1:]
		if fi != nil {
			return object(f.dir+e.name, fi), true, nil
		}
	}
}

// more goes down until the next entry is a file.
func (w *walk) more(ctx context.Context) (bool, error) {
	for len(w.frames) > 0 {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		f := &w.frames[len(w.frames)-1]
		switch {
		case len(f.entries) == 0:
			f.close()
			w.frames = w.frames[:len(w.frames)-1]
		case strings.HasSuffix(f.entries[0].name, "/"):
			dir := f.dir + f.entries[0].name
			f.entries = f.entries[1:]
			if err := w.enter(dir); err != nil {
				return false, err
			}
		default:
			return true, nil
		}
	}
	return false, nil
}

// stat returns nil for what vanished, or became no file, since its directory was read.
func (w *walk) stat(f *frame, e entry) (os.FileInfo, error) {
	var fi os.FileInfo
	var err error
	key := f.dir + e.name
	if e.link {
		fi, err = w.s.root.Stat(key)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if _, gone := w.s.root.Lstat(key); gone != nil {
				return nil, nil //nolint:nilerr // the link itself was removed meanwhile: nothing to list
			}
			return nil, because(store.ErrUnsupported, "%q is a symbolic link to nothing: remove it, or mount what it leads to", key)
		case err == nil && fi.IsDir():
			return nil, because(store.ErrUnsupported, "%q is a symbolic link to a directory: put the files in its place, or bind-mount the directory there", key)
		}
	} else {
		if f.at == nil {
			if f.at, err = w.openDir(f.dir); err != nil {
				return nil, ifThere(err)
			}
		}
		fi, err = f.at.Lstat(e.name)
	}
	if err != nil || !fi.Mode().IsRegular() {
		return nil, ifThere(err)
	}
	return fi, nil
}

// enter reads one directory and keeps the names that can lead to keys of this walk.
func (w *walk) enter(dir string) error {
	at, err := w.openDir(dir)
	if err != nil {
		// ext4 keeps this directory for itself and lets only root read it.
		if dir == "lost+found/" && errors.Is(err, fs.ErrPermission) {
			return nil
		}
		return ifThere(err)
	}
	f := frame{dir: dir, at: at}
	if f.entries, err = w.read(at, dir); err != nil {
		_ = at.Close() // the error that led here is the one to tell
		return ifThere(err)
	}
	w.frames = append(w.frames, f)
	return nil
}

// openDir answers ENOTDIR for a file, for which os.Root has an error without a name.
func (w *walk) openDir(dir string) (*os.Root, error) {
	at, err := w.s.root.OpenRoot(orDot(dir))
	if err != nil {
		if fi, statErr := w.s.root.Stat(orDot(dir)); statErr == nil && !fi.IsDir() {
			err = syscall.ENOTDIR
		}
	}
	return at, err
}

func (w *walk) read(at *os.Root, dir string) ([]entry, error) {
	d, err := at.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }() // nothing was written through it, or Sync told
	var entries []entry
	for {
		some, err := d.ReadDir(4096)
		for _, x := range some {
			e := entry{name: x.Name(), link: x.Type()&fs.ModeSymlink != 0}
			switch {
			case x.IsDir():
				e.name += "/"
			case !e.link && !x.Type().IsRegular():
				continue // sockets, FIFOs and devices are no objects
			}
			if w.wants(dir + e.name) {
				entries = append(entries, e)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return entries, nil
}

// wants tells whether a file is in the walk, or a directory may have files that are.
func (w *walk) wants(path string) bool {
	isDir := strings.HasSuffix(path, "/")
	switch {
	case path == uploadsPrefix:
		return false
	case path == store.Private && !store.IsPrivate(w.prefix):
		return false
	case !strings.HasPrefix(path, w.prefix) && !(isDir && strings.HasPrefix(w.prefix, path)):
		return false
	}
	return path > w.after || isDir && strings.HasPrefix(w.after, path)
}

// release closes the directories; the walk can go on all the same.
func (w *walk) release() {
	for i := range w.frames {
		w.frames[i].close()
	}
}

func (f *frame) close() {
	if f.at != nil {
		_ = f.at.Close() // the error that led here is the one to tell
		f.at = nil
	}
}

func orDot(dir string) string {
	if dir == "" {
		return "."
	}
	return strings.TrimSuffix(dir, "/")
}

// ifThere forgives what was removed while we walked.
func ifThere(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	return err
}
