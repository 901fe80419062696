package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDocumentIsUpToDate(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	want, err := renderTypes(root)
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile(docPath(root))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), string(want)); diff != "" {
		t.Errorf("docs/config.md is not what pkg/config/types.go says; run go run ./pkg/config/internal/gendoc (-committed +generated):\n%s", diff)
	}
}

func TestRenderNeedsWords(t *testing.T) {
	const doc = "package config\n// Config is the file.\ntype Config struct {\n"
	for name, c := range map[string]struct{ source, want string }{
		"comment": {doc + "A string `yaml:\"a\"`\n}", "Config.A has no yaml tag or no comment"},
		"tag":     {doc + "// A.\nA string\n}", "Config.A has no yaml tag or no comment"},
		"type":    {doc + "// A.\nA chan int `yaml:\"a\"`\n}", "Config.A: no words for a *ast.ChanType"},
		"unknown": {doc + "// A.\nA Other `yaml:\"a\"`\n}", "Config.A: unknown type Other"},
		"root":    {"package config\n", "there is no type Config"},
		"nodoc":   {"package config\ntype Config struct{}\n", "type Config has no comment"},
	} {
		_, err := render([]byte(c.source), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

func TestRender(t *testing.T) {
	source := "package config\n// Config is the file.\ntype Config struct {\n" +
		"// Things, each | other.\nThings map[string]Thing `yaml:\"things\"`\n// Skipped.\nPath string `yaml:\"-\"`\n}\n" +
		"// Thing is one.\ntype Thing struct {\n// How many.\nCount []Size `yaml:\"count\" required:\"true\"`\n}\n" +
		"// Size is a number.\ntype Size int64\n"
	text, err := render([]byte(source), []byte("a: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"- **size**: a number.\n",
		"| `things` | fields by name | Things, each \\| other. |\n\n## things.NAME\n\nThing is one.\n",
		"| `count` | list of size | **Required.** How many. |\n",
		"```yaml\na: 1\n```\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "Skipped") {
		t.Error("a field that is not part of the file is documented")
	}
}
