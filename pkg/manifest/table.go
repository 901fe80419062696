package manifest

import (
	"bytes"
	"encoding/binary"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// table is one bucket of records of one type.
type table[V any] struct {
	bucket string
	// sealed tables decide about money: the account knows how many records they have together and the sum of their
	// checksums, so that one that went missing is noticed as well as one that was changed.
	sealed bool
}

// of is called within a guard, to which it panics if the bucket's pages are damaged.
func (t table[V]) of(tx *Tx) *bolt.Bucket {
	if err := tx.unread.read(t.bucket); err != nil {
		panic(damage{err})
	}
	return tx.b.Bucket([]byte(t.bucket))
}

// get returns the record under a key. Errors: [ErrCorrupt].
func (t table[V]) get(tx *Tx, key []byte) (v V, ok bool, err error) {
	defer guard(tx, t.bucket, key, &err)
	stored := t.of(tx).Get(key)
	if stored == nil {
		return v, false, nil
	}
	err = decode(t.bucket, key, stored, &v)
	return v, err == nil, err
}

// stored returns the bytes under a key with their checksum, unchecked; they are valid during the transaction.
func (t table[V]) stored(tx *Tx, key []byte) (b []byte, err error) {
	defer guard(tx, t.bucket, key, &err)
	return t.of(tx).Get(key), nil
}

func (t table[V]) put(tx *Tx, key []byte, v V) (err error) {
	defer guard(tx, t.bucket, key, &err)
	stored, err := encode(t.bucket, key, v)
	if err != nil {
		return err
	}
	b := t.of(tx)
	if t.sealed {
		if err := tx.reseal(b.Get(key), stored); err != nil {
			return err
		}
	}
	return b.Put(key, stored)
}

func (t table[V]) delete(tx *Tx, key []byte) (err error) {
	defer guard(tx, t.bucket, key, &err)
	b := t.of(tx)
	if t.sealed {
		if err := tx.reseal(b.Get(key), nil); err != nil {
			return err
		}
	}
	return b.Delete(key)
}

// scan calls f for every key with the prefix, from key `from` on (nil: from the start), in order. f returns false to stop,
// and must not change the table. The key given to f is only valid during the call.
func (t table[V]) scan(tx *Tx, prefix, from []byte, f func(key []byte, v V) (bool, error)) error {
	start := prefix
	if bytes.Compare(from, prefix) > 0 {
		start = from
	}
	var c *bolt.Cursor
	next := func() (key []byte, v V, err error) {
		defer guard(tx, t.bucket, start, &err)
		var stored []byte
		if c == nil {
			c = t.of(tx).Cursor()
			key, stored = c.Seek(start)
		} else {
			key, stored = c.Next()
		}
		if key == nil || !bytes.HasPrefix(key, prefix) {
			return nil, v, nil
		}
		return key, v, decode(t.bucket, key, stored, &v)
	}
	for {
		key, v, err := next()
		if err != nil || key == nil {
			return err
		}
		if more, err := f(key, v); err != nil || !more {
			return err
		}
	}
}

// keys returns every key with the prefix, for those that change the table while they walk over it.
func (t table[V]) keys(tx *Tx, prefix []byte) (list [][]byte, err error) {
	err = t.scan(tx, prefix, nil, func(k []byte, _ V) (bool, error) {
		list = append(list, bytes.Clone(k))
		return true, nil
	})
	return list, err
}

// key joins parts with NUL, which neither names nor object keys contain.
func key(parts ...string) []byte { return []byte(strings.Join(parts, "\x00")) }

// within is the prefix of every key whose first parts are these.
func within(parts ...string) []byte { return append(key(parts...), 0) }

func u64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }
