package plan

import (
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// ErrPinned: a live pin needs what the key holds.
var ErrPinned = errors.New("not replaced")

// BesidePrefix stands behind a mirror's prefix: below it the mirror keeps whole snapshots that it has no place for while a pin
// lasts, each in a folder of its own.
const BesidePrefix = ".snapshots/"

// Folder is the name of a snapshot's folder.
func Folder(snapshot chunker.Digest) string { return snapshot.Hex()[:16] }

// BesideMirror is the place for whole snapshots beside a mirror.
func (d Destination) BesideMirror() Destination {
	d.Prefix += BesidePrefix
	d.Snapshots, d.Beside = true, true
	return d
}

// Beside says that a plan goes beside the mirror.
type Beside struct {
	// Prefix is where the snapshot's shards will be in the store; "" while its name is not known, because shards were never read.
	Prefix string
	// StoredBytes are those of the shards that will be stored there once more; the mirror keeps its own.
	StoredBytes int64
	// Why is the reason of the first shard that is blocked in the mirror, Shards how many are.
	Why    string
	Shards int
}

// Claims tells which keys of a store live pins need. held has the keys to ask for, each with the digest of what stands there: a pin
// needs a key only if that is what its snapshot names. Of several pins the one that lasts longest is returned.
func Claims(tx *manifest.Tx, store string, held map[string]chunker.Digest, now manifest.Millis) (map[string]manifest.Pin, error) {
	claims := map[string]manifest.Pin{}
	if len(held) == 0 {
		return claims, nil
	}
	var live []manifest.Pin
	err := tx.Pins(func(p manifest.Pin) (bool, error) {
		if p.Store == store && p.Live(now) {
			live = append(live, p)
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	for _, p := range live {
		folder := Folder(p.Snapshot) + "/"
		// The layout may have been changed since; a key with this digest is needed wherever the job found it.
		places := []string{p.Prefix, p.Prefix + folder, p.Prefix + BesidePrefix + folder}
		err := tx.SnapshotShards(p.Snapshot, func(s manifest.Shard) (bool, error) {
			for _, place := range places {
				key := place + s.Path
				if digest, asked := held[key]; !asked || digest != s.Digest {
					continue
				}
				if other, ok := claims[key]; !ok || outlasts(p, other) {
					claims[key] = p
				}
			}
			return true, nil
		})
		if err != nil {
			return nil, fmt.Errorf("the pin of %s: %w", p.Owner, err)
		}
	}
	return claims, nil
}

func outlasts(p, other manifest.Pin) bool {
	return other.Expires != 0 && (p.Expires == 0 || p.Expires > other.Expires)
}

// BlockedBy says whose pin it is, and until when.
func BlockedBy(p manifest.Pin) string {
	if p.Expires == 0 {
		return fmt.Sprintf("blocked by the pin of %s until it is taken back (datagravity unpin --owner %s --to %s)", p.Owner, p.Owner, p.Destination)
	}
	return fmt.Sprintf("blocked by the pin of %s until %s", p.Owner, p.Expires.Time().Format(time.RFC3339))
}

// Replaced are the keys whose objects these items replace, each with the digest of what stands there, as far as a pin can need it. What is mended is not among
// them.
func Replaced(tx *manifest.Tx, store string, items []Item) (map[string]chunker.Digest, error) {
	held := map[string]chunker.Digest{}
	for _, it := range items {
		if !it.Replaces {
			continue
		}
		r, ok, err := tx.Replica(store, it.Key)
		if err != nil {
			return nil, err
		}
		// What somebody else wrote there, or what is gone, no pin can need any more. What is damaged can still be mended.
		stands := ok && r.Missing != manifest.Changed && r.Missing != manifest.Deleted
		if mended := it.Known && it.Digest == r.Shard; stands && !mended {
			held[it.Key] = r.Shard
		}
	}
	return held, nil
}

// Block has the items that replace what pins claim leave it alone. Content that the source no longer has is missing, whatever of it is left elsewhere: who needs
// it is not told to wait for a pin whose owner may be waiting for his.
func Block(items []Item, claims map[string]manifest.Pin) {
	for i := range items {
		it := &items[i]
		p, claimed := claims[it.Key]
		if !claimed {
			continue
		}
		it.Way, it.Reason, it.Replaces, it.From = Blocked, BlockedBy(p), false, nil
		if it.Gone {
			it.Way, it.Reason = Missing, "the source no longer has this content, and where it was at the destination, other content is "+it.Reason
		}
	}
}

// block leaves alone what a live pin needs.
func (b *builder) block() error {
	var claims map[string]manifest.Pin
	err := b.m.View(func(tx *manifest.Tx) error {
		held, err := Replaced(tx, b.Destination.Store, b.items)
		if err != nil {
			return err
		}
		claims, err = Claims(tx, b.Destination.Store, held, manifest.At(b.m.Now()))
		return err
	})
	if err != nil {
		return err
	}
	Block(b.items, claims)
	b.claims = claims
	for i := range b.items {
		// Under a new ETag the source may have the same bytes: where reading costs nothing, that is found out.
		if it := &b.items[i]; it.Way == Blocked {
			it.LearnFirst = b.FreeRead && !it.Known
		}
	}
	return nil
}
