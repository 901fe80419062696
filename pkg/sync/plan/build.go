package plan

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/index"
)

// Input of Build.
type Input struct {
	Dataset index.Dataset
	// States of the selected shards, in byte order of their paths, and the selection, which knows what was read as an index.
	States      []index.State
	Selection   jobs.Selection
	Destination Destination
	// Folder of the snapshot, for the layout that has one: the snapshot's digest in short.
	Folder string
	Adopt  AdoptMode
	// Check looks at every key in the destination, also those that the manifest knows.
	Check bool
	// FreeRead: reading the source costs nothing, so learning a digest first may save a crossing.
	FreeRead bool
	// Begun is since when these shards are being brought and the source lists the same: what came since is nothing that one of them may be
	// a copy of. 0: nothing came.
	Begun manifest.Millis
	Reuse Reuse
	// Source is what reading the source costs, Origins are other places to read from.
	Source  Origin
	Origins []Origin
}

// ErrNames: the destination cannot hold some of the names. The text lists them.
var ErrNames = errors.New("names that the destination cannot hold")

// builder carries what Build works on.
type builder struct {
	Input
	m     *manifest.Manifest
	dest  DestStore
	items []Item
	// unfinished are our own transfers by destination key: an object of theirs is not a stranger's.
	// The source may have changed while they moved, so that a key can have several.
	unfinished map[string][]manifest.Transfer
	// claims are the pins that need what stands at keys where it would be replaced.
	claims map[string]manifest.Pin
	held   map[int64]bool
	// orphans: the destination holds shards under other paths than those that are wanted; new ones may be made of them.
	orphans bool
}

// Build decides the way of every shard. Nothing moves; what it sees at the destination is recorded in the manifest.
func Build(ctx context.Context, m *manifest.Manifest, dest DestStore, in Input) ([]Item, error) {
	b := &builder{Input: in, m: m, dest: dest, unfinished: map[string][]manifest.Transfer{}}
	if err := b.name(); err != nil {
		return nil, err
	}
	unknown, claimed, err := b.consult()
	if err != nil {
		return nil, err
	}
	found := seen{}
	if len(unknown)+len(claimed) > 0 {
		if found, err = b.lookAt(ctx, unknown, claimed); err != nil {
			return nil, fmt.Errorf("look at destination %s: %w", in.Destination.Name, err)
		}
	}
	if err := b.decideAll(ctx, found, unknown); err != nil {
		return nil, err
	}
	if err := b.block(); err != nil {
		return nil, err
	}
	if err := b.assemble(ctx); err != nil {
		return nil, err
	}
	return b.items, b.chooseOrigins()
}

// name gives every shard its key and refuses, all at once, those that the destination cannot hold.
func (b *builder) name() error {
	caps := b.dest.Capabilities()
	keys := make([]string, len(b.States))
	b.items = make([]Item, len(b.States))
	for i, s := range b.States {
		keys[i] = b.Destination.Key(b.Folder, s.Path)
		b.items[i] = Item{State: s, Key: keys[i], Rank: b.Selection.Rank(b.Dataset.Format, b.Dataset.Marker, s.Path)}
	}
	var bad []string
	for _, err := range caps.Names.CheckAll(keys) {
		bad = append(bad, err.Error())
	}
	for _, s := range b.States {
		if strings.EqualFold(s.ContentEncoding, "gzip") && !caps.PreservesEncoding {
			bad = append(bad, fmt.Sprintf("%q is stored with Content-Encoding gzip, which this destination would not keep as it is", s.Path))
		}
		if caps.Parts.MaxObjectBytes > 0 && s.Size > caps.Parts.MaxObjectBytes {
			bad = append(bad, fmt.Sprintf("%q has %d bytes, the most is %d", s.Path, s.Size, caps.Parts.MaxObjectBytes))
		}
	}
	if len(bad) == 0 {
		return nil
	}
	const most = 20
	more := ""
	if len(bad) > most {
		more = fmt.Sprintf("\n  and %d more", len(bad)-most)
		bad = bad[:most]
	}
	return fmt.Errorf("%w (%s): exclude or rename them at the source:\n  %s%s", ErrNames, b.Destination.Name, strings.Join(bad, "\n  "), more)
}

