// Command reproducible builds the program twice, as two people would: here, and from a copy without version control in another folder, with another
// cache, home and time zone. It fails when the bytes differ:
//
//	go run ./internal/reproducible [-cold] [-ldflags FLAGS] [PACKAGE]
//
// What -trimpath leaves out, what version control would put in, and what generators or the linker take from their surroundings all shows here. The
// second cache has the packages of other modules from the first one, and ours are compiled anew; with -cold everything is, which takes minutes.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	cold := flag.Bool("cold", false, "begin the second build with an empty cache")
	ldflags := flag.String("ldflags", "", "`flags` of the linker, for both builds")
	flag.Parse()
	pkg := "./cmd/datagravity"
	if flag.NArg() > 0 {
		pkg = flag.Arg(0)
	}
	dir, err := os.Getwd()
	if err == nil {
		err = (&comparison{dir: dir, pkg: pkg, ldflags: *ldflags, cold: *cold, out: os.Stdout}).run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "reproducible:", err)
		os.Exit(1)
	}
}

// comparison is of two builds of one package of the module in a folder.
type comparison struct {
	dir, pkg, ldflags string
	cold              bool
	out               io.Writer
}

func (c *comparison) run() error {
	tmp, err := os.MkdirTemp("", "reproducible-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	here, there := filepath.Join(tmp, "here.bin"), filepath.Join(tmp, "there.bin")
	if err := c.build(c.dir, here, nil); err != nil {
		return err
	}
	copied := filepath.Join(tmp, "another", "folder", "of", "somebody", "else")
	if err := copySource(c.dir, copied); err != nil {
		return err
	}
	cache, err := c.secondCache()
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(cache) }()
	modules, err := goEnv(c.dir, "GOMODCACHE")
	if err != nil {
		return err
	}
	home := filepath.Join(tmp, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	if err := c.build(copied, there, []string{"GOCACHE=" + cache, "GOMODCACHE=" + modules, "HOME=" + home, "USER=somebody", "LOGNAME=somebody",
		"TZ=Asia/Kathmandu", "LANG=C", "SOURCE_DATE_EPOCH=1", "TMPDIR=" + home}); err != nil {
		return err
	}
	a, err := digest(here)
	if err != nil {
		return err
	}
	b, err := digest(there)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s  built here\n%s  built in another folder\n", a, b)
	if a != b {
		return fmt.Errorf("the two builds differ; what each says of itself:\n%s", difference(here, there))
	}
	return nil
}

func (c *comparison) build(dir, to string, env []string) error {
	cmd := exec.Command("go", "build", "-ldflags", c.ldflags, "-o", to, c.pkg)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build in %s: %w\n%s", dir, err, out)
	}
	return nil
}

func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), errors.Join(err, f.Close())
}

// difference is what the build information of two programs does not have in common.
func difference(a, b string) string {
	info := func(path string) []string {
		out, err := exec.Command("go", "version", "-m", path).CombinedOutput()
		if err != nil {
			return []string{err.Error()}
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return lines[1:] // the first one begins with the path
	}
	var out strings.Builder
	for sign, pair := range map[string][2][]string{"-": {info(a), info(b)}, "+": {info(b), info(a)}} {
		other := strings.Join(pair[1], "\n") + "\n"
		for _, line := range pair[0] {
			if !strings.Contains(other, line+"\n") {
				out.WriteString(sign + line + "\n")
			}
		}
	}
	if out.Len() == 0 {
		return "nothing that the build information tells: look for a path or a time in the bytes"
	}
	return out.String()
}
