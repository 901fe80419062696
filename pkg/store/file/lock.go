package file

import (
	"context"
	"os"
	"time"
)

// lockPoll is how often a lock that another process holds is tried again. It is held for a stat and a rename.
const lockPoll = 2 * time.Millisecond

// locked runs f while no other agent on this directory compares and replaces. flock, not a lock file that exists or not,
// because it ends with the process that holds it; over NFS Linux passes it to the server.
func (s *Store) locked(ctx context.Context, f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.mkdirs(uploadsDir); err != nil {
		return err
	}
	l, err := s.root.OpenFile(uploadsPrefix+"lock", os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // nothing was written through it, or Sync told
	for {
		held, err := tryLock(l)
		switch {
		case lacking(err):
			s.noLocks.Store(true)
			return f()
		case err != nil:
			return err
		case !held:
			return f()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockPoll):
		}
	}
}
