package selector

import (
	"errors"
	"path"
	"slices"
	"strings"
	"testing"
)

// FuzzResolve has a term and the bytes of an index that a stranger wrote. Whatever they are, what is selected is in the dataset, once.
func FuzzResolve(f *testing.F) {
	for term, file := range map[string]string{
		"mds:": "mds.json", "range:0 of mds:": "mds-mixed.json", "wids:index.json": "wids-several.json", "litdata:": "litdata.json",
		"energon:train": "energon-split.yaml", "delta:": "delta-0.json", "**": "wids.json", "bytes:1KiB seed=1": "mds.json", "list:a.tar,s3://bucket/c4/b.tar": "mds.json",
	} {
		f.Add(term, newMemory(nil).fixture(f, "x", file).bytes["x"])
	}
	f.Add("megatron:corpus", idx(5, 7))
	o := options
	o.MaxNames = 1000
	f.Fuzz(func(t *testing.T, term string, index []byte) {
		s, err := Parse([]string{term, "a.tar"}, o)
		if err != nil {
			return
		}
		m := newMemory(map[string]int64{
			"a.tar": 1, "b.tar": 2, "shard.00000.mds": 5077, "train-000000.tar": 112640, "chunk-0-0.bin": 1, "corpus.bin": 24, "p-00000-of-00002.parquet": 1,
		})
		m.roots = []string{"s3://bucket/c4"}
		for _, p := range []string{"index.json", "corpus.idx", ".nv-meta/split.yaml", "_delta_log/00000000000000000000.json"} {
			m.put(p, index)
		}
		got, err := s.Resolve(t.Context(), m)
		if err != nil {
			for _, kind := range []error{ErrNothingSelected, ErrMissing, ErrIndex, ErrLies, ErrOutside, ErrMalformed} {
				if errors.Is(err, kind) {
					return
				}
			}
			t.Fatalf("an error of no kind: %v", err)
		}
		bytes := int64(0)
		for i, p := range got.Paths {
			if _, ok := slices.BinarySearch(m.paths, p); !ok || slices.Index(got.Paths, p) != i || strings.HasPrefix(path.Clean(p), "..") {
				t.Fatalf("%q in %q", p, got.Paths)
			}
			bytes += m.sizes[p]
		}
		if bytes != got.Bytes {
			t.Fatalf("%d bytes, want %d", got.Bytes, bytes)
		}
	})
}
