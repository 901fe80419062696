package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"math/rand/v2"

	"github.com/minio/crc64nvme"

	"github.com/datagravity/datagravity/pkg/store"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// data are n bytes that follow from the seed and a name.
func (e *Env) data(name string, n int64) []byte {
	h := fnv.New64a()
	h.Write([]byte(name))
	r := rand.NewPCG(e.seed, h.Sum64())
	b := make([]byte, n+7)
	for i := int64(0); i < n; i += 8 {
		v := r.Uint64()
		for k := range int64(8) {
			if i+k < n {
				b[i+k] = byte(v >> (8 * k))
			}
		}
	}
	return b[:n:n]
}

func sums(b []byte) store.Checksums {
	return store.Checksums{CRC64NVME: store.Hex64(crc64nvme.Checksum(b)), CRC32C: store.Hex32(crc32.Checksum(b, castagnoli))}
}

// wrong are well-formed checksums of other bytes.
func wrong(b []byte) store.Checksums { return sums(append([]byte("not "), b...)) }

func absent(b []byte) store.WriteOptions {
	return store.WriteOptions{Condition: store.IfAbsent(), Checksums: sums(b)}
}

func matching(etag string, b []byte) store.WriteOptions {
	return store.WriteOptions{Condition: store.IfMatch(etag), Checksums: sums(b)}
}

// put writes a new object.
func (e *Env) put(ctx context.Context, key string, b []byte) (store.Object, error) {
	o, err := e.Store.Put(ctx, key, b, absent(b))
	if err != nil {
		return o, fmt.Errorf("put a new object: %w", err)
	}
	return o, checkObject(o, key, b)
}

// checkObject compares what a store says of an object with what was written. Checksums may be unknown, never wrong.
func checkObject(o store.Object, key string, b []byte) error {
	switch {
	case o.Key != key:
		return fmt.Errorf("the object's key is %s, want %s", quote(o.Key), quote(key))
	case o.Size != int64(len(b)):
		return fmt.Errorf("%s has %d bytes, want %d", quote(key), o.Size, len(b))
	case o.ETag == "":
		return fmt.Errorf("%s has no ETag", quote(key))
	case o.Checksums.Compare(sums(b)) == store.Different:
		return fmt.Errorf("%s has checksums %+v, want %+v", quote(key), o.Checksums, sums(b))
	}
	return nil
}

// holds reads the object under key whole, through its Head, and compares.
func (e *Env) holds(ctx context.Context, key string, want []byte) error {
	o, err := e.Store.Head(ctx, key)
	if err != nil {
		return fmt.Errorf("head: %w", err)
	}
	if err := checkObject(o, key, want); err != nil {
		return err
	}
	got := make([]byte, len(want))
	if err := e.Store.ReadRange(ctx, o.Ref(), 0, got); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s: %s", quote(key), difference(got, want))
	}
	return nil
}

func difference(got, want []byte) string {
	for i := range want {
		if got[i] != want[i] {
			return fmt.Sprintf("byte %d of %d is %02x, want %02x", i, len(want), got[i], want[i])
		}
	}
	return "no difference"
}

// gone wants nothing under key, in Head and in a listing.
func (e *Env) gone(ctx context.Context, key string) error {
	if _, err := e.Store.Head(ctx, key); !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("head of %s: got %w, want %w", quote(key), err, store.ErrNotFound)
	}
	objects, err := e.list(ctx, key, 0)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if o.Key == key {
			return fmt.Errorf("%s is listed, although Head does not find it", quote(key))
		}
	}
	return nil
}

// refused wants an *Error of one of the kinds, or of any kind if none is named.
func refused(what string, err error, kinds ...error) error {
	if err == nil {
		return fmt.Errorf("%s: succeeded, want it refused %v", what, kinds)
	}
	var se *store.Error
	if !errors.As(err, &se) || se.Kind == nil {
		return fmt.Errorf("%s: refused with %T (%w), want a *store.Error with a kind", what, err, err)
	}
	if se.Op == "" || se.Store == "" {
		return fmt.Errorf("%s: the error names no operation or store: %w", what, err)
	}
	for _, k := range kinds {
		if errors.Is(err, k) {
			return nil
		}
	}
	if len(kinds) == 0 {
		return nil
	}
	return fmt.Errorf("%s: refused with %w, want %v", what, err, kinds)
}
