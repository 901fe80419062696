package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// appears FILE [TEXT] waits for a file that another process makes; a minute is far more than it takes.
func cmdAppears(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: appears FILE [TEXT]")
	}
	there := func() bool {
		if len(args) == 1 {
			_, err := os.Stat(ts.MkAbs(args[0]))
			return err == nil
		}
		b, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && bytes.Contains(b, []byte(args[1]))
	}
	for range 6000 {
		if there() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("%q does not appear", args)
}

// lab is a configuration with one dataset of two shards, and two destinations, one of them behind a slow link.
func lab(t *testing.T) (config string, state string) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "dg") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.MkdirAll(filepath.Join(dir, "data", "c4"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.tar", "b.tar"} {
		if err := os.WriteFile(filepath.Join(dir, "data", "c4", name), bytes.Repeat([]byte(name), 1<<18), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config = filepath.Join(dir, "datagravity.yaml")
	text := strings.ReplaceAll(`agent: {location: onprem:lab1, state: state}
stores:
  origin: {url: "file://DIR/data", location: "onprem:lab1"}
  lab: {url: "file://DIR/lab?create_dir=true", location: "onprem:lab1"}
  far: {url: "file://DIR/far?create_dir=true", location: "onprem:lab1"}
datasets:
  c4: {store: origin, prefix: c4}
destinations:
  near: {store: lab, prefix: near}
  slow: {store: far}
links:
  - {to: slow, bandwidth: [100Kbit/s]}
`, "DIR", dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config, filepath.Join(dir, "state")
}

// said runs a command line in this process.
func said(ctx context.Context, args ...string) (exit int, out, errs string) {
	var o, e bytes.Buffer
	exit = run(ctx, args, streams{in: strings.NewReader(""), out: &o, err: &e})
	return exit, o.String(), e.String()
}

// holding runs a command that holds the manifest until the function is called, which returns its exit code.
func holding(t *testing.T, config, state string, args ...string) func() int {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	exit := make(chan int, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		code, _, errs := said(ctx, append([]string{"--config", config}, args...)...)
		if code != 0 && code != exitInterrupt {
			t.Errorf("%v ended with %d: %s", args, code, errs)
		}
		exit <- code
	}()
	for {
		if c, err := daemon.Dial(ctx, filepath.Join(state, "api.sock"), "any"); err == nil {
			if c.Health().Role != args[0] {
				t.Errorf("%s says that it is %q", args, c.Health().Role)
			}
			break
		}
		select {
		case <-ended:
			t.Fatalf("%v ended with %d before it answered", args, <-exit)
		case <-time.After(5 * time.Millisecond):
		}
	}
	return func() int { cancel(); return <-exit }
}

// Beside a sync that moves shards, many read at once. The race detector watches (make race), and nobody is told anything but what is so.
func TestForwardedCommandsRunBesideASync(t *testing.T) {
	config, state := lab(t)
	if exit, _, errs := said(context.Background(), "--config", config, "sync", "c4", "--to", "near"); exit != 0 {
		t.Fatal(errs)
	}
	end := holding(t, config, state, "sync", "c4", "--to", "slow")
	var all sync.WaitGroup
	for range 3 {
		for _, c := range []struct {
			args string
			exit int
			out  string
		}{
			{"ready c4 --to near --max-age 1ns", 0, "ready: c4@"},
			{"ready c4 --to slow", 75, "of 2 shards missing"},
			{"ready c4 --to near --json", 0, `"ready": true`},
			{"snapshot show c4", 0, "b.tar"},
			{"snapshot diff c4 latest", 0, "CHANGE"},
			{"budget list", 0, "no budget is configured"},
			{"cost ledger --by line --json", 0, `"dataset": "c4"`},
			{"snapshot list c5", 2, ""},
		} {
			all.Go(func() {
				exit, out, errs := said(context.Background(), append([]string{"--config", config}, strings.Fields(c.args)...)...)
				if exit != c.exit || !strings.Contains(out, c.out) {
					t.Errorf("%s: exit %d\n%s%s", c.args, exit, out, errs)
				}
			})
		}
	}
	all.Wait()
	if exit := end(); exit != exitInterrupt {
		t.Errorf("the sync ended with %d before all had read", exit)
	}
}

// Who forwards a port to the socket of a daemon has its dashboard in a browser, with what is configured, and can pause a link there.
func TestDashboardAtTheSocket(t *testing.T) {
	config, state := lab(t)
	end := holding(t, config, state, "daemon")
	c := http.Client{
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(state, "api.sock"))
		}},
	}
	page := func(r *http.Response, err error) (int, string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, string(b)
	}
	if code, body := page(c.Get("http://localhost:8080/transfers")); code != 200 || !strings.Contains(body, "origin → slow") {
		t.Errorf("%d\n%s", code, body)
	}
	if code, body := page(c.PostForm("http://localhost:8080/actions/pause", url.Values{"link": {"origin->slow"}})); code != 200 || !strings.Contains(body, "Paused. Parts in flight end") {
		t.Errorf("%d\n%s", code, body)
	}
	if list, err := cost.Pauses(state); err != nil || len(list) != 1 || list[0].Link != "origin->slow" {
		t.Errorf("paused: %v, %v", list, err)
	}
	if code, body := page(c.Get("http://evil.example/")); code != http.StatusMisdirectedRequest {
		t.Errorf("%d\n%s", code, body)
	}
	c.CloseIdleConnections()
	if exit := end(); exit != 0 {
		t.Errorf("the daemon ended with %d", exit)
	}
}