// consult asks the manifest. unknown are the places of items without a counted replica; claimed the replicas to check.
func (b *builder) consult() (unknown []int, claimed []manifest.Replica, err error) {
	err = b.m.View(func(tx *manifest.Tx) error {
		prefix := b.Destination.Key(b.Folder, "")
		byKey := make(map[string]int, len(b.items))
		sorted := sort.SliceIsSorted(b.items, func(i, j int) bool { return b.items[i].Key < b.items[j].Key })
		if !sorted {
			return fmt.Errorf("plan: states are not sorted")
		}
		for i := range b.items {
			byKey[b.items[i].Key] = i
		}
		err := tx.Replicas(b.Destination.Store, prefix, func(r manifest.Replica) (bool, error) {
			i, ok := byKey[r.Key]
			b.orphans = b.orphans || !ok && r.Present()
			if !ok || !r.Present() {
				return true, nil
			}
			delete(byKey, r.Key)
			if b.Check {
				claimed = append(claimed, r)
			}
			return true, b.decideHeld(tx, &b.items[i], r)
		})
		if err != nil {
			return err
		}
		for _, i := range byKey {
			unknown = append(unknown, i)
		}
		sort.Ints(unknown)
		if err := tx.Transfers(func(t manifest.Transfer) (bool, error) {
			if t.DestStore == b.Destination.Store {
				b.unfinished[t.DestKey] = append(b.unfinished[t.DestKey], t)
			}
			return true, nil
		}); err != nil {
			return err
		}
		return b.holdsSizes(tx)
	})
	return unknown, claimed, err
}

// holdsSizes notes which sizes of unread shards the destination already holds somewhere: only those may be renames or copies. What an unfinished
// sync brought does not count. Its shards were all listed before the first of them moved, and none was read first for being of one size with another;
// a sync that goes on after it was killed would else read all that is left twice, once to learn and once to send.
func (b *builder) holdsSizes(tx *manifest.Tx) (err error) {
	if !b.FreeRead {
		return nil
	}
	sizes := map[int64]bool{}
	for _, it := range b.items {
		if !it.Known && it.Size > 0 {
			sizes[it.Size] = true
		}
	}
	if len(sizes) == 0 {
		return nil
	}
	b.held, err = tx.HoldsSize(b.Destination.Store, sizes, b.brought)
	return err
}

// brought tells whether a replica is one of the wanted shards, in its place, and came since these are being brought.
func (b *builder) brought(r manifest.Replica) bool {
	if b.Begun == 0 || r.Written < b.Begun {
		return false
	}
	i, ok := sort.Find(len(b.items), func(i int) int { return strings.Compare(r.Key, b.items[i].Key) })
	return ok && b.items[i].Way == Have
}

// decideHeld decides for a key that the manifest knows.
func (b *builder) decideHeld(tx *manifest.Tx, it *Item, r manifest.Replica) error {
	if it.Known && r.Shard == it.Digest {
		it.Way, it.Reason = Have, "held and proven ("+r.Proof+")"
		return nil
	}
	it.Condition, it.Replaces, it.ReplacedBytes = store.IfMatch(r.ETag), true, r.Size
	return b.decideMove(tx, it, "changed at the source")
}

