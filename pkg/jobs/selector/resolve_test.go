package selector

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lab is a dataset that has something of every format.
func lab(t testing.TB) *memory {
	m := newMemory(map[string]int64{
		"a/0.tar": 10, "a/1.tar": 20, "a/2.tar": 30, "a/3.tar": 40, "b.tar": 50, "_SUCCESS": 0,
		"mds/shard.00000.mds": 5077, "w/train-000000.tar": 112640,
		"mixed/0/shard.00000.mds.zstd": 63407, "mixed/1/shard.00000.json": 10, "mixed/1/shard.00000.json.meta": 4,
		"lit/chunk-0-0.bin": 4200, "lit/chunk-0-1.zstd.bin": 1000,
		"shards/shard_000.tar": 1, "shards/shard_001.tar": 1, "shards/shard_002.tar": 1, "shards/shard_003.tar": 1, "shards/shard_004.tar": 1,
		".nv-meta/index.sqlite": 99, ".nv-meta/dataset.yaml": 9,
		"corpus.bin":                      24,
		"pq/train-00000-of-00003.parquet": 1, "pq/train-00001-of-00003.parquet": 2, "pq/train-00002-of-00003.parquet": 4,
		"pq/val-00001-of-00003.parquet": 1, "pq/train.parquet": 7,
		"t/p=a b/part-0.parquet": 10, "t/part-1.parquet": 20, "t/part-2.parquet": 30,
		"t/ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin": 80, "t/_delta_log/00000000000000000001.crc": 3,
	})
	m.roots = []string{"azblob://shards/c4?storage_account=lab", "s3://bucket/c4/"}
	m.fixture(t, "mds/index.json", "mds.json").fixture(t, "mixed/index.json", "mds-mixed.json").fixture(t, "w/list.json", "wids.json")
	m.fixture(t, "lit/index.json", "litdata.json").fixture(t, ".nv-meta/split.yaml", "energon-split.yaml").fixture(t, ".nv-meta/.info.json", "energon-info.json")
	m.fixture(t, "t/_delta_log/00000000000000000000.json", "delta-0.json").fixture(t, "t/_delta_log/00000000000000000001.json", "delta-1.json")
	return m.put("corpus.idx", idx(5, 7))
}

