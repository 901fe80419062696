package daemon

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// keeper is a dispatch.Jobs that notes what it was asked and answers what it was given.
type keeper struct {
	mu    sync.Mutex
	asked []any

	list   []dispatch.Status
	detail dispatch.Detail
	ready  dispatch.Readiness
	places []dispatch.Placement
	hand   dispatch.Handout
	err    error
	// hold keeps List waiting until it is closed.
	hold chan struct{}
}

func (k *keeper) note(args ...any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked = append(k.asked, args)
}

func (k *keeper) Add(_ context.Context, origin string, specs []spec.Job) ([]dispatch.Status, error) {
	k.note("add", origin, specs)
	return k.list, k.err
}

func (k *keeper) Remove(_ context.Context, ids []string) error { k.note("remove", ids); return k.err }

func (k *keeper) List(ctx context.Context) ([]dispatch.Status, error) {
	k.note("list")
	if k.hold != nil {
		select {
		case <-k.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return k.list, k.err
}

func (k *keeper) Show(_ context.Context, id string, shards bool) (dispatch.Detail, error) {
	k.note("show", id, shards)
	return k.detail, k.err
}

func (k *keeper) Ready(_ context.Context, id string, maxAge time.Duration) (dispatch.Readiness, error) {
	k.note("ready", id, maxAge)
	return k.ready, k.err
}

func (k *keeper) Place(_ context.Context, id string) ([]dispatch.Placement, error) {
	k.note("place", id)
	return k.places, k.err
}

func (k *keeper) Handout(_ context.Context, id, to string) (dispatch.Handout, error) {
	k.note("handout", id, to)
	return k.hand, k.err
}

// count of questions so far.
func (k *keeper) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.asked)
}

// exitCode is a command line's, in small.
func exitCode(err error) int {
	for target, code := range map[error]int{dispatch.ErrNoJob: 2, ErrBusy: 75, ErrRefused: 75} {
		if errors.Is(err, target) {
			return code
		}
	}
	return 1
}

// serve answers at a socket in a fresh folder.
func serve(t *testing.T, o Options) (path string, s *Server) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "api.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if o.ExitCode == nil {
		o.ExitCode = exitCode
	}
	if o.Health == (Health{}) {
		o.Health = Health{Version: "v1", PID: 42, Command: "datagravity daemon", Since: time.Unix(1_800_000_000, 0).UTC(), Role: "daemon", State: "/var/lib/datagravity"}
	}
	o.grace = 20 * time.Millisecond
	s = Serve(l, o)
	t.Cleanup(func() { _ = s.Close() })
	return path, s
}

func dial(t *testing.T, path string) *Client {
	t.Helper()
	c, err := Dial(context.Background(), path, "v1")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// raw sends text to a socket and returns all that comes back.
func raw(t *testing.T, path, text string) string {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(c) // what came until the connection ended is what is looked at
	return string(b)
}

// yield lets other goroutines run while a test waits for one of them.
func yield() { time.Sleep(time.Millisecond) }

// recorder is an httptest recorder that takes a deadline, as a connection does.
type recorder struct {
	*httptest.ResponseRecorder
	request *http.Request
}

func newRecorder(body []byte) recorder {
	r := httptest.NewRequest(http.MethodPost, "/v1/command", bytes.NewReader(body))
	return recorder{httptest.NewRecorder(), r.WithContext(withPrincipal(r.Context(), atSocket))}
}

func (recorder) SetReadDeadline(time.Time) error { return nil }
