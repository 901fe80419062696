package manifest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/zstd"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// What a sync found out about its datasets lies beside the manifest too: which snapshot is the latest of each, and what is in the snapshots that something needs. Without
// it, a manifest that is lost could only be made again by reading every shard. It is written after the transaction that it repeats, so that
// a process which dies in between leaves it one sync behind.
const (
	keptFolder   = "snapshots"
	keptSuffix   = ".dgm"
	keptMagic    = "dgkept01"
	datasetsFile = "datasets.jsonl"
)

func (m *Manifest) keptPath(id chunker.Digest) string { return keptPathIn(m.dir, id) }

func keptPathIn(state string, id chunker.Digest) string {
	return filepath.Join(state, keptFolder, id.Hex()+keptSuffix)
}

// KeepSnapshots has the snapshots lie beside the manifest that a dataset, a need, a pin or a job names, and those given; others are removed there. Errors are those of the
// disk and of ctx, and [ErrCorrupt].
func (m *Manifest) KeepSnapshots(ctx context.Context, also ...chunker.Digest) error {
	wanted, records, err := m.namedSnapshots()
	if err != nil {
		return err
	}
	for _, id := range also {
		wanted[id] = true
	}
	dir := filepath.Join(m.dir, keptFolder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	m.keeping.Lock()
	defer m.keeping.Unlock()
	for id := range wanted {
		if exists(m.keptPath(id)) {
			continue
		}
		if err := m.keep(ctx, id); err != nil && !errors.Is(err, ErrNoSnapshot) {
			return fmt.Errorf("keep snapshot %s beside the manifest: %w", id, err)
		}
	}
	if err := keepDatasets(filepath.Join(dir, datasetsFile), records); err != nil {
		return err
	}
	files, err := os.ReadDir(dir)
	for _, f := range files {
		id, ok := keptID(f.Name())
		if stale := strings.HasPrefix(f.Name(), keptTemporary); stale || ok && !wanted[id] {
			err = errors.Join(err, os.Remove(filepath.Join(dir, f.Name())))
		}
	}
	return err
}

// keptTemporary is how files begin that are being written.
const keptTemporary = "new-"

func keptID(name string) (id chunker.Digest, ok bool) {
	hex, ok := strings.CutSuffix(name, keptSuffix)
	if !ok {
		return id, false
	}
	err := id.UnmarshalText([]byte("blake3:" + hex))
	return id, err == nil
}

// namedSnapshots are those that something in the manifest is about.
func (m *Manifest) namedSnapshots() (wanted map[chunker.Digest]bool, records []Dataset, err error) {
	now := At(m.now())
	err = m.View(func(tx *Tx) error {
		wanted, records, err = namedSnapshots(tx, func(p Pin) bool { return p.Live(now) })
		return err
	})
	return wanted, records, err
}

// namedSnapshots are those that records name, of pins those that count.
func namedSnapshots(tx *Tx, counts func(Pin) bool) (named map[chunker.Digest]bool, records []Dataset, err error) {
	named = map[chunker.Digest]bool{}
	err = datasets.scan(tx, nil, nil, func(_ []byte, d Dataset) (bool, error) {
		records = append(records, d)
		named[d.Latest], named[d.Published] = true, true
		return true, nil
	})
	if err == nil {
		err = tx.Needs(func(n Need) (bool, error) {
			if named[n.Snapshot] = true; n.Open != nil {
				named[n.Open.Snapshot] = true
			}
			return true, nil
		})
	}
	if err == nil {
		err = tx.Pins(func(p Pin) (bool, error) {
			if counts(p) {
				named[p.Snapshot] = true
			}
			return true, nil
		})
	}
	if err == nil {
		err = tx.Jobs(func(j Job) (bool, error) { named[j.Snapshot], named[j.Asked] = true, true; return true, nil })
	}
	delete(named, chunker.Digest{})
	return named, records, err
}

// keep writes one snapshot. It is read page by page, each in a transaction of its own: a snapshot never changes but for its recipes.
func (m *Manifest) keep(ctx context.Context, id chunker.Digest) (err error) {
	defer m.HoldSnapshot(id)()
	f, err := os.CreateTemp(filepath.Join(m.dir, keptFolder), keptTemporary+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	err = errors.Join(m.writeKept(ctx, f, id), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err = os.Rename(f.Name(), m.keptPath(id)); err != nil {
		return err
	}
	return syncDir(filepath.Join(m.dir, keptFolder))
}

func (m *Manifest) writeKept(ctx context.Context, f io.Writer, id chunker.Digest) error {
	h := chunker.NewHasher()
	buffered := bufio.NewWriterSize(f, 1<<20)
	w := io.MultiWriter(buffered, h)
	if _, err := io.WriteString(w, keptMagic); err != nil {
		return err
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return err
	}
	out := encMode.NewEncoder(z)
	var header SnapshotHeader
	err = m.View(func(tx *Tx) error {
		var ok bool
		if header, ok, err = tx.Snapshot(id); err == nil && !ok {
			err = fmt.Errorf("%w %s", ErrNoSnapshot, id)
		}
		return err
	})
	if err == nil {
		err = out.Encode(header)
	}
	for page := uint32(0); err == nil && int(page)*shardsPerPage < header.Shards; page++ {
		if err = context.Cause(ctx); err != nil {
			break
		}
		err = m.View(func(tx *Tx) error {
			stored, err := snapshotPages.stored(tx, pageKey(id, page))
			if err == nil && stored == nil {
				err = fmt.Errorf("%w: snapshot %s lacks a page", ErrCorrupt, id)
			}
			if err == nil {
				err = wrongValue(snapshotPages.bucket, pageKey(id, page), stored)
			}
			if err == nil {
				_, err = z.Write(stored[4:]) // as it is: to decode and encode it takes longer than all else
			}
			return err
		})
	}
	if err = errors.Join(err, z.Close()); err != nil {
		return err
	}
	sum := h.Digest()
	_, err = buffered.Write(sum[:])
	return errors.Join(err, buffered.Flush())
}

// Kept are the snapshots and datasets that lie beside a manifest.
type Kept struct {
	dir string
	// Datasets as they were when the manifest was last seen by a sync.
	Datasets []Dataset
	// Snapshots by their ids, as their files are named.
	Snapshots []chunker.Digest
	// Damaged names files, and lines of them, that cannot be believed.
	Damaged []string
}

// ReadKept finds out what lies beside the manifest in a state directory; the snapshots themselves are read with [Kept.Snapshot].
func ReadKept(state string) (k Kept, err error) {
	k.dir = state
	files, err := os.ReadDir(filepath.Join(state, keptFolder))
	if errors.Is(err, os.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return k, err
	}
	for _, f := range files {
		if id, ok := keptID(f.Name()); ok {
			k.Snapshots = append(k.Snapshots, id)
		}
	}
	path := filepath.Join(state, keptFolder, datasetsFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return k, nil
	}
	for line := range bytes.Lines(b) {
		var d Dataset
		if body, ok := unseal(line); !ok || json.Unmarshal(body, &d) != nil || d.Name == "" {
			k.Damaged = append(k.Damaged, path)
			continue
		}
		k.Datasets = append(k.Datasets, d)
	}
	return k, err
}

// Snapshot reads one, proven to be what was written, and calls f for its shards. Errors: [ErrCorrupt], and those of f and of the disk.
func (k Kept) Snapshot(id chunker.Digest, begin func(SnapshotHeader) error, f func(Shard) error) error {
	path := keptPathIn(k.dir, id)
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // read only
	bad := func(what string) error { return fmt.Errorf("%w: %s %s", ErrCorrupt, path, what) }
	info, err := file.Stat()
	if err != nil {
		return err
	}
	body := info.Size() - int64(len(id))
	if body < int64(len(keptMagic)) {
		return bad("is cut short")
	}
	h := chunker.NewHasher()
	if _, err := copyTo(h, io.NewSectionReader(file, 0, body)); err != nil {
		return err
	}
	var want chunker.Digest
	if _, err := file.ReadAt(want[:], body); err != nil {
		return err
	}
	if want != h.Digest() {
		return bad("is not what was written")
	}
	z, err := zstd.NewReader(bufio.NewReaderSize(io.NewSectionReader(file, int64(len(keptMagic)), body-int64(len(keptMagic))), 1<<20), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer z.Close()
	in := decMode.NewDecoder(z)
	return readKept(in, id, bad, begin, f)
}

func readKept(in *cbor.Decoder, id chunker.Digest, bad func(string) error, begin func(SnapshotHeader) error, f func(Shard) error) error {
	var header SnapshotHeader
	if err := in.Decode(&header); err != nil || header.ID != id {
		return bad("is about another snapshot")
	}
	if err := begin(header); err != nil {
		return err
	}
	for n := 0; n < header.Shards; {
		var page []Shard
		if err := in.Decode(&page); err != nil || len(page) == 0 {
			return bad("lacks a page")
		}
		if len(page) > header.Shards-n {
			return bad("has more shards than it says")
		}
		for _, s := range page {
			if err := f(s); err != nil {
				return err
			}
		}
		n += len(page)
	}
	return nil
}

// keepDatasets writes the records of datasets, one a line with a checksum before it, if they are others than those that stand there.
func keepDatasets(path string, list []Dataset) error {
	var b bytes.Buffer
	slices.SortFunc(list, func(x, y Dataset) int { return strings.Compare(x.Name, y.Name) })
	for _, d := range list {
		d.Listed = 0 // it changes with every listing, and is not needed again
		body, err := json.Marshal(d)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%08x %s\n", crc32.Checksum(body, castagnoli), body)
	}
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, b.Bytes()) {
		return nil
	}
	return WriteFile(path, b.Bytes(), 0o600)
}
