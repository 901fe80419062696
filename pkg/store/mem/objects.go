package mem

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/datagravity/datagravity/pkg/store"
)

const listMax = 5000

// List gives keys in byte order; a token is the last key of the page before.
func (s *Store) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	if err := s.request(ctx, "list", o.Prefix, 0, 0); err != nil {
		return store.Page{}, err
	}
	limit := o.Max
	if limit <= 0 || limit > listMax {
		limit = listMax
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i, _ := slices.BinarySearch(s.keys, o.Prefix)
	if o.Token >= o.Prefix && o.Token != "" {
		j, found := slices.BinarySearch(s.keys, o.Token)
		if found {
			j++
		}
		i = max(i, j)
	}
	var p store.Page
	for ; i < len(s.keys) && strings.HasPrefix(s.keys[i], o.Prefix); i++ {
		if len(p.Objects) == limit {
			p.Next = p.Objects[limit-1].Key
			break
		}
		p.Objects = append(p.Objects, s.current(s.keys[i]).Object)
	}
	return p, nil
}

// Head returns what List does.
func (s *Store) Head(ctx context.Context, key string) (store.Object, error) {
	if err := s.checkName("head", key); err != nil {
		return store.Object{}, err
	}
	if err := s.request(ctx, "head", key, 0, 0); err != nil {
		return store.Object{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.current(key); o != nil {
		return o.Object, nil
	}
	return store.Object{}, s.failLocked("head", key, store.ErrNotFound, "no such object")
}

// ReadRange reads the pinned object, or an older version if ref names one.
func (s *Store) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	if err := s.checkName("read", ref.Key); err != nil {
		return err
	}
	if len(p) == 0 {
		return nil
	}
	if err := s.request(ctx, "read", ref.Key, 0, int64(len(p))); err != nil {
		return err
	}
	s.mu.Lock()
	o, err := s.pinned("read", ref)
	var data []byte
	if err == nil {
		data = o.data
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	// Bytes never change in place, so that reading needs no lock.
	if off < 0 || off > o.Size-int64(len(p)) {
		return s.fail("read", ref.Key, store.ErrPermanent, "bytes %d to %d are not within the object's %d", off, off+int64(len(p)), o.Size)
	}
	copy(p, data[off:])
	s.received(ctx, "read", int64(len(p)))
	return nil
}

// Put writes data under o.Condition after comparing it with o.Checksums.
func (s *Store) Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error) {
	if err := s.checkName("put", key); err != nil {
		return store.Object{}, err
	}
	if n := int64(len(data)); n > s.o.PutMaxBytes {
		return store.Object{}, s.fail("put", key, store.ErrPermanent, "%d bytes, one request takes at most %d: use an upload in parts", n, s.o.PutMaxBytes)
	}
	if err := s.request(ctx, "put", key, int64(len(data)), 0); err != nil {
		return store.Object{}, err
	}
	sums := checksumsOf(data, o.Checksums)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write("put", key, slices.Clone(data), sums, o.Properties, o.Condition, o.Checksums)
}

// Copy copies the pinned source; properties that o leaves empty come from it.
func (s *Store) Copy(ctx context.Context, key string, src store.Ref, o store.WriteOptions) (store.Object, error) {
	for _, k := range []string{key, src.Key} {
		if err := s.checkName("copy", k); err != nil {
			return store.Object{}, err
		}
	}
	if s.o.CopyMaxBytes == 0 {
		return store.Object{}, s.fail("copy", key, store.ErrUnsupported, "this store cannot copy")
	}
	if err := s.request(ctx, "copy", key, 0, 0); err != nil {
		return store.Object{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	from, err := s.pinned("copy", src)
	if err != nil {
		return store.Object{}, err
	}
	if from.Size > s.o.CopyMaxBytes {
		return store.Object{}, s.failLocked("copy", key, store.ErrUnsupported, "%d bytes, one copy takes at most %d", from.Size, s.o.CopyMaxBytes)
	}
	p := o.Properties
	if p.ContentType == "" {
		p.ContentType = from.ContentType
	}
	if p.ContentEncoding == "" {
		p.ContentEncoding = from.ContentEncoding
	}
	made, err := s.write("copy", key, from.data, checksumsOf(from.data, o.Checksums), p, o.Condition, o.Checksums)
	if err == nil {
		s.stats.add("copy", OpStats{CopiedBytes: from.Size})
	}
	return made, err
}

// Delete removes the current object if it is the pinned one; with versions it leaves a delete marker.
func (s *Store) Delete(ctx context.Context, ref store.Ref) error {
	if err := s.checkName("delete", ref.Key); err != nil {
		return err
	}
	if err := s.request(ctx, "delete", ref.Key, 0, 0); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.current(ref.Key)
	switch {
	case o == nil:
		return nil
	case ref.ETag != "" && ref.ETag != o.ETag, ref.Version != "" && ref.Version != o.Version:
		return s.failLocked("delete", ref.Key, store.ErrConflict, "holds %s now, not %s", o.ETag, ref.ETag)
	}
	if s.o.Versions {
		s.held[ref.Key] = append(s.held[ref.Key], &object{deleted: true})
	} else {
		delete(s.held, ref.Key)
	}
	if i, found := slices.BinarySearch(s.keys, ref.Key); found {
		s.keys = slices.Delete(s.keys, i, i+1)
	}
	return nil
}

// Rot flips a bit of the current object as a failing disk does: what the store tells of the object stays as it was. false: there is no such bit.
func (s *Store) Rot(key string, bit int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.current(key)
	if o == nil || bit < 0 || bit/8 >= o.Size {
		return false
	}
	// Reads hold no lock, and what was copied before keeps its bytes.
	o.data = slices.Clone(o.data)
	o.data[bit/8] ^= 1 << (bit % 8)
	return true
}

// current is the visible object of a key, or nil.
func (s *Store) current(key string) *object {
	vs := s.held[key]
	if len(vs) == 0 || vs[len(vs)-1].deleted {
		return nil
	}
	return vs[len(vs)-1]
}

// pinned finds the object that a Ref names.
func (s *Store) pinned(op string, ref store.Ref) (*object, error) {
	if ref.Version != "" {
		for _, v := range s.held[ref.Key] {
			if v.Version == ref.Version && !v.deleted && (ref.ETag == "" || ref.ETag == v.ETag) {
				return v, nil
			}
		}
	}
	o := s.current(ref.Key)
	switch {
	case o == nil:
		return nil, s.failLocked(op, ref.Key, store.ErrNotFound, "no such object")
	case ref.Version != "" || ref.ETag != "" && ref.ETag != o.ETag:
		return nil, s.failLocked(op, ref.Key, store.ErrChanged, "holds %s now, not %s", o.ETag, ref.ETag)
	}
	return o, nil
}

// write is the one final write of Put, Copy and CompleteUpload. The caller holds the lock; data is kept.
func (s *Store) write(op, key string, data []byte, sums store.Checksums, p store.Properties, c store.Condition, want store.Checksums) (store.Object, error) {
	if err := s.checkCondition(op, key, c); err != nil {
		return store.Object{}, err
	}
	if sums.Compare(want) == store.Different {
		return store.Object{}, s.failLocked(op, key, store.ErrIntegrity, "the body has %+v, the request promised %+v", sums, want)
	}
	s.serial++
	o := &object{data: data, Object: store.Object{
		Key: key, Size: int64(len(data)), ETag: fmt.Sprintf("%q", fmt.Sprintf("mem-%06d", s.serial)), Modified: s.o.Now(),
		Checksums: s.kept(sums), ContentType: p.ContentType, ContentEncoding: p.ContentEncoding, StorageClass: p.StorageClass,
	}}
	if s.current(key) == nil {
		i, _ := slices.BinarySearch(s.keys, key)
		s.keys = slices.Insert(s.keys, i, key)
	}
	if s.o.Versions {
		o.Version = fmt.Sprintf("v%06d", s.serial)
		s.held[key] = append(s.held[key], o)
	} else {
		s.held[key] = []*object{o}
	}
	return o.Object, nil
}

func (s *Store) checkCondition(op, key string, c store.Condition) error {
	o := s.current(key)
	switch {
	case c.IsUnset():
		return s.failLocked(op, key, store.ErrPermanent, "the write names no condition: choose IfAbsent, IfMatch or Always")
	case c == store.Always():
		return nil
	case c.IsAbsent():
		if o != nil {
			return s.failLocked(op, key, store.ErrConflict, "wanted it absent, holds %s", o.ETag)
		}
	case o == nil:
		return s.failLocked(op, key, store.ErrConflict, "wanted %s, it is absent", c.ETag())
	case o.ETag != c.ETag():
		return s.failLocked(op, key, store.ErrConflict, "wanted %s, holds %s", c.ETag(), o.ETag)
	}
	return nil
}
