package integration

import (
	"context"
	"image/color"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/internal/netem"
)

// terminal is a pseudo terminal with a program in it, and what a user of it sees.
type terminal struct {
	r     *rig
	cmd   *exec.Cmd
	pty   *os.File
	seen  *vt.SafeEmulator
	ended chan struct{}
	drawn chan struct{} // closed when all that the program wrote was read

	mu  sync.Mutex
	raw strings.Builder
}

// onTerminal starts a command line on a terminal.
func (r *rig) onTerminal(width, height int, env []string, args ...string) *terminal {
	r.t.Helper()
	t := &terminal{r: r, cmd: r.command(args...), seen: vt.NewSafeEmulator(width, height), ended: make(chan struct{}), drawn: make(chan struct{})}
	t.seen.SetBackgroundColor(color.White)
	t.cmd.Env = append(append(os.Environ(), "TERM=xterm-256color", "LANG=C.UTF-8", "TERM_PROGRAM=", "TMUX="), env...)
	var err error
	if t.pty, err = pty.StartWithSize(t.cmd, &pty.Winsize{Rows: uint16(height), Cols: uint16(width)}); err != nil {
		r.t.Fatal(err)
	}
	var copied sync.WaitGroup
	copied.Go(func() {
		_, _ = io.Copy(t, t.pty) // ends with the program
		close(t.drawn)
	})
	copied.Go(func() { _, _ = io.Copy(t.pty, t.seen) }) // what a terminal answers: its colours, its abilities
	go func() {
		_ = t.cmd.Wait() // the code is in the ProcessState
		close(t.ended)
	}()
	r.t.Cleanup(func() {
		_ = t.cmd.Process.Kill() // it may have ended
		<-t.ended
		if r.t.Failed() {
			r.t.Logf("the screen:\n%s", t.text())
		}
		_ = t.pty.Close()
		_ = t.seen.Close()
		copied.Wait()
	})
	return t
}

// Write is what the program writes.
func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	t.raw.Write(p)
	t.mu.Unlock()
	return t.seen.Write(p)
}

// left waits until the program has ended, and returns its exit code.
func (t *terminal) left() int {
	<-t.ended
	<-t.drawn
	return t.cmd.ProcessState.ExitCode()
}

// text is what is on the screen.
func (t *terminal) text() string { return ansi.Strip(t.seen.Render()) }

// written is all that the program wrote.
func (t *terminal) written() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.raw.String()
}

func (t *terminal) press(keys string) {
	t.r.t.Helper()
	if _, err := io.WriteString(t.pty, keys); err != nil {
		t.r.t.Fatal(err)
	}
}

// shows waits until all of the texts are on the screen at the same time.
func (t *terminal) shows(texts ...string) {
	t.r.t.Helper()
	t.r.until("the screen has "+strings.Join(texts, " and "), func() bool {
		screen := t.text()
		for _, one := range texts {
			if !strings.Contains(screen, one) {
				select {
				case <-t.ended:
					t.r.t.Fatalf("it ended with %d and without %q:\n%s", t.cmd.ProcessState.ExitCode(), one, screen)
				default:
				}
				return false
			}
		}
		return true
	})
}

// line is the first line of the screen that has a text.
func (t *terminal) line(text string) string {
	for line := range strings.Lines(t.text()) {
		if strings.Contains(line, text) {
			return line
		}
	}
	return ""
}

func (t *terminal) resize(width, height int) {
	t.r.t.Helper()
	t.seen.Resize(width, height)
	if err := pty.Setsize(t.pty, &pty.Winsize{Rows: uint16(height), Cols: uint16(width)}); err != nil {
		t.r.t.Fatal(err)
	}
}

