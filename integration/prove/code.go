package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// code is a digest of what a test tries: everything that is built into the program or runs it, and the folder of the test itself. Tests of other
// packages, benchmarks, documents and this program change it not.
func code(root, pkg string) (string, error) {
	h := sha256.New()
	for _, top := range []string{"go.mod", "go.sum", "cmd", "internal", "pkg", "integration"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			rel = filepath.ToSlash(rel)
			own := strings.HasPrefix("./"+rel, pkg+"/")
			if d.IsDir() {
				if !own && "./"+rel != pkg && (d.Name() == "testdata" || beside(rel)) {
					return filepath.SkipDir
				}
				return nil
			}
			if !own && strings.HasSuffix(rel, "_test.go") || strings.HasPrefix(rel, "integration/") && !own && !strings.HasSuffix(rel, ".go") {
				return nil
			}
			return sum(h, path, rel)
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

// beside are folders that no trial runs.
func beside(rel string) bool {
	switch rel {
	case "integration/prove", "integration/bench", "integration/demo", "integration/peers":
		return true
	}
	return false
}

func sum(h io.Writer, path, rel string) error {
	f, err := os.Open(path) //nolint:gosec // of this module
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	fmt.Fprintf(h, "%s\n", rel)
	n, err := io.Copy(h, f)
	fmt.Fprintf(h, "\n%d\n", n)
	return err
}

// commit names what is checked out, with a "+" if files that git knows differ from it, "unknown" where there is no git.
func commit(ctx context.Context, root string) string {
	head, err := exec.CommandContext(ctx, "git", "-C", root, "rev-parse", "--short=10", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(head))
	if exec.CommandContext(ctx, "git", "-C", root, "diff", "--quiet", "HEAD", "--", "*.go", "go.mod", "go.sum").Run() != nil {
		name += "+"
	}
	return name
}