// decideMove chooses between copy and full for a shard that the key does not hold.
func (b *builder) decideMove(tx *manifest.Tx, it *Item, reason string) error {
	it.Way, it.Reason = Full, reason
	if it.Known {
		from, err := tx.Holders(b.Destination.Store, it.Digest, 4)
		if err != nil {
			return err
		}
		for _, r := range from {
			if r.Key != it.Key && r.Size <= b.dest.Capabilities().CopyMaxBytes {
				it.From = append(it.From, r)
			}
		}
		if len(it.From) > 0 {
			it.Way, it.Reason = Copy, fmt.Sprintf("held as %q", it.From[0].Key)
		}
	}
	if it.Way == Full && it.Gone {
		it.Way, it.Reason = Missing, "the source no longer has this content, and the destination does not hold it"
	}
	return nil
}

func (b *builder) lookAt(ctx context.Context, unknown []int, claimed []manifest.Replica) (seen, error) {
	keys := make([]string, 0, len(unknown)+len(claimed))
	for _, i := range unknown {
		keys = append(keys, b.items[i].Key)
	}
	for _, r := range claimed {
		keys = append(keys, r.Key)
	}
	sort.Strings(keys)
	found, err := look(ctx, b.dest, b.Destination.Key(b.Folder, ""), keys)
	if err != nil || len(claimed) == 0 {
		return found, err
	}
	_, err = observe(b.m, found, claimed)
	return found, err
}

// decideAll decides the items that the manifest could not decide alone, and decides again those whose replica turned out
// to be gone or changed.
func (b *builder) decideAll(ctx context.Context, found seen, unknown []int) error {
	open := map[int]bool{}
	for _, i := range unknown {
		open[i] = true
	}
	if b.Check {
		for i := range b.items {
			it := &b.items[i]
			if open[i] {
				continue
			}
			gone, err := b.recheck(it)
			if err != nil {
				return err
			}
			if gone {
				open[i] = true
			}
		}
	}
	places := make([]int, 0, len(open))
	for i := range open {
		places = append(places, i)
	}
	sort.Ints(places)
	if err := b.askChecksums(ctx, found, places); err != nil {
		return err
	}
	for _, i := range places {
		it := &b.items[i]
		o, there := found.objects[it.Key]
		if err := b.m.View(func(tx *manifest.Tx) error { return b.decideUnknown(tx, it, o, there) }); err != nil {
			return err
		}
	}
	for i := range b.items {
		it := &b.items[i]
		if it.Way == Full && !it.Known && (b.Destination.Snapshots || !b.underWay(it) && (b.held[it.Size] || b.mayShare(it))) {
			it.LearnFirst = true
		}
	}
	return nil
}

// askChecksums asks for what a listing did not tell of objects that may be the shards.
func (b *builder) askChecksums(ctx context.Context, found seen, places []int) error {
	var listed []store.Object
	for _, i := range places {
		if o, there := found.objects[b.items[i].Key]; there && o.Size == b.items[i].Size {
			listed = append(listed, o)
		}
	}
	return Together(ctx, len(listed), func(ctx context.Context, i int) (store.Object, error) { return WithChecksums(ctx, b.dest, listed[i]) },
		func(i int, o store.Object) { found.objects[listed[i].Key] = o })
}

// underWay tells whether an upload of the shard was begun: it goes on from its parts, whatever is in them.
func (b *builder) underWay(it *Item) bool {
	t, ours := b.begun(it)
	return ours && t.Upload != nil
}

// begun is our own transfer of the shard as it is now, one with an upload before one without.
func (b *builder) begun(it *Item) (t manifest.Transfer, ours bool) {
	for _, u := range b.unfinished[it.Key] {
		if u.ETag == it.ETag && u.Size == it.Size && (!ours || t.Upload == nil) {
			t, ours = u, true
		}
	}
	return t, ours
}

// mayShare tells whether a shard that was never read may have chunks which the destination holds: then reading it first, for
// nothing, is worth its time.
func (b *builder) mayShare(it *Item) bool {
	return b.FreeRead && b.dest.Capabilities().CopiesParts && it.Size >= assembleFrom && (it.Replaces || b.orphans)
}

