package jobs

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

var someShards = []JobShard{{Path: "train/a.tar", Bytes: 5}, {Path: `b <2>.tar`, Bytes: 7}, {Path: "index.json", Bytes: 2, Index: true}}

func someReceipt(id string) JobReceipt {
	return JobReceipt{
		Job: id, Destination: "aws", Dataset: "c4", Snapshot: chunker.Digest{1}, Prefix: "data/c4/", Selection: chunker.Digest{2}, Format: "webdataset",
		Time: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC), KeepUntil: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
	}
}

func putText(t *testing.T, s store.Store, key string, text []byte) {
	t.Helper()
	if _, err := s.Put(context.Background(), key, text, store.WriteOptions{Condition: store.Always()}); err != nil {
		t.Fatal(err)
	}
}

func TestJobReceipts(t *testing.T) {
	ctx := context.Background()
	s := mem.New(mem.Options{})
	if _, err := ReadJobReceipt(ctx, s, "a/b", "aws"); !errors.Is(err, ErrNoJobReceipt) {
		t.Errorf("before it is written: %v", err)
	}
	for _, id := range []string{"slurm-hpc1-7", "a/b"} {
		if err := WriteJobReceipt(ctx, s, someReceipt(id), someShards); err != nil {
			t.Fatal(err)
		}
	}
	r, err := ReadJobReceipt(ctx, s, "a/b", "aws")
	if err != nil {
		t.Fatal(err)
	}
	want := someReceipt("a/b")
	want.Count, want.Bytes, want.List = 3, 14, r.List
	if d := cmp.Diff(want, r); d != "" || r.Key() != ".datagravity/jobs/a%2Fb/aws/receipt.json" {
		t.Errorf("key %q, read otherwise than written:\n%s", r.Key(), d)
	}
	list, err := ReadJobShards(ctx, s, r)
	if d := cmp.Diff(someShards, list); d != "" || err != nil {
		t.Errorf("%v\n%s", err, d)
	}
	if r.Ended(r.KeepUntil) || !r.Ended(r.KeepUntil.Add(time.Second)) || (JobReceipt{}).Ended(r.KeepUntil) {
		t.Error("a promise ends after its time, and one without a time does not")
	}

	putText(t, s, jobPrefix+"junk/aws/receipt.json", []byte("{"))
	putText(t, s, jobPrefix+"a%2fb/aws/receipt.json", []byte("another spelling of a job is none"))
	putText(t, s, jobPrefix+"orphan/aws/shards.jsonl.gz", []byte("x"))
	all, err := JobReceipts(ctx, s)
	if err != nil || len(all) != 2 || all[0].Job != "a/b" || all[1].Job != "slurm-hpc1-7" {
		t.Fatalf("all receipts: %+v, %v", all, err)
	}
	for range 2 { // that there is none any more is no error
		if err := WithdrawJobReceipt(ctx, s, "a/b", "aws"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Head(ctx, jobFolder("a/b", "aws")+jobListName); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the list of a receipt that was taken back: %v", err)
	}
	if all, err = JobReceipts(ctx, s); err != nil || len(all) != 1 {
		t.Errorf("after one was taken back: %+v, %v", all, err)
	}
}

// order records which keys are written and deleted, in order.
type order struct {
	*mem.Store
	keys []string
}

func (o *order) Put(ctx context.Context, key string, data []byte, w store.WriteOptions) (store.Object, error) {
	o.keys = append(o.keys, "put "+key)
	return o.Store.Put(ctx, key, data, w)
}

func (o *order) Delete(ctx context.Context, ref store.Ref) error {
	o.keys = append(o.keys, "delete "+ref.Key)
	return o.Store.Delete(ctx, ref)
}

// A receipt is never without its list: a crash between two writes leaves a list that nobody looks for.
func TestJobReceiptIsWrittenLastAndRemovedFirst(t *testing.T) {
	s := &order{Store: mem.New(mem.Options{})}
	if err := errors.Join(WriteJobReceipt(context.Background(), s, someReceipt("j"), someShards), WithdrawJobReceipt(context.Background(), s, "j", "aws")); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"put .datagravity/jobs/j/aws/shards.jsonl.gz", "put .datagravity/jobs/j/aws/receipt.json",
		"delete .datagravity/jobs/j/aws/receipt.json", "delete .datagravity/jobs/j/aws/shards.jsonl.gz",
	}
	if d := cmp.Diff(want, s.keys); d != "" {
		t.Error(d)
	}
}

