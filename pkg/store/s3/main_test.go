package s3

import (
	"net/url"
	"testing"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
)

func TestMain(m *testing.M) { emutest.Main(m) }

// openServer opens a new bucket of the package's real server.
func openServer(t testing.TB) *Store {
	t.Helper()
	return open(t, emutest.Bucket(t, emutest.S3(t)), Options{})
}

func open(t testing.TB, raw string, o Options) *Store {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), u, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
