package main

import (
	"bytes"
	"io"
	"testing"

	"github.com/datagravity/datagravity/internal/corpus"
)

func content(t *testing.T, o object) []byte {
	t.Helper()
	b, err := io.ReadAll(o.content)
	if err != nil || int64(len(b)) != o.sizeBytes {
		t.Fatalf("%s: %d bytes, said to have %d; %v", o.key, len(b), o.sizeBytes, err)
	}
	return b
}

// Both containers of a delta have the same keys, versions differ as they should, and shards have nothing in common.
func TestTarShards(t *testing.T) {
	old, again, other := content(t, tarShard("v", 3, first)), content(t, tarShard("v", 3, first)), content(t, tarShard("v", 4, first))
	if !bytes.Equal(old, again) {
		t.Error("a shard differs when it is made again")
	}
	if bytes.Contains(other, old[1<<20:1<<20+512]) {
		t.Error("two shards have bytes in common")
	}
	var ideal int64
	edit := tarShard("v", 3, func(seed uint64, c *corpus.Corpus) (data []byte) {
		data, ideal = c.Replace(seed, 0.01)
		return data
	})
	if edit.key != tarShard("v", 3, first).key || bytes.Equal(content(t, edit), old) {
		t.Errorf("the edited shard %s is the old one, or has another key", edit.key)
	}
	if share := float64(ideal) / tarShardBytes; share < 0.005 || share > 0.015 {
		t.Errorf("%.2f %% of the bytes are new", 100*share)
	}
}

func TestMedianCrossing(t *testing.T) {
	got := medianCrossing([]crossing{{bytes: 9, movedBytes: 1, backBytes: 3}, {bytes: 1, movedBytes: 2, backBytes: 2}, {bytes: 5, movedBytes: 6}})
	if got != (crossing{bytes: 5, movedBytes: 2, backBytes: 2}) {
		t.Errorf("%+v", got)
	}
	d := delta{after: source{totalBytes: 400}}
	if got := d.share(100); got != 25 {
		t.Errorf("share %g", got)
	}
}
