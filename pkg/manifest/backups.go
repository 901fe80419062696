package manifest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Backups are the backups in one folder, of which scheduled ones are made from time to time and kept for a while.
type Backups struct {
	// Dir is the folder. It is made when the first is.
	Dir string
	// Every is how old the last one may get; 0: none are made on a schedule.
	Every time.Duration
	// Keep is how many scheduled ones are kept, at least 1. Others are never removed.
	Keep int
	// Program is the version of the program that makes them.
	Program string

	mu sync.Mutex
}

// List returns those that are complete, the newest first, as they describe themselves. What is no backup is passed over.
func (b *Backups) List() (list []Backup, err error) {
	names, err := os.ReadDir(b.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		if !n.IsDir() || !strings.HasPrefix(n.Name(), backupPrefix) {
			continue
		}
		one, err := ReadBackup(filepath.Join(b.Dir, n.Name()))
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, ErrCorrupt) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	slices.SortFunc(list, func(x, y Backup) int { return cmp.Or(cmp.Compare(y.Time, x.Time), cmp.Compare(y.Path, x.Path)) })
	return list, nil
}

// Last is when the newest one was made, the zero time if there is none.
func (b *Backups) Last() (time.Time, error) {
	list, err := b.List()
	if err != nil || len(list) == 0 {
		return time.Time{}, err
	}
	return list[0].Time.Time(), nil
}

// Due tells whether it is time for the next one.
func (b *Backups) Due(now time.Time) (bool, error) {
	if b.Every <= 0 {
		return false, nil
	}
	last, err := b.Last()
	// One from the future was made by a clock that was wrong: it keeps nobody from making another.
	return err == nil && (last.IsZero() || now.Sub(last).Abs() >= b.Every), err
}

// MakeIfDue is [Backups.Make] if it is time for one; made is nil if it is not.
func (b *Backups) MakeIfDue(ctx context.Context, m *Manifest) (made *Backup, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if due, err := b.Due(m.now()); err != nil || !due {
		return nil, err
	}
	return b.make(ctx, m)
}

// Make makes a backup, verifies it, and only then removes scheduled ones beyond those that are kept. Errors are those of [Manifest.Backup]; of one that
// was made and cannot be found sound nothing is left, and no other was removed.
func (b *Backups) Make(ctx context.Context, m *Manifest) (made *Backup, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.make(ctx, m)
}

func (b *Backups) make(ctx context.Context, m *Manifest) (*Backup, error) {
	one, err := m.Backup(ctx, b.Dir, BackupOptions{Scheduled: true, Program: b.Program})
	if err != nil {
		return nil, err
	}
	if err := one.Verify(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("what was just backed up cannot be read back: %w", err), removeBackup(one.Path))
	}
	return &one, b.prune()
}

// prune removes the oldest scheduled ones.
func (b *Backups) prune() error {
	list, err := b.List()
	if err != nil {
		return err
	}
	kept := 0
	var errs []error
	for _, one := range list {
		if !one.Scheduled {
			continue
		}
		if kept++; kept > max(1, b.Keep) {
			errs = append(errs, removeBackup(one.Path))
		}
	}
	return errors.Join(errs...)
}

// removeBackup takes its name away first, so that what a process that dies in between leaves is no backup, and is removed with the next one.
func removeBackup(path string) error {
	going, err := os.MkdirTemp(filepath.Dir(path), makingName())
	if err != nil {
		return err
	}
	return errors.Join(os.Rename(path, filepath.Join(going, filepath.Base(path))), os.RemoveAll(going))
}
