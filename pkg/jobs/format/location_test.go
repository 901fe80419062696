package format

import (
	"errors"
	"strings"
	"testing"
)

func TestPlace(t *testing.T) {
	p := place(t, "sub", "azblob://shards/c4?storage_account=lab", "s3://bucket/copies/c4/", "gs://g", "file:///mnt/c4", "mem://m/x")
	for name, want := range map[string]string{
		"a.tar": "sub/a.tar", "./a.tar": "sub/a.tar", "../a.tar": "a.tar", "x//y": "sub/x//y", "a:b": "sub/a:b", "file:a": "sub/a",
		"azblob://shards/c4/x/a.tar":                                         "x/a.tar",
		"azblob://shards/c4/a.tar?storage_account=lab":                       "a.tar",
		"https://lab.blob.core.windows.net/shards/c4/a%20b.tar?sv=1&sig=xyz": "a b.tar",
		"abfss://shards@lab.dfs.core.windows.net/c4/a.tar":                   "a.tar",
		"s3://bucket/copies/c4/a%20b.tar":                                    "a%20b.tar",
		"S3A://bucket/copies/c4/a.tar":                                       "a.tar",
		"https://bucket.s3.us-east-1.amazonaws.com/copies/c4/a.tar":          "a.tar",
		"https://storage.googleapis.com/g/a.tar":                             "a.tar",
		"gs://g/a.tar":                                                       "a.tar",
		"file:///mnt/c4/a.tar":                                               "a.tar",
		"file:/mnt/c4/a.tar":                                                 "a.tar",
		"/mnt/c4/x/../a.tar":                                                 "a.tar",
		"mem://m/x/a.tar":                                                    "a.tar",
	} {
		if got, err := p.Path(name); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	for name, kind := range map[string]error{
		"": ErrMalformed, "../../a": ErrOutside, "..": ErrMalformed, "a\nb": ErrMalformed, "sub/../..": ErrMalformed,
		"s3://bucket/copies/c4x/a.tar": ErrOutside, "s3://bucket/copies/c4/../other/a": ErrOutside, "s3://bucket/copies/c4/": ErrOutside,
		"s3://bucket2/copies/c4/a": ErrOutside, "/etc/passwd": ErrOutside, "/mnt/c4/../x": ErrOutside,
		"https://other.blob.core.windows.net/shards/c4/a": ErrOutside, "azblob://shards/c4/a?storage_account=other": ErrOutside,
		"https://user:secret@lab.blob.core.windows.net/shards/c4/a": ErrMalformed, "https://secret@h/a?sig=secret": ErrMalformed,
		"https://h/a?sig=secret": ErrOutside, "pipe:cat /etc/passwd": ErrMalformed, "hf://datasets/x": ErrOutside,
	} {
		got, err := p.Path(name)
		if !errors.Is(err, kind) {
			t.Errorf("%q: %q, %v; want %v", name, got, err, kind)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("a credential is in %v", err)
		}
	}
}

func TestBare(t *testing.T) {
	for name, want := range map[string]string{
		"a?b": "a?b", "s3://b/x.tar?versionId=secret": "s3://b/x.tar", "azblob://c/x?storage_account=lab&sig=secret": "azblob://c/x?storage_account=lab",
		"https://lab.blob.core.windows.net/c/x?sig=secret&storage_account=": "https://lab.blob.core.windows.net/c/x", "file:///a/b": "file:///a/b",
	} {
		if got, err := Bare(name); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"https://u:secret@h/x", "s3://secret@b/x?y"} {
		if _, err := Bare(name); !errors.Is(err, ErrMalformed) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPipes(t *testing.T) {
	for name, want := range map[string]string{
		"pipe:aws s3 cp s3://b/x.tar -":                    "; write the object's URL, s3://b/x.tar",
		"pipe:gsutil cat gs://b/x.tar":                     "; write the object's URL, gs://b/x.tar",
		"pipe:aws s3 cp 's3://b/x.tar' - || true":          "; write the object's URL, s3://b/x.tar",
		"pipe:curl -s https://h/x.tar?sig=secret":          "; write the object's URL",
		"pipe:rm -rf /":                                    "; write the object's URL",
		"pipe:aws s3 cp s3://b/x.tar?versionId=secret - ;": "; write the object's URL, s3://b/x.tar",
	} {
		_, err := Place{}.Path(name)
		if err == nil || !strings.HasSuffix(err.Error(), "pipe: runs a command"+want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
