package emutest_test

import (
	"os"
	"testing"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
)

func TestMain(m *testing.M) { emutest.Main(m) }

func TestSharedServerOwnBuckets(t *testing.T) {
	s := emutest.S3(t)
	if again := emutest.S3(t); again != s {
		t.Error("a second server was started")
	}
	if os.Getenv("AWS_ACCESS_KEY_ID") == "" {
		t.Error("no credentials in the environment")
	}
	if a, b := emutest.Bucket(t, s), emutest.Bucket(t, s); a == b {
		t.Errorf("two tests would share %s", a)
	}
}

func TestEveryServer(t *testing.T) {
	for name, s := range map[string]emutest.Server{"azurite": emutest.Azurite(t), "gcs": emutest.GCS(t)} {
		if url := emutest.Bucket(t, s); url == "" {
			t.Errorf("%s: no URL", name)
		}
	}
}
