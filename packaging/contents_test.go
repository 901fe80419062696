package packaging

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/config"
)

// installed is what must be in a package, with its mode; everything belongs to root. Of manual pages only some are named.
var installed = map[string]string{
	"/usr/bin/datagravity":                              "-rwxr-xr-x",
	"/etc/datagravity":                                  "drwxr-xr-x",
	"/etc/datagravity/credentials":                      "drwx------",
	"/etc/datagravity/sync":                             "drwxr-xr-x",
	"/etc/datagravity/datagravity.yaml":                 "-rw-r--r--",
	"/usr/lib/systemd/system/datagravity.service":       "-rw-r--r--",
	"/usr/lib/systemd/system/datagravity-sync@.service": "-rw-r--r--",
	"/usr/lib/systemd/system/datagravity-sync@.timer":   "-rw-r--r--",
	"/usr/lib/sysusers.d/datagravity.conf":              "-rw-r--r--",
	"/usr/lib/tmpfiles.d/datagravity.conf":              "-rw-r--r--",
	"/usr/share/man/man1/datagravity.1.gz":              "-rw-r--r--",
	"/usr/share/man/man1/datagravity-sync.1.gz":         "-rw-r--r--",
	"/usr/share/man/man5/datagravity.yaml.5.gz":         "-rw-r--r--",
	"/usr/share/man/man8/datagravity-daemon.8.gz":       "-rw-r--r--",

	"/usr/share/bash-completion/completions/datagravity":     "-rw-r--r--",
	"/usr/share/fish/vendor_completions.d/datagravity.fish":  "-rw-r--r--",
	"/usr/share/doc/datagravity/LICENSE":                     "-rw-r--r--",
	"/usr/share/doc/datagravity/copyright":                   "-rw-r--r--",
	"/usr/share/doc/datagravity/sbom.cdx.json":               "-rw-r--r--",
	"/usr/share/doc/datagravity/examples/datagravity.yaml":   "-rw-r--r--",
	"/usr/share/doc/datagravity/examples/credentials.conf":   "-rw-r--r--",
	"/usr/share/doc/datagravity/examples/directories.conf":   "-rw-r--r--",
	"/usr/share/doc/datagravity/examples/dynamic-user.conf":  "-rw-r--r--",
	"/usr/share/doc/datagravity/examples/notify-reload.conf": "-rw-r--r--",
}

// compare looks at what is installed, and refuses what nobody expects: files of another user, files that others may write, strange places.
func compare(t *testing.T, have map[string]string, also string) {
	t.Helper()
	want := map[string]string{also: "-rw-r--r--"}
	for path, mode := range installed {
		want[path] = mode
	}
	for path, mode := range want {
		if have[path] != mode+" root root" {
			t.Errorf("%s is %q, want %q", path, have[path], mode+" root root")
		}
	}
	for path, mode := range have {
		_, known := want[path]
		page := strings.HasPrefix(path, "/usr/share/man/man1/datagravity-") && mode == "-rw-r--r-- root root"
		folder := mode == "drwxr-xr-x root root"
		if !known && !page && !folder {
			t.Errorf("nobody expects %s, %s", path, mode)
		}
	}
}

func TestContentsOfTheDeb(t *testing.T) {
	dpkg, deb := tool(t, "dpkg-deb", "dpkg"), built(t, "deb")
	archive, err := exec.Command(dpkg, "--fsys-tarfile", deb).Output()
	if err != nil {
		t.Fatal(err)
	}
	have, times := map[string]string{}, map[int64]int{}
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 {
			t.Errorf("%s belongs to %d:%d", h.Name, h.Uid, h.Gid)
		}
		times[h.ModTime.Unix()]++
		path := strings.TrimSuffix(strings.TrimPrefix(h.Name, "."), "/")
		have[path] = fmt.Sprintf("%s %s %s", h.FileInfo().Mode(), h.Uname, h.Gname)
	}
	compare(t, have, "/usr/share/zsh/vendor-completions/_datagravity")
	if len(times) != 1 {
		t.Errorf("files have %d different times, want the commit's alone: %v", len(times), times)
	}

	control := t.TempDir()
	output(t, dpkg, "-e", deb, control)
	for name, want := range map[string]string{"conffiles": "/etc/datagravity/datagravity.yaml\n", "md5sums": "usr/bin/datagravity\n"} {
		text, err := os.ReadFile(filepath.Join(control, name))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s is %q, %v; want %q in it", name, text, err, want)
		}
	}
	for _, name := range []string{"postinst", "prerm", "postrm"} {
		if info, err := os.Stat(filepath.Join(control, name)); err != nil || info.Mode().Perm()&0o111 == 0 {
			t.Errorf("%s is there to be run: %v, %v", name, info, err)
		}
	}
}

