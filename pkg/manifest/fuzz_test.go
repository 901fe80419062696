package manifest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// kinds of records, an empty one of each, by their buckets. Packed lists of paths are fuzzed by FuzzPaths.
var kinds = map[string]func() any{
	"account": fresh[account], "mark": fresh[map[string]mark], "restored": fresh[restored],
	datasets.bucket: fresh[Dataset], facts.bucket: fresh[Fact], snapshots.bucket: fresh[SnapshotHeader], snapshotPages.bucket: fresh[[]Shard],
	recipeLocations.bucket: fresh[recipeLocation], packs.bucket: fresh[pack], replicas.bucket: fresh[Replica], transfers.bucket: fresh[Transfer], parts.bucket: fresh[Part],
	reservations.bucket: fresh[Open], windows.bucket: fresh[Window], meters.bucket: fresh[Meter], lines.bucket: fresh[Line], needs.bucket: fresh[Need], pins.bucket: fresh[Pin],
	spending.bucket: fresh[Spent], approvals.bucket: fresh[Approval], doubts.bucket: fresh[Doubt], resets.bucket: fresh[Reset], alerts.bucket: fresh[Alert],
	billed.bucket: fresh[Billed], jobs.bucket: fresh[Job], speeds.bucket: fresh[Speed], heldGrants.bucket: fresh[HeldGrant], givenGrants.bucket: fresh[GivenGrant],
	timers.bucket: fresh[Timer], notices.bucket: fresh[Notice], noticed.bucket: fresh[Noticed],
}

func fresh[V any]() any { return new(V) }

// FuzzValues reads a value of every kind whose checksum is right, as one of another program may be: it is refused with its bucket and its key, or is written again as what says
// the same.
func FuzzValues(f *testing.F) {
	names := keysOf(kinds)
	dir := f.TempDir()
	m := open(f, dir, Options{})
	whole(f, m, 1)
	closeIt(f, m)
	for _, r := range records(f, dir) {
		for i, name := range names {
			if name == r.Bucket {
				f.Add(byte(i), r.Value[4:])
			}
		}
	}
	k := []byte("key")
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		bucket := names[int(kind)%len(names)]
		stored := binary.BigEndian.AppendUint32(nil, sum(bucket, k, body))
		v := kinds[bucket]()
		err := decode(bucket, k, append(stored, body...), v)
		if err != nil {
			if text := err.Error(); !errors.Is(err, ErrCorrupt) || !strings.Contains(text, bucket+`/"key"`) || !strings.Contains(text, restoreHint) {
				t.Errorf("%v", err)
			}
			return
		}
		again, err := encode(bucket, k, v)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		w := kinds[bucket]()
		if err := decode(bucket, k, again, w); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if twice, err := encode(bucket, k, w); err != nil || !bytes.Equal(twice, again) {
			t.Errorf("%+v was written and read as %+v", v, w)
		}
	})
}

func keysOf[V any](m map[string]V) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// FuzzJournal reads lines whose checksums are right, and the same text as a whole file: a line is an entry that is written again as what says the same, or it is damaged.
func FuzzJournal(f *testing.F) {
	for _, e := range []Entry{
		{Kind: "reserve", Open: Open{ID: 7, Bytes: 5, NanoUSD: 6, Line: LineKey{Month: "2026-11", Path: "p"}}, Account: "a"},
		{Kind: "doubt", Doubt: &Doubt{ID: "d", Accounts: map[string]uint64{"a": 7}}},
	} {
		body, err := json.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte("00000000 {}\n\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, body []byte) {
		line := fmt.Sprintf("%08x %s\n", crc32.Checksum(body, castagnoli), body)
		if e, ok := parseEntry([]byte(line)); ok {
			again, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			var same Entry
			if err := json.Unmarshal(again, &same); err != nil || !reflect.DeepEqual(e, same) {
				t.Errorf("%+v was written and read as %+v, %v", e, same, err)
			}
		}
		path := filepath.Join(dir, "ledger-2026-11.jsonl")
		if err := os.WriteFile(path, append([]byte(line), body...), 0o600); err != nil {
			t.Fatal(err)
		}
		n := 0
		damaged, size, err := readJournalFile(path, 0, func(Entry) error { n++; return nil })
		if lines := bytes.Count([]byte(line), []byte{'\n'}) + bytes.Count(body, []byte{'\n'}) + 1; err != nil || size != int64(len(line)+len(body)) || n+damaged > lines {
			t.Errorf("%d entries and %d damaged lines of %d in %d bytes, %v", n, damaged, lines, size, err)
		}
	})
}

