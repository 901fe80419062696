package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// unneeded are folders of the checkout that are no source.
var unneeded = map[string]bool{".git": true, ".cache": true, "build": true, "bin": true}

// copySource copies a module's files, not what version control and builds have beside them.
func copySource(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case unneeded[rel] && d.IsDir():
			return fs.SkipDir
		case unneeded[rel]: // .git of a worktree is a file
			return nil
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		case !d.Type().IsRegular():
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	})
}

// secondCache makes a build cache of its own: empty, or with all that the first one has but what our packages were compiled to.
func (c *comparison) secondCache() (string, error) {
	first, err := goEnv(c.dir, "GOCACHE")
	if err != nil {
		return "", err
	}
	// Beside it, so that its files can be linked.
	dir, err := os.MkdirTemp(filepath.Dir(first), "reproducible-")
	if err != nil || c.cold {
		return dir, err
	}
	ours, err := c.compiled()
	if err == nil {
		err = linkAll(first, dir, ours)
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return dir, nil
}

// compiled are the files of the cache that our own packages were compiled to.
func (c *comparison) compiled() (map[string]bool, error) {
	cmd := exec.Command("go", "list", "-export", "-deps", "-f", "{{if .Module}}{{if .Module.Main}}{{.Export}}{{end}}{{end}}", c.pkg)
	cmd.Dir = c.dir
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	files := map[string]bool{}
	for _, path := range strings.Fields(string(out)) {
		files[path] = true
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("go list tells of no compiled package of ours behind %s", c.pkg)
	}
	return files, nil
}

// linkAll makes links of a folder's files, but of some.
func linkAll(from, to string, but map[string]bool) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // the cache is in use, and trimmed now and then
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		case but[path] || !d.Type().IsRegular():
			return nil
		}
		if err := os.Link(path, filepath.Join(to, rel)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

func goEnv(dir, name string) (string, error) {
	cmd := exec.Command("go", "env", name)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go env %s: %w", name, err)
	}
	return strings.TrimSpace(string(out)), nil
}
