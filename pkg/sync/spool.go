package sync

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/exchange"
	"github.com/datagravity/datagravity/pkg/exchange/pack"
	"github.com/datagravity/datagravity/pkg/store"
)

// What was fetched of packs is paid for. It lies in a folder of the state directory for each need until the need is ready, so that a run that was
// killed, or failed, does not pay again.
const (
	spoolFolder = "packs"
	packName    = ".dgp"     // a pack, whole and proven when it got this name; before it, its BLAKE3
	partName    = ".dgp.tmp" // one that is being fetched
	askedName   = ".want"    // empty; before it, the id of a want that may still be answered
)

// packedChunks are the chunks of packs that were fetched.
type packedChunks struct {
	s        *Syncer
	q        Request
	snapshot chunker.Digest
	before   chunker.Digest // the snapshot whose chunks the destination holds
	dir      string
	packs    []*spooledPack
	at       map[chunker.Digest]entryAt
	// bases are where the destination holds old chunks that frames build on.
	bases map[chunker.Digest]heldChunk
	// wants that this or an earlier run wrote, and nobody took back.
	wants []string

	mu     sync.Mutex
	frames map[frameAt][]byte
	recent []frameAt
}

type spooledPack struct {
	*pack.Pack
	file   *os.File
	digest string
}

type entryAt struct{ pack, entry int }

type frameAt struct{ pack, frame int }

type heldChunk struct {
	ref    store.Ref
	offset int64
}

// spooled opens what an earlier run for the same need fetched.
func (s *Syncer) spooled(q Request, snapshot, before chunker.Digest) (*packedChunks, error) {
	all := filepath.Join(s.Manifest.Dir(), spoolFolder)
	id := chunker.Sum([]byte(needID(q)))
	p := &packedChunks{
		s: s, q: q, snapshot: snapshot, before: before, dir: filepath.Join(all, hex.EncodeToString(id[:16])), at: map[chunker.Digest]entryAt{}, frames: map[frameAt][]byte{},
	}
	if err := s.sweepSpools(all, p.dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return nil, err
	}
	list, err := os.ReadDir(p.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		name := filepath.Join(p.dir, e.Name())
		if id, ok := strings.CutSuffix(e.Name(), askedName); ok {
			p.wants = append(p.wants, id)
		} else if digest, ok := strings.CutSuffix(e.Name(), packName); !ok || p.open(name, digest) != nil {
			// One that was not fetched whole, or was damaged since: it is worth nothing.
			if err := os.Remove(name); err != nil {
				return nil, errors.Join(err, p.close())
			}
		}
	}
	return p, nil
}

// sweepSpools removes the folders of needs that nobody went on with. but stays.
func (s *Syncer) sweepSpools(all, but string) error {
	list, err := os.ReadDir(all)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, e := range list {
		name := filepath.Join(all, e.Name())
		info, err := e.Info()
		if err != nil || name == but || s.Manifest.Now().Sub(info.ModTime()) < packLife {
			continue
		}
		if err := os.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}

// open adds a pack that is there whole. Its tables are proven here, its frames when they are used.
func (p *packedChunks) open(name, digest string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	one, err := readTables(f)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	for i, e := range one.Entries {
		p.at[e.Digest] = entryAt{len(p.packs), i}
	}
	p.packs = append(p.packs, &spooledPack{one, f, digest})
	return nil
}

func readTables(f *os.File) (*pack.Pack, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	prefix := make([]byte, min(pack.PrefixBytes, info.Size()))
	if _, err := f.ReadAt(prefix, 0); err != nil {
		return nil, err
	}
	n, err := pack.TablesBytes(prefix)
	if err != nil || n > info.Size() {
		return nil, errors.Join(err, fmt.Errorf("%w: the tables of pack %s", exchange.ErrBad, f.Name()))
	}
	tables := make([]byte, n)
	if _, err := f.ReadAt(tables, 0); err != nil {
		return nil, err
	}
	one, err := pack.Open(tables)
	if err == nil && one.Bytes != info.Size() {
		err = fmt.Errorf("%w: pack %s has %d bytes, want %d", exchange.ErrBad, f.Name(), info.Size(), one.Bytes)
	}
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", f.Name(), err)
	}
	return one, nil
}

// asks remembers a want before it is written, so that whoever goes on finds its answer, or takes it back.
func (p *packedChunks) asks(id string) error {
	p.wants = append(p.wants, id)
	return os.WriteFile(filepath.Join(p.dir, id+askedName), nil, 0o600)
}

