package azure_test

import (
	"net/url"
	"testing"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/pkg/store/azure"
	"github.com/datagravity/datagravity/pkg/store/meter"
	"github.com/datagravity/datagravity/pkg/store/storetest"
)

func TestMain(m *testing.M) { emutest.Main(m) }

// open opens a fresh container of azurite.
func open(t testing.TB, o azure.Options) *azure.Store {
	t.Helper()
	u, err := url.Parse(emutest.Bucket(t, emutest.Azurite(t)))
	if err != nil {
		t.Fatal(err)
	}
	s, err := azure.Open(t.Context(), u, o)
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

func TestConformance(t *testing.T) {
	storetest.Run(t, open(t, azure.Options{HTTPClient: meter.NewClient(meter.Options{})}), storetest.Options{
		Quirks: []storetest.Quirk{storetest.PartCopyClampsRange}, // Azurite 3.37.0
	})
}
