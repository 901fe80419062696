package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"

	"github.com/datagravity/datagravity/pkg/chunker"
)

const (
	// maxPackBytes bounds a pack: large enough that 100 TB of 64 KiB chunks (80 GB of recipes) are about 1,300 files.
	maxPackBytes = 64 << 20
	// A pack below smallPackBytes is merged with others when there are more than maxSmallPacks such: a sync that records
	// what it moved four times a second would otherwise leave 300,000 files a day.
	smallPackBytes = 1 << 20
	maxSmallPacks  = 64
)

var packs = table[pack]{bucket: "packs"}

// pack is what is known of one file of recipes. A file that has no such record belongs to nobody.
type pack struct {
	Bytes int64 `cbor:"1,keyasint"`
	// Live is how many recipes are found in it.
	Live int64 `cbor:"2,keyasint"`
	// Content of a small pack, for its merging.
	Content []packed `cbor:"3,keyasint,omitempty"`
}

type packed struct {
	Recipe chunker.Digest `cbor:"1,keyasint"`
	Offset int64          `cbor:"2,keyasint"`
	Length int64          `cbor:"3,keyasint"`
}

// newPack is a durable file that the manifest does not refer to yet.
type newPack struct {
	id      chunker.Digest
	bytes   int64
	content []packed
}

// recipeStore is the folder of packs.
type recipeStore struct {
	dir      string
	maxBytes int
	mu       sync.Mutex // held while packs are written and merged
	// small is how many small packs the manifest refers to.
	small atomic.Int64
	// named are recipes that are referred to while somebody looks for those that are not; naming is held by who finds out which there are, to refer to them
	// later.
	named  namedRecipes
	naming sync.RWMutex

	pendingMu sync.Mutex
	// pending are packs that were written and whose transaction has not committed: merging leaves them alone.
	pending map[chunker.Digest]int
}

const packSuffix = ".pack"

// errCutShort: a pack ends before a recipe that should be in it.
var errCutShort = errors.New("the pack was cut short")

func (s *recipeStore) path(pack chunker.Digest) string {
	return filepath.Join(s.dir, pack.Hex()+packSuffix)
}

func newRecipeStore(state string) *recipeStore {
	return &recipeStore{dir: filepath.Join(state, "recipes"), maxBytes: maxPackBytes, pending: map[chunker.Digest]int{}}
}

// earlier is when the youngest pack was written that lay in the folder before the manifest was made: it belongs to a manifest that was lost, from which
// datagravity manifest rebuild takes it over.
var (
	earlier    = table[Millis]{bucket: "meta"}
	earlierKey = []byte("earlier_packs")
)

// markEarlier is called when a manifest is made.
func markEarlier(b *bolt.Tx, state string) error {
	list, err := filepath.Glob(filepath.Join(state, "recipes", "*"+packSuffix))
	var last Millis
	for _, path := range list {
		info, statErr := os.Stat(path)
		if err = errors.Join(err, statErr); statErr == nil {
			last = max(last, At(info.ModTime()))
		}
	}
	if err != nil || last == 0 {
		return err
	}
	return earlier.put(&Tx{b: b}, earlierKey, last)
}

// openRecipes removes what a killed process left: files half-written, written and never referred to, or merged. What an earlier manifest left stays.
func (m *Manifest) openRecipes() error {
	s := newRecipeStore(m.dir)
	m.recipes = s
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("recipe folder: %w", err)
	}
	known := map[string]bool{}
	var before Millis
	err := m.View(func(tx *Tx) (err error) {
		if before, _, err = earlier.get(tx, earlierKey); err != nil {
			return err
		}
		return packs.scan(tx, nil, nil, func(k []byte, p pack) (bool, error) {
			if p.Live > 0 {
				known[filepath.Base(s.path(chunker.Digest(k)))] = true
			}
			if p.Bytes < smallPackBytes {
				s.small.Add(1)
			}
			return true, nil
		})
	})
	if err != nil {
		return err
	}
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		ours := strings.HasSuffix(f.Name(), packSuffix) || strings.HasPrefix(f.Name(), "new-")
		if !ours || known[f.Name()] {
			continue
		}
		if info, err := f.Info(); err == nil && At(info.ModTime()) <= before && strings.HasSuffix(f.Name(), packSuffix) {
			continue
		}
		if err := os.Remove(filepath.Join(s.dir, f.Name())); err != nil {
			return err
		}
	}
	return nil
}

