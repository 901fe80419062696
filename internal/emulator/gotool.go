package emulator

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// goTool is a program that `go install` builds from the module proxy alone.
type goTool struct {
	pkg, module, version string
}

var _ kind = goTool{}

func (g goTool) pinned() string { return g.pkg + "@" + g.version }

func (g goTool) path(cache string) string { return filepath.Join(cache, "bin", filepath.Base(g.pkg)) }

func (g goTool) place(cache string) string { return g.path(cache) }

func (g goTool) check(cache string) error {
	path := g.path(cache)
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return err
	}
	if info.Main.Path != g.module || info.Main.Version != g.version {
		return fmt.Errorf("%s is %s %s, want %s %s", path, info.Main.Path, info.Main.Version, g.module, g.version)
	}
	return nil
}

func (g goTool) commands(ctx context.Context, tmp string) ([]*exec.Cmd, string, error) {
	cmd := exec.CommandContext(ctx, "go", "install", "-trimpath", g.pinned())
	cmd.Dir = tmp
	cmd.Env = goEnv("GOBIN=" + tmp)
	return []*exec.Cmd{cmd}, filepath.Join(tmp, filepath.Base(g.pkg)), nil
}

// goEnv is the environment of a go command that builds for this machine, whatever the caller builds for; go install refuses GOBIN with a foreign GOOS.
func goEnv(more ...string) []string {
	return append(append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=", "GOOS=", "GOARCH="), more...)
}
