package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/datagravity/datagravity/pkg/store"
)

func (s *Store) fail(op, key string, kind, cause error) error {
	return &store.Error{Op: op, Store: s.URL(), Key: key, Kind: kind, Err: cause}
}

func (s *Store) failf(op, key string, kind error, format string, a ...any) error {
	return s.fail(op, key, kind, fmt.Errorf(format, a...))
}

// refusal is an error whose kind was decided where it happened; wrap adds where that was.
type refusal struct {
	kind error
	why  error
}

func (r *refusal) Error() string { return r.why.Error() }
func (r *refusal) Unwrap() error { return r.why }

func because(kind error, format string, a ...any) error {
	return &refusal{kind: kind, why: fmt.Errorf(format, a...)}
}

// wrap gives an error of the system its kind and, where a person can do something, a hint. An error that has a kind already
// stays as it is.
func (s *Store) wrap(op, key string, err error) error {
	if err == nil || store.KindOf(err) != nil {
		return err
	}
	is := func(targets ...syscall.Errno) bool {
		for _, t := range targets {
			if errors.Is(err, t) {
				return true
			}
		}
		return false
	}
	var r *refusal
	switch {
	case errors.As(err, &r):
		return s.fail(op, key, r.kind, err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return s.fail(op, key, store.ErrTransient, err)
	case escapes(err):
		return s.failf(op, key, store.ErrPermission, "%w: a symbolic link leads out of the store; open the directory it leads to as a store of its own", err)
	case is(syscall.ENOSPC, syscall.EDQUOT):
		return s.failf(op, key, store.ErrPermanent, "%w: free space on the file system of %s, or raise the quota, and start again", err, s.dir)
	case is(syscall.EFBIG):
		return s.failf(op, key, store.ErrPermanent, "%w: the file system of %s cannot hold a file of this size", err, s.dir)
	case is(syscall.EROFS):
		return s.failf(op, key, store.ErrPermission, "%w: %s is mounted read-only", err, s.dir)
	case is(syscall.EXDEV):
		return s.failf(op, key, store.ErrUnsupported, "%w: another file system is mounted below %s; open its directory as a store of its own", err, s.dir)
	case is(syscall.ENAMETOOLONG, syscall.EILSEQ):
		return s.fail(op, key, store.ErrName, err)
	case is(syscall.EISDIR):
		return s.failf(op, key, store.ErrName, "%w: the key is the folder of other objects", err)
	case errors.Is(err, fs.ErrNotExist), is(syscall.ENOTDIR):
		return s.fail(op, key, store.ErrNotFound, err)
	case errors.Is(err, fs.ErrPermission):
		return s.failf(op, key, store.ErrPermission, "%w: give the user that datagravity runs as access to %s", err, s.dir)
	case is(syscall.EIO, syscall.ESTALE, syscall.EINTR, syscall.EAGAIN, syscall.ETIMEDOUT, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM):
		// Network file systems answer EIO and ESTALE while their server restarts.
		return s.fail(op, key, store.ErrTransient, err)
	default:
		return s.fail(op, key, store.ErrPermanent, err)
	}
}

// escapes tells os.Root's refusal, which the standard library gives no name; TestSymlinks holds its text to this.
func escapes(err error) bool { return strings.Contains(err.Error(), "path escapes from parent") }
