package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A secret is found where it is said to be, and an error never repeats it.
func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	t.Setenv("HOOK", "canary-in-env")
	t.Setenv("EMPTY", "")
	write("cred", "canary-cred\n", 0o444)
	for _, c := range []struct {
		s         Secret
		want, err string
	}{
		{Secret{Env: "HOOK"}, "canary-in-env", ""},
		{Secret{Env: "EMPTY"}, "", "variable EMPTY: is not set"},
		{Secret{File: write("key", "canary-file\r\n", 0o640)}, "canary-file", ""},
		{Secret{File: write("open", "canary-open", 0o644)}, "", "may be read by every user"},
		{Secret{File: write("lines", "canary\nmore", 0o600)}, "", "has more than one line"},
		{Secret{File: write("none", "\n", 0o600)}, "", "is empty"},
		{Secret{File: write("large", strings.Repeat("canary", 20_000), 0o600)}, "", "more than 65536 bytes"},
		{Secret{File: dir}, "", "is no file"},
		{Secret{File: filepath.Join(dir, "absent")}, "", "no such file"},
		{Secret{Credential: "cred"}, "canary-cred", ""},
		{Secret{}, "", "nothing says"},
	} {
		got, err := c.s.Read()
		if got != c.want || (err == nil) != (c.err == "") || err != nil && (!strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "canary")) {
			t.Errorf("%+v: %q, %v", c.s, got, err)
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, err := (Secret{Credential: "cred"}).Read(); err == nil || !strings.Contains(err.Error(), "LoadCredential=") {
		t.Error(err)
	}
}
