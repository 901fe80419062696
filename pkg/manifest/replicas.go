package manifest

import (
	"fmt"
	"iter"
	"strings"

	"github.com/datagravity/datagravity/pkg/chunker"
)

var (
	replicas = table[Replica]{bucket: "replicas"}
	// The same records without what only a sync needs, which are read in half of the time.
	standings = table[Standing]{bucket: "replicas"}
	// replicasByDigest finds the keys of a store that hold a shard and count; its keys are store NUL digest key.
	replicasByDigest = table[struct{}]{bucket: "replicas_by_digest"}
)

// Replica is a shard that a store is known to hold.
type Replica struct {
	Store string         `cbor:"1,keyasint" json:"store"` // the store's configured name
	Key   string         `cbor:"2,keyasint" json:"key"`
	Shard chunker.Digest `cbor:"3,keyasint" json:"shard"`
	Size  int64          `cbor:"4,keyasint" json:"size"`
	// ETag as it was when the object was written, adopted or last verified.
	ETag    string `cbor:"5,keyasint" json:"etag"`
	Version string `cbor:"6,keyasint,omitempty" json:"version,omitempty"`
	Written Millis `cbor:"7,keyasint" json:"written"`
	Seen    Millis `cbor:"8,keyasint" json:"seen"`
	// Verified is when its bytes were last proven.
	Verified Millis `cbor:"9,keyasint" json:"verified"`
	// Proof names what proves the bytes: "upload" (every part and the whole), "copy" (pinned source, whole checksum),
	// "adopted-checksum", "adopted-read", "read".
	Proof string `cbor:"10,keyasint" json:"proof"`
	// Missing says why the replica no longer counts: one of those below; "" while it does.
	Missing string         `cbor:"11,keyasint,omitempty" json:"missing,omitempty"`
	Recipe  chunker.Digest `cbor:"12,keyasint" json:"recipe"`
}

// Why a replica no longer counts.
const (
	Deleted = "deleted"
	Changed = "changed" // another ETag: somebody else wrote the key
	Damaged = "damaged" // the ETag that we remember, but other bytes
	Suspect = "suspect" // the ETag that we remember; what was copied from it was wrong, or its removal was begun: it is read before it counts again
)

// Standing is the part of a [Replica] that tells whether a job may have it.
type Standing struct {
	Shard   chunker.Digest `cbor:"3,keyasint"`
	Seen    Millis         `cbor:"8,keyasint"`
	Missing string         `cbor:"11,keyasint,omitempty"`
}

// Present tells whether the replica counts.
func (s Standing) Present() bool { return s.Missing == "" }

// Present tells whether the replica counts.
func (r Replica) Present() bool { return r.Missing == "" }

// Ours tells that datagravity wrote the object, and did not find it there and take it over.
func (r Replica) Ours() bool { return !strings.HasPrefix(r.Proof, adopted) }

// adopted is how the proofs of objects begin that somebody else wrote.
const adopted = "adopted-"

// ProvenAgain is the record of an object that was read back, when r says what is known of it now and old what was known before: who
// wrote it, and when, does not change as long as the ETag does not.
func (r Replica) ProvenAgain(old Replica) Replica {
	if old.ETag != r.ETag || old.Shard != r.Shard {
		return r
	}
	if r.Written = old.Written; old.Ours() && !r.Ours() {
		r.Proof = "read"
	}
	return r
}

func digestKey(storeName string, d chunker.Digest, objectKey string) []byte {
	k := append(within(storeName), d[:]...)
	return append(k, objectKey...)
}

// Replica returns what is known of one key of a store.
func (tx *Tx) Replica(storeName, objectKey string) (Replica, bool, error) {
	return replicas.get(tx, key(storeName, objectKey))
}

// Standing is [Tx.Replica] without what only a sync needs.
func (tx *Tx) Standing(storeName, objectKey string) (Standing, bool, error) {
	return standings.get(tx, key(storeName, objectKey))
}

// PutReplica replaces it.
func (tx *Tx) PutReplica(r Replica) error {
	tx.names(r.Recipe)
	if err := tx.DeleteReplica(r.Store, r.Key); err != nil {
		return err
	}
	if r.Present() {
		if err := replicasByDigest.put(tx, digestKey(r.Store, r.Shard, r.Key), struct{}{}); err != nil {
			return err
		}
	}
	return replicas.put(tx, key(r.Store, r.Key), r)
}

