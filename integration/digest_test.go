package integration

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
)

// digest names an object by what index would record, on every server, and without a configuration.
func TestDigestOfObjects(t *testing.T) {
	r := newRig(t, "8MiB")
	shard := random(1, 20<<20+1234)
	r.put("train/a b.tar", shard)
	put(t, r.dests["s3"], "data/a b.tar", shard)
	put(t, r.dests["gcs"], "data/a b.tar", shard)
	put(t, r.dests["lab"], "data/a b.tar", shard)
	want := chunker.Sum(shard).String()
	for name, key := range map[string]string{"azure": "c4/train/a b.tar", "s3": "data/a b.tar", "gcs": "data/a b.tar"} {
		u, err := url.Parse(r.urls[name])
		if err != nil {
			t.Fatal(err)
		}
		u.Path = "/" + key
		out := r.want(0, "--config", filepath.Join(r.dir, "none.yaml"), "digest", "--digest", "sha256", u.String())
		if !strings.HasPrefix(out, want+"  ") || !strings.Contains(out, "crc32c:"+store.Hex32(chunker.CRC32C(shard))) || !strings.Contains(out, "sha256:") {
			t.Errorf("%s: %s", name, out)
		}
		u.Path = "/" + key + ".gone"
		r.want(5, "digest", u.String())
	}
	if out := r.want(0, "digest", filepath.Join(r.dir, "lab", "data", "a b.tar")); !strings.HasPrefix(out, want) {
		t.Errorf("the directory: %s", out)
	}
}
