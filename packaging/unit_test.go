package packaging

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mostExposed is what a unit may have, in tenths, of the 100 that systemd-analyze gives to one without any sandboxing.
const mostExposed = "20"

// drop puts an example into a unit, as an administrator would; its comments that are settings are taken off.
func drop(t *testing.T, dir, unit, example string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("systemd/examples", example))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.SplitSeq(string(text), "\n") {
		if setting := strings.TrimPrefix(line, "#"); setting != line && !strings.HasPrefix(setting, " ") && strings.Contains(setting, "=") {
			line = setting
		}
		out = append(out, line)
	}
	into := filepath.Join(dir, unit+".d")
	if err := os.MkdirAll(into, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(into, example), []byte(strings.Join(out, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// examples that the systemd of this machine knows.
func examples(t *testing.T) (names []string) {
	t.Helper()
	list, err := filepath.Glob("systemd/examples/*.conf")
	if err != nil || len(list) == 0 {
		t.Fatalf("%v, %v", list, err)
	}
	for _, path := range list {
		if name := filepath.Base(path); name != "notify-reload.conf" { // needs 253; Debian 12 has 252
			names = append(names, name)
		}
	}
	return names
}

func TestSandbox(t *testing.T) {
	analyze := tool(t, "systemd-analyze", "systemd")
	for _, unit := range []string{"datagravity.service", "datagravity-sync@.service"} {
		out, err := exec.Command(analyze, "security", "--no-pager", "--offline=true", "--threshold="+mostExposed, "systemd/"+unit).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", unit, err, out)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		t.Logf("%s", lines[len(lines)-1])
	}
	// The threshold is one that can be missed.
	bare := filepath.Join(t.TempDir(), "bare.service")
	if err := os.WriteFile(bare, []byte("[Service]\nExecStart=/bin/true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command(analyze, "security", "--no-pager", "--offline=true", "--threshold="+mostExposed, bare).Run(); err == nil {
		t.Error("a unit without any sandboxing passes")
	}
}

// Two units with one sandbox: what is mended in one must be mended in the other.
func TestSandboxesAreTheSame(t *testing.T) {
	of := func(name string) string {
		text, err := os.ReadFile("systemd/" + name)
		if err != nil {
			t.Fatal(err)
		}
		_, sandbox, ok := bytes.Cut(text, []byte("# Nothing may be written"))
		if !ok {
			t.Fatalf("%s has no sandbox", name)
		}
		sandbox, _, _ = bytes.Cut(sandbox, []byte("\n[Install]"))
		return string(bytes.TrimSpace(sandbox))
	}
	if a, b := of("datagravity.service"), of("datagravity-sync@.service"); a != b {
		t.Errorf("datagravity.service has\n%s\nand datagravity-sync@.service\n%s", a, b)
	}
}

func TestUnitsAreRight(t *testing.T) {
	analyze, root := tool(t, "systemd-analyze", "systemd"), unpacked(t)
	// What a unit calls beside the program is the system's.
	if err := os.MkdirAll(filepath.Join(root, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "bin/kill"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	verify := func() (string, error) {
		out, err := exec.Command(analyze, "verify", "--root="+root, "--man=no", "--recursive-errors=no",
			"datagravity.service", "datagravity-sync@c4.service", "datagravity-sync@c4.timer").CombinedOutput()
		return string(out), err
	}
	if out, err := verify(); err != nil || out != "" {
		t.Fatalf("as installed: %v\n%s", err, out)
	}
	for _, name := range examples(t) {
		drop(t, filepath.Join(root, "etc/systemd/system"), "datagravity.service", name)
		if out, err := verify(); err != nil || out != "" {
			t.Errorf("with %s: %v\n%s", name, err, out)
		}
	}
	if err := os.Remove(filepath.Join(root, "usr/bin/datagravity")); err != nil {
		t.Fatal(err)
	}
	if out, err := verify(); err == nil || !strings.Contains(out, "/usr/bin/datagravity is not executable") {
		t.Errorf("without the program: %v\n%s", err, out)
	}
}

// The user and the directory that the units need are made by what systemd's own tools read.
func TestUserAndDirectory(t *testing.T) {
	users, files := tool(t, "systemd-sysusers", "systemd"), tool(t, "systemd-tmpfiles", "systemd")
	if os.Getuid() != 0 {
		missing(t, "only root can give a directory to another user")
	}
	root := unpacked(t)
	output(t, users, "--root="+root, "datagravity.conf")
	passwd, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	if err != nil || !strings.Contains(string(passwd), ":/var/lib/datagravity:/usr/sbin/nologin\n") || !strings.HasPrefix(string(passwd), "datagravity:x:") {
		t.Errorf("got %q, %v", passwd, err)
	}
	output(t, files, "--root="+root, "--create", "datagravity.conf")
	info, err := os.Stat(filepath.Join(root, "var/lib/datagravity"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the state directory: %v, %v", info, err)
	}
}
