package network

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/internal/netem"
)

func TestMain(m *testing.M) { emutest.Main(m) }

// smallBody is below every shard that crosses in a part of its own, and above receipts, leases and publications, for which nothing is reserved.
const smallBody = 16 << 10

// front is a server behind a network.
//
//	client -> door -> what the weather is -> wire -> bodies -> server
//
// The door keeps its address, which signatures cover and GCS names itself by, while the network behind it changes.
type front struct {
	kind   string
	door   *netem.Meter
	wire   *netem.Meter // what the server was sent and sent, also what never reached the client
	bodies *bodies
	server emutest.Server

	mu      sync.Mutex
	weather []*netem.Proxy // the one now, and the one before
}

// bodies counts what a server was sent in bodies of requests, whole or not, but for small ones.
type bodies struct {
	*netem.HTTPProxy
	bytes atomic.Int64
}

func startBodies(upstream string) (b *bodies, err error) {
	b = &bodies{}
	b.HTTPProxy, err = netem.StartHTTP(upstream, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if q.ContentLength >= smallBody || q.ContentLength < 0 {
				netem.CountBody(q, &b.bytes)
			}
			next.ServeHTTP(w, q)
		})
	})
	return b, err
}

// open makes the way to a server that listens, or will, at addr.
func (f *front) open(addr string) (err error) {
	if f.bodies, err = startBodies(addr); err != nil {
		return err
	}
	if f.wire, err = netem.StartMeter(f.bodies.Addr); err != nil {
		return err
	}
	f.door, err = netem.StartMeter(f.wire.Addr)
	return err
}

// fair weather cuts what there was.
func (f *front) fair() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.door.Redirect(f.wire.Addr)
	for _, p := range f.weather {
		_ = p.Close() // never fails
	}
	f.weather = nil
}

// foul weather has new connections meet these faults. Those that there are keep what they met, until the weather changes again.
func (f *front) foul(faults []netem.Fault) error {
	p, err := netem.Start(f.wire.Addr, netem.Options{Faults: faults})
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.door.Redirect(p.Addr)
	f.weather = append(f.weather, p)
	for len(f.weather) > 2 {
		_ = f.weather[0].Close() // never fails
		f.weather = f.weather[1:]
	}
	return nil
}

// out is a network that refuses all new connections.
func (f *front) out() { f.door.Redirect("127.0.0.1:1") }

// The fronts live as long as the servers: for all trials.
var (
	mu     sync.Mutex
	opened = map[string]*front{}
)

// kinds of servers.
var kinds = []string{"azure", "s3", "gcs"}

func frontOf(t *testing.T, kind string) *front {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if f := opened[kind]; f != nil {
		return f
	}
	f := &front{kind: kind}
	var err error
	switch kind {
	case "azure":
		s := emutest.Azurite(t)
		f.server, err = s, f.open(s.Addr())
	case "s3":
		s := emutest.S3(t)
		f.server, err = s, f.open(s.Addr())
	case "gcs":
		f.server = emutest.GCSBehind(t, func(addr string) (string, error) {
			if err := f.open(addr); err != nil {
				return "", err
			}
			return f.door.Addr, nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	opened[kind] = f
	return f
}
