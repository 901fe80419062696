package charttest

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

var update = flag.Bool("update", false, "write kubernetes/kustomize/base as the chart's defaults render")

const base = "../kustomize/base"

// helmOnly are labels that are true of what Helm has installed alone.
func helmOnly(line string) bool {
	line = strings.TrimSpace(line)
	return strings.HasPrefix(line, "helm.sh/chart:") || strings.HasPrefix(line, "app.kubernetes.io/managed-by:")
}

// plain are the chart's defaults as manifests for anybody.
func plain(t *testing.T) map[string]string {
	t.Helper()
	files, err := render(t, "")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for name, text := range files {
		if !strings.HasSuffix(name, ".yaml") || strings.TrimSpace(text) == "" {
			continue
		}
		var lines []string
		for line := range strings.SplitSeq(strings.Trim(text, "\n"), "\n") {
			if line = strings.TrimRight(line, " "); line != "" && !helmOnly(line) {
				lines = append(lines, line)
			}
		}
		out[name] = strings.Join(lines, "\n") + "\n"
	}
	return out
}

// The base is what the chart's defaults are: neither can change without the other. After a change of the chart: go test ./... -run Kustomize -update
func TestKustomizeBaseIsTheChartsDefaults(t *testing.T) {
	want := plain(t)
	if *update {
		for name, text := range want {
			if err := os.WriteFile(filepath.Join(base, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, text := range want {
		got, err := os.ReadFile(filepath.Join(base, name))
		if err != nil {
			t.Error(err)
		} else if d := cmp.Diff(text, string(got)); d != "" {
			t.Errorf("%s (-chart +base); go test ./... -run Kustomize -update writes it:\n%s", name, d)
		}
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), base)
	if err != nil {
		t.Fatal(err)
	}
	text, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	got, chart := split(t, map[string]string{"built.yaml": string(text)}), split(t, want)
	const own = "Namespace /datagravity"
	if _, ok := got[own]; !ok {
		t.Errorf("the base makes no namespace, but %q", slices.Sorted(maps.Keys(got)))
	}
	delete(got, own)
	if d := cmp.Diff(slices.Sorted(maps.Keys(chart)), slices.Sorted(maps.Keys(got))); d != "" {
		t.Fatalf("objects (-chart +base):\n%s", d)
	}
	for k, d := range chart {
		if d := cmp.Diff(d.Object, got[k].Object); d != "" {
			t.Errorf("%s (-chart +base):\n%s", k, d)
		}
	}
}
