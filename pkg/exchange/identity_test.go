package exchange_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/exchange"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/sync/index" //nolint:depguard // the one place that holds the two ways to compute an id together
)

// The id of a snapshot is computed here as the index does it: Publish and Open refuse any other.
func TestSnapshotIDIsThatOfTheIndex(t *testing.T) {
	now := func() time.Time { return time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) }
	for n, want := range []string{2: "blake3:69c9557e7b46251470368d052d2551af29e7fc942d3ebb972347163d696b0520", 3: "", 4: ""} {
		var states []index.State
		var shards []manifest.Shard
		for _, s := range []manifest.Shard{
			{Path: "a.tar", Size: 9, Digest: chunker.Sum([]byte("123456789")), ETag: "0x1"},
			{Path: "b <2>.tar", Digest: chunker.Sum(nil), ETag: "0x2", Version: "v1"},
			{Path: "c\xff\u2028\x01&", Size: 1 << 60, Digest: chunker.Sum([]byte("c")), ETag: "\"\xc3"},
			{Path: "d", Digest: chunker.Sum([]byte("d"))},
		}[:n] {
			var st index.State
			st.Path, st.Size, st.ETag, st.Version, st.Digest = s.Path, s.Size, s.ETag, s.Version, s.Digest
			states, shards = append(states, st), append(shards, s)
		}
		id, err := index.SnapshotID("c4", states)
		if err != nil || want != "" && id.String() != want {
			t.Fatalf("%s, %v", id, err)
		}
		s := mem.New(mem.Options{})
		ref, _, err := exchange.Publish(context.Background(), s, exchange.Snapshot{
			Dataset: "c4", ID: id, Taken: manifest.At(now()),
			Shards: func(yield func(manifest.Shard) error) error {
				for _, s := range shards {
					if err := yield(s); err != nil {
						return err
					}
				}
				return nil
			},
			Recipe: func(chunker.Digest) ([]byte, error) { return nil, fmt.Errorf("nobody asks") },
		}, exchange.Publisher{Agent: "lab-1", Now: now})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := exchange.Open(context.Background(), s, ref); err != nil {
			t.Error(err)
		}
	}
}
