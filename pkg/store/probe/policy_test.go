package probe_test

import (
	"encoding/json"
	"fmt"
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
		golden(t, c.name, probe.Policy(c.kind, c.bucket, c.prefix, c.role))
	}
	for kind, bucket := range map[string]string{"s3": "training", "gs": "training", "azblob": "mlstore/shards", "file": "/data/it's here"} {
		suffix := ".txt"
		if kind == "s3" {
			suffix = ".json"
		}
		golden(t, kind+"-edge"+suffix, probe.PolicyOf(kind, bucket, "edge", edge()))
		golden(t, kind+"-origin"+suffix, probe.PolicyOf(kind, bucket, "origin", origin()))
	}
	// A dataset that is the whole store leaves nothing to narrow what is read.
	whole := []probe.Right{{List: true, Read: true}, origin()[1]}
	golden(t, "azblob-origin-all.txt", probe.PolicyOf("azblob", "mlstore/shards", "origin", whole))
	golden(t, "gs-origin-all.txt", probe.PolicyOf("gs", "training", "origin", whole))
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s:\n%s", name, d)
	}
}

// A condition of Cloud Storage has at most twelve operators; what is more comes in further bindings, and nothing is lost.
func TestGCSConditionsAreBounded(t *testing.T) {
	rights := edge()
	for i := range 20 {
		rights = append(rights, probe.Right{Prefix: fmt.Sprintf("d%02d/", i), Read: true})
	}
	found := 0
	for line := range strings.Lines(probe.PolicyOf("gs", "b", "edge", rights)) {
		if n := strings.Count(line, " || "); n > 12 {
			t.Errorf("%d operators: %s", n, line)
		}
		if strings.Contains(line, "roles/datagravityRead") {
			found += strings.Count(line, "resource.name.startsWith")
		}
	}
	if found != 28 {
		t.Errorf("%d prefixes may be read, want 28", found)
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
			const bucket, prefix = "a'b/$(c) d", `p"q'r/`
			cmd.Stdin = strings.NewReader(probe.Policy(kind, bucket, prefix, role) +
				probe.PolicyOf(kind, bucket, "edge", append(edge(), probe.Right{Prefix: prefix, Read: true})))
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
	if p := probe.PolicyOf("ftp", "b", "edge", edge()); !strings.Contains(p, "want s3, gs, azblob or file") {
		t.Errorf("got %q", p)
	}
	if p := probe.Policy("s3", "b", "", "owner"); !strings.Contains(p, "want source or destination") {
		t.Errorf("got %q", p)
	}
}
