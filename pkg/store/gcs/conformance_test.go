package gcs_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/pkg/store/gcs"
	"github.com/datagravity/datagravity/pkg/store/gcs/gcstest"
	"github.com/datagravity/datagravity/pkg/store/storetest"
)

func TestMain(m *testing.M) { emutest.Main(m) }

func open(t *testing.T, address string) *gcs.Store {
	t.Helper()
	return openWith(t, address, nil)
}

func openWith(t *testing.T, address string, client *http.Client) *gcs.Store {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	s, err := gcs.Open(t.Context(), u, gcs.Options{HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func serve(t *testing.T, o gcstest.Options) (*gcstest.Server, *gcs.Store) {
	t.Helper()
	server := gcstest.NewServer(o)
	t.Cleanup(server.Close)
	return server, open(t, server.StoreURL())
}

// TestConformanceStrict has no quirks: the double enforces what the service documents.
func TestConformanceStrict(t *testing.T) {
	for name, o := range map[string]gcstest.Options{
		"plain":     {},
		"versions":  {Versioning: true},
		"nearline":  {StorageClass: "NEARLINE", RewriteBytes: 1000},
		"versioned": {StorageClass: "ARCHIVE", Versioning: true},
	} {
		t.Run(name, func(t *testing.T) {
			server, s := serve(t, o)
			storetest.Run(t, s, storetest.Options{Seed: 1})
			for _, left := range server.Objects() {
				if left.Live {
					t.Errorf("left behind: %s", left.Name)
				}
			}
		})
	}
}

// TestConformanceEmulator runs on fake-gcs-server, whose lies are declared.
func TestConformanceEmulator(t *testing.T) {
	s := open(t, emutest.Bucket(t, emutest.GCS(t)))
	storetest.Run(t, s, storetest.Options{Seed: 1, Quirks: []storetest.Quirk{
		storetest.DeleteIgnoresPin,
		storetest.CopyIgnoresCondition,
		storetest.CompleteIgnoresCondition,
		storetest.CompleteRaces,
		storetest.CompleteNotIdempotent, // answers 500, not 404, to a compose of parts that are gone
	}})
}