// writePacks makes recipes durable, as few packs as hold them.
func (s *recipeStore) writePacks(list []NewRecipe) (out []newPack, err error) {
	for len(list) > 0 {
		var body bytes.Buffer
		var p newPack
		n := 0
		for n < len(list) && (n == 0 || body.Len()+len(list[n].Encoded) <= s.maxBytes) {
			p.content = append(p.content, packed{list[n].Digest, int64(body.Len()), int64(len(list[n].Encoded))})
			body.Write(list[n].Encoded)
			n++
		}
		p.id, p.bytes = chunker.Sum(body.Bytes()), int64(body.Len())
		// Pending before it exists, so that merging never removes a file that was just written again.
		s.pendingMu.Lock()
		s.pending[p.id]++
		s.pendingMu.Unlock()
		out = append(out, p)
		if err := writeDurable(s.path(p.id), "new-*", body.Bytes(), 0o600); err != nil {
			s.settle(out)
			return nil, err
		}
		list = list[n:]
	}
	return out, nil
}

// settle ends that packs are pending.
func (s *recipeStore) settle(list []newPack) {
	s.pendingMu.Lock()
	defer s.pendingMu.Unlock()
	for _, p := range list {
		if s.pending[p.id]--; s.pending[p.id] <= 0 {
			delete(s.pending, p.id)
		}
	}
}

func (s *recipeStore) isPending(id chunker.Digest) bool {
	s.pendingMu.Lock()
	defer s.pendingMu.Unlock()
	return s.pending[id] > 0
}

// read returns the bytes of one recipe, unproven.
func (s *recipeStore) read(where recipeLocation) ([]byte, error) {
	f, err := os.Open(s.path(where.Pack))
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read only
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if where.Length < 0 || where.Offset < 0 || where.Offset+where.Length > info.Size() {
		return nil, fmt.Errorf("%w: it has %d bytes", errCutShort, info.Size())
	}
	b := make([]byte, where.Length)
	_, err = f.ReadAt(b, where.Offset)
	return b, err
}

// putPack refers to a pack and to the recipes in it, and tells whether the pack was not known before.
func (tx *Tx) putPack(n newPack) (added bool, err error) {
	live := map[chunker.Digest]int64{}
	for _, c := range n.content {
		old, ok, err := recipeLocations.get(tx, c.Recipe[:])
		if err != nil {
			return false, err
		}
		if ok {
			live[old.Pack]--
		}
		live[n.id]++
		tx.names(c.Recipe)
		if err := recipeLocations.put(tx, c.Recipe[:], recipeLocation{n.id, c.Offset, c.Length}); err != nil {
			return false, err
		}
	}
	p, known, err := packs.get(tx, n.id[:])
	if err != nil {
		return false, err
	}
	if !known {
		p.Bytes = n.bytes
		if n.bytes < smallPackBytes {
			p.Content = n.content
		}
		if err := packs.put(tx, n.id[:], p); err != nil {
			return false, err
		}
	}
	return !known, tx.addLive(live)
}

// addLive changes how many recipes are found in packs.
func (tx *Tx) addLive(by map[chunker.Digest]int64) error {
	for id, n := range by {
		p, ok, err := packs.get(tx, id[:])
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%w: %s/%s is missing, and recipes refer to it; %s", ErrCorrupt, packs.bucket, id, restoreHint)
		}
		p.Live += n
		if err := packs.put(tx, id[:], p); err != nil {
			return err
		}
	}
	return nil
}

// removePacks removes the files of packs that nothing refers to any more.
func (s *recipeStore) removePacks(list []chunker.Digest) error {
	var errs []error
	for _, id := range list {
		if err := os.Remove(s.path(id)); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
