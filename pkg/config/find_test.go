package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestFind(t *testing.T) {
	home, xdgHome := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Chdir(t.TempDir())
	write := func(dir string) string {
		t.Helper()
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		p := filepath.Join(dir, FileName)
		if err := os.WriteFile(p, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	check := func(explicit, want string) {
		t.Helper()
		if got, err := Find(explicit); err != nil || got != want {
			t.Errorf("Find(%q) = %q, %v; want %q", explicit, got, err, want)
		}
	}

	if _, err := os.Stat("/etc/datagravity/datagravity.yaml"); errors.Is(err, os.ErrNotExist) {
		_, err := Find("")
		var e *Error
		want := "no configuration found (looked for datagravity.yaml, " + home + "/.config/datagravity/datagravity.yaml, " +
			"/etc/datagravity/datagravity.yaml); datagravity init writes a commented one to start from, --config FILE names another"
		if !errors.As(err, &e) || e.Error() != want {
			t.Errorf("error %v\nwant  %s", err, want)
		}
	}
	check("anything.yaml", "anything.yaml")
	inHome := write(filepath.Join(home, ".config", "datagravity"))
	check("", inHome)
	t.Setenv("XDG_CONFIG_HOME", xdgHome)
	check("", write(filepath.Join(xdgHome, "datagravity")))
	write(".")
	check("", FileName)
	check(inHome, inHome)
}

func TestFindDoesNotPassOver(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Symlink(FileName, FileName); err != nil {
		t.Fatal(err)
	}
	if p, err := Find(""); err == nil {
		t.Errorf("found %s past a file that cannot be read", p)
	}
}
