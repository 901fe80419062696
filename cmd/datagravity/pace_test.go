package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/datagravity/datagravity/pkg/store/pace"
)

// lines collects what is logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.text.String()
	l.text.Reset()
	return s
}

func linksFile(t *testing.T, path, links string) {
	t.Helper()
	text := "agent: {location: onprem:lab1, state: state}\n" +
		"stores:\n  lab: {url: \"file:///nowhere\", location: onprem:lab1}\n" + links
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// within waits for something that another goroutine does.
func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// The whole way: the signal, the file, and bytes that wait for a limit.
func TestHangupReloadsLinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "datagravity.yaml")
	linksFile(t, path, "links: [{to: lab, from: onprem, bandwidth: [8Kbit/s]}]\ndestinations: {lab: {store: lab}}\n")
	log := &lines{}
	g := &globals{streams: streams{in: strings.NewReader(""), out: io.Discard, err: log}, config: path, logLevel: "info", logFormat: "text"}
	a, err := g.load()
	if err != nil {
		t.Fatal(err)
	}
	a.reload = a.reloadOnHangup()
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	link := pace.Link{Source: "lab", SourceLocation: a.cfg.Stores["lab"].Location, Dest: "lab", DestLocation: a.cfg.Stores["lab"].Location}
	now := func() string {
		rate, _ := a.links.For(link).At(time.Now())
		return rate.String()
	}
	hangup := func() {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	if now() != "8Kbit/s" {
		t.Fatalf("limit %s", now())
	}
	passed := make(chan error, 1)
	go func() { passed <- a.links.For(link).Wait(t.Context(), 1e9) }() // 11 days

	// A file with a mistake anywhere changes nothing.
	linksFile(t, path, "links: [{to: lab, from: onprem, bandwidth: [16Gbit/s]}]\ndestinations: {lab: {store: lap}}\n")
	hangup()
	var said string
	within(t, "the refusal in the log", func() bool { said += log.take(); return strings.Contains(said, "level=ERROR") })
	if !strings.Contains(said, `unknown store \"lap\"; did you mean \"lab\"?`) || !strings.Contains(said, "the limits of links stay as they are") || now() != "8Kbit/s" {
		t.Errorf("limit %s after\n%s", now(), said)
	}

	linksFile(t, path, "links: [{to: lab, from: onprem, bandwidth: [16Gbit/s]}, {bandwidth: [\"Sat,Sun 1Gbit/s\"]}]\ndestinations: {lab: {store: lab}}\n")
	hangup()
	within(t, "bytes pass at the new limit", func() bool { return len(passed) > 0 })
	if err := <-passed; err != nil {
		t.Error(err)
	}
	said = ""
	within(t, "the change in the log", func() bool { said += log.take(); return strings.Contains(said, "any->any is new") })
	if !strings.Contains(said, "onprem->lab has another timetable, any->any is new") || len(a.links.For(link)) != 2 {
		t.Errorf("the log says\n%s", said)
	}
}

// A terminal that is gone ends the command, one that is still there does not.
func TestHangupOfATerminal(t *testing.T) {
	master, terminal := openTerminal(t)
	did := make(chan string, 1)
	r := onHangup(terminal, func() { did <- "reload" }, func() { did <- "end" })
	defer r.end()
	hangup := func() string {
		t.Helper()
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		select {
		case s := <-did:
			return s
		case <-time.After(20 * time.Second):
			t.Fatal("the signal did nothing")
			return ""
		}
	}
	if did := hangup(); did != "reload" {
		t.Errorf("with a terminal: %s", did)
	}
	if err := master.Close(); err != nil {
		t.Fatal(err)
	}
	if did := hangup(); did != "end" {
		t.Errorf("without it: %s", did)
	}
}

// openTerminal makes a pair of a pseudo terminal.
func openTerminal(t *testing.T) (master, terminal *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	if !isTerminal(terminal) {
		t.Fatal("a pseudo terminal is none")
	}
	return master, terminal
}
