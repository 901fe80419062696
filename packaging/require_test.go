package packaging

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// requireSystemd in the environment makes a test that cannot run fail, so that CI does not pass without it.
const requireSystemd = "DATAGRAVITY_REQUIRE_SYSTEMD"

// packagesIn names the folder with the packages that are tested.
const packagesIn = "DATAGRAVITY_PACKAGES"

func missing(t *testing.T, format string, a ...any) {
	t.Helper()
	if os.Getenv(requireSystemd) != "" {
		t.Fatalf(requireSystemd+" is set, but "+format, a...)
	}
	t.Skipf("not tested: "+format, a...)
}

// tool is a program of the system's.
func tool(t *testing.T, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, "there is no %s here; on Debian: apt-get install %s", name, debian)
	}
	return path
}

// built is the package for this machine, deb or rpm.
func built(t *testing.T, format string) string {
	t.Helper()
	dir := os.Getenv(packagesIn)
	if dir == "" {
		missing(t, "%s names no folder with packages: run make package", packagesIn)
	}
	arch := runtime.GOARCH
	if format == "rpm" {
		arch = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[arch]
	}
	list, err := filepath.Glob(filepath.Join(dir, "datagravity*"+arch+"."+format))
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 {
		t.Fatalf("%d packages of format %s for %s in %s, want one: run make package", len(list), format, runtime.GOARCH, dir)
	}
	return list[0]
}

// output runs a program, which must succeed.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// unpacked is the deb's files in a folder, which has a short path: sockets will be in it.
func unpacked(t *testing.T) (root string) {
	t.Helper()
	dpkg, deb := tool(t, "dpkg-deb", "dpkg"), built(t, "deb")
	root, err := os.MkdirTemp("", "dg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(root); err != nil {
			t.Error(err)
		}
	})
	output(t, dpkg, "-x", deb, root)
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestProgramIsStatic(t *testing.T) {
	f, err := elf.Open(filepath.Join(unpacked(t), "usr/bin/datagravity"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("it needs a dynamic loader, which a container from scratch does not have")
		}
	}
}
