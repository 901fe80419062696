package probe_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/store/probe"
)

// The policies are golden text, reviewed as such. UPDATE_GOLDEN=1 writes them anew.
func TestPolicies(t *testing.T) {
	for _, c := range []struct{ name, kind, bucket, prefix, role string }{
		{"s3-source.json", "s3", "training", "imagenet/", "source"},
		{"s3-destination.json", "s3", "training", "imagenet/", "destination"},
		{"s3-destination-all.json", "s3", "training", "", "destination"},
		{"gs-source.txt", "gs", "training", "imagenet/", "source"},
		{"gs-destination.txt", "gs", "training", "imagenet/", "destination"},
		{"azblob-source.txt", "azblob", "mlstore/shards", "imagenet/", "source"},
		{"azblob-destination.txt", "azblob", "mlstore/shards", "imagenet/", "destination"},
		{"file-source.txt", "file", "/data/it's here", "", "source"},
		{"file-destination.txt", "file", "/data/shards", "", "destination"},
	} {
		got := probe.Policy(c.kind, c.bucket, c.prefix, c.role)
		golden := filepath.Join("testdata", c.name)
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), got); d != "" {
			t.Errorf("%s:\n%s", c.name, d)
		}
	}
}

// What a shell would make of the commands must parse, whatever is in the names.
func TestPolicyCommandsAreShell(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"gs", "azblob", "file"} {
		for _, role := range []string{"source", "destination"} {
			cmd := exec.Command(sh, "-n")
			cmd.Stdin = strings.NewReader(probe.Policy(kind, "a'b/$(c) d", `p"q'r/`, role))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s %s: %v: %s", kind, role, err, out)
			}
		}
	}
}

func TestS3DeletesOnlyOurOwn(t *testing.T) {
	for _, prefix := range []string{"", "d/"} {
		for _, role := range []string{"source", "destination"} {
			var p struct {
				Statement []struct{ Action, Resource []string }
			}
			if err := json.Unmarshal([]byte(probe.Policy("s3", "b", prefix, role)), &p); err != nil {
				t.Fatal(err)
			}
			deletes, writes := 0, 0
			for _, s := range p.Statement {
				for _, a := range s.Action {
					if strings.Contains(a, "*") {
						t.Errorf("%s: the action %s is a wildcard", role, a)
					}
				}
				if slices.Contains(s.Action, "s3:PutObject") {
					writes++
				}
				if slices.Contains(s.Action, "s3:DeleteObject") {
					deletes++
					if !slices.Equal(s.Resource, []string{"arn:aws:s3:::b/.datagravity/*"}) {
						t.Errorf("%s may delete %v", role, s.Resource)
					}
				}
			}
			if want := map[string]int{"source": 0, "destination": 1}[role]; deletes != want || writes != want {
				t.Errorf("%s: %d delete and %d write statements, want %d", role, deletes, writes, want)
			}
		}
	}
}

func TestUnknownPolicies(t *testing.T) {
	if p := probe.Policy("ftp", "b", "", "source"); !strings.Contains(p, "want s3, gs, azblob or file") {
		t.Errorf("got %q", p)
	}
	if p := probe.Policy("s3", "b", "", "owner"); !strings.Contains(p, "want source or destination") {
		t.Errorf("got %q", p)
	}
}
