package emulator

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// moduleTool are programs that no `go install` builds, because their module has replacements: a module of this repository that is there for nothing else,
// in kubernetes/servers, says at which versions.
type moduleTool struct {
	folder          string // in kubernetes/servers
	module, version string // of what the programs are named for
	programs        []program
}

type program struct{ pkg, name, ldflags string }

var _ kind = moduleTool{}

func (m moduleTool) pinned() string { return m.module + "@" + m.version }

func (m moduleTool) path(cache string) string { return filepath.Join(cache, m.folder+"-"+m.version) }

func (m moduleTool) place(cache string) string { return m.path(cache) }

func (m moduleTool) check(cache string) error {
	for _, p := range m.programs {
		path := filepath.Join(m.path(cache), p.name)
		info, err := buildinfo.ReadFile(path)
		if err != nil {
			return err
		}
		if info.Path != p.pkg {
			return fmt.Errorf("%s is %s, want %s", path, info.Path, p.pkg)
		}
		for _, d := range info.Deps {
			if d.Path == m.module && d.Version != m.version {
				return fmt.Errorf("%s is of %s %s, want %s", path, d.Path, d.Version, m.version)
			}
		}
	}
	return nil
}

func (m moduleTool) commands(ctx context.Context, tmp string) (list []*exec.Cmd, built string, err error) {
	root, err := Checkout()
	if err != nil {
		return nil, "", err
	}
	for _, p := range m.programs {
		cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w "+p.ldflags, "-o", filepath.Join(tmp, p.name), p.pkg)
		cmd.Dir = filepath.Join(root, "kubernetes", "servers", m.folder)
		cmd.Env = goEnv()
		list = append(list, cmd)
	}
	return list, tmp, nil
}

// Checkout is the root of this repository around the working directory, also from within one of its nested modules.
func Checkout() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		if b, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && strings.HasPrefix(string(b), moduleLine) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("this is built inside a checkout of datagravity alone")
		}
	}
}

// moduleLine begins the go.mod of the root alone: the name of a nested module goes on.
const moduleLine = "module github.com/datagravity/datagravity\n"