func TestContentsOfTheRPM(t *testing.T) {
	rpm, file := tool(t, "rpm", "rpm"), built(t, "rpm")
	have := map[string]string{}
	format := `[%{FILENAMES}\t%{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME}\t%{FILEFLAGS:fflags}\n]`
	for line := range strings.SplitSeq(strings.TrimSuffix(output(t, rpm, "-qp", "--qf", format, file), "\n"), "\n") {
		f := strings.Split(line, "\t")
		have[f[0]] = f[1]
		if configuration := f[0] == "/etc/datagravity/datagravity.yaml"; configuration != strings.Contains(f[2], "c") || configuration != strings.Contains(f[2], "n") {
			t.Errorf("%s has the flags %q; the configuration alone is a configuration that is not replaced", f[0], f[2])
		}
	}
	compare(t, have, "/usr/share/zsh/site-functions/_datagravity")
	if host := output(t, rpm, "-qp", "--qf", "%{BUILDHOST}", file); host != "localhost" {
		t.Errorf("it tells that %s built it", host)
	}
	scripts := output(t, rpm, "-qp", "--scripts", file)
	for _, want := range []string{"postinstall scriptlet", "preuninstall scriptlet", "postuninstall scriptlet"} {
		if !strings.Contains(scripts, want) {
			t.Errorf("no %s in\n%s", want, scripts)
		}
	}
}

func TestScriptsParse(t *testing.T) {
	for _, dir := range []string{"deb", "rpm"} {
		scripts, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(scripts) != 3 {
			t.Fatalf("scripts of %s: %v, %v", dir, scripts, err)
		}
		for _, s := range scripts {
			output(t, "sh", "-n", s)
		}
	}
}

// The list of what is in the program names the modules that the program says are in it.
func TestSBOM(t *testing.T) {
	root := unpacked(t)
	text, err := os.ReadFile(filepath.Join(root, "usr/share/doc/datagravity/sbom.cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var bom struct {
		Format     string `json:"bomFormat"`
		Components []struct {
			Name, Version string
			Purl          string
			Evidence      struct{ Licenses []any }
		}
	}
	if err := json.Unmarshal(text, &bom); err != nil || bom.Format != "CycloneDX" {
		t.Fatalf("%q, %v", bom.Format, err)
	}
	have := map[string]string{}
	for _, c := range bom.Components {
		have[c.Name] = c.Version
		if len(c.Evidence.Licenses) == 0 && c.Name != "std" {
			t.Errorf("%s has no licence", c.Name)
		}
		if !strings.HasPrefix(c.Purl, "pkg:golang/") {
			t.Errorf("%s has the package URL %q", c.Name, c.Purl)
		}
	}
	want := map[string]string{}
	for line := range strings.SplitSeq(output(t, "go", "version", "-m", filepath.Join(root, "usr/bin/datagravity")), "\n") {
		if f := strings.Fields(line); len(f) >= 3 && f[0] == "dep" {
			want[f[1]] = f[2]
		} else if len(f) == 2 && strings.HasSuffix(f[0], "datagravity:") {
			want["std"] = f[1]
		}
	}
	if len(want) < 10 {
		t.Fatalf("go version -m tells of %d modules", len(want))
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("-in the program +in the list:\n%s", diff)
	}
}

// As installed, nothing is configured, and that is no mistake.
func TestDefaultConfiguration(t *testing.T) {
	c, err := config.Load("datagravity.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if c.Agent.State != "/var/lib/datagravity" || c.Agent.Socket != "/run/datagravity/datagravity.sock" || len(c.Stores)+len(c.Datasets)+len(c.Destinations) != 0 {
		t.Errorf("got %+v", c)
	}
	// What it has as comments is right once they are taken off.
	text, err := os.ReadFile("datagravity.yaml")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i, l := range lines {
		if rest, ok := strings.CutPrefix(l, "# "); ok && (strings.HasSuffix(rest, ":") || strings.HasPrefix(rest, "  ")) && i > 15 {
			lines[i] = rest
		}
	}
	all := filepath.Join(t.TempDir(), "all.yaml")
	if err := os.WriteFile(all, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err = config.Load(all); err != nil {
		t.Fatalf("with its comments taken off: %v", err)
	}
	if len(c.Stores) != 2 || len(c.Datasets) != 1 || len(c.Destinations) != 1 || len(c.Budgets) != 1 || c.Jobs.Folder == "" {
		t.Errorf("with its comments taken off: %+v", c)
	}
}
