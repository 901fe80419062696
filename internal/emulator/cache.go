package emulator

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// CacheDir is where the programs are kept: $DATAGRAVITY_CACHE, else .cache in the root of the checkout around the working
// directory, else datagravity in the user's cache folder.
func CacheDir() (string, error) {
	if dir := os.Getenv("DATAGRAVITY_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	// Modules within the repository share the cache of its root.
	if root, err := Checkout(); err == nil {
		return filepath.Join(root, ".cache"), nil
	}
	user, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for the servers' programs: set DATAGRAVITY_CACHE to a folder: %w", err)
	}
	return filepath.Join(user, "datagravity"), nil
}

// lockFile waits until no other process holds the lock on path and returns the function that gives it back. The kernel
// drops the lock of a process that dies, so that no stale one can be left.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = f.Close() }, nil
}
