package packaging

import (
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/datagravity/datagravity/internal/emulator"
)

// The same files give the same packages: not when they were written, not who may read them there, and not on which machine.
func TestPackagesAreReproducible(t *testing.T) {
	dir := os.Getenv(packagesIn)
	for _, format := range []string{"deb", "rpm"} {
		first := built(t, format)
		nfpm, err := emulator.ToolPackage.Path()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(nfpm); err != nil {
			missing(t, "make package would have built nfpm: %v", err)
		}
		again := t.TempDir()
		for from, to := range map[string]string{
			filepath.Join(dir, "manual"):                "build/manual",
			filepath.Join(dir, "linux-"+runtime.GOARCH): "stage",
			".":             "packaging",
			"../pkg/config": "pkg/config",
		} {
			if err := os.CopyFS(filepath.Join(again, to), os.DirFS(from)); err != nil {
				t.Fatal(err)
			}
		}
		license, err := os.ReadFile("../LICENSE")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(again, "LICENSE"), license, 0o600); err != nil {
			t.Fatal(err)
		}
		remade := func(epoch string) [sha256.Size]byte {
			cmd := exec.Command(nfpm, "package", "-f", "packaging/nfpm.yaml", "-p", format, "-t", "./")
			cmd.Dir = again
			cmd.Env = append(os.Environ(), "ARCH="+runtime.GOARCH, "STAGE=stage", "VERSION="+version(t), "SOURCE_DATE_EPOCH="+epoch, "TZ=Asia/Kathmandu")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			return sum(t, filepath.Join(again, filepath.Base(first)))
		}
		if remade(epoch(t)) != sum(t, first) {
			t.Errorf("%s is another one when it is made again", filepath.Base(first))
		}
		if remade("1") == sum(t, first) { // what is compared is made, and can differ
			t.Errorf("%s does not have the commit's time", filepath.Base(first))
		}
	}
}

// version and epoch are what the deb was made with.
func version(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(output(t, tool(t, "dpkg-deb", "dpkg"), "-f", built(t, "deb"), "Version"))
}

func epoch(t *testing.T) string {
	t.Helper()
	return output(t, tool(t, "rpm", "rpm"), "-qp", "--qf", "%{BUILDTIME}", built(t, "rpm"))
}

func sum(t *testing.T, path string) [sha256.Size]byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(b)
}