// goOn fetches what an earlier run was promised and did not get, if that is less than what is missing.
func (p *packedChunks) goOn(ctx context.Context, r *paidReader, missing int64) error {
	for _, id := range p.wants {
		a, ok, err := exchange.Answered(ctx, r, p.s.Name, id)
		if err != nil && !errors.Is(err, exchange.ErrBad) {
			return err
		}
		if err != nil || !ok || a.Dataset != p.q.Source.Name || a.Snapshot != p.snapshot {
			continue
		}
		var bytes int64
		for _, ref := range a.Packs {
			if !p.holds(ref) {
				bytes += ref.Bytes
			}
		}
		if bytes >= missing {
			continue
		}
		if err := p.fetchAll(ctx, r, id, a); err != nil && !errors.Is(err, exchange.ErrBad) {
			return err
		}
	}
	return p.findBases(ctx)
}

// holds tells whether a pack was fetched.
func (p *packedChunks) holds(ref exchange.PackRef) bool {
	name := hex.EncodeToString(ref.Digest[:])
	return slices.ContainsFunc(p.packs, func(one *spooledPack) bool { return one.digest == name })
}

func (p *packedChunks) fetchAll(ctx context.Context, r *paidReader, want string, a exchange.Answer) error {
	for _, ref := range a.Packs {
		if p.holds(ref) {
			continue
		}
		if err := p.fetch(ctx, r, want, ref); err != nil {
			return err
		}
	}
	return nil
}

// fetch reads a pack into a file, whole and proven.
func (p *packedChunks) fetch(ctx context.Context, r *paidReader, want string, ref exchange.PackRef) error {
	digest := hex.EncodeToString(ref.Digest[:])
	name := filepath.Join(p.dir, digest+packName)
	f, err := os.Create(filepath.Join(p.dir, digest+partName))
	if err != nil {
		return err
	}
	err = exchange.ReadPack(ctx, r, p.s.Name, want, ref, f)
	if err == nil {
		err = f.Sync() // what has the name of a pack is one, also after a power cut
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	return p.open(name, digest)
}

// takeOut takes out of what is missing what is in the packs already.
func (p *packedChunks) takeOut(ctx context.Context, m *missing) error {
	if len(p.packs) == 0 {
		return nil
	}
	runs := m.Missing
	m.Missing, m.bytes = nil, 0
	var recipe *chunker.Recipe
	var of chunker.Digest
	for _, run := range runs {
		if d := m.recipes[run.Shard]; recipe == nil || d != of {
			var err error
			if recipe, err = p.s.Manifest.Recipe(d); err != nil {
				return err
			}
			of = d
		}
		open := false
		for i := run.First; i < run.First+run.Count; i++ {
			c := recipe.Chunks[i]
			if p.usable(c.Digest) {
				open = false
				continue
			}
			if m.bytes += c.Length; open {
				m.Missing[len(m.Missing)-1].Count++
			} else {
				m.Missing, open = append(m.Missing, exchange.Run{Shard: run.Shard, First: i, Count: 1}), true
			}
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
	}
	return nil
}

// usable tells whether a chunk is in a pack, and what its frame builds on at the destination.
func (p *packedChunks) usable(d chunker.Digest) bool {
	at, ok := p.at[d]
	if !ok {
		return false
	}
	one := p.packs[at.pack]
	return !slices.ContainsFunc(one.Frames[one.Entries[at.entry].Frame].Base, func(b pack.Reference) bool {
		_, held := p.bases[b.Digest]
		return !held
	})
}

// done takes wants back. over: nobody needs the packs any more; else they stay for the next run.
func (p *packedChunks) done(ctx context.Context, over bool) {
	if p == nil {
		return
	}
	err := p.close()
	for _, id := range p.wants {
		if p.s.takeBack(ctx, p.q, id) {
			err = errors.Join(err, os.Remove(filepath.Join(p.dir, id+askedName)))
		}
	}
	if over {
		err = errors.Join(err, os.RemoveAll(p.dir))
	}
	if err != nil {
		p.s.Log.Warn("packs that are done with could not be removed", "folder", p.dir, "error", err)
	}
}

func (p *packedChunks) close() (err error) {
	for _, one := range p.packs {
		err = errors.Join(err, one.file.Close())
	}
	return err
}
