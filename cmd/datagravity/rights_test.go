package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/datagravity/datagravity/pkg/config"
)

func configured(t *testing.T, agent string) *app {
	t.Helper()
	return configuredWith(t, agent, `  training: {url: "s3://training?region=us-east-1", location: "aws:us-east-1"}`)
}

func configuredWith(t *testing.T, agent, stores string) *app {
	t.Helper()
	path := filepath.Join(t.TempDir(), "datagravity.yaml")
	text := `agent: ` + agent + `
stores:
` + stores + `
  bucket: {url: "gs://acme-training", location: "gcp:us-central1"}
datasets:
  c4: {store: training, prefix: c4/}
  pile: {store: training, prefix: text/pile/}
destinations:
  gcp: {store: bucket}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return &app{cfg: cfg}
}

func policyOf(t *testing.T, a *app, store string) string {
	t.Helper()
	p, err := a.policies(store)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPoliciesFollowTheRole(t *testing.T) {
	const arn = `"arn:aws:s3:::training/`
	for _, c := range []struct {
		agent string
		has   []string
		lacks []string
	}{
		{`{location: "aws:us-east-1"}`, []string{"# dataset c4\n", "# dataset pile\n"}, []string{"PutObject", ".datagravity/"}},
		{
			`{location: "aws:us-east-1", role: origin}`,
			[]string{"# datasets c4, pile, origin\n", "PutObject", "DeleteObject", arn + `.datagravity/v1/*"`, arn + `c4/*"`, arn + `text/pile/*"`}, []string{"# dataset c4"},
		},
		// An origin publishes nothing that it would have to pay for.
		{`{location: "gcp:us-central1", role: origin}`, []string{"# dataset c4\n"}, []string{"PutObject"}},
		{
			`{location: "gcp:us-central1", role: edge, name: iowa}`,
			[]string{
				"# datasets c4, pile, edge iowa\n", arn + `.datagravity/v1/asks/iowa/*"`, arn + `.datagravity/v1/grants/iowa/*"`, arn + `.datagravity/v1/datasets/c4/*"`,
				arn + `.datagravity/v1/datasets/pile/*"`,
			},
			[]string{arn + `.datagravity/v1/*"`},
		},
		{
			`{location: "gcp:us-central1", role: edge, name: iowa, budget: own}`,
			[]string{arn + `.datagravity/v1/wants/iowa/*"`, arn + `.datagravity/v1/datasets/c4/*"`}, []string{"/asks/", "/grants/"},
		},
	} {
		got := policyOf(t, configured(t, c.agent), "training")
		for _, want := range c.has {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in\n%s", c.agent, want, got)
			}
		}
		for _, not := range c.lacks {
			if strings.Contains(got, not) {
				t.Errorf("%s: %q in\n%s", c.agent, not, got)
			}
		}
	}
	// What an agent does at its own destination does not depend on its role.
	alone, edge := configured(t, `{location: "gcp:us-central1"}`), configured(t, `{location: "gcp:us-central1", role: edge, name: iowa}`)
	if a, b := policyOf(t, alone, "bucket"), policyOf(t, edge, "bucket"); a != b || !strings.Contains(a, "# destination gcp\n") {
		t.Errorf("%s\nand\n%s", a, b)
	}
}

// Where agents have a store of their own for what they tell each other, an edge only reads where the datasets are.
func TestPoliciesOfAnExchange(t *testing.T) {
	const stores = `  training: {url: "s3://training?region=us-east-1", location: "aws:us-east-1", exchange: corner}
  corner: {url: "s3://corner?region=us-east-1", location: "aws:us-east-1"}`
	for agent, who := range map[string]string{`{location: "gcp:us-central1", role: edge, name: iowa}`: "edge iowa", `{location: "aws:us-east-1", role: origin}`: "origin"} {
		a := configuredWith(t, agent, stores)
		data, corner := policyOf(t, a, "training"), policyOf(t, a, "corner")
		if !strings.Contains(data, "# datasets c4, pile, "+who) || strings.Contains(data, ".datagravity/") || strings.Contains(data, "PutObject") || !strings.Contains(data, "training/c4/*") {
			t.Errorf("%s: where the datasets are:\n%s", who, data)
		}
		if !strings.Contains(corner, "# exchange about datasets c4, pile, "+who) || !strings.Contains(corner, "PutObject") || strings.Contains(corner, "/c4/*\"") && who == "origin" {
			t.Errorf("%s: where they are told:\n%s", who, corner)
		}
	}
	// One agent alone tells nobody.
	if got := policyOf(t, configuredWith(t, `{location: "aws:us-east-1"}`, stores), "corner"); got != "" {
		t.Errorf("%s", got)
	}
}