// On a real terminal top follows a daemon that moves shards between real servers: numbers change, keys do what they say, and when the daemon is
// killed it says so and finds the next one.
func TestTopOnATerminal(t *testing.T) {
	r := newRig(t, "1MiB")
	r.more("links:\n  - {to: lab, bandwidth: [3Mbit/s]}\n")
	for _, name := range []string{"train-000.tar", "train-001.tar", "train-002.tar", "漢字\u202egpj.tar"} {
		r.put(name, random(uint64(len(name)), 5<<20))
	}
	d := r.hold(nil, "daemon")
	r.want(0, "jobs", "add", "train/17", "--dataset", "c4", "--to", "lab", "--need-by", "+1h")

	top := r.onTerminal(110, 30, nil, "top")
	top.shows("daemon, process", "healthy", "1 jobs 1", "train/17", "c4 -> lab")
	top.press("3")
	top.shows("training->lab", "moves", "/s", "of 4")
	before := top.line("training->lab")
	r.until("numbers change by themselves", func() bool { return top.line("training->lab") != before && top.line("training->lab") != "" })
	top.press("2")
	top.shows("SHARD", ".tar", "KiB/s")
	r.until("the shard with a name that means harm is drawn", func() bool {
		return strings.Contains(top.text(), "漢字�gpj.tar") || strings.Contains(top.text(), "train-002.tar")
	})
	top.press("1\r")
	top.shows("need by", "train/17", "missing", "esc back")
	top.press("\x1b")
	top.shows("NEED BY")
	top.press("/nothing like it\r")
	top.shows(`none of 1 has "nothing like it" in it`)
	top.press("\x1b")
	top.shows("NEED BY")

	// A link is paused by a key and a yes, as by the command, and goes on in the same way.
	top.press("3 ")
	top.shows("pause training->lab? y/n")
	top.press("y")
	top.shows("paused")
	if _, out, _ := r.run("status"); !strings.Contains(out, "paused training->lab") {
		t.Errorf("status does not know of the pause:\n%s", out)
	}
	r.until("the link is drawn as paused", func() bool { return strings.Contains(top.line("training->lab "), "paused") })
	top.press(" ")
	top.shows("let training->lab go on? y/n")
	top.press("y")
	r.until("the link is drawn as one that goes on", func() bool { l := top.line("training->lab "); return l != "" && !strings.Contains(l, "paused") })

	// It is drawn anew for every size that it can have, and says which it cannot.
	top.resize(60, 15)
	top.shows("3 links", "q leave")
	top.press("?")
	top.shows("KEYS", "any key goes back")
	top.press("?")
	top.resize(40, 10)
	top.shows("40x10 is too small", "60x15 at least")
	top.resize(120, 40)
	top.shows("LAST HALF HOUR", "q leave")

	d.signal(syscall.SIGKILL)
	top.shows("NO ANSWER for", "training->lab")
	next := r.hold(nil, "daemon")
	top.press("1")
	r.until("the next daemon is shown", func() bool {
		return strings.Contains(top.line("daemon, process"), " "+strconv.Itoa(next.cmd.Process.Pid)+" ")
	})
	top.press("q")
	if code := top.left(); code != 0 {
		t.Errorf("it ended with %d:\n%s", code, top.text())
	}
	if top.seen.IsAltScreen() || top.seen.CursorHidden() {
		t.Error("the terminal is not left as it was")
	}
	if raw := top.written(); strings.Contains(raw, "\u202e") || strings.Contains(raw, "38;5;221") {
		t.Error("a name did something to the terminal, or the colours are those for a dark one")
	}
	next.signal(syscall.SIGKILL) // it would drain the slow link
}

