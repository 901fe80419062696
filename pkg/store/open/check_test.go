package open_test

import (
	"strings"
	"testing"

	"github.com/datagravity/datagravity/pkg/store/open"
)

func TestCheckURL(t *testing.T) {
	for _, c := range []struct{ url, want string }{ // want: part of the error, "" for a valid URL
		{"azblob://shards?storage_account=mlstore", ""},
		{"azblob://shards?storage_account=devstoreaccount1&protocol=http&domain=127.0.0.1:10000&localemu=true", ""},
		{"azblob://shards?storage_acount=x", `unknown parameter "storage_acount", did you mean storage_account?`},
		{"azblob://shards?sig=abc", "looks like a credential"},
		{"azblob://shards?storage_account=UPPER", "parameter storage_account: want 3 to 24"},
		{"azblob://shards?domain=a/b", "parameter domain: want a host name"},
		{"s3://training", ""},
		{"s3://training/?region=us-east-1", ""},
		{"s3://training?endpoint=https://s3.lab1.example&use_path_style=true", ""},
		{"s3://training?endpoint=s3.lab1.example", "parameter endpoint: want https://HOST"},
		{"s3://training?endpoint=http://169.254.169.254", "link-local"},
		{"s3://training?endpoint=http://[fe80::1]:9000", "link-local"},
		{"s3://training?endpoint=https://u:p@s3.lab1.example", "credentials do not belong"},
		{"s3://training?regoin=x", "did you mean region?"},
		{"s3://training?region=a&region=b", "is given 2 times"},
		{"s3://training?use_path_style=maybe", "want true or false"},
		{"s3://training/imagenet/", `put the prefix "imagenet/" in the dataset`},
		{"s3://", "names nothing"},
		{"s3://training:9000", "has no port"},
		{"s3://key:secret@training", "credentials do not belong"},
		{"gs://training", ""},
		{"gs://training?region=x", `unknown parameter "region"`},
		{"gcs://training", `unknown scheme "gcs", did you mean gs?`},
		{"azblb://x", "did you mean azblob?"},
		{"https://mlstore.blob.core.windows.net/shards", "valid forms: azblob://CONTAINER"},
		{"training", "it has no scheme"},
		{"", "it has no scheme"},
		{"file:///data/shards", ""},
		{"file:///data/shards?create_dir=true", ""},
		{"file:///data/a%23b%20c", ""},
		{"file:///data/a#b", "has a #fragment"},
		{"file://data/shards", "want three slashes"},
		{"file:data", "want three slashes"},
		{"file:///data?create=true", "did you mean create_dir?"},
		{"mem://one", ""},
		{"mem://one?location=azure:eastus&min_part_bytes=10", ""},
		{"mem://one?location=mars:north", "unknown provider"},
		{"mem://one?min_part_bytes=0", "want a number of bytes"},
		{"s3://bad%zz", "cannot be read"},
		{"s3://b?a=%zz", "its parameters cannot be read"},
	} {
		err := open.CheckURL(c.url)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.url, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", c.url, err, c.want)
		}
	}
}

// A canary stands wherever people paste secrets; no error may show it.
func TestErrorsShowNoSecret(t *testing.T) {
	const canary = "CaNaRy77"
	for _, url := range []string{
		"s3://AKIA:" + canary + "@training",
		"s3://" + canary + "@training?region=us-east-1",
		"azblob://shards?sig=" + canary,
		"azblob://shards?storage_account=a&sv=2024&sig=" + canary + "&se=x",
		"azblob://shards?account_key=" + canary,
		"https://mlstore.blob.core.windows.net/shards?sig=" + canary,
		"s3://training?endpoint=https://user:" + canary + "@host",
		"s3://training?endpoint=https%3A%2F%2Fuser%3A" + canary + "%40host",
		"s3://user:" + canary + "@host:port:port",
		"s3://training?X-Amz-Signature=" + canary,
		"s3://training?x=%zz" + canary,
		"s3://training#" + canary,
		"s3:" + canary,
		":" + canary,
	} {
		err := open.CheckURL(url)
		if err == nil {
			t.Errorf("%s is valid", url)
			continue
		}
		if strings.Contains(err.Error(), canary) {
			t.Errorf("shown in %v", err)
		}
		if strings.Contains(open.Redact(url), canary) {
			t.Errorf("Redact(%s) = %s", url, open.Redact(url))
		}
		if _, err := open.Open(t.Context(), url, open.Options{}); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("Open: %v", err)
		}
	}
	for _, url := range []string{
		"s3://training?endpoint=https://s3.lab1.example&region=us-east-1", "file:///data/shards?create_dir=true", "gs://training",
	} {
		if got := open.Redact(url); got != url {
			t.Errorf("Redact(%s) = %s", url, got)
		}
	}
}

func TestEndpoint(t *testing.T) {
	for url, want := range map[string]string{
		"azblob://shards?storage_account=mlstore":                                      "https://mlstore.blob.core.windows.net",
		"azblob://shards?storage_account=mlstore&domain=blob.core.usgovcloudapi.net":   "https://mlstore.blob.core.usgovcloudapi.net",
		"azblob://shards?storage_account=mlstore&domain=127.0.0.1:10000&protocol=http": "http://127.0.0.1:10000",
		"azblob://shards?storage_account=mlstore&domain=azurite:10000&localemu=true":   "https://azurite:10000",
		"azblob://shards":                                 "https://blob.core.windows.net",
		"s3://training":                                   "https://s3.amazonaws.com",
		"s3://training?region=eu-west-1":                  "https://s3.eu-west-1.amazonaws.com",
		"s3://training?endpoint=http://127.0.0.1:9000":    "http://127.0.0.1:9000",
		"gs://training":                                   "https://storage.googleapis.com",
		"gs://training?endpoint=https://psc.lab1.example": "https://psc.lab1.example",
		"file:///data":                                    "",
		"mem://x":                                         "",
	} {
		if got, err := open.Endpoint(url); got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", url, got, err, want)
		}
	}
	if _, err := open.Endpoint("ftp://x"); err == nil {
		t.Error("ftp has an endpoint")
	}
}
