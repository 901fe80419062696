package jobs

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

func TestSelection(t *testing.T) {
	for _, c := range []struct {
		globs []string
		path  string
		want  bool
	}{
		{nil, "anything/at all", true},
		{[]string{"*.tar"}, "a.tar", true},
		{[]string{"*.tar"}, "train/a.tar", false},
		{[]string{"**/*.tar"}, "train/deep/a.tar", true},
		{[]string{"**/*.tar"}, "a.tar", true},
		{[]string{"train-{0,1}?.tar"}, "train-05.tar", true},
		{[]string{"train-{0,1}?.tar"}, "train-25.tar", false},
		{[]string{"a", "b"}, "b", true},
	} {
		s, err := NewSelection(c.globs)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Matches(c.path); got != c.want {
			t.Errorf("%v matches %q: %v", c.globs, c.path, got)
		}
	}
	if _, err := NewSelection([]string{"[a-"}); err == nil {
		t.Error("a malformed glob was taken")
	}
}

func TestFilter(t *testing.T) {
	f := Filter{Include: []string{"**/*.tar", "index.json"}, Exclude: []string{"old/**"}}
	for path, want := range map[string]bool{"x/a.tar": true, "index.json": true, "old/a.tar": false, "readme": false} {
		if got := f.Takes(path); got != want {
			t.Errorf("%q: %v", path, got)
		}
	}
}

// Index files travel after the shards, markers after both, in every format that says so.
func TestRanks(t *testing.T) {
	for _, c := range []struct {
		format, marker, path string
		want                 Rank
	}{
		{"mds", "", "train/index.json", RankIndex},
		{"webdataset", "", "wids.json", RankIndex},
		{"webdataset", "", "train-000000.tar", RankShard},
		{"energon", "", ".nv-meta/split.yaml", RankIndex},
		{"energon", "", "sub/.nv-meta/index.sqlite", RankIndex},
		{"megatron", "", "corpus.idx", RankIndex},
		{"megatron", "", "corpus.bin", RankShard},
		{"parquet", "", "t/_delta_log/00000000000000000001.json", RankIndex},
		{"auto", "", "index.json", RankIndex},
		{"", "", "corpus.idx", RankIndex},
		{"raw", "", "index.json", RankShard},
		{"raw", "", "_SUCCESS", RankMarker},
		{"mds", "done.txt", "done.txt", RankMarker},
	} {
		if got := RankOf(c.format, c.marker, c.path); got != c.want {
			t.Errorf("format %q, %q: wave %d, want %d", c.format, c.path, got, c.want)
		}
	}
}

func TestReceipts(t *testing.T) {
	ctx := context.Background()
	s := mem.New(mem.Options{})
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	write := func(dataset, prefix string, snapshot byte, globs []string, age time.Duration) Receipt {
		r := Receipt{Dataset: dataset, Prefix: prefix, Snapshot: chunker.Digest{snapshot}, Shards: globs, Time: at.Add(-age)}
		r.Selection = chunker.Sum([]byte(fmt.Sprint(snapshot, globs)))
		if err := WriteReceipt(ctx, s, r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	write("c4", "data/c4/", 1, nil, time.Hour)
	newest := write("c4", "data/c4/", 2, []string{"val-*"}, 0)
	write("c4", "elsewhere/", 3, nil, 0)
	write("c4-old", "data/c4/", 4, nil, 0)
	// What only claims to be a receipt promises nothing.
	for key, content := range map[string]string{
		receiptDir("c4", "data/c4/") + "junk.json":      "{",
		receiptDir("c4", "data/c4/") + "misplaced.json": `{"datagravity":0,"dataset":"c4","prefix":"data/c4/"}`,
		receiptDir("c4", "data/c4/") + "newer.json":     `{"datagravity":9,"dataset":"c4"}`,
	} {
		if _, err := s.Put(ctx, key, []byte(content), store.WriteOptions{Condition: store.Always()}); err != nil {
			t.Fatal(err)
		}
	}

	list, err := Receipts(ctx, s, "c4", "data/c4")
	if err != nil || len(list) != 2 || list[0].Snapshot != newest.Snapshot {
		t.Fatalf("%+v, %v", list, err)
	}
	val, err := NewSelection([]string{"val-*"})
	if err != nil {
		t.Fatal(err)
	}
	if !list[0].Covers(val) || list[0].Covers(Selection{}) || !list[1].Covers(val) || !list[1].Covers(Selection{}) {
		t.Error("a receipt covers its own globs, and one of everything covers all")
	}
	older := func(r Receipt) (bool, error) { return r.Snapshot != newest.Snapshot, nil }
	if err := WithdrawReceipts(ctx, s, "c4", "data/c4/", older); err != nil {
		t.Fatal(err)
	}
	if list, err = Receipts(ctx, s, "c4", "data/c4/"); err != nil || len(list) != 1 || list[0].Snapshot != newest.Snapshot {
		t.Errorf("after withdrawing the others: %+v, %v", list, err)
	}
	if list, err = Receipts(ctx, s, "c4", "elsewhere/"); err != nil || len(list) != 1 {
		t.Errorf("another prefix lost its receipt: %+v, %v", list, err)
	}
}
