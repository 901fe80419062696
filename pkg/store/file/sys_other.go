//go:build !linux && !darwin

package file

import (
	"errors"
	"os"
)

// On systems without inodes and change times Open refuses, so that none of these is ever reached.
const (
	supported = false
	openFlags = os.O_RDONLY
)

func etag(os.FileInfo) string                    { return "" }
func fdatasync(*os.File) error                   { return errors.ErrUnsupported }
func reserve(*os.File, int64) error              { return errors.ErrUnsupported }
func dropCache(*os.File, int64, int64)           {}
func setDirect(*os.File, bool) error             { return errors.ErrUnsupported }
func pread(*os.File, []byte, int64) (int, error) { return 0, errors.ErrUnsupported }
func reflink(_, _ *os.File) error                { return errors.ErrUnsupported }
func tryLock(*os.File) (bool, error)             { return false, errors.ErrUnsupported }
func lacking(error) bool                         { return false }
func rmdirAt(*os.File, string) error             { return errors.ErrUnsupported }
