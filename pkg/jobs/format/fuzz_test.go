package format

import (
	"bytes"
	"errors"
	"path"
	"strings"
	"testing"
)

// checkFiles tells whether a reader kept its promise: what it names is inside the dataset.
func checkFiles(t *testing.T, files []File, err error) {
	t.Helper()
	if err != nil {
		if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrOutside) {
			t.Fatalf("an error of no kind: %v", err)
		}
		return
	}
	for _, f := range files {
		if f.Path == "" || strings.HasPrefix(f.Path, "/") || f.Path == ".." || strings.HasPrefix(path.Clean(f.Path), "../") || f.Bytes < Unknown || f.Samples < Unknown {
			t.Fatalf("%+v", f)
		}
	}
}

func fuzzReader(f *testing.F, read func([]byte, Place) ([]File, error), fixtures ...string) {
	for _, name := range fixtures {
		f.Add(fixture(f, name))
	}
	p := place(f, "dir", "s3://bucket/c4", "file:///mnt/c4")
	f.Fuzz(func(t *testing.T, data []byte) {
		files, err := read(data, p)
		checkFiles(t, files, err)
	})
}

func FuzzMDS(f *testing.F)     { fuzzReader(f, MDS, "mds.json", "mds-mixed.json") }
func FuzzWids(f *testing.F)    { fuzzReader(f, Wids, "wids.json", "wids-several.json") }
func FuzzLitData(f *testing.F) { fuzzReader(f, LitData, "litdata.json") }
func FuzzEnergon(f *testing.F) {
	fuzzReader(f, energon(nil), "energon-split.yaml", "energon-split.json")
}
func FuzzDelta(f *testing.F) { fuzzReader(f, delta, "delta-0.json", "delta-1.json") }

func FuzzEnergonInfo(f *testing.F) {
	f.Add(fixture(f, "energon-info.json"))
	splits := fixture(f, "energon-split.yaml")
	f.Fuzz(func(t *testing.T, info []byte) {
		files, err := Energon(splits, info, "train", Place{})
		checkFiles(t, files, err)
	})
}

func FuzzMegatron(f *testing.F) {
	f.Add(idx(8, []int32{5, 0, 7}, 4, true))
	f.Add(idx(4, nil, 0, false))
	f.Fuzz(func(t *testing.T, data []byte) {
		bin, seqs, err := Megatron(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			checkFiles(t, nil, err)
		} else if bin < 0 || seqs < 0 {
			t.Fatal(bin, seqs)
		}
	})
}

func FuzzPlace(f *testing.F) {
	for _, s := range []string{"a.tar", "../x", "s3://bucket/c4/a", "https://lab.blob.core.windows.net/shards/c4/a%20b?sig=x", "pipe:aws s3 cp s3://b/x -", "file:a", "abfss://c@a.dfs.x/y"} {
		f.Add(s)
	}
	p := place(f, "dir", "s3://bucket/c4", "file:///mnt/c4", "azblob://shards/c4?storage_account=lab")
	f.Fuzz(func(t *testing.T, name string) {
		got, err := p.Path(name)
		checkFiles(t, []File{{Path: got}}, err)
	})
}

func FuzzDeltaCommits(f *testing.F) {
	f.Add(DeltaCommit(0) + "\n" + DeltaCommit(1) + "\n00000000000000000001.checkpoint.parquet")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := DeltaCommits(strings.Split(text, "\n")); err == nil && n < 1 {
			t.Fatal(n)
		}
	})
}

func FuzzSetMember(f *testing.F) {
	f.Add("dir/train-00003-of-00014.parquet")
	f.Fuzz(func(t *testing.T, p string) {
		if m, ok := ParseSetMember(p); ok {
			if m.Number >= m.Total || !strings.HasPrefix(p, m.Name) {
				t.Fatalf("%q: %+v", p, m)
			}
		}
	})
}