// idx is an index of Megatron with 2-byte items.
func idx(lengths ...int32) []byte {
	b := []byte("MMIDIDX\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x08")
	b = binary.LittleEndian.AppendUint64(b, uint64(len(lengths)))
	b = binary.LittleEndian.AppendUint64(b, 1)
	for _, n := range lengths {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	at := int64(0)
	for _, n := range lengths {
		b = binary.LittleEndian.AppendUint64(b, uint64(at))
		at += 2 * int64(n)
	}
	return binary.LittleEndian.AppendUint64(b, uint64(len(lengths)))
}

func TestResolve(t *testing.T) {
	for _, tt := range []struct {
		terms string // separated by |
		paths string // separated by spaces; * stands for a space in one
		index string
	}{
		{"a/*.tar", "a/0.tar a/1.tar a/2.tar a/3.tar", ""},
		{"b.tar|a/1.tar|a/{0,1}.tar", "b.tar a/1.tar a/0.tar", ""},
		{"none.tar|b.tar", "b.tar", ""}, // globs and paths are looked for, not promised
		{"a/{2..1}.tar", "a/2.tar a/1.tar", ""},
		{"wds:s3://bucket/c4/a/{0..1}.tar::b.tar::a/0.tar", "a/0.tar a/1.tar b.tar", ""},
		{"https://lab.blob.core.windows.net/shards/c4/b.tar?sig=x", "b.tar", ""},
		{"list:b.tar,azblob://shards/c4/a/3.tar,./a/0.tar", "b.tar a/3.tar a/0.tar", ""},
		{"range:3,0-1 of a/*", "a/0.tar a/1.tar a/3.tar", ""},
		{"range:1- of list:b.tar,a/1.tar,a/0.tar", "a/1.tar a/0.tar", ""},
		{"range:0-1", "a/0.tar a/1.tar", ""}, // .nv-meta/ is no shard and has no number
		{"bytes:60 of a/*", "a/0.tar a/1.tar a/2.tar", ""},
		{"bytes:89 of list:b.tar,a/3.tar,a/0.tar", "b.tar", ""}, // a/0.tar would fit, and is behind one that does not
		{"bytes:30 of range:1-3 of a/*", "a/1.tar", ""},
		{"mds:mds", "mds/shard.00000.mds mds/index.json", "mds/index.json"},
		{"mds:mixed", "mixed/0/shard.00000.mds.zstd mixed/1/shard.00000.json mixed/1/shard.00000.json.meta mixed/index.json", "mixed/index.json"},
		{"range:0 of mds:mixed", "mixed/0/shard.00000.mds.zstd mixed/index.json", "mixed/index.json"},
		{"bytes:63410 of mds:mixed", "mixed/0/shard.00000.mds.zstd mixed/index.json", "mixed/index.json"},
		{"wids:w/list.json", "w/train-000000.tar w/list.json", "w/list.json"},
		{"w/list.json|range:0 of wids:w/list.json", "w/list.json w/train-000000.tar", "w/list.json"},
		{"litdata:lit", "lit/chunk-0-0.bin lit/chunk-0-1.zstd.bin lit/index.json", "lit/index.json"},
		{"energon:train", "shards/shard_000.tar shards/shard_002.tar shards/shard_003.tar .nv-meta/.info.json .nv-meta/dataset.yaml .nv-meta/index.sqlite .nv-meta/split.yaml",
			".nv-meta/.info.json .nv-meta/dataset.yaml .nv-meta/index.sqlite .nv-meta/split.yaml"},
		{"megatron:corpus", "corpus.bin corpus.idx", "corpus.idx"},
		{"parquet:pq/train", "pq/train-00000-of-00003.parquet pq/train-00001-of-00003.parquet pq/train-00002-of-00003.parquet", ""},
		{"delta:t", "t/ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin t/part-1.parquet t/part-2.parquet " +
			"t/_delta_log/00000000000000000000.json t/_delta_log/00000000000000000001.crc t/_delta_log/00000000000000000001.json",
			"t/_delta_log/00000000000000000000.json t/_delta_log/00000000000000000001.crc t/_delta_log/00000000000000000001.json"},
		{"range:0 of {a,mds}/*|_SUCCESS", "a/0.tar mds/index.json _SUCCESS", "mds/index.json"},
	} {
		t.Run(tt.terms, func(t *testing.T) {
			m := lab(t)
			got, err := parse(t, strings.Split(tt.terms, "|")...).Resolve(t.Context(), m)
			if err != nil {
				t.Fatal(err)
			}
			want := Resolved{Paths: strings.Fields(tt.paths), Bytes: got.Bytes}
			if tt.index != "" {
				want.Index = strings.Fields(tt.index)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			bytes := int64(0)
			for _, p := range got.Paths {
				bytes += m.sizes[p]
			}
			if bytes != got.Bytes {
				t.Errorf("%d bytes, want %d", got.Bytes, bytes)
			}
		})
	}
}

func TestResolveEverything(t *testing.T) {
	m := lab(t)
	got, err := Selection{}.Resolve(t.Context(), m)
	if err != nil || !slices.Equal(got.Paths, m.paths) {
		t.Errorf("%v, %v", got.Paths, err)
	}
	if len(got.Index) != 11 { // four of .nv-meta, three of the log, one of Megatron, three named index.json
		t.Errorf("index files: %v", got.Index)
	}
}

// Without split.yaml a loader takes split.json, and without .info.json the samples are not known.
func TestEnergonOfOtherVersions(t *testing.T) {
	m := newMemory(map[string]int64{"e/shards/shard_000.tar": 1, "e/shards/shard_001.tar": 1, "e/shards/shard_002.tar": 1, "e/.nv-meta/.info.yaml": 1})
	m.fixture(t, "e/.nv-meta/split.json", "energon-split.json")
	got, err := parse(t, "energon:train@e").Resolve(t.Context(), m)
	want := []string{"e/shards/shard_000.tar", "e/shards/shard_002.tar", "e/.nv-meta/.info.yaml", "e/.nv-meta/split.json"}
	if err != nil || !slices.Equal(got.Paths, want) || !slices.Equal(got.Index, want[2:]) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestPartsOfSetsAreNoted(t *testing.T) {
	got, err := parse(t, "pq/*-0000{1,2}-*").Resolve(t.Context(), lab(t))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"2 of the 3 files pq/train-NNNNN-of-00003.parquet are selected; without pq/train-00000-of-00003.parquet",
		"1 of the 3 files pq/val-NNNNN-of-00003.parquet are selected; without pq/val-00000-of-00003.parquet, pq/val-00002-of-00003.parquet",
	}
	if d := cmp.Diff(want, got.Notes); d != "" {
		t.Error(d)
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		term string
		mend func(m *memory)
		kind error
		want string
	}{
		{"none-*", nil, ErrNothingSelected, `no shard matches "none-*", of 40 paths`},
		{"list:b.tar,x.tar,y.tar,z.tar,v.tar", nil, ErrMissing, `"x.tar", "y.tar", "z.tar" and 1 more (4 of 5)`},
		{"a/{0..9}.tar", nil, ErrMissing, `term "wds:a/{0..9}.tar": not in the dataset: "a/4.tar", "a/5.tar", "a/6.tar" and 3 more (6 of 10)`},
		{"s3://other/c4/b.tar", nil, ErrOutside, `"s3://other/c4/b.tar" is outside the dataset, which is at azblob://shards/c4, s3://bucket/c4/`},
		{"s3://bucket/c4/../x.tar", nil, ErrOutside, "outside the dataset"},
		{"wds:{pipe:x,pipe:y}", nil, ErrMalformed, "pipe: runs a command"},
		{"range:2-5 of a/*", nil, ErrMissing, `term "range:2-5 of a/*": not in the dataset: shard 5; there are 4, numbered 0 to 3`},
		{"range:4- of a/*", nil, ErrMissing, "shard 4; there are 4"},
		{"range:0 of none-*", nil, ErrMissing, "no shards to count"},
		{"bytes:5 of a/*", nil, ErrNothingSelected, "the first has 10 bytes, and 5 are asked for"},
		{"bytes:5 seed=1 of b.tar", nil, ErrNothingSelected, "the first has 50 bytes"},
		{"bytes:5 of none-*", nil, ErrNothingSelected, "no shards to take from"},
		{"mds:none", nil, ErrMissing, `term "mds:none": not in the dataset: the index "none/index.json"`},
		{"mds:lit", nil, ErrIndex, `term "mds:lit": "lit/index.json": the index cannot be used: it has no list "shards"`},
		{"mds:mds", func(m *memory) { m.sizes["mds/shard.00000.mds"] = 5000 }, ErrLies, `"mds/index.json": "mds/shard.00000.mds" has 5000 bytes, and the index says 5077`},
		{"mds:mds", func(m *memory) { delete(m.sizes, "mds/shard.00000.mds"); m.sort() }, ErrMissing, `"mds/shard.00000.mds" (1 of 2, named by "mds/index.json")`},
		{"wids:w/list.json", func(m *memory) { m.sizes["w/train-000000.tar"]++ }, ErrLies, "has 112641 bytes, and the index says 112640"},
		{"wids:up.json", func(m *memory) { m.put("up.json", []byte(`{"wids_version":1,"shardlist":[{"url":"../x"}]}`)) }, ErrOutside, `"up.json": shardlist[0].url: "../x"`},
		{"energon:none", nil, ErrIndex, `its splits: "test", "train", "val"`},
		{"energon:train@sub", nil, ErrMissing, "sub/.nv-meta/ has neither split.yaml nor split.json"},
		{"energon:train", func(m *memory) { delete(m.sizes, "shards/shard_003.tar"); m.sort() }, ErrMissing, `"shards/shard_003.tar" (1 of 3, named by ".nv-meta/split.yaml")`},
		{"megatron:corpus", func(m *memory) { m.sizes["corpus.bin"] = 23 }, ErrLies, `"corpus.bin" has 23 bytes, and the index says 24`},
		{"megatron:corpus", func(m *memory) { m.sizes["corpus.idx"]++ }, ErrIndex, `"corpus.idx": the index cannot be used: it has 67 bytes`},
		{"megatron:none", nil, ErrMissing, `"none.bin", "none.idx"`},
		{"parquet:pq/val", nil, ErrMissing, "pq/val-00000-of-00003.parquet, pq/val-00002-of-00003.parquet; there are 1 of 3 files; to take those that are there, select them by a glob"},
		{"parquet:none", nil, ErrMissing, "no file is called none-00000-of-NNNNN.parquet"},
		{"parquet:pq/train", func(m *memory) { m.put("pq/train-00000-of-00004.parquet", nil) }, ErrIndex, "files of 00003 and of 00004"},
		{"delta:none", nil, ErrMissing, "the log none/_delta_log/"},
		{"delta:t", func(m *memory) { delete(m.sizes, "t/_delta_log/00000000000000000000.json"); m.sort() }, ErrIndex, "no version 0 but has 1"},
		{"delta:t", func(m *memory) { m.sizes["t/part-2.parquet"] = 1 }, ErrLies, `"t/part-2.parquet" has 1 bytes, and the index says 30`},
	} {
		t.Run(tt.term, func(t *testing.T) {
			m := lab(t)
			if tt.mend != nil {
				tt.mend(m)
			}
			_, err := parse(t, tt.term).Resolve(t.Context(), m)
			if !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %v with %q", err, tt.kind, tt.want)
			}
		})
	}
}

func TestWhatTheDatasetSays(t *testing.T) {
	m := newMemory(map[string]int64{"a": 1, "b": 1})
	slices.Reverse(m.paths)
	if _, err := (Selection{}).Resolve(t.Context(), m); err == nil || !strings.Contains(err.Error(), "not in byte order") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Selection{}).Resolve(ctx, newMemory(map[string]int64{"a": 1})); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	broken := errors.New("broken")
	if _, err := parse(t, "mds:").Resolve(t.Context(), unreadable{newMemory(nil), broken}); !errors.Is(err, broken) || errors.Is(err, ErrMissing) {
		t.Error(err)
	}
	m = lab(t)
	m.roots = []string{"nowhere"}
	if _, err := (Selection{}).Resolve(t.Context(), m); err == nil || !strings.Contains(err.Error(), `root "nowhere"`) {
		t.Error(err)
	}
}

