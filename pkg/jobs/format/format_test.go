package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func place(t testing.TB, dir string, roots ...string) Place {
	t.Helper()
	p := Place{Dir: dir}
	for _, text := range roots {
		r, err := ParseRoot(text)
		if err != nil {
			t.Fatal(err)
		}
		p.Roots = append(p.Roots, r)
	}
	return p
}

// energon reads the train split, as the other readers read all.
func energon(info []byte) func([]byte, Place) ([]File, error) {
	return func(b []byte, p Place) ([]File, error) { return Energon(b, info, "train", p) }
}

func delta(b []byte, p Place) ([]File, error) {
	var l DeltaLog
	err := l.Add(b, p)
	return l.Files(), err
}

func TestReaders(t *testing.T) {
	bucket := "s3://bucket/c4?region=us-east-1"
	for _, tt := range []struct {
		fixture string
		read    func([]byte, Place) ([]File, error)
		dir     string
		want    []File
	}{
		{"mds.json", MDS, "train", []File{{"train/shard.00000.mds", 5077, 20, nil}}},
		{"mds-mixed.json", MDS, "", []File{
			{"0/shard.00000.mds.zstd", 63407, 100, []Hash{{"sha1", "cc"}, {"xxh64", "dd"}}},
			{"1/shard.00000.json", 10, 7, nil}, {"1/shard.00000.json.meta", 4, Unknown, nil},
		}},
		{"wids.json", Wids, "", []File{{"train-000000.tar", 112640, 10, []Hash{{"md5", "0123"}}}}},
		{"wids-several.json", Wids, "x", []File{
			{"x/first.tar", Unknown, 3, nil}, {"x/sub/a/0.tar", Unknown, 1, nil}, {"b/0.tar", Unknown, 2, nil},
		}},
		{"litdata.json", LitData, "d/", []File{{"d/chunk-0-0.bin", Unknown, 12, nil}, {"d/chunk-0-1.zstd.bin", Unknown, 9, nil}}},
		{"energon-split.yaml", energon(nil), "e", []File{
			{"e/shards/shard_000.tar", Unknown, Unknown, nil}, {"e/shards/shard_002.tar", Unknown, Unknown, nil}, {"e/shards/shard_003.tar", Unknown, Unknown, nil},
		}},
		{"energon-split.yaml", energon(fixture(t, "energon-info.json")), "", []File{
			{"shards/shard_000.tar", Unknown, 1223, nil}, {"shards/shard_002.tar", Unknown, 3, nil}, {"shards/shard_003.tar", Unknown, 4, nil},
		}},
		{"energon-split.json", energon(nil), "", []File{{"shards/shard_000.tar", Unknown, Unknown, nil}, {"shards/shard_002.tar", Unknown, Unknown, nil}}},
		{"delta-0.json", delta, "t", []File{{"t/p=a b/part-0.parquet", 10, Unknown, nil}, {"t/part-1.parquet", 20, Unknown, nil}}},
	} {
		t.Run(tt.fixture, func(t *testing.T) {
			got, err := tt.read(fixture(t, tt.fixture), place(t, tt.dir, bucket))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestDeltaReplay(t *testing.T) {
	var l DeltaLog
	for _, name := range []string{"delta-0.json", "delta-1.json"} {
		if err := l.Add(fixture(t, name), Place{}); err != nil {
			t.Fatal(err)
		}
	}
	want := []File{
		{"ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin", Unknown, Unknown, nil},
		{"part-1.parquet", 20, Unknown, nil}, {"part-2.parquet", 30, Unknown, nil},
	}
	if d := cmp.Diff(want, l.Files()); d != "" {
		t.Error(d)
	}
}

func TestDeltaCommits(t *testing.T) {
	commit := func(versions ...int64) (names []string) {
		for _, v := range versions {
			names = append(names, DeltaCommit(v))
		}
		return names
	}
	others := []string{"_last_checkpoint", "00000000000000000001.crc", "00000000000000000000.00000000000000000002.compacted.json"}
	for _, tt := range []struct {
		names []string
		want  int64
		err   string
	}{
		{append(commit(2, 0, 1), others...), 3, ""},
		{append(commit(0, 1), "00000000000000000001.checkpoint.parquet"), 2, ""},
		{commit(0, 2), 0, "no version 1 but has 2: a commit is missing"},
		{append(commit(11, 12), "00000000000000000010.checkpoint.parquet"), 0, "only in the checkpoint of version 10, which is parquet"},
		{[]string{"00000000000000000010.checkpoint.parquet"}, 0, "has no commit"},
		{nil, 0, "has no commit 00000000000000000000.json"},
	} {
		got, err := DeltaCommits(tt.names)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && (!errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%v: %d, %v; want %d, %q", tt.names, got, err, tt.want, tt.err)
		}
	}
}

// Each index is wrong in one way, and the error says where.
func TestMalformed(t *testing.T) {
	shard := func(s string) string { return `{"version":2,"shards":[{"version":2,"format":"mds",` + s + `}]}` }
	deep := strings.Repeat("[", 70) + strings.Repeat("]", 70)
	for _, tt := range []struct {
		name string
		read func([]byte, Place) ([]File, error)
		text string
		kind error
		want string
	}{
		{"empty", MDS, "", ErrMalformed, "it ends too early"},
		{"no object", MDS, "[]", ErrMalformed, "no object"},
		{"no list", MDS, `{"version":2}`, ErrMalformed, `no list "shards"`},
		{"version", MDS, `{"version":3,"shards":[]}`, ErrMalformed, "version 3"},
		{"cut short", MDS, `{"version":2,"shards":[{"version":2`, ErrMalformed, "shards[0], byte 23: it ends too early"},
		{"twice", MDS, `{"version":2,"shards":[],"shards":[]}`, ErrMalformed, `"shards" stands twice, at byte 33`},
		{"deep", MDS, `{"x":` + deep + `}`, ErrMalformed, "at byte 68 brackets stand"},
		{"more after it", MDS, `{"version":2,"shards":[]} x`, ErrMalformed, "something follows"},
		{"type", MDS, shard(`"samples":"many"`), ErrMalformed, "shards[0], byte"},
		{"unknown format", MDS, `{"shards":[{"version":2,"format":"pickle"}]}`, ErrMalformed, `shards[0]: format "pickle"`},
		{"no data", MDS, shard(`"samples":1`), ErrMalformed, "shards[0] has neither raw_data nor zip_data"},
		{"no meta", MDS, `{"shards":[{"version":2,"format":"csv","raw_data":{"basename":"a","bytes":1}}]}`, ErrMalformed, "neither raw_meta"},
		{"negative", MDS, shard(`"raw_data":{"basename":"a","bytes":-1}`), ErrMalformed, "shards[0].raw_data.bytes is -1"},
		{"above", MDS, shard(`"raw_data":{"basename":"../a","bytes":1}`), ErrOutside, `shards[0].raw_data.basename: "../a"`},
		{"absolute", MDS, shard(`"zip_data":{"basename":"/etc/passwd","bytes":1}`), ErrOutside, `shards[0].zip_data.basename: "/etc/passwd"`},
		{"URL", MDS, shard(`"zip_data":{"basename":"s3://bucket/c4/a","bytes":1}`), ErrMalformed, "is a URL"},
		{"folder", MDS, shard(`"raw_data":{"basename":".","bytes":1}`), ErrMalformed, "names a folder"},
		{"no name", MDS, shard(`"raw_data":{"bytes":1}`), ErrMalformed, "a name is empty"},
		{"kind", Wids, `{"__kind__":"other","wids_version":1,"shardlist":[]}`, ErrMalformed, `kind "other"`},
		{"wids version", Wids, `{"wids_version":2,"shardlist":[]}`, ErrMalformed, "wids_version 2"},
		{"no wids version", Wids, `{"shardlist":[]}`, ErrMalformed, "no wids_version"},
		{"no lists", Wids, `{"wids_version":1}`, ErrMalformed, "neither shardlist"},
		{"no url", Wids, `{"wids_version":1,"shardlist":[{}]}`, ErrMalformed, "shardlist[0] has no url"},
		{"other bucket", Wids, `{"wids_version":1,"shardlist":[{"url":"s3://other/c4/a"}]}`, ErrOutside, `shardlist[0].url: "s3://other/c4/a" is outside the dataset, which is at s3://bucket/c4`},
		{"above base", Wids, `{"wids_version":1,"datasets":[{"base":"../..","shardlist":[{"url":"a"}]}]}`, ErrOutside, "datasets[0].shardlist[0].url"},
		{"pipe", Wids, `{"wids_version":1,"shardlist":[{"url":"pipe:aws s3 cp s3://bucket/a.tar -"}]}`, ErrMalformed, "write the object's URL, s3://bucket/a.tar"},
		{"reference", Wids, `{"wids_version":1,"datasets":[{"source_url":"https://u:secret@h/x.json?sig=secret"}]}`, ErrMalformed, "https://h/x.json"},
		{"no chunks", LitData, `{"config":{}}`, ErrMalformed, `no list "chunks"`},
		{"chunk above", LitData, `{"chunks":[{"filename":"a/../../b"}]}`, ErrOutside, "chunks[0].filename"},
		{"no split", energon(nil), "split_parts: {val: []}", ErrMalformed, `no split "train"; its splits: "val"`},
		{"alias", energon(nil), "a: &x [1]\nsplit_parts: {train: *x}", ErrMalformed, "line 1 has an anchor"},
		{"deep yaml", energon(nil), "split_parts: " + deep, ErrMalformed, "nests more than 16 deep"},
		{"many fields", energon(nil), strings.Repeat("a: 1\n", 1001), ErrMalformed, "more than 1000 fields"},
		{"long line", energon(nil), "split_parts: {train: [" + strings.Repeat("a, ", 30_000) + "]}", ErrMalformed, "line 1 has more than 65536 bytes"},
		{"many lines", energon(nil), strings.Repeat("#\n", 120_001), ErrMalformed, "more than 120000 lines"},
		{"many commas", energon(nil), "split_parts: {train: [" + strings.Repeat("a,\n", 100_001) + "b]}", ErrMalformed, "more than 100000 commas"},
		{"bomb", energon(nil), "split_parts: {train: ['{0..999999999}{0..999999999}']}", ErrMalformed, "split_parts.train[0]: its braces make more than 1000000 names"},
		{"braces", energon(nil), "split_parts: {train: ['{a']}", ErrMalformed, "has no }"},
		{"split above", energon(nil), "split_parts: {train: [../a.tar]}", ErrOutside, "split_parts.train"},
		{"not in info", energon([]byte(`{"shard_counts":{}}`)), "split_parts: {train: [a.tar]}", ErrMalformed, `"a.tar", which .info.json does not know`},
		{"no counts", energon([]byte(`{}`)), "split_parts: {train: [a.tar]}", ErrMalformed, ".info.json: the index cannot be used: it has no shard_counts"},
		{"no yaml", energon(nil), "a: [", ErrMalformed, "line 1"},
		{"delta json", delta, "{}\n{", ErrMalformed, "line 2"},
		{"delta clone", delta, `{"add":{"path":"s3://other/a.parquet","size":1}}`, ErrOutside, "it is absolute"},
		{"delta above", delta, `{"add":{"path":"%2e%2e/a","size":1}}`, ErrOutside, "add.path"},
		{"delta escape", delta, `{"add":{"path":"%zz","size":1}}`, ErrMalformed, "encode nothing"},
		{"delta vector", delta, `{"add":{"path":"a","size":1,"deletionVector":{"storageType":"p","pathOrInlineDv":"s3://x/y"}}}`, ErrOutside, "deletionVector"},
		{"delta catalog", delta, `{"protocol":{"readerFeatures":["catalogManaged"]}}`, ErrMalformed, "a catalog keeps"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.read([]byte(tt.text), place(t, "", "s3://bucket/c4"))
			if !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %v with %q", err, tt.kind, tt.want)
			}
			if strings.Contains(fmt.Sprint(err), "secret") {
				t.Errorf("a credential is in %v", err)
			}
		})
	}
}

func TestTooLarge(t *testing.T) {
	big := make([]byte, MaxBytes+1)
	for name, read := range map[string]func([]byte, Place) ([]File, error){"mds": MDS, "wids": Wids, "litdata": LitData, "energon": energon(nil), "delta": delta} {
		if _, err := read(big, Place{}); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "more than") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// idx writes an index of Megatron; modes tells whether it has the last part.
func idx(code byte, lengths []int32, docs int, modes bool) []byte {
	b := []byte(megatronMagic)
	b = binary.LittleEndian.AppendUint64(b, 1)
	b = append(b, code)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(lengths)))
	b = binary.LittleEndian.AppendUint64(b, uint64(docs))
	for _, n := range lengths {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	at := int64(0)
	for _, n := range lengths {
		b = binary.LittleEndian.AppendUint64(b, uint64(at))
		at += int64(n) * itemBytes[code]
	}
	b = append(b, make([]byte, 8*docs)...)
	if modes {
		b = append(b, make([]byte, len(lengths))...)
	}
	return b
}

func TestMegatron(t *testing.T) {
	many := make([]int32, 40_000)
	for i := range many {
		many[i] = 3
	}
	for _, tt := range []struct {
		data []byte
		bin  int64
		seqs int64
		err  string
	}{
		{idx(8, []int32{5, 0, 7}, 4, false), 24, 3, ""},
		{idx(8, []int32{5, 0, 7}, 4, true), 24, 3, ""},
		{idx(5, many, 1, false), 40_000 * 24, 40_000, ""},
		{idx(1, nil, 1, false), 0, 0, ""},
		{idx(1, []int32{-5}, 1, false), 0, 0, "sequence 0 has -5 items"},
		{[]byte("MMIDIDX"), 0, 0, "ends at byte 7, within its header"},
		{bytes.Repeat([]byte{1}, 64), 0, 0, "does not begin as"},
		{append(idx(4, []int32{1}, 1, false), 0, 0), 0, 0, "it has 56 bytes; 1 sequences and 1 documents make 54, or with modes 55"},
		{idx(4, []int32{1}, 1, false)[:50], 0, 0, "it has 50 bytes"},
	} {
		bin, seqs, err := Megatron(bytes.NewReader(tt.data), int64(len(tt.data)))
		if bin != tt.bin || seqs != tt.seqs || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%d bytes: %d, %d, %v; want %d, %d, %q", len(tt.data), bin, seqs, err, tt.bin, tt.seqs, tt.err)
		}
	}
	bad := idx(4, []int32{1}, 1, false)
	bad[17] = 9
	if _, _, err := Megatron(bytes.NewReader(bad), int64(len(bad))); err == nil || !strings.Contains(err.Error(), "type 9") {
		t.Error(err)
	}
	bad = idx(4, []int32{1}, 1, false)
	binary.LittleEndian.PutUint64(bad[18:], 1<<63)
	if _, _, err := Megatron(bytes.NewReader(bad), int64(len(bad))); err == nil || !strings.Contains(err.Error(), "do not fit") {
		t.Error(err)
	}
}

// huge is an .idx of 100 million sequences that is made up as it is read, and counts what is.
type huge struct{ read int64 }

const hugeSequences = 100_000_000

func (h *huge) ReadAt(p []byte, off int64) (int, error) {
	h.read += int64(len(p))
	head := idx(8, nil, 1, false)[:megatronHeader]
	binary.LittleEndian.PutUint64(head[18:], hugeSequences)
	switch off {
	case 0:
		return copy(p, head), nil
	case megatronHeader + 4*(hugeSequences-1):
		binary.LittleEndian.PutUint32(p, 10)
	case megatronHeader + 4*hugeSequences + 8*(hugeSequences-1):
		binary.LittleEndian.PutUint64(p, 1<<40)
	}
	return len(p), nil
}

func TestMegatronOfOneGigabyte(t *testing.T) {
	var h huge
	bin, seqs, err := Megatron(&h, megatronHeader+12*hugeSequences+8)
	if err != nil || bin != 1<<40+20 || seqs != hugeSequences || h.read > 100 {
		t.Errorf("%d, %d, %v after reading %d bytes", bin, seqs, err, h.read)
	}
}

func TestParquetSets(t *testing.T) {
	for p, want := range map[string]SetMember{
		"train-00003-of-00014.parquet":                  {"train", 3, 14},
		"d/x-y-00000-of-00001.parquet":                  {"d/x-y", 0, 1},
		"train-00003-of-00014-0123456789abcdef.parquet": {"train", 3, 14},
		"train-00014-of-00014.parquet":                  {},
		"train-3-of-14.parquet":                         {},
		"train-00003-of-00014.tar":                      {},
	} {
		m, ok := ParseSetMember(p)
		if ok != (want.Total > 0) || ok && m != want {
			t.Errorf("%s: %+v, %v", p, m, ok)
		}
	}
	var s ParquetSet
	for _, n := range []int{0, 3, 4} {
		if err := s.Add(SetMember{"t", n, 6}); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff([]int{1, 2}, s.Missing(2)); d != "" {
		t.Error(d)
	}
	for _, m := range []SetMember{{"t", 1, 7}, {"t", 3, 6}} {
		if err := s.Add(m); !errors.Is(err, ErrMalformed) {
			t.Errorf("%+v was taken: %v", m, err)
		}
	}
}
