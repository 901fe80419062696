package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/open/opentest"
)

const deltaConfig = `agent: {location: "azure:eastus", state: state, memory: 48MiB, part_size: 4MiB, allow_insecure: true}
stores:
  training: {url: "%s", location: "azure:eastus"}
  aws: {url: "%s", location: "aws:us-east-1"}
  aws2: {url: "%s", location: "aws:us-west-2"}
  gcp: {url: "%s", location: "gcp:us-central1"}
  west: {url: "%s", location: "azure:westus"}
  lab: {url: "file://%s?create_dir=true", location: "onprem:lab1"}
datasets:
  c4: {store: training, prefix: c4/}
destinations:
  s3: {store: aws, prefix: data/c4}
  s3-two: {store: aws2, prefix: data/c4, temporary_objects: true}
  gcs: {store: gcp, prefix: data/c4}
  azure: {store: west, prefix: data/c4}
  lab: {store: lab, prefix: data/c4}
`

// newDeltaRig has an Azure container for a destination, too, and S3 a second time in another region, where temporary objects are allowed.
func newDeltaRig(t *testing.T) *rig {
	r := newRig(t, "4MiB")
	west, two := emutest.Bucket(t, emutest.Azurite(t)), emutest.Bucket(t, emutest.S3(t))
	r.dests["azure"], r.dests["s3-two"] = opentest.Store(t, west), opentest.Store(t, two)
	r.write("datagravity.yaml", fmt.Sprintf(deltaConfig, r.urls["azure"], r.urls["s3"], two, r.urls["gcs"], west, filepath.Join(r.dir, "lab")))
	return r
}

// edit replaces some bytes at places that are far apart.
func edit(b []byte, places int) []byte {
	out := slices.Clone(b)
	for i := range places {
		at := len(out) * (2*i + 1) / (2 * places)
		copy(out[at:], random(uint64(at), 2000))
	}
	return out
}

// Of a shard that changed a little, a little crosses, as far as each service can put the rest together by itself; where it
// cannot, all of it does. Nothing but what was promised is sent, every byte is right, and nothing is left behind.
func TestOnlyTheDifferenceOfAShardCrosses(t *testing.T) {
	r := newDeltaRig(t)
	old := random(1, 40<<20+123)
	r.put("train/a.tar", old)
	r.put("train/b.tar", random(2, 3<<20))
	dests := []string{"s3", "s3-two", "gcs", "azure", "lab"}
	for _, dest := range dests {
		r.sync(dest)
	}
	r.put("train/a.tar", edit(old, 2))
	r.want(0, "index", "c4")
	for dest, most := range map[string]int64{
		"s3": 2 * (5<<20 + 256<<10), "s3-two": 2 * 2 * 128 << 10, "gcs": 41 << 20, "azure": 2 * 2 * 128 << 10, "lab": 2 * 2 * 128 << 10,
	} {
		way := "assemble"
		if dest == "gcs" {
			way = "full"
		}
		rep := r.sync(dest)
		if rep.Ways[way].Shards != 1 || rep.Ways["have"].Shards != 1 || rep.Moved > most || rep.Sent > most+most/50+200<<10 {
			t.Errorf("%s: %+v, want at most %d bytes", dest, rep, most)
		}
		r.equal(dest)
		if out := r.want(0, "verify", "c4", "--to", dest, "--read"); !strings.Contains(out, " 0 wrong") {
			t.Errorf("%s: %s", dest, out)
		}
	}
	r.nothingLeft()
}

// nothingLeft looks for uploads and temporary objects at all destinations.
func (r *rig) nothingLeft() {
	r.t.Helper()
	for dest, s := range r.dests {
		uploads, err := s.ListUploads(context.Background(), "")
		if err != nil || len(uploads) != 0 {
			r.t.Errorf("%s: left open: %v, %v", dest, uploads, err)
		}
		page, err := s.List(context.Background(), store.ListOptions{Prefix: store.Private + "glue/"})
		if err != nil || len(page.Objects) != 0 {
			r.t.Errorf("%s: left behind: %v, %v", dest, page.Objects, err)
		}
	}
}

// kill -9 while shards are put together: the next run goes on, every object is right, and nothing is left.
func TestKilledWhilePuttingTogether(t *testing.T) {
	for _, dest := range []string{"s3", "s3-two", "azure", "lab"} {
		t.Run(dest, func(t *testing.T) {
			r := newDeltaRig(t)
			for i := range 4 {
				r.put(fmt.Sprintf("%d.tar", i), random(uint64(i), 24<<20+i))
			}
			r.sync(dest)
			for i := range 4 {
				path := fmt.Sprintf("%d.tar", i)
				r.put(path, edit(r.files[path], 2))
			}
			r.want(0, "index", "c4")
			rnd := rand.New(rand.NewPCG(2, uint64(len(dest))))
			for range 5 {
				r.killed(dest, time.Duration(30+rnd.IntN(250))*time.Millisecond)
			}
			if rep := r.sync(dest); !rep.Ready {
				t.Errorf("%+v", rep)
			}
			if out := r.want(0, "verify", "c4", "--to", dest, "--read"); !strings.Contains(out, " 0 wrong") {
				t.Errorf("%s", out)
			}
			r.equal(dest)
			r.want(0, "gc", "--older-than", "0s", "--yes")
			r.nothingLeft()
		})
	}
}