type unreadable struct {
	*memory
	err error
}

func (u unreadable) Read(context.Context, string, int64, int64) ([]byte, error) { return nil, u.err }

// gigabyte is a dataset whose index has a billion bytes, all of them made up.
type gigabyte struct {
	*memory
	most int64
}

func (g *gigabyte) Read(_ context.Context, _ string, off, most int64) ([]byte, error) {
	g.most = max(g.most, off+most)
	return make([]byte, most), nil
}

func TestAnIndexOfAGigabyteIsNotReadWhole(t *testing.T) {
	for _, term := range []string{"mds:", "delta:"} {
		g := &gigabyte{memory: newMemory(map[string]int64{"index.json": 1e9, "_delta_log/00000000000000000000.json": 1e9})}
		if _, err := parse(t, term).Resolve(t.Context(), g); !errors.Is(err, ErrIndex) || !strings.Contains(err.Error(), "more than") || g.most > 256<<20+1 {
			t.Errorf("%s: %v after reading %d bytes", term, err, g.most)
		}
	}
}

// many is a dataset of so many shards.
func many(n int) *memory {
	m := &memory{sizes: map[string]int64{}, format: "webdataset", paths: make([]string, n)}
	for i := range m.paths {
		m.paths[i] = fmt.Sprintf("train/shard-%06d.tar", i)
		m.sizes[m.paths[i]] = int64(i%7+1) << 20
	}
	return m
}
