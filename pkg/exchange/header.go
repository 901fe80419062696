package exchange

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
)

const publicationKind = "publication"

// Limits of a publication: what a reader takes must not depend on what lies in the store.
const (
	maxShards = 16 << 20
	// maxPublicationBytes is 16 Mi shards of some 110 bytes each, compressed.
	maxPublicationBytes = 2 << 30
	// maxTextBytes is 16 Mi shards with long paths.
	maxTextBytes = 16 << 30
	// maxHeaderBytes are some 180,000 packs: recipes of 2 PB at 64 KiB.
	maxHeaderBytes = 16 << 20
)

// header is the first line of a publication.
type header struct {
	Datagravity int             `json:"datagravity"`
	Kind        string          `json:"kind"`
	Dataset     string          `json:"dataset"`
	Snapshot    chunker.Digest  `json:"snapshot"`
	Taken       manifest.Millis `json:"taken"`
	Shards      int             `json:"shards"`
	Bytes       int64           `json:"bytes"`
	Packs       []packRecord    `json:"packs"`
}

// packRecord names a pack: the BLAKE3 of its bytes, and how many these are.
type packRecord struct {
	Digest chunker.Digest `json:"digest"`
	Bytes  int64          `json:"bytes"`
}

func (h *header) check() error {
	switch {
	case h.Snapshot.IsZero():
		return errors.New("it names no snapshot")
	case h.Taken <= 0:
		return errors.New("it has no time")
	case h.Shards < 0 || h.Shards > maxShards:
		return fmt.Errorf("it has %d shards, the most is %d", h.Shards, maxShards)
	case h.Bytes < 0:
		return fmt.Errorf("it has %d bytes", h.Bytes)
	case h.Packs == nil || len(h.Packs) > h.Shards:
		return fmt.Errorf("%d packs for %d shards", len(h.Packs), h.Shards)
	}
	seen := make(map[chunker.Digest]bool, len(h.Packs))
	for _, p := range h.Packs {
		if p.Digest.IsZero() || seen[p.Digest] || p.Bytes < packHeaderBytes+minRecipeBytes || p.Bytes > packHeaderBytes+maxRecipeBytes {
			return fmt.Errorf("pack %s of %d bytes is none, or stands there twice", p.Digest, p.Bytes)
		}
		seen[p.Digest] = true
	}
	return checkName("dataset", h.Dataset)
}

func (h *header) encode() ([]byte, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	b, err := textOf(h)
	if err == nil && len(b) > maxHeaderBytes {
		err = fmt.Errorf("%d packs are too many for one publication", len(h.Packs))
	}
	return b, err
}

// decodeHeader reads what encode wrote and nothing else.
func decodeHeader(b []byte) (h header, err error) {
	if err := checkKind(b, publicationKind); err != nil {
		return h, err
	}
	if err := json.Unmarshal(b, &h); err != nil {
		return h, fmt.Errorf("it is malformed: %w", err)
	}
	again, err := h.encode()
	if err == nil && !bytes.Equal(again, b) {
		err = errors.New("its header is not written as this version writes it")
	}
	return h, err
}

// checkPlace tells whether a recipe can lie there.
func (h *header) checkPlace(at place) error {
	switch {
	case at.pack < 0 || at.pack >= len(h.Packs):
		return fmt.Errorf("there is no pack %d", at.pack)
	case at.length < minRecipeBytes || at.length > maxRecipeBytes:
		return fmt.Errorf("a recipe of %d bytes, one has %d to %d", at.length, minRecipeBytes, int64(maxRecipeBytes))
	case at.offset < packHeaderBytes || at.offset > h.Packs[at.pack].Bytes-at.length:
		return fmt.Errorf("%d bytes at %d are not within a pack of %d", at.length, at.offset, h.Packs[at.pack].Bytes)
	}
	return nil
}

// tally checks shards as they come: their order, their number and their bytes.
type tally struct {
	shards int
	bytes  int64
	last   string
}

func (t *tally) add(s *manifest.Shard) error {
	switch {
	case t.shards > 0 && s.Path <= t.last:
		return fmt.Errorf("shards are out of order: %q after %q", s.Path, t.last)
	case t.shards == maxShards:
		return fmt.Errorf("more than %d shards", maxShards)
	case s.Size < 0 || t.bytes > math.MaxInt64-s.Size:
		return fmt.Errorf("shard %q of %d bytes is too large with those before it", s.Path, s.Size)
	}
	t.shards, t.bytes, t.last = t.shards+1, t.bytes+s.Size, s.Path
	return nil
}
