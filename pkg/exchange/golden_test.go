package exchange

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/datagravity/datagravity/pkg/store/mem"
)

var update = flag.Bool("update", false, "write the golden objects anew: only for a new version")

// goldenOrigin has a shard of everything: an empty one, two of the same bytes, one without recipe, one whose name is not UTF-8.
func goldenOrigin(t tester) *origin {
	o := newOrigin("c4")
	o.put(t, "train/a.tar", "a", 3)
	o.put(t, "train/b <2>.tar", "b", 0)
	o.put(t, "train/c.tar", "a", 3)
	lost := o.put(t, "train/d.tar", "d", 2)
	delete(o.recipes, lost.Recipe)
	odd := o.put(t, "train/\xff.tar", "e", 1)
	odd.Version, odd.ContentEncoding = "v1", "gzip"
	o.shards[odd.Path] = odd
	return o
}

// The golden objects pin the formats. What compression makes of a text may change with its library, and the reference with it: they must
// be readable for ever, and the texts are the same byte for byte.
func TestGoldenObjects(t *testing.T) {
	ctx := context.Background()
	o := goldenOrigin(t)
	made := mem.New(mem.Options{})
	o.publish(t, made)
	if err := Beat(ctx, made, someAgent("lab-1")); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.RemoveAll("testdata/v1"); err != nil {
			t.Fatal(err)
		}
		for _, k := range keys(t, made, prefix) {
			name := filepath.Join("testdata/v1", strings.TrimPrefix(k.Key, prefix))
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, content(t, made, k.Key), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}

	golden := goldenStore(t)
	e := o.mustRead(t, golden)
	if list, err := Agents(ctx, golden); err != nil || len(list) != 1 || list[0].Name != "lab-1" {
		t.Errorf("%v, %v", list, err)
	}
	now := o.mustRead(t, made)
	want, got := content(t, golden, publicationKey("c4", e.ref.Publication)), content(t, made, publicationKey("c4", now.ref.Publication))
	if w, g := unpacked(t, want), unpacked(t, got); !bytes.Equal(w, g) {
		t.Errorf("the publication reads\n%s\nwant\n%s", g, w)
	}
	now.ref.Publication, now.ref.Bytes, now.ref.Check = e.ref.Publication, e.ref.Bytes, e.ref.Check
	if now.ref != e.ref {
		t.Errorf("reference %+v, want %+v", now.ref, e.ref)
	}
	if _, text, err := e.ref.encode(); err != nil || !bytes.Equal(text, content(t, golden, e.ref.Key())) {
		t.Errorf("the reference reads %s, %v", text, err)
	}
	for _, folder := range []string{datasetFolder("c4") + packFolder, agentsPrefix} {
		old, now := keys(t, golden, folder), keys(t, made, folder)
		if len(old) != 1 || len(now) != 1 || old[0].Key != now[0].Key || !bytes.Equal(content(t, golden, old[0].Key), content(t, made, now[0].Key)) {
			t.Errorf("%s: %v, want %v", folder, now, old)
		}
	}
}

// goldenStore holds what testdata/v1 does.
func goldenStore(t testing.TB) *mem.Store {
	t.Helper()
	s := mem.New(mem.Options{})
	err := filepath.WalkDir("testdata/v1", func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if err == nil {
			overwrite(t, s, prefix+strings.TrimPrefix(filepath.ToSlash(name), "testdata/v1/"), b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
