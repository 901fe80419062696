package open

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/store/pace"
	"github.com/datagravity/datagravity/pkg/store/retry"
	"github.com/datagravity/datagravity/pkg/store/tee"
	"github.com/datagravity/datagravity/pkg/store/trace"
)

// A store's clock is what the service said, and goes on from there; whatever wraps the store passes it on.
func TestStoreTellsItsTime(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	said := noon.Format(http.TimeFormat)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Date", said) }))
	defer server.Close()
	ours := noon.Add(-24 * time.Hour)
	client, c := listen(server.Client(), func() time.Time { return ours })
	// Not of mem, which has a time of its own.
	plain := struct{ store.Store }{mem.New(mem.Options{})}
	s := trace.Wrap(tee.New(retry.Wrap(pace.Wrap(timed{plain, c}, pace.NewGate(pace.Options{})), retry.Policy{}), tee.Options{}))
	if at, known := store.Time(s); known {
		t.Errorf("it is %v before anything was asked", at)
	}
	ask := func() {
		t.Helper()
		resp, err := client.Get(server.URL) //nolint:noctx // a test
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	ask()
	ours = ours.Add(90 * time.Second)
	if at, known := store.Time(s); !known || !at.Equal(noon.Add(90*time.Second)) {
		t.Errorf("%v, %t", at, known)
	}
	said = "who knows"
	ask()
	if at, known := store.Time(s); !known || !at.Equal(noon.Add(90*time.Second)) {
		t.Errorf("after an answer without a time: %v, %t", at, known)
	}
}
