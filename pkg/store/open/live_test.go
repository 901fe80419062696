//go:build live

package open_test

import (
	"context"
	"os"
	"testing"

	"github.com/datagravity/datagravity/pkg/store/open"
	"github.com/datagravity/datagravity/pkg/store/storetest"
)

// TestLiveConformance runs the whole suite on a bucket of one's own (make live). It writes under a prefix of its own, moves up
// to about 120 MiB, and removes what it made. Credentials are those of the cloud's default chain.
func TestLiveConformance(t *testing.T) {
	url := os.Getenv("DATAGRAVITY_LIVE_STORE")
	if url == "" {
		t.Fatal("set DATAGRAVITY_LIVE_STORE to the URL of an empty bucket, for example s3://my-bucket?region=us-east-1")
	}
	s, err := open.Open(context.Background(), url, open.Options{AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	storetest.Run(t, s, storetest.Options{})
}