// Only what reads is run for others, whatever is sent to the socket.
func TestOnlyReadersAreRunForOthers(t *testing.T) {
	config, state := lab(t)
	end := holding(t, config, state, "daemon")
	a, err := (&globals{config: config, logLevel: "warn", logFormat: "text"}).load()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	c, err := a.dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	v, _ := buildVersion()
	good := daemon.CommandRequest{Args: []string{"need", "list"}, Version: v, ConfigSHA256: configDigest(a.cfg), State: state}
	if exit, _, err := c.Command(context.Background(), good, io.Discard, io.Discard); exit != 0 || err != nil {
		t.Fatal(exit, err)
	}
	for _, args := range []string{
		"sync c4 --to near", "need add c4 --to near", "need", "", "gc --yes", "prune c4 --to near", "pin c4 --to near --owner x", "budget approve", "cost import x", "init",
		"help need", "__complete need list", "completion bash", "daemon", "cost reconcile --focus /etc/passwd", "--help", "nonsense", "digest /etc/passwd",
	} {
		q := good
		q.Args = strings.Fields(args)
		if _, begun, err := c.Command(context.Background(), q, io.Discard, io.Discard); !errors.Is(err, daemon.ErrRefused) || begun {
			t.Errorf("%q: %v", args, err)
		}
	}
	for what, change := range map[string]func(*daemon.CommandRequest){
		"another version":         func(q *daemon.CommandRequest) { q.Version = "v0" },
		"another configuration":   func(q *daemon.CommandRequest) { q.ConfigSHA256 = strings.Repeat("0", 64) },
		"no configuration":        func(q *daemon.CommandRequest) { q.ConfigSHA256 = "" },
		"another state directory": func(q *daemon.CommandRequest) { q.State = "/" },
	} {
		q := good
		change(&q)
		if _, _, err := c.Command(context.Background(), q, io.Discard, io.Discard); !errors.Is(err, daemon.ErrRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// A configuration that is named has the holder read no file.
	var out bytes.Buffer
	q := good
	q.Args = []string{"--config", "/nonexistent", "need", "list"}
	if exit, _, err := c.Command(context.Background(), q, &out, io.Discard); exit != 0 || err != nil || !strings.Contains(out.String(), "no open need") {
		t.Errorf("%d, %v, %s", exit, err, out.String())
	}
	if exit := end(); exit != 0 {
		t.Errorf("the daemon ended with %d", exit)
	}
}

// No command that is run for others takes a file from a folder that it would have to share with who asks, and the list of them is this one: each was looked at.
func TestWhichCommandsAreRunForOthers(t *testing.T) {
	var got []string
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if has(c, asksNote) {
			got = append(got, strings.TrimPrefix(c.CommandPath(), "datagravity "))
			c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
				_, whole := c.Annotations[pathsNote] // its paths are made whole by who asks
				if name, _ := pflag.UnquoteUsage(f); !whole && (name == "file" || name == "path" || name == "folder") {
					t.Errorf("%s --%s takes a file", c.CommandPath(), f.Name)
				}
			})
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(&globals{}))
	slices.Sort(got)
	want := []string{
		"budget", "budget approvals", "budget grants", "budget list", "budget show", "cost ledger", "manifest backup", "manifest check", "manifest trim",
		"need list", "notify list", "pins", "plan", "ready", "snapshot diff", "snapshot list", "snapshot show",
	}
	if !slices.Equal(got, want) {
		t.Errorf("run for others: %q, want %q", got, want)
	}
}

