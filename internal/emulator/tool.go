package emulator

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Tool names a program that [Ensure] can build.
type Tool string

// The programs, each at one version.
const (
	ToolAzurite Tool = "azurite" // Azure Blob server, by npm
	ToolS3      Tool = "s3"      // versitygw, the S3 server
	ToolGCS     Tool = "gcs"     // fake-gcs-server
	ToolRclone  Tool = "rclone"  // what the benchmarks compare with
	ToolAxe     Tool = "axe"     // axe-core, by npm: what the dashboard's pages are checked with for people who cannot see them as others do
	ToolLint    Tool = "lint"    // golangci-lint

	ToolPackage   Tool = "nfpm"            // makes deb and rpm
	ToolSBOM      Tool = "cyclonedx-gomod" // lists what is in a program
	ToolVulncheck Tool = "govulncheck"     // known vulnerabilities
)

// npmTool is a package of npm, and what of it is used.
type npmTool struct {
	pkg, version string
	program      []string // below node_modules
}

var npmTools = map[Tool]npmTool{
	// It knows API versions up to 2026-06-06, older than the SDK's; see StartAzurite for the flag that needs.
	ToolAzurite: {"azurite", "3.37.0", []string{".bin", "azurite-blob"}},
	ToolAxe:     {"axe-core", "4.14.1", []string{"axe-core", "axe.min.js"}},
}

// dir of a package in the cache, which names its version.
func (n npmTool) dir(cache string) string { return filepath.Join(cache, n.pkg+"-"+n.version) }

// goTool is a program that `go install` builds from the module proxy alone.
type goTool struct {
	pkg, module, version string
}

var goTools = map[Tool]goTool{
	ToolS3:     {"github.com/versity/versitygw/cmd/versitygw", "github.com/versity/versitygw", "v1.8.0"},
	ToolGCS:    {"github.com/fsouza/fake-gcs-server", "github.com/fsouza/fake-gcs-server", "v1.56.1"},
	ToolRclone: {"github.com/rclone/rclone", "github.com/rclone/rclone", "v1.76.0"},
	ToolLint:   {"github.com/golangci/golangci-lint/v2/cmd/golangci-lint", "github.com/golangci/golangci-lint/v2", "v2.15.0"},

	ToolPackage:   {"github.com/goreleaser/nfpm/v2/cmd/nfpm", "github.com/goreleaser/nfpm/v2", "v2.45.2"},
	ToolSBOM:      {"github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod", "github.com/CycloneDX/cyclonedx-gomod", "v1.10.0"},
	ToolVulncheck: {"golang.org/x/vuln/cmd/govulncheck", "golang.org/x/vuln", "v1.9.0"},
}

// ParseTool reads the name of a tool.
func ParseTool(s string) (Tool, error) {
	t := Tool(s)
	_, isGo := goTools[t]
	if _, isNpm := npmTools[t]; isGo || isNpm {
		return t, nil
	}
	return "", fmt.Errorf("no tool is called %q: choose from %s, %s, %s, %s, %s, %s, %s, %s, %s", s,
		ToolAzurite, ToolS3, ToolGCS, ToolRclone, ToolAxe, ToolLint, ToolPackage, ToolSBOM, ToolVulncheck)
}

// Path is where the tool's program is, or will be once [Ensure] has built it.
func (t Tool) Path() (string, error) {
	dir, err := CacheDir()
	if err != nil {
		return "", err
	}
	return t.pathIn(dir), nil
}

func (t Tool) pathIn(cache string) string {
	if n, ok := npmTools[t]; ok {
		return filepath.Join(append([]string{n.dir(cache), "node_modules"}, n.program...)...)
	}
	return filepath.Join(cache, "bin", filepath.Base(goTools[t].pkg))
}

// check tells why the tool in the cache cannot be used: absent, broken, or another version than the pinned one.
func (t Tool) check(cache string) error {
	path := t.pathIn(cache)
	if n, ok := npmTools[t]; ok {
		if _, err := os.Stat(path); err != nil {
			return err
		}
		data, err := os.ReadFile(filepath.Join(n.dir(cache), "node_modules", n.pkg, "package.json"))
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
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return err
	}
	want := goTools[t]
	if info.Main.Path != want.module || info.Main.Version != want.version {
		return fmt.Errorf("%s is %s %s, want %s %s", path, info.Main.Path, info.Main.Version, want.module, want.version)
	}
	return nil
}

// Ensure builds those of the tools that the cache does not hold at the pinned version. It says on stderr what it builds,
// since that takes minutes on a fresh machine. It needs go in the PATH, and npm for Azurite and axe-core.
func Ensure(ctx context.Context, tools ...Tool) error {
	cache, err := CacheDir()
	if err != nil {
		return err
	}
	for _, t := range tools {
		if _, err := ParseTool(string(t)); err != nil {
			return err
		}
		if t.check(cache) == nil {
			continue
		}
		if err := t.build(ctx, cache); err != nil {
			return err
		}
	}
	return nil
}

// build makes the tool in a folder of its own and renames it into place, so that nobody ever starts half a program.
func (t Tool) build(ctx context.Context, cache string) error {
	if err := os.MkdirAll(filepath.Join(cache, "bin"), 0o755); err != nil {
		return err
	}
	unlock, err := lockFile(filepath.Join(cache, string(t)+".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	why := t.check(cache)
	if why == nil { // another process built it while we waited for the lock
		return nil
	}
	tmp, err := os.MkdirTemp(cache, "build-"+string(t)+"-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()

	start := time.Now()
	fmt.Fprintf(os.Stderr, "%s: building %s (once, takes minutes): %v\n", t, t.pinned(), why)
	cmd, built, place := t.buildCommand(ctx, cache, tmp)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: it needs %s in the PATH and the network:\n%s",
			strings.Join(cmd.Args, " "), err, cmd.Args[0], tail(out.Bytes()))
	}
	if err := os.RemoveAll(place); err != nil {
		return err
	}
	if err := os.Rename(built, place); err != nil {
		return err
	}
	if err := t.check(cache); err != nil {
		return fmt.Errorf("%s was built but is not usable: %w", t, err)
	}
	fmt.Fprintf(os.Stderr, "%s: built in %s\n", t, time.Since(start).Round(time.Second))
	return nil
}

func (t Tool) pinned() string {
	if n, ok := npmTools[t]; ok {
		return n.pkg + "@" + n.version
	}
	return goTools[t].pkg + "@" + goTools[t].version
}

// buildCommand returns the command, what it leaves in tmp, and the place that goes to.
func (t Tool) buildCommand(ctx context.Context, cache, tmp string) (cmd *exec.Cmd, built, place string) {
	if n, ok := npmTools[t]; ok {
		cmd = exec.CommandContext(ctx, "npm", "install", "--no-audit", "--no-fund", "--prefix", tmp, t.pinned())
		cmd.Dir = tmp
		return cmd, tmp, n.dir(cache)
	}
	cmd = exec.CommandContext(ctx, "go", "install", "-trimpath", t.pinned())
	cmd.Dir = tmp
	// A cross-compiling caller still needs a program for this machine; go install refuses GOBIN with a foreign GOOS.
	cmd.Env = append(os.Environ(), "GOBIN="+tmp, "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=", "GOOS=", "GOARCH=")
	path := t.pathIn(cache)
	return cmd, filepath.Join(tmp, filepath.Base(path)), path
}

// Program builds the tool if need be and returns its path.
func Program(ctx context.Context, t Tool) (string, error) {
	if err := Ensure(ctx, t); err != nil {
		return "", err
	}
	return t.Path()
}