// recheck tells whether a replica that decided an item no longer counts.
func (b *builder) recheck(it *Item) (gone bool, err error) {
	err = b.m.View(func(tx *manifest.Tx) error {
		r, ok, err := tx.Replica(b.Destination.Store, it.Key)
		gone = !ok || !r.Present()
		return err
	})
	if gone {
		*it = Item{State: it.State, Key: it.Key, Rank: it.Rank}
	}
	return gone, err
}

// decideUnknown decides for a key that the manifest does not know, from what stands there.
func (b *builder) decideUnknown(tx *manifest.Tx, it *Item, o store.Object, there bool) error {
	if !there {
		it.Condition = store.IfAbsent()
		return b.decideMove(tx, it, "not at the destination")
	}
	it.Found, it.Condition = o, store.IfMatch(o.ETag)
	r, ok, err := tx.Replica(b.Destination.Store, it.Key)
	if err != nil {
		return err
	}
	if ok && !r.Present() {
		if decided, err := b.decideBroken(tx, it, o, r); decided || err != nil {
			return err
		}
	}
	t, ours := b.begun(it)
	overwrite := b.Adopt == AdoptOverwrite
	if o.Size != it.Size {
		return b.stranger(tx, it, overwrite, fmt.Sprintf("an object of %d bytes that datagravity did not write stands there, the shard has %d", o.Size, it.Size))
	}
	if !it.Known {
		// Only the digest can tell whether it is the shard.
		it.Way, it.Reason, it.LearnFirst = Full, "an object of equal size stands there; the shard must be read to compare", !overwrite
		if ours {
			it.Begun = t.ID
		}
		if overwrite {
			it.Replaces, it.ReplacedBytes, it.Reason = true, o.Size, "overwritten as asked"
		}
		return nil
	}
	switch o.Checksums.Compare(it.Checksums()) {
	case store.Equal:
		it.Way, it.Reason = Adopt, "an object of equal size and full checksum stands there"
		return nil
	case store.Different:
		return b.stranger(tx, it, overwrite, "an object of equal size but other content that datagravity did not write stands there")
	}
	if ours || b.Adopt == AdoptRead {
		it.Way, it.Reason = Read, "an object of equal size stands there; its bytes are read back and compared"
		return nil
	}
	return b.stranger(tx, it, overwrite, "an object of equal size that datagravity did not write stands there, and the store tells no checksum of it")
}

// decideBroken decides for a key whose object is not, or not as it should be, what datagravity wrote there.
func (b *builder) decideBroken(tx *manifest.Tx, it *Item, o store.Object, r manifest.Replica) (decided bool, err error) {
	same := it.Known && r.Shard == it.Digest
	switch {
	case r.ETag == o.ETag && r.Missing == manifest.Suspect && same:
		it.Way, it.Reason, it.Suspect = Read, "what was copied from it was wrong; its bytes are read back and compared", true
	case r.ETag == o.ETag && (r.Missing == manifest.Damaged || r.Missing == manifest.Suspect):
		it.Replaces, it.ReplacedBytes = true, o.Size
		return true, b.decideMove(tx, it, "what datagravity wrote there is "+r.Missing)
	case r.Missing == manifest.Changed && same && !it.Gone && o.Size < it.Size && b.Adopt != AdoptOverwrite:
		it.Way, it.Suspect = Read, true
		it.Reason = fmt.Sprintf("cut short: %d of the %d bytes that datagravity wrote stand there; they are compared before they are replaced", o.Size, it.Size)
	default:
		return false, nil
	}
	return true, nil
}

// stranger refuses an object that we did not write, or replaces it when told to.
func (b *builder) stranger(tx *manifest.Tx, it *Item, overwrite bool, why string) error {
	if overwrite {
		it.Replaces, it.ReplacedBytes = true, it.Found.Size
		return b.decideMove(tx, it, "overwritten as asked")
	}
	it.Way, it.Reason = Refused, why+"; use --adopt=read to compare its bytes, --adopt=overwrite to replace it, or move it away"
	return nil
}