// Without colours there are none; a signal is a way to leave.
func TestTopWithoutColours(t *testing.T) {
	r := newRig(t, "1MiB")
	r.put("a.tar", random(1, 1000))
	r.want(0, "sync", "c4", "--to", "lab")
	top := r.onTerminal(100, 30, []string{"NO_COLOR=whatever"}, "top")
	top.shows("NO DAEMON runs", "no jobs: ")
	top.press("5")
	top.shows("c4", "lab", "100%")
	d := r.hold(nil, "daemon")
	top.shows("daemon, process")
	if err := top.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := top.left(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	if colour := regexp.MustCompile(`\x1b\[([0-9;]*;)?([34][0-8]|9[0-7]|10[0-7])(;[0-9;]*)?m`).FindString(top.written()); colour != "" {
		t.Errorf("a colour: %q", colour)
	}
	d.signal(syscall.SIGTERM)
}

// status --watch paints over itself on a terminal, and is cut to it.
func TestStatusWatchOnATerminal(t *testing.T) {
	r := newRig(t, "1MiB")
	r.put("a.tar", random(1, 1000))
	d := r.hold(nil, "daemon")
	watch := r.onTerminal(80, 12, nil, "status", "--watch", "--every", "200ms")
	watch.shows("daemon, process", "no jobs: ")
	watch.resize(80, 40)
	r.want(0, "jobs", "add", "train", "--dataset", "c4", "--to", "lab")
	watch.shows("1 job: 1 ready", "BUDGETS")
	if n := strings.Count(watch.text(), "daemon, process"); n != 1 {
		t.Errorf("it stands there %d times:\n%s", n, watch.text())
	}
	d.signal(syscall.SIGTERM)
	watch.shows("no daemon runs")
	watch.press("\x03") // Ctrl-C
	if code := watch.left(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}

// asked remembers the requests of a store's server, but those about leases, which a daemon renews by itself.
type asked struct {
	mu   sync.Mutex
	list []string
}

func (a *asked) see(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if !strings.Contains(q.URL.Path, "/leases/") {
			a.mu.Lock()
			a.list = append(a.list, q.Method+" "+q.URL.RequestURI())
			a.mu.Unlock()
		}
		next.ServeHTTP(w, q)
	})
}

func (a *asked) since(n int) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.list[n:]
}

// Whoever looks is answered from what the daemon knows, and no store is asked anything for it.
func TestLookingAsksNoStore(t *testing.T) {
	r := newRig(t, "1MiB")
	stores := &asked{}
	text := r.config()
	for name, endpoint := range map[string]string{"azure": emutest.Azurite(t).Addr(), "s3": emutest.S3(t).Addr(), "gcs": emutest.GCS(t).Addr()} {
		proxy, err := netem.StartHTTP(endpoint, stores.see)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = proxy.Close(context.Background()) }) // what was killed may have left a connection
		text = strings.ReplaceAll(text, r.urls[name], proxy.Through(r.urls[name]))
	}
	r.write("datagravity.yaml", text)
	for i := range 5 {
		r.put("train-"+strconv.Itoa(i)+".tar", random(uint64(i), 10_000))
	}
	d := r.hold(nil, "daemon")
	r.want(0, "jobs", "add", "train", "--dataset", "c4", "--to", "s3,gcs")
	r.untilReady("train")
	if len(stores.since(0)) == 0 {
		t.Fatal("the daemon does not go through the proxies")
	}
	// A pass that is under way may still ask.
	for last := -1; last != len(stores.since(0)); time.Sleep(2 * time.Second) {
		last = len(stores.since(0))
	}
	before := len(stores.since(0))
	for _, args := range [][]string{{"status"}, {"status", "--json"}, {"status", "--holdings"}, {"status", "--exit-code"}} {
		for range 5 {
			if out := r.want(0, args...); !strings.Contains(out, "train") {
				t.Errorf("%v: %s", args, out)
			}
		}
	}
	top := r.onTerminal(120, 30, nil, "top")
	top.shows("daemon, process", "train")
	for _, tab := range []string{"1\r", "\x1b", "2", "3", "4\r", "\x1b", "5\r", "\x1b", "6", "7"} {
		top.press(tab)
		time.Sleep(300 * time.Millisecond)
	}
	top.shows("7 to look at")
	top.press("q")
	top.left()
	if list := stores.since(before); len(list) > 0 {
		t.Errorf("looking made %d requests: %q", len(list), list)
	}
	d.signal(syscall.SIGTERM)
}
