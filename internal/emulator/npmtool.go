package emulator

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// npmTool is a package of npm, and what of it is used.
type npmTool struct {
	pkg, version string
	program      []string // below node_modules
}

var _ kind = npmTool{}

func (n npmTool) pinned() string { return n.pkg + "@" + n.version }

// place of a package in the cache names its version.
func (n npmTool) place(cache string) string { return filepath.Join(cache, n.pkg+"-"+n.version) }

func (n npmTool) path(cache string) string {
	return filepath.Join(append([]string{n.place(cache), "node_modules"}, n.program...)...)
}

func (n npmTool) check(cache string) error {
	path := n.path(cache)
	if _, err := os.Stat(path); err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(n.place(cache), "node_modules", n.pkg, "package.json"))
	if err != nil {
		return err
	}
	var manifest struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		return err
	}
	if manifest.Version != n.version {
		return fmt.Errorf("%s is version %s, want %s", path, manifest.Version, n.version)
	}
	return nil
}

func (n npmTool) commands(ctx context.Context, tmp string) ([]*exec.Cmd, string, error) {
	cmd := exec.CommandContext(ctx, "npm", "install", "--no-audit", "--no-fund", "--prefix", tmp, n.pinned())
	cmd.Dir = tmp
	return []*exec.Cmd{cmd}, tmp, nil
}
