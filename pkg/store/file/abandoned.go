package file

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// AbortUpload removes the data first, so that a crash in between leaves an upload that is still listed.
func (s *Store) AbortUpload(ctx context.Context, u store.Upload) error {
	if err := s.begin(ctx, "abort", u.Key); err != nil {
		return err
	}
	d, err := s.describe(u.ID)
	if err == nil && string(d.Key) == u.Key {
		if err = s.root.Remove(dataFile(u.ID)); err == nil || errors.Is(err, fs.ErrNotExist) {
			err = s.forget(u.ID)
		}
	}
	if err = s.wrap("abort", u.Key, err); errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// orphanAge is how old a temporary file must be before it is taken for one that a crash left: it must outlast the reading
// back of the largest file, which touches no time.
const orphanAge = 24 * time.Hour

// ListUploads reads the descriptions, and removes temporary files that have none and are a day old: those that a Put, a Copy
// or the start of an upload left when the machine went down.
func (s *Store) ListUploads(ctx context.Context, prefix string) ([]store.Upload, error) {
	if err := s.begin(ctx, "list-uploads"); err != nil {
		return nil, err
	}
	us, err := s.listUploads(prefix)
	return us, s.wrap("list-uploads", "", err)
}

func (s *Store) listUploads(prefix string) ([]store.Upload, error) {
	dir, err := s.root.Open(uploadsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }() // nothing was written through it, or Sync told
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var us []store.Upload
	for _, name := range names {
		id, isJSON := strings.CutSuffix(name, ".json")
		if isJSON {
			d, err := s.describe(id)
			if err == nil {
				if strings.HasPrefix(string(d.Key), prefix) {
					us = append(us, store.Upload{Key: string(d.Key), ID: id, Created: d.Created, Properties: d.Properties})
				}
				continue
			}
			if !errors.Is(err, fs.ErrNotExist) && !damaged(err) {
				return nil, err
			}
		} else if id, isData := strings.CutSuffix(name, ".data"); isData {
			if _, err := s.describe(id); err == nil {
				continue
			}
		} else if !strings.HasPrefix(name, "put-") {
			continue // the lock, or nothing of ours
		}
		if err := s.sweep(uploadsPrefix + name); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(us, func(a, b store.Upload) int { return cmp.Or(cmp.Compare(a.Key, b.Key), a.Created.Compare(b.Created)) })
	return us, nil
}

func damaged(err error) bool {
	var r *refusal
	return errors.As(err, &r)
}

func (s *Store) sweep(name string) error {
	fi, err := s.root.Lstat(name)
	if err == nil && s.now().Sub(fi.ModTime()) > orphanAge {
		err = s.root.Remove(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("abandoned temporary file: %w", err)
	}
	return nil
}
