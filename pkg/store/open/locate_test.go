package open

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLocate(t *testing.T) {
	for _, c := range []struct {
		raw, folder string
		want        Whereabouts
	}{
		{"s3://b?region=us-east-1", "c4/", Whereabouts{
			URL: "s3://b/c4/", Others: []string{"https://s3.us-east-1.amazonaws.com/b/c4/", "https://b.s3.us-east-1.amazonaws.com/c4/"},
		}},
		{"s3://b?endpoint=http://10.0.0.1:7070", "", Whereabouts{URL: "s3://b/", Others: []string{"http://10.0.0.1:7070/b/"}}},
		{"gs://b", "a b/", Whereabouts{URL: "gs://b/a b/", Others: []string{"https://storage.googleapis.com/b/a%20b/"}}},
		{"azblob://c?storage_account=acc", "x/", Whereabouts{
			URL: "az://c/x/", Others: []string{"azblob://c/x/", "abfs://c/x/", "https://acc.blob.core.windows.net/c/x/"},
		}},
		{"file:///mnt/train?create_dir=true", "c4/", Whereabouts{URL: "file:///mnt/train/c4/", Path: "/mnt/train/c4/"}},
		{"file:///mnt/train", "", Whereabouts{URL: "file:///mnt/train/", Path: "/mnt/train/"}},
		{"file:///data/x%20y", "c4/", Whereabouts{URL: "file:///data/x y/c4/", Path: "/data/x y/c4/"}},
		{"file:///", "", Whereabouts{URL: "file:///", Path: "/"}},
		{"nonsense", "", Whereabouts{}},
	} {
		if diff := cmp.Diff(c.want, Locate(c.raw, c.folder)); diff != "" {
			t.Errorf("%s, %q: %s", c.raw, c.folder, diff)
		}
	}
}
