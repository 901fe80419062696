package emulator

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

	ToolKubernetes Tool = "kubernetes" // kube-apiserver and etcd
	ToolKueue      Tool = "kueue"      // Kueue's manager
)

// kinds are how each of them is made.
var kinds = map[Tool]kind{
	// It knows API versions up to 2026-06-06, older than the SDK's; see StartAzurite for the flag that needs.
	ToolAzurite: npmTool{"azurite", "3.37.0", []string{".bin", "azurite-blob"}},
	ToolAxe:     npmTool{"axe-core", "4.14.1", []string{"axe-core", "axe.min.js"}},

	ToolS3:     goTool{"github.com/versity/versitygw/cmd/versitygw", "github.com/versity/versitygw", "v1.8.0"},
	ToolGCS:    goTool{"github.com/fsouza/fake-gcs-server", "github.com/fsouza/fake-gcs-server", "v1.56.1"},
	ToolRclone: goTool{"github.com/rclone/rclone", "github.com/rclone/rclone", "v1.76.0"},
	ToolLint:   goTool{"github.com/golangci/golangci-lint/v2/cmd/golangci-lint", "github.com/golangci/golangci-lint/v2", "v2.15.0"},

	ToolPackage:   goTool{"github.com/goreleaser/nfpm/v2/cmd/nfpm", "github.com/goreleaser/nfpm/v2", "v2.45.2"},
	ToolSBOM:      goTool{"github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod", "github.com/CycloneDX/cyclonedx-gomod", "v1.10.0"},
	ToolVulncheck: goTool{"golang.org/x/vuln/cmd/govulncheck", "golang.org/x/vuln", "v1.9.0"},

	ToolKubernetes: moduleTool{
		folder: "kubernetes", module: "k8s.io/kubernetes", version: "v1.37.2",
		programs: []program{
			// Clients, and Kueue, refuse a server that does not say its version.
			{"k8s.io/kubernetes/cmd/kube-apiserver", "kube-apiserver", "-X k8s.io/component-base/version.gitVersion=v1.37.2 " +
				"-X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37"},
			{"go.etcd.io/etcd/server/v3", "etcd", ""},
		},
	},
	ToolKueue: moduleTool{
		folder: "kueue", module: "sigs.k8s.io/kueue", version: "v0.17.0",
		programs: []program{{"sigs.k8s.io/kueue/cmd/kueue", "kueue", ""}},
	},
}

// kind is a way to make a tool.
type kind interface {
	// pinned names what is made, with its version.
	pinned() string
	// path is where the program is, or the folder where several are.
	path(cache string) string
	// place is what is put into the cache: path, or a folder around it.
	place(cache string) string
	// check tells why what is in the cache cannot be used: absent, broken, or another version than the pinned one.
	check(cache string) error
	// commands make it in an empty folder; built is what they leave for place.
	commands(ctx context.Context, tmp string) (list []*exec.Cmd, built string, err error)
}

// ParseTool reads the name of a tool.
func ParseTool(s string) (Tool, error) {
	if _, ok := kinds[Tool(s)]; ok {
		return Tool(s), nil
	}
	var names []string
	for t := range kinds {
		names = append(names, string(t))
	}
	slices.Sort(names)
	return "", fmt.Errorf("no tool is called %q: choose from %s", s, strings.Join(names, ", "))
}

// Path is where the tool's program is, or will be once [Ensure] has built it; of [ToolKubernetes] and [ToolKueue] the folder of programs.
func (t Tool) Path() (string, error) {
	dir, err := CacheDir()
	if err != nil {
		return "", err
	}
	return kinds[t].path(dir), nil
}

// Cached tells whether the tool is there at the pinned version; nil: it is.
func (t Tool) Cached() error {
	dir, err := CacheDir()
	if err != nil {
		return err
	}
	return kinds[t].check(dir)
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
		if kinds[t].check(cache) == nil {
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
	k := kinds[t]
	why := k.check(cache)
	if why == nil { // another process built it while we waited for the lock
		return nil
	}
	tmp, err := os.MkdirTemp(cache, "build-"+string(t)+"-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()

	start := time.Now()
	fmt.Fprintf(os.Stderr, "%s: building %s (once, takes minutes): %v\n", t, k.pinned(), why)
	cmds, built, err := k.commands(ctx, tmp)
	if err != nil {
		return err
	}
	for _, cmd := range cmds {
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w: it needs %s in the PATH and the network:\n%s", strings.Join(cmd.Args, " "), err, cmd.Args[0], tail(out.Bytes()))
		}
	}
	place := k.place(cache)
	if err := os.RemoveAll(place); err != nil {
		return err
	}
	if err := os.Rename(built, place); err != nil {
		return err
	}
	if err := k.check(cache); err != nil {
		return fmt.Errorf("%s was built but is not usable: %w", t, err)
	}
	fmt.Fprintf(os.Stderr, "%s: built in %s\n", t, time.Since(start).Round(time.Second))
	return nil
}

// Program builds the tool if need be and returns its path.
func Program(ctx context.Context, t Tool) (string, error) {
	if err := Ensure(ctx, t); err != nil {
		return "", err
	}
	return t.Path()
}
