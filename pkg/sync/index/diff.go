package index

import (
	"sort"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// Change is one difference between two snapshots.
type Change struct {
	Kind string `json:"kind"` // added, removed, changed, renamed
	Path string `json:"path"`
	From string `json:"from,omitempty"` // the old path of a rename
	// Bytes: of the new shard, or of the removed one.
	Bytes int64 `json:"bytes"`
}

// Diff compares two snapshots: added, removed, changed (other digest under the same path) and renamed (the same digest
// under a path that is new, from one that is gone), in byte order of the paths.
func Diff(tx *manifest.Tx, from, to chunker.Digest) ([]Change, error) {
	old := map[string]manifest.Shard{}
	err := tx.SnapshotShards(from, func(s manifest.Shard) (bool, error) {
		old[s.Path] = s
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	var changes []Change
	var added []manifest.Shard
	err = tx.SnapshotShards(to, func(s manifest.Shard) (bool, error) {
		before, ok := old[s.Path]
		delete(old, s.Path)
		switch {
		case !ok:
			added = append(added, s)
		case before.Digest != s.Digest:
			changes = append(changes, Change{Kind: "changed", Path: s.Path, Bytes: s.Size})
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	gone := map[chunker.Digest][]string{}
	for p, s := range old {
		gone[s.Digest] = append(gone[s.Digest], p)
	}
	for _, paths := range gone {
		sort.Strings(paths)
	}
	for _, s := range added {
		if paths := gone[s.Digest]; len(paths) > 0 {
			gone[s.Digest] = paths[1:]
			changes = append(changes, Change{Kind: "renamed", Path: s.Path, From: paths[0], Bytes: s.Size})
			continue
		}
		changes = append(changes, Change{Kind: "added", Path: s.Path, Bytes: s.Size})
	}
	for _, paths := range gone {
		for _, p := range paths {
			changes = append(changes, Change{Kind: "removed", Path: p, Bytes: old[p].Size})
		}
	}
	sort.Slice(changes, func(i, j int) bool { return changes[i].Path < changes[j].Path })
	return changes, nil
}