// Jobs are the holder's while there is one, and the manifest's own otherwise.
func TestJobsOfWhoeverHoldsTheManifest(t *testing.T) {
	config, state := lab(t)
	g := &globals{config: config, logLevel: "warn", logFormat: "text", streams: streams{err: io.Discard}}
	jobs, closeJobs, err := g.jobs(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, remote := jobs.(*daemon.Client); remote {
		t.Error("nobody holds the manifest, and somebody answered")
	}
	// It is held here now, by a command that does not answer others.
	if _, _, err := g.jobs(context.Background()); !errors.Is(err, manifest.ErrLocked) {
		t.Errorf("twice: %v", err)
	}
	if err := closeJobs(); err != nil {
		t.Fatal(err)
	}
	end := holding(t, config, state, "daemon")
	jobs, closeJobs, err = g.jobs(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, remote := jobs.(*daemon.Client); !remote {
		t.Error("the daemon was not asked")
	}
	if _, err := jobs.Show(context.Background(), "none", false); !errors.Is(err, dispatch.ErrNoJob) {
		t.Errorf("a job that is not: %v", err)
	}
	if err := closeJobs(); err != nil {
		t.Fatal(err)
	}
	end()
}

// What the holder says of an error is the exit code here, whatever the error is.
func TestExitCodeOfTheHolder(t *testing.T) {
	for _, code := range []int{1, 2, 3, 5, 75, 78} {
		err := fmt.Errorf("jobs: %w", &daemon.Error{Problem: daemon.Problem{Detail: "as it was there", Code: code}})
		if got := exitCode(context.Background(), err); got != code {
			t.Errorf("exit code %d, want %d", got, code)
		}
	}
	for _, err := range []error{daemon.ErrBusy, daemon.ErrGone, daemon.ErrAnswered} {
		if got := exitCode(context.Background(), err); got != exitNotYet {
			t.Errorf("%v: exit code %d", err, got)
		}
	}
	refused := &daemon.Error{Problem: daemon.Problem{Detail: "refused", Code: 1, Kinds: []string{"refused"}}}
	if got := exitCode(context.Background(), fmt.Errorf("%w; asked: %w", manifest.ErrLocked, refused)); got != exitNotYet {
		t.Errorf("a lock whose holder does not answer: exit code %d", got)
	}
}

// managed has the daemon of a test tell its service manager to the channel that it returns, a message each.
func managed(t *testing.T, config string) <-chan string {
	t.Helper()
	path := filepath.Join(filepath.Dir(config), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	told := make(chan string, 10_000)
	go func() {
		defer close(told)
		b := make([]byte, 4<<10)
		for {
			n, err := l.Read(b)
			if err != nil {
				return
			}
			told <- string(b[:n])
		}
	}()
	return told
}

// awaits reads messages until one begins like that, and returns it with those before.
func awaits(t *testing.T, told <-chan string, begin string) (message string, before []string) {
	t.Helper()
	for end := time.After(time.Minute); ; {
		select {
		case message = <-told:
			if strings.HasPrefix(message, begin) {
				return message, before
			}
			before = append(before, message)
		case <-end:
			t.Fatalf("nobody was told %q, but %q", begin, before)
		}
	}
}

// The service manager is told when it is ready, what it does, and that it ends, and nothing after that.
func TestDaemonTellsTheServiceManager(t *testing.T) {
	config, state := lab(t)
	told := managed(t, config)
	t.Setenv("WATCHDOG_USEC", "1000000")
	t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
	end := holding(t, config, state, "daemon")
	if m, before := awaits(t, told, "READY=1"); m != "READY=1\nSTATUS=starting" || len(before) > 0 {
		t.Errorf("told %q, before it %q", m, before)
	}
	awaits(t, told, "WATCHDOG=1")
	awaits(t, told, "STATUS=waiting until 20")
	awaits(t, told, "WATCHDOG=1") // idle, it is fed
	if exit := end(); exit != 0 {
		t.Errorf("exit code %d", exit)
	}
	m, _ := awaits(t, told, "STOPPING=1")
	if !strings.Contains(m, "\nEXTEND_TIMEOUT_USEC=75000000\n") || !strings.HasSuffix(m, "\nSTATUS=ending: what is in flight has 30s") {
		t.Errorf("told %q at the end", m)
	}
	for len(told) > 0 {
		if m := <-told; m != "WATCHDOG=1" {
			t.Errorf("told %q after the end", m)
		}
	}
}

// What health says is what scripts read.
func TestHealthDocument(t *testing.T) {
	b, err := json.Marshal(daemon.Health{Version: "v1", PID: 7, Command: "datagravity daemon", Since: time.Unix(0, 0).UTC(), Role: "daemon", State: "/s"})
	want := `{"version":"v1","pid":7,"command":"datagravity daemon","since":"1970-01-01T00:00:00Z","role":"daemon","state":"/s"}`
	if err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
}