// What cannot be believed is no receipt.
func TestJobReceiptsThatPromiseNothing(t *testing.T) {
	digest := chunker.Digest{1}.String()
	good := fmt.Sprintf(`{"datagravity":0,"job":"j","destination":"aws","dataset":"c4","snapshot":%q,"prefix":"","list":{"bytes":5,"digest":%q}}`, digest, digest)
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "has 0 bytes"},
		{"large", good + strings.Repeat(" ", maxReceiptBytes), "a receipt has 1 to"},
		{"no JSON", "{", "is malformed"},
		{"a list", "[]", "is malformed"},
		{"no version", `{"job":"j","destination":"aws"}`, "names no version"},
		{"newer", strings.Replace(good, ":0", ":1", 1), "has version 1"},
		{"newer, of other types", `{"datagravity":2,"job":7}`, "has version 2"},
		{"another job", strings.Replace(good, `"j"`, `"k"`, 1), `is about job "k"`},
		{"no dataset", strings.Replace(good, `"c4"`, `""`, 1), "lacks the dataset"},
		{"no list", strings.Replace(good, `"list"`, `"lust"`, 1), "lacks the dataset"},
		{"a digest of another kind", strings.Replace(good, "blake3", "sha256", 1), "is malformed"},
		{"a prefix that is none", strings.Replace(good, `"prefix":""`, `"prefix":"c4"`, 1), "is no folder"},
		{"a prefix that leads out", strings.Replace(good, `"prefix":""`, `"prefix":"../c4/"`, 1), "is no folder"},
	} {
		s := mem.New(mem.Options{})
		putText(t, s, jobFolder("j", "aws")+jobReceiptName, []byte(c.text))
		if _, err := ReadJobReceipt(context.Background(), s, "j", "aws"); !errors.Is(err, ErrNoJobReceipt) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := parseJobReceipt([]byte(good), "j", "aws"); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func packed(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text)) // a buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

// A list that is not the one of the receipt is not read, nor one that is wrong in itself.
func TestJobListsThatDoNotBelong(t *testing.T) {
	ctx := context.Background()
	const line = `{"path":"a","bytes":1}` + "\n"
	for _, c := range []struct {
		name string
		list []byte // nil: none
		with func(*JobReceipt)
		want string
	}{
		{"gone", nil, nil, "is gone"},
		{"another size", packed(line), func(r *JobReceipt) { r.List.Bytes++ }, "its receipt says"},
		{"another content", packed(line), func(r *JobReceipt) { r.List.Digest = chunker.Digest{9} }, "is not the one"},
		{"another count", packed(line + line), nil, "has 2 shards of 2 bytes, its receipt says 1 of 1"},
		{"not compressed", []byte(line), nil, "is not compressed"},
		{"cut off", packed(line)[:20], nil, "is malformed in line 1"},
		{"no JSON", packed("x\n"), nil, "is malformed in line 1"},
		{"leads out", packed(line + `{"path":"../a","bytes":1}`), nil, "is wrong in line 2"},
		{"from the root", packed(`{"path":"/a","bytes":1}`), nil, "is no path within"},
		{"no path", packed(`{"bytes":1}`), nil, "is no path within"},
		{"less than nothing", packed(`{"path":"a","bytes":-1}`), nil, "less than 0 bytes"},
		{"one endless line", packed(strings.Repeat(" ", maxJobListLine+1)), nil, "cannot be read"},
	} {
		s := mem.New(mem.Options{})
		r := someReceipt("j")
		r.Count, r.Bytes, r.List = 1, 1, JobList{Bytes: int64(len(c.list)), Digest: chunker.Sum(c.list)}
		if c.list != nil {
			putText(t, s, jobFolder("j", "aws")+jobListName, c.list)
		}
		if c.with != nil {
			c.with(&r)
		}
		if _, err := ReadJobShards(ctx, s, r); !errors.Is(err, store.ErrIntegrity) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	for _, sh := range []JobShard{{}, {Path: "a/../../b"}, {Path: ".."}, {Path: "a/.."}, {Path: "a", Bytes: -1}} {
		if err := WriteJobReceipt(ctx, mem.New(mem.Options{}), someReceipt("j"), []JobShard{sh}); err == nil {
			t.Errorf("%+v was written, and no reader would take it", sh)
		}
	}
}

// zeros is a text of so many blank lines.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.left)
	for i := range p[:n] {
		p[i] = ' '
	}
	z.left -= n
	return int(n), nil
}

// A gigabyte and more of blanks takes a megabyte compressed; it is given up at the first line.
func TestCompressedBombIsGivenUp(t *testing.T) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(z, &zeros{left: 64 << 20}); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	r := &countingReader{r: &b}
	if _, err := unpackJobShards(r); err == nil || r.n > 1<<20 {
		t.Errorf("%v after %d bytes", err, r.n)
	}
}

type countingReader struct {
	r io.Reader
	n int
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

func FuzzJobReceipt(f *testing.F) {
	f.Add([]byte(`{"datagravity":0,"job":"j","destination":"aws","dataset":"c4","snapshot":"","prefix":"a/","list":{"bytes":1,"digest":""}}`))
	f.Add([]byte(`{"datagravity":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseJobReceipt(b, "j", "aws")
		if err == nil && (r.Job != "j" || r.Snapshot.IsZero() || r.Dataset == "" || strings.HasPrefix(r.Prefix, "/") || strings.Contains("/"+r.Prefix, "/../")) {
			t.Errorf("believed %+v", r)
		}
	})
}

func FuzzJobShards(f *testing.F) {
	f.Add(`{"path":"a.tar","bytes":1}` + "\n" + `{"path":"index.json","bytes":2,"index":true}`)
	f.Add("\n")
	f.Add(`{"path":"a/../b"}`)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := unpackJobShards(bytes.NewReader(packed(text)))
		if err != nil {
			return
		}
		b, err := packJobShards(list)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := unpackJobShards(bytes.NewReader(b))
		if err != nil || !cmp.Equal(list, again) {
			t.Errorf("%v\n%s", err, cmp.Diff(list, again))
		}
		for _, sh := range list {
			if strings.HasPrefix(sh.Path, "/") || strings.Contains("/"+sh.Path+"/", "/../") {
				t.Errorf("%q leads out", sh.Path)
			}
		}
	})
}
