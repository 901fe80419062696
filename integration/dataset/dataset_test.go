package dataset

import (
	"archive/tar"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var small = Options{Seed: 7, Shards: 5, ShardBytes: 300 << 10, LargeBytes: []int64{1 << 20}}

func sums(d *Dataset) map[string]string {
	out := map[string]string{}
	for _, o := range d.Objects() {
		out[o.Path] = fmt.Sprintf("%x", sha256.Sum256(o.Content()))
	}
	return out
}

func TestSameSeedSameBytes(t *testing.T) {
	a, b := Make(small), Make(small)
	if diff := cmp.Diff(sums(a), sums(b)); diff != "" {
		t.Errorf("two datasets of one seed differ:\n%s", diff)
	}
	next, changes, err := a.Mutate(1)
	if err != nil {
		t.Fatal(err)
	}
	again, same, err := b.Mutate(1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(changes, same); diff != "" {
		t.Errorf("two mutations of one seed differ:\n%s", diff)
	}
	if diff := cmp.Diff(sums(next), sums(again)); diff != "" {
		t.Errorf("what two mutations of one seed made differs:\n%s", diff)
	}
	if diff := cmp.Diff(sums(a), sums(Make(small))); diff != "" {
		t.Errorf("Mutate changed the version it came from:\n%s", diff)
	}

	other := small
	other.Seed = 8
	ours := sums(a)
	for p, sum := range sums(Make(other)) {
		if p != IndexPath && ours[p] == sum {
			t.Errorf("%s is the same with another seed", p)
		}
	}
}

// The bytes are part of the promise: benchmarks of two releases must have moved the same dataset.
func TestBytesAreFixed(t *testing.T) {
	const want = "791410c4bf0f1a498da7bbdf88ad9fc9ba892269a7379a00ef38708ecea2ea17"
	if got := fmt.Sprintf("%x", sha256.Sum256(Make(small).Objects()[0].Content())); got != want {
		t.Errorf("%s", got)
	}
}

// Every shard is a tar of .jpg and .json pairs of the promised sizes, and the index tells the truth about it.
func TestShardsAreTars(t *testing.T) {
	d := Make(small)
	var index struct {
		Shardlist []struct {
			URL      string
			Nsamples int
			Filesize int64
		}
	}
	objects := d.Objects()
	last := objects[len(objects)-1]
	if err := json.Unmarshal(last.Content(), &index); err != nil || last.Path != IndexPath {
		t.Fatalf("%s: %v", last.Path, err)
	}
	if len(objects) != 7 || len(index.Shardlist) != 6 {
		t.Fatalf("%d objects, %d in the index", len(objects), len(index.Shardlist))
	}
	keys := map[string]bool{}
	for i, o := range objects[:6] {
		content := o.Content()
		if o.SizeBytes != int64(len(content)) || o.SizeBytes%10240 != 0 {
			t.Errorf("%s: %d bytes, described as %d", o.Path, len(content), o.SizeBytes)
		}
		if full := append(slices.Repeat([]int64{300 << 10}, 5), 1<<20)[i]; o.SizeBytes < full || o.SizeBytes > full+300<<10 {
			t.Errorf("%s: %d bytes, full at %d", o.Path, o.SizeBytes, full)
		}
		samples := readSamples(t, o.Path, content)
		e := index.Shardlist[i]
		if e.URL != o.Path || e.Nsamples != len(samples) || e.Filesize != o.SizeBytes {
			t.Errorf("the index says %+v of %s with %d samples and %d bytes", e, o.Path, len(samples), o.SizeBytes)
		}
		for _, k := range samples {
			if keys[k] {
				t.Errorf("sample %s is in two places", k)
			}
			keys[k] = true
		}
	}
}

func readSamples(t *testing.T, name string, content []byte) (keys []string) {
	t.Helper()
	r := tar.NewReader(bytes.NewReader(content))
	for {
		image, err := r.Next()
		if errors.Is(err, io.EOF) {
			return keys
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		key := strings.TrimSuffix(image.Name, ".jpg")
		if path.Ext(image.Name) != ".jpg" || image.Size < 20<<10 || image.Size > 200<<10 {
			t.Fatalf("%s: member %s of %d bytes", name, image.Name, image.Size)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Fatal(err)
		}
		label, err := r.Next()
		if err != nil || label.Name != key+".json" {
			t.Fatalf("%s: after %s.jpg comes %v, %v", name, key, label, err)
		}
		var annotation struct{ Key string }
		if err := json.NewDecoder(r).Decode(&annotation); err != nil || annotation.Key != key {
			t.Errorf("%s: %s.json says %+v, %v", name, key, annotation, err)
		}
		keys = append(keys, key)
	}
}

func TestIncompressible(t *testing.T) {
	content := Make(small).Objects()[0].Content()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if out.Len() < len(content)*95/100 {
		t.Errorf("%d bytes compress to %d", len(content), out.Len())
	}
}

// What Mutate says it did is exactly what differs.
func TestMutateTellsTheTruth(t *testing.T) {
	d := Make(small)
	for seed := uint64(1); seed <= 3; seed++ {
		next, changes, err := d.Mutate(seed)
		if seed == 3 {
			// Of five ordinary shards two are deleted by now, and added ones are not ordinary.
			if err == nil {
				t.Fatal("a dataset of 3 ordinary shards was mutated")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		before, after := sums(d), sums(next)
		sizes := map[string]int64{}
		for _, o := range next.Objects() {
			sizes[o.Path] = o.SizeBytes
		}
		kinds := map[Kind]int{}
		want := map[string]string{}
		for p, sum := range before {
			want[p] = sum
		}
		for _, c := range changes {
			kinds[c.Kind]++
			_, was := before[c.Path]
			switch c.Kind {
			case Deleted:
				delete(want, c.Path)
			case Renamed:
				delete(want, c.From)
				want[c.Path] = before[c.From]
			case Added:
				if was {
					t.Errorf("%s is not new", c.Path)
				}
				want[c.Path] = after[c.Path]
			case Replaced, Inserted, Indexed:
				if !was || before[c.Path] == after[c.Path] {
					t.Errorf("%s: %s, but its bytes are the same", c.Path, c.Kind)
				}
				want[c.Path] = after[c.Path]
			}
			if c.SizeBytes != sizes[c.Path] || c.NewBytes > c.SizeBytes || c.Rewritten() != (c.NewBytes > 0) || c.Text == "" {
				t.Errorf("%+v of an object of %d bytes", c, sizes[c.Path])
			}
		}
		if diff := cmp.Diff(want, after); diff != "" {
			t.Errorf("the changes do not lead to what there is:\n%s", diff)
		}
		if len(kinds) != 6 || len(changes) != 6 {
			t.Errorf("kinds of change: %v", kinds)
		}
		d = next
	}
}

func TestMutateNeedsShards(t *testing.T) {
	if _, _, err := Make(Options{Shards: 3, ShardBytes: 1}).Mutate(0); err == nil || !strings.Contains(err.Error(), "needs 4") {
		t.Errorf("of 3 shards: %v", err)
	}
}

func TestWriteToPassesErrorsOn(t *testing.T) {
	full := errors.New("disk full")
	for _, o := range Make(small).Objects() {
		if _, err := o.WriteTo(failing{full}); !errors.Is(err, full) {
			t.Errorf("%s: %v", o.Path, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// A dataset that is dealt out anew has the same samples, in other shards.
func TestReshuffleKeepsEverySample(t *testing.T) {
	d := Make(Options{Seed: 7, Shards: 6, ShardBytes: 300 << 10})
	next, changes := d.Reshuffle(1)
	if len(changes) != len(d.shards)+1 || next.SizeBytes() < d.SizeBytes()-1<<20 {
		t.Errorf("%d changes of %d shards, %d bytes of %d", len(changes), len(d.shards), next.SizeBytes(), d.SizeBytes())
	}
	all := func(d *Dataset) map[sample]string {
		where := map[sample]string{}
		for _, s := range d.shards {
			for _, p := range s.samples {
				where[p] = s.path
			}
		}
		return where
	}
	before, after := all(d), all(next)
	moved := 0
	for p, path := range before {
		if after[p] == "" {
			t.Errorf("sample %d is gone", p.number)
		}
		if after[p] != path {
			moved++
		}
	}
	if len(after) != len(before) || moved < len(before)/2 {
		t.Errorf("%d samples of %d, %d of them moved", len(after), len(before), moved)
	}
}