// DeleteReplica forgets one key of a store.
func (tx *Tx) DeleteReplica(storeName, objectKey string) error {
	old, ok, err := tx.Replica(storeName, objectKey)
	if err != nil || !ok {
		return err
	}
	if err := replicasByDigest.delete(tx, digestKey(storeName, old.Shard, objectKey)); err != nil {
		return err
	}
	return replicas.delete(tx, key(storeName, objectKey))
}

// TouchReplica is PutReplica for the many whose shard most likely did not change: then the index is not rewritten.
func (tx *Tx) TouchReplica(r Replica) error {
	old, ok, err := tx.Replica(r.Store, r.Key)
	if err != nil {
		return err
	}
	if !ok || old.Shard != r.Shard || old.Present() != r.Present() {
		return tx.PutReplica(r)
	}
	tx.names(r.Recipe)
	return replicas.put(tx, key(r.Store, r.Key), r)
}

// Replicas calls f for every known key of a store that starts with the prefix, in byte order.
func (tx *Tx) Replicas(storeName, prefix string, f func(Replica) (bool, error)) error {
	return replicas.scan(tx, append(within(storeName), prefix...), nil, func(_ []byte, r Replica) (bool, error) { return f(r) })
}

// Holding has walk ask, of one key after the other in byte order, whether a store is known to hold a shard under it. All keys start with the prefix. One
// replica is in memory at a time.
func (tx *Tx) Holding(storeName, prefix string, walk func(holds func(key string, d chunker.Digest) bool) error) error {
	start := within(storeName)
	var failed error
	next, stop := iter.Pull2(func(yield func([]byte, Standing) bool) {
		defer faultsPanic()() // this is a goroutine of its own
		failed = standings.scan(tx, append(start, prefix...), nil, func(k []byte, s Standing) (bool, error) { return yield(k[len(start):], s), nil })
	})
	defer stop()
	// The key is the manifest's own memory: it is valid until the next one is asked for.
	have, s, more := next()
	err := walk(func(key string, d chunker.Digest) bool {
		for more && string(have) < key {
			have, s, more = next()
		}
		return more && string(have) == key && s.Present() && s.Shard == d
	})
	if err == nil {
		err = failed
	}
	return err
}

// ReplicasOneByOne has walk ask for the known replicas of a store whose keys start with the prefix, in byte order, while it reads something else of the
// same transaction. next says false after the last one. One replica is in memory at a time.
func (tx *Tx) ReplicasOneByOne(storeName, prefix string, walk func(next func() (Replica, bool)) error) error {
	var failed error
	next, stop := iter.Pull(func(yield func(Replica) bool) {
		defer faultsPanic()() // this is a goroutine of its own
		failed = tx.Replicas(storeName, prefix, func(r Replica) (bool, error) { return yield(r), nil })
	})
	defer stop()
	if err := walk(next); err != nil {
		return err
	}
	return failed
}

// Holders returns up to max keys of a store that hold a shard and still count, in byte order.
func (tx *Tx) Holders(storeName string, d chunker.Digest, max int) (out []Replica, err error) {
	if max <= 0 {
		return nil, nil
	}
	prefix := digestKey(storeName, d, "")
	err = replicasByDigest.scan(tx, prefix, nil, func(k []byte, _ struct{}) (bool, error) {
		r, ok, err := tx.Replica(storeName, string(k[len(prefix):]))
		if err != nil {
			return false, err
		}
		if !ok || !r.Present() || r.Shard != d {
			return false, fmt.Errorf("%w: %s/%q names a replica that does not hold the shard; %s", ErrCorrupt, replicasByDigest.bucket, k, restoreHint)
		}
		out = append(out, r)
		return len(out) < max, nil
	})
	return out, err
}

// HoldsSize tells of which of these sizes a store holds any counted replica other than those that are excepted.
// It is asked before a shard of unknown digest is copied: only then can it pay to learn the digest first.
func (tx *Tx) HoldsSize(storeName string, sizes map[int64]bool, except func(Replica) bool) (map[int64]bool, error) {
	held := map[int64]bool{}
	err := tx.Replicas(storeName, "", func(r Replica) (bool, error) {
		if r.Present() && sizes[r.Size] && !except(r) {
			held[r.Size] = true
		}
		return len(held) < len(sizes), nil
	})
	return held, err
}