// FuzzSplitPack finds recipes in what claims to be a pack: each is proven, lies where it is said to, and none in another.
func FuzzSplitPack(f *testing.F) {
	one, two := recipeOf(f, "one", 1), recipeOf(f, "two", 2)
	f.Add(append(append([]byte(nil), one.Encoded...), two.Encoded...))
	f.Add(append(append([]byte("dgrecipe"), one.Encoded[:130]...), two.Encoded...))
	f.Fuzz(func(t *testing.T, b []byte) {
		id := chunker.Sum(b)
		n, recipes, whole := splitPack(id, b)
		if len(recipes) != len(n.content) || n.bytes != int64(len(b)) {
			t.Fatalf("%d recipes, %d places", len(recipes), len(n.content))
		}
		end := int64(0)
		for i, c := range n.content {
			if c.Offset < end || c.Offset+c.Length > n.bytes || whole && c.Offset != end {
				t.Fatalf("recipe %d lies at %d, and the one before it ends at %d", i, c.Offset, end)
			}
			end = c.Offset + c.Length
			if _, err := chunker.DecodeRecipe(b[c.Offset:end]); err != nil {
				t.Errorf("recipe %d: %v", i, err)
			}
		}
		if whole && end != n.bytes {
			t.Errorf("whole, and %d bytes are of no recipe", n.bytes-end)
		}
	})
}

// FuzzPages reads a file whose meta pages have their checksums: it is refused with the page, or all of it can be read or is refused, and nothing ends the process.
func FuzzPages(f *testing.F) {
	dir := f.TempDir()
	m := open(f, dir, Options{})
	update(f, m, func(tx *Tx) error {
		var err error
		for i := range 60 {
			err = errors.Join(err, tx.PutNeed(Need{ID: fmt.Sprint(i) + strings.Repeat("x", i)}))
		}
		return err
	})
	closeIt(f, m)
	sound, err := os.ReadFile(filepath.Join(dir, "manifest.db"))
	if err != nil {
		f.Fatal(err)
	}
	const page = 4096
	pages := len(sound) / page
	f.Add(uint16(2), uint16(8), []byte{2}, uint16(3), uint16(0), []byte{4})
	f.Add(uint16(0), uint16(32), []byte{9}, uint16(1), uint16(32), []byte{9})
	path := filepath.Join(memoryDir(f), "fuzzed")
	f.Fuzz(func(t *testing.T, page1, at1 uint16, put1 []byte, page2, at2 uint16, put2 []byte) {
		b := append([]byte(nil), sound...)
		copy(b[int(page1)%pages*page+int(at1)%page:], put1)
		copy(b[int(page2)%pages*page+int(at2)%page:], put2)
		for at := 0; at < 2*page; at += page {
			h := fnv.New64a()
			_, _ = h.Write(b[at+pageHeaderBytes:][:56])
			native.PutUint64(b[at+pageHeaderBytes+56:], h.Sum64())
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := openToRead(path)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), restoreHint) {
				t.Errorf("%v", err)
			}
			return
		}
		err = m.verifyValues()
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Error(err)
		}
		if err := m.CloseCopy(); err != nil {
			t.Error(err)
		}
	})
}

// FuzzKept reads what claims to be a snapshot beside the manifest, behind its digest and its compression: it is the one that was asked for, with as many shards as it says, or refused.
func FuzzKept(f *testing.F) {
	id := digest("snapshot")
	var b bytes.Buffer
	out := encMode.NewEncoder(&b)
	if err := errors.Join(out.Encode(SnapshotHeader{ID: id, Dataset: "c4", Shards: 3}), out.Encode(shards(2, "x")), out.Encode(shards(1, "y"))); err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.Clone(b.Bytes()))
	for _, h := range []SnapshotHeader{{ID: digest("another"), Shards: 2}, {ID: id, Shards: 1}} { // of another, and with more than it says
		b.Reset()
		if err := errors.Join(out.Encode(h), out.Encode(shards(2, "x"))); err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.Clone(b.Bytes()))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		bad := func(what string) error { return fmt.Errorf("%w: the file %s", ErrCorrupt, what) }
		var header SnapshotHeader
		n := 0
		err := readKept(decMode.NewDecoder(bytes.NewReader(b)), id, bad, func(h SnapshotHeader) error { header = h; return nil }, func(Shard) error { n++; return nil })
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Error(err)
		}
		if err == nil && (header.ID != id || header.Shards != n) {
			t.Errorf("%d shards of %+v", n, header)
		}
	})
}

// FuzzBackup reads what claims to describe a backup: it names no file outside of its folder.
func FuzzBackup(f *testing.F) {
	f.Add([]byte(`{"datagravity":0,"kind":"backup","time":"2026-11-25T12:00:00Z","manifest":{"path":"manifest.db"},"journal":[{"path":"journal/ledger-2026-11.jsonl"}],"recipes":[]}`))
	f.Add([]byte(`{"kind":"backup","manifest":{"path":"../manifest.db"}}`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, BackupName), b, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadBackup(dir)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), filepath.Join(dir, BackupName)) {
				t.Error(err)
			}
			return
		}
		for _, one := range got.files() {
			if to := filepath.Join(dir, filepath.FromSlash(one.Path)); !strings.HasPrefix(to+"/", dir+"/") {
				t.Errorf("%q is %s", one.Path, to)
			}
		}
		if got.Path != dir {
			t.Errorf("it says that it is in %s", got.Path)
		}
	})
}
