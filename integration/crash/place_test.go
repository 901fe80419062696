package crash

import (
	"net/http"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/internal/netem"
)

// kinds of destinations: a folder, and the three servers.
var kinds = []string{"folder", "s3", "azure", "gcs"}

// place is where a trial's shards go.
type place struct {
	url string
	// partBytes is the least that is sent as a part there, where that is more than the processes ask for.
	partBytes int64
	// counted is what the server was sent in bodies of requests; nil: nobody can count.
	counted *atomic.Int64
}

// placeFor makes an empty one of a kind; a folder is below dir.
func placeFor(t *testing.T, kind, dir string) place {
	t.Helper()
	if kind == "folder" {
		return place{url: "file://" + filepath.Join(dir, "dest") + "?create_dir=true", partBytes: partBytes}
	}
	g := gateTo(t, kind)
	p := place{url: emutest.Bucket(t, g.server), partBytes: partBytes, counted: new(atomic.Int64)}
	if kind == "s3" {
		p.partBytes = 5 << 20
	}
	g.buckets.Store(bucketForm.FindString(p.url), p.counted)
	p.url = g.Through(p.url)
	return p
}

// bucketForm is that of [emutest.Bucket]. It stands in the path of every request.
var bucketForm = regexp.MustCompile(`test-[0-9a-f]{16}`)

// smallBody is above receipts and leases, for which nothing is reserved, and below the parts of the largest shard.
const smallBody = 16 << 10

// gate is a server behind a counter of what it is sent, for all trials.
type gate struct {
	*netem.HTTPProxy
	server  emutest.Server
	buckets sync.Map // *atomic.Int64 by name
}

var (
	gatesMu sync.Mutex
	gates   = map[string]*gate{}
)

func gateTo(t *testing.T, kind string) *gate {
	t.Helper()
	gatesMu.Lock()
	defer gatesMu.Unlock()
	if g := gates[kind]; g != nil {
		return g
	}
	g := &gate{}
	var err error
	switch kind {
	case "s3":
		s := emutest.S3(t)
		g.server, err = s, g.open(s.Addr())
	case "azure":
		s := emutest.Azurite(t)
		g.server, err = s, g.open(s.Addr())
	case "gcs": // it knows itself by the address that clients have
		g.server = emutest.GCSBehind(t, func(addr string) (string, error) {
			if err := g.open(addr); err != nil {
				return "", err
			}
			return g.Addr, nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	gates[kind] = g
	return g
}

func (g *gate) open(upstream string) (err error) {
	g.HTTPProxy, err = netem.StartHTTP(upstream, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			n, ok := g.buckets.Load(bucketForm.FindString(q.URL.Path))
			if ok && (q.ContentLength >= smallBody || q.ContentLength < 0) {
				netem.CountBody(q, n.(*atomic.Int64))
			}
			next.ServeHTTP(w, q)
		})
	})
	return err
}
