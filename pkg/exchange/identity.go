package exchange

import (
	"bytes"
	"encoding/json"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// identity computes the id of a snapshot, shard by shard in ascending byte order of the paths, without keeping them: docs/format.md,
// "Snapshot". index.SnapshotID gives the same for a list; a test holds them together.
type identity struct {
	hash *chunker.Hasher
	text bytes.Buffer
	json *json.Encoder
}

// newIdentity begins with the number of shards that will come.
func newIdentity(dataset string, shards int) (*identity, error) {
	i := &identity{hash: chunker.NewHasher()}
	i.json = json.NewEncoder(&i.text)
	i.json.SetEscapeHTML(false)
	return i, i.line(struct {
		Datagravity int    `json:"datagravity"`
		Kind        string `json:"kind"`
		Dataset     string `json:"dataset"`
		Shards      int    `json:"shards"`
	}{0, "snapshot", dataset, shards})
}

func (i *identity) add(s *manifest.Shard) error {
	return i.line(struct {
		Path    string         `json:"path"`
		Size    int64          `json:"size"`
		Digest  chunker.Digest `json:"digest"`
		ETag    string         `json:"etag"`
		Version string         `json:"version,omitempty"`
	}{s.Path, s.Size, s.Digest, s.ETag, s.Version})
}

func (i *identity) line(v any) error {
	i.text.Reset()
	if err := i.json.Encode(v); err != nil {
		return err
	}
	_, err := i.hash.Write(i.text.Bytes())
	return err
}

func (i *identity) id() chunker.Digest { return i.hash.Digest() }
