package cluster

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/datagravity/datagravity/internal/emulator"
)

// DaemonOptions say what a daemon is for.
type DaemonOptions struct {
	// More is added to its configuration: budgets, for example.
	More string
}

// Daemon is a real daemon: dataset c4 in a directory, and destination lab in another one, across a link that costs what the clouds' does.
type Daemon struct {
	// URL of its API, and what a client needs beside it.
	URL, CA, TokenFile string
	// Source and Lab are the folders of the dataset's shards, and of the destination's.
	Source, Lab string

	process
	t   testing.TB
	dir string
	bin string
}

const daemonConfig = `agent: {name: kubernetes-test, location: "azure:eastus", state: state}
stores:
  training: {url: "file://%s", location: "azure:eastus"}
  rack: {url: "file://%s?create_dir=true", location: "onprem:lab1"}
datasets:
  c4: {store: training, prefix: c4/, watch: {every: 10s}}
destinations:
  lab: {store: rack, prefix: c4/}
api: {listen: "127.0.0.1:%d"}
`

// built are the programs that were built, by folder and package.
var built sync.Map

// Program builds a command once a package and returns its path. dir is a module's folder below the root, "" or "kubernetes".
func Program(t testing.TB, dir, pkg string) string {
	t.Helper()
	once, _ := built.LoadOrStore(dir+" "+pkg, sync.OnceValues(func() (string, error) {
		root, err := emulator.Checkout()
		if err != nil {
			return "", err
		}
		to, err := os.MkdirTemp("", "datagravity-program-")
		if err != nil {
			return "", err
		}
		atEnd(func() error { return os.RemoveAll(to) })
		path := filepath.Join(to, filepath.Base(pkg))
		cmd := exec.Command("go", "build", "-o", path, pkg)
		cmd.Dir = filepath.Join(root, dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
		}
		return path, nil
	}))
	path, err := once.(func() (string, error))() //nolint:forcetypeassert // what is stored above
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// NewDaemon starts one that ends with the test.
func NewDaemon(t testing.TB, o DaemonOptions) *Daemon {
	t.Helper()
	dir, err := os.MkdirTemp("", "dg") // not t.TempDir: a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	port, err := emulator.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	d := &Daemon{
		t: t, dir: dir, bin: Program(t, "", "./cmd/datagravity"), Source: filepath.Join(dir, "training", "c4"), Lab: filepath.Join(dir, "rack", "c4"),
		URL: fmt.Sprintf("https://localhost:%d", port), CA: filepath.Join(dir, "state", "api-certificate.pem"), TokenFile: filepath.Join(dir, "token"),
	}
	if err := os.MkdirAll(d.Source, 0o755); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(daemonConfig, filepath.Join(dir, "training"), filepath.Join(dir, "rack"), port)
	d.write("datagravity.yaml", []byte(config+o.More))
	d.write("token", []byte(d.Run("token", "create", "--name", "kubernetes", "--scope", "jobs")))
	d.Start()
	t.Cleanup(func() {
		d.Kill()
		if t.Failed() {
			t.Logf("the daemon said:\n%s", d.said())
		}
	})
	return d
}

func (d *Daemon) write(name string, text []byte) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), text, 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// Put writes a shard of the dataset.
func (d *Daemon) Put(name string, content []byte) {
	d.t.Helper()
	path := filepath.Join(d.Source, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		d.t.Fatal(err)
	}
}

// Run runs a command of the program in the daemon's folder and returns what it prints. It must succeed.
func (d *Daemon) Run(args ...string) string {
	d.t.Helper()
	cmd := exec.Command(d.bin, args...)
	cmd.Dir = d.dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		d.t.Fatalf("datagravity %s: %v\n%s%s", strings.Join(args, " "), err, &out, &errs)
	}
	return out.String()
}

// Start starts it, and waits until it listens.
func (d *Daemon) Start() {
	d.t.Helper()
	cmd := exec.Command(d.bin, "daemon")
	cmd.Dir = d.dir
	err := d.start(cmd, time.Minute, func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(d.URL, "https://"))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
}
