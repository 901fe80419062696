package open

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMakes(t *testing.T) {
	dir := t.TempDir()
	there, not, file := dir, filepath.Join(dir, "new"), filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for raw, want := range map[string]string{
		"file://" + not + "?create_dir=true":   not,
		"file://" + not + "?create_dir=false":  "",
		"file://" + not:                        "",
		"file://" + there + "?create_dir=true": "",
		"file://" + file + "?create_dir=true":  "",
		"s3://bucket?region=us-east-1":         "",
		"file://no/slashes?create_dir=true":    "",
	} {
		if got := Makes(raw); got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}
