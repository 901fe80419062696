package index

import (
	"bytes"
	"encoding/json"
	"iter"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// Identify computes the digest that names a snapshot (docs/format.md) of so many shards, in ascending byte order of their paths, without keeping them.
func Identify(dataset string, shards int, each iter.Seq[manifest.Shard]) (chunker.Digest, error) {
	h := chunker.NewHasher()
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	line := func(v any) error {
		buf.Reset()
		if err := enc.Encode(v); err != nil {
			return err
		}
		_, err := h.Write(buf.Bytes())
		return err
	}
	err := line(struct {
		Datagravity int    `json:"datagravity"`
		Kind        string `json:"kind"`
		Dataset     string `json:"dataset"`
		Shards      int    `json:"shards"`
	}{0, "snapshot", dataset, shards})
	for s := range each {
		if err != nil {
			break
		}
		err = line(canonical{s.Path, s.Size, s.Digest, s.ETag, s.Version})
	}
	return h.Digest(), err
}
