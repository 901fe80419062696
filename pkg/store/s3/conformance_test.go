package s3

import (
	"slices"
	"strings"
	"testing"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/pkg/store/meter"
	"github.com/datagravity/datagravity/pkg/store/storetest"
)

func metered(t *testing.T) Options {
	c := meter.NewClient(meter.Options{})
	t.Cleanup(c.CloseIdleConnections)
	return Options{HTTPClient: c}
}

func TestConformance(t *testing.T) {
	s := open(t, emutest.Bucket(t, emutest.S3(t)), metered(t))
	storetest.Run(t, s, storetest.Options{})
	c := s.Capabilities()
	if c.Provider != "onprem" || c.RequestPrices != "" || c.Versions || !slices.Equal(c.ObjectChecksums, []string{"crc64nvme"}) {
		t.Errorf("capabilities: %+v", c)
	}
}

// TestConformanceVersioned is all but the delete case, for the reason that TestServerDeleteMarker keeps.
func TestConformanceVersioned(t *testing.T) {
	s := openVersioned(t, metered(t))
	if c := s.Capabilities(); !c.Versions || !strings.Contains(strings.Join(c.Warnings, "\n"), "versioning is on") {
		t.Fatalf("a bucket with versioning: versions %v, warnings %q", c.Versions, c.Warnings)
	}
	env := storetest.NewEnv(s, storetest.Options{})
	for _, c := range storetest.Cases() {
		if c.Name == "delete" {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Run(t.Context(), env); err != nil {
				t.Error(err)
			}
		})
	}
}

func openVersioned(t *testing.T, o Options) *Store {
	t.Helper()
	bucket := emutest.Bucket(t, emutest.S3(t))
	plain := open(t, bucket, Options{})
	_, err := plain.client.PutBucketVersioning(t.Context(), &awss3.PutBucketVersioningInput{
		Bucket:                  &plain.bucket,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		t.Fatal(err)
	}
	return open(t, bucket, o)
}
