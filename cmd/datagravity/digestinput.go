package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/datagravity/datagravity/internal/lazyre"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/open"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// digestInputs opens what digest reads: files, standard input, and objects. It opens each bucket once.
type digestInputs struct {
	stdin   io.Reader
	stores  map[string]store.Store  // by URL
	objects map[string]digestObject // by argument
}

// digestObject is what an object was before anything of it was read.
type digestObject struct {
	in     store.Store
	object store.Object
	err    error
}

// unknownBytes is the size of what only reading it to its end can measure.
const unknownBytes int64 = -1

var urlPattern = lazyre.New(`^[A-Za-z][A-Za-z0-9+.-]*://`)

// shownName is an argument fit for output: a URL without credentials, a file's name as it is.
func shownName(arg string) string {
	if urlPattern.MatchString(arg) {
		return open.Redact(arg)
	}
	return arg
}

// splitObjectURL splits s3://bucket/key?region=x into s3://bucket?region=x and key. Of a file:// URL it returns the path alone.
func splitObjectURL(raw string) (bucket, key string, err error) {
	u, err := url.Parse(raw)
	if err != nil {
		// The parser's own words quote the URL.
		return "", "", usageError{errors.New("it cannot be read as a URL; escape special characters (%25 for %, %20 for a space)")}
	}
	if u.Scheme == "file" {
		if err := open.CheckURL(raw); err != nil {
			return "", "", usageError{err}
		}
		return "", u.Path, nil
	}
	key = strings.TrimPrefix(u.Path, "/")
	u.Path, u.RawPath = "", ""
	if err := open.CheckURL(u.String()); err != nil {
		return "", "", usageError{err}
	}
	if key == "" {
		return "", "", usageError{errors.New("it names no object; add its key, as in s3://bucket/folder/shard.tar?region=us-east-1")}
	}
	return u.String(), key, nil
}

// find looks up all objects among the arguments, and tells how many there are and of how many bytes together. What could not
// be found is an error when it is opened.
func (d *digestInputs) find(ctx context.Context, args []string) (count int, sizeBytes int64) {
	for _, arg := range args {
		if !urlPattern.MatchString(arg) || strings.HasPrefix(strings.ToLower(arg), "file:") {
			continue
		}
		o, seen := d.objects[arg]
		if !seen {
			o = d.head(ctx, arg)
			d.objects[arg] = o
		}
		if o.err == nil {
			count, sizeBytes = count+1, sizeBytes+o.object.Size
		}
	}
	return count, sizeBytes
}

func (d *digestInputs) head(ctx context.Context, arg string) digestObject {
	bucket, key, err := splitObjectURL(arg)
	if err != nil {
		return digestObject{err: err}
	}
	s, ok := d.stores[bucket]
	if !ok {
		// Whoever types an address on this machine means it.
		if s, err = open.Open(ctx, bucket, open.Options{AllowLoopback: true}); err != nil {
			return digestObject{err: objectError(err)}
		}
		d.stores[bucket] = s
	}
	o, err := s.Head(ctx, key)
	return digestObject{in: s, object: o, err: objectError(err)}
}

// open opens one argument, and tells its size in bytes, or unknownBytes.
func (d *digestInputs) open(ctx context.Context, arg string) (io.ReadCloser, int64, error) {
	if o, ok := d.objects[arg]; ok {
		if o.err != nil {
			return nil, 0, o.err
		}
		return &objectReader{ctx: ctx, digestObject: o}, o.object.Size, nil
	}
	if arg == "-" {
		return interruptible(ctx, d.stdin), unknownBytes, nil
	}
	path := arg
	if urlPattern.MatchString(arg) {
		var err error
		if _, path, err = splitObjectURL(arg); err != nil {
			return nil, 0, err
		}
	}
	return openFile(path)
}

// Close closes the stores.
func (d *digestInputs) Close() error {
	var errs []error
	for _, s := range d.stores {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// interruptible reads in the background: a read of a terminal or a pipe cannot be called off, and nobody might ever type.
// What it leaves behind ends with the process.
func interruptible(ctx context.Context, in io.Reader) io.ReadCloser {
	r, w := io.Pipe()
	stop := context.AfterFunc(ctx, func() { _ = w.CloseWithError(context.Cause(ctx)) }) // never fails
	go func() {
		defer stop()
		_, err := io.Copy(w, in)
		_ = w.CloseWithError(err) // never fails; nil is io.EOF
	}()
	return r
}

func openFile(path string) (io.ReadCloser, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, fileError(err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = errors.New("it is a directory; name the files in it")
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	if !info.Mode().IsRegular() {
		return f, unknownBytes, nil
	}
	return &fileReader{file: f, before: info}, info.Size(), nil
}

// fileError gives errors of opening a file the kinds that the same has in a store.
func fileError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: there is no such file; check the path", engine.ErrSourceMissing)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: this user may not read it; read it as its owner, or have the right given", store.ErrPermission)
	}
	return err
}

// errWriting says what to do about bytes of two versions.
var errWriting = errors.New("it was written while it was read; try again when it is complete")

func objectError(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("%w: %w; check bucket and key", engine.ErrSourceMissing, err)
	case errors.Is(err, store.ErrChanged):
		return fmt.Errorf("%w: %w", err, errWriting)
	}
	return err
}

// fileReader reads a file that stays as it was opened.
type fileReader struct {
	file   *os.File
	before fs.FileInfo
}

// Read fails at the file's end with [store.ErrChanged] if its size or time is another than at first.
func (r *fileReader) Read(p []byte) (int, error) {
	n, err := r.file.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	after, statErr := r.file.Stat()
	if statErr != nil {
		return n, statErr
	}
	if after.Size() != r.before.Size() || !after.ModTime().Equal(r.before.ModTime()) {
		return n, fmt.Errorf("%w: %w", store.ErrChanged, errWriting)
	}
	return n, err
}

// Close closes the file.
func (r *fileReader) Close() error { return r.file.Close() }

// rangeBytes is asked for at a time: few requests, and little memory.
const rangeBytes = 8 << 20

// objectReader reads an object in ranges, all of the version that was there at first.
type objectReader struct {
	digestObject
	ctx  context.Context // io.Reader has no place for it, and the reader lives as long as one call
	at   int64
	buf  []byte
	rest []byte // of buf, not given out yet
}

// Read fails with [store.ErrChanged] if another version is there now.
func (r *objectReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		n := min(rangeBytes, r.object.Size-r.at)
		if n == 0 {
			return 0, io.EOF
		}
		if r.buf == nil {
			r.buf = make([]byte, n)
		}
		if err := r.in.ReadRange(r.ctx, r.object.Ref(), r.at, r.buf[:n]); err != nil {
			return 0, objectError(err)
		}
		r.at, r.rest = r.at+n, r.buf[:n]
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Close leaves the store open for its other objects.
func (r *objectReader) Close() error { return nil }

// shownReader tells the progress view what was read, and stops when the command is interrupted.
type shownReader struct {
	ctx     context.Context // io.Reader has no place for it, and the reader lives as long as one call
	in      io.Reader
	unknown bool // size: the view learns it as it comes
	name    string
	show    *tracker
}

func (r *shownReader) Read(p []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	n, err := r.in.Read(p)
	if r.unknown {
		r.show.event(engine.Event{Kind: engine.RunStarted, Bytes: int64(n)})
	}
	r.show.event(engine.Event{Kind: engine.BytesMoved, Path: r.name, Bytes: int64(n)})
	return n, err
}
