package charttest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A flag that the program does not have would end it at its start.
func TestArgumentsAreFlagsOfTheProgram(t *testing.T) {
	var flags []string
	for _, m := range regexp.MustCompile(`\bf\.\w+\((?:&?[\w.]+, )?"([a-z-]+)"`).FindAllStringSubmatch(read(t, "../cmd/datagravity-kubernetes/options.go"), -1) {
		flags = append(flags, m[1])
	}
	if len(flags) < 20 {
		t.Fatalf("flags found: %q", flags)
	}
	for _, values := range []string{"", full, "{namespaces: [a], api: {fingerprint: " + strings.Repeat("ab", 32) + "}}"} {
		for _, a := range args(t, values) {
			name, _, given := strings.Cut(strings.TrimPrefix(a, "--"), "=")
			if !given || !slices.Contains(flags, name) {
				t.Errorf("%s is no flag of the program: %q", a, flags)
			}
		}
	}
}

// Metrics that alerts are about are some that the program has.
func TestAlertsAreOfMetricsThatThereAre(t *testing.T) {
	var source strings.Builder
	files, err := filepath.Glob("../*/metric.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		source.WriteString(read(t, f))
	}
	rules := rendered(t, full)["PrometheusRule datagravity/datagravity-controller"].text
	found := regexp.MustCompile(`datagravity_kubernetes_\w+`).FindAllString(string(rules), -1)
	if len(found) < 2 || !strings.Contains(string(rules), "leader_election_master_status") {
		t.Fatalf("%q in\n%s", found, rules)
	}
	for _, m := range found {
		if !strings.Contains(source.String(), `"`+m+`"`) {
			t.Errorf("no metric is called %s", m)
		}
	}
}

// TestDockerfile reads the recipe, because there is no engine here to build it: that it builds is not tested.
func TestDockerfile(t *testing.T) {
	text := strings.ReplaceAll(read(t, "../Dockerfile"), "\\\n", " ")
	var froms, users, entries []string
	for line := range strings.SplitSeq(text, "\n") {
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		switch f[0] {
		case "FROM":
			froms = append(froms, f[1])
		case "USER":
			users = append(users, f[1])
		case "ENTRYPOINT":
			entries = append(entries, f[1])
		case "RUN":
			if len(froms) != 1 {
				t.Errorf("RUN in a stage that has no shell: %s", line)
			}
		case "COPY":
			if strings.HasPrefix(f[1], "--from=build") {
				continue
			}
			for _, source := range f[1 : len(f)-1] {
				if _, err := os.Stat(filepath.Join("../..", source)); err != nil {
					t.Errorf("COPY of what is not there: %v", err)
				}
			}
		}
	}
	if len(froms) != 2 || froms[1] != "scratch" || !slices.Equal(users, []string{"65532:65532"}) || !slices.Equal(entries, []string{`["/datagravity-kubernetes"]`}) {
		t.Errorf("stages %q, users %q, it runs %q", froms, users, entries)
	}
	goflags := regexp.MustCompile(`(?m)^export GOFLAGS := \$\(GOFLAGS\) (.*)$`).FindStringSubmatch(read(t, "../../Makefile"))
	if goflags == nil || !strings.Contains(strings.Join(strings.Fields(text), " "), "go build "+goflags[1]) {
		t.Errorf("it does not build with the flags of make: %q", goflags)
	}
}
