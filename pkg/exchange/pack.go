package exchange

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
)

const (
	packMagic       = "dgpacked"
	packHeaderBytes = 16
	// maxPackBytes bounds a pack with more than one recipe: a reader that needs one in ten of them still reads few bytes in vain.
	maxPackBytes = 8 << 20
	// A recipe has at least its header and its digest, and at most what a shard of 2 TB has at 64 KiB.
	minRecipeBytes = 152
	maxRecipeBytes = 1 << 30

	// A pack below smallPackBytes is written again with others when there are more than maxSmallPacks such: otherwise a dataset
	// that gains a shard an hour would have thousands, and a reader a request for each.
	smallPackBytes = 1 << 20
	maxSmallPacks  = 64
)

// appendPackHeader begins a pack.
func appendPackHeader(b []byte) []byte {
	b = append(b, packMagic...)
	b = binary.LittleEndian.AppendUint32(b, version)
	return append(b, 0, 0, 0, 0)
}

func checkPackHeader(b []byte) error {
	if !bytes.Equal(b, appendPackHeader(nil)) {
		return fmt.Errorf("it does not begin with %q and version %d", packMagic, version)
	}
	return nil
}

// checkRecipe proves that bytes are the recipe that a shard's line names, and that it is the recipe of this shard.
func checkRecipe(b []byte, s *manifest.Shard) error {
	r, err := chunker.DecodeRecipe(b)
	if err != nil {
		return err
	}
	switch {
	case chunker.Digest(b[len(b)-len(s.Recipe):]) != s.Recipe:
		return fmt.Errorf("another recipe stands where %s should be", s.Recipe)
	case r.Shard != s.Digest || r.Size != s.Size:
		return fmt.Errorf("recipe %s is of another shard: %s of %d bytes", s.Recipe, r.Shard, r.Size)
	case r.CRC64NVME != s.CRC64NVME || r.CRC32C != s.CRC32C:
		return errors.New("the recipe has other checksums of the shard than its line")
	}
	return nil
}
