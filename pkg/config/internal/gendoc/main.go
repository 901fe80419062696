// Command gendoc writes docs/config.md from the comments and tags of pkg/config/types.go. Run it anywhere in the module:
//
//	go run ./pkg/config/internal/gendoc
//
// A test fails while the committed file is not what it would write.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gendoc:", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	text, err := renderTypes(root)
	if err != nil {
		return err
	}
	return os.WriteFile(docPath(root), text, 0o644)
}

func docPath(root string) string { return filepath.Join(root, "docs", "config.md") }

// renderTypes makes the document of a module.
func renderTypes(root string) ([]byte, error) {
	dir := filepath.Join(root, "pkg", "config")
	source, err := os.ReadFile(filepath.Join(dir, "types.go"))
	if err != nil {
		return nil, err
	}
	example, err := os.ReadFile(filepath.Join(dir, "example.yaml"))
	if err != nil {
		return nil, err
	}
	return render(source, example)
}

// moduleRoot is the nearest directory above that has a go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		_, err := os.Stat(filepath.Join(dir, "go.mod"))
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod at or above the working directory: %w", err)
		}
	}
	return "", err
}
