package notify

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// What a target does not take is sent again under the same id, until it does, and then no more.
func TestDeliveredAtLast(t *testing.T) {
	c := newClock()
	m := openAt(t, t.TempDir(), c.now)
	defer closed(t, m)
	to := receive(t)
	to.answers(func(n int, w http.ResponseWriter, _ *http.Request) {
		switch n {
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
		case 2:
			w.Header().Set("Location", "/elsewhere") // is not followed
			w.WriteHeader(http.StatusFound)
		case 3:
			panic(http.ErrAbortHandler) // the connection breaks
		default:
			w.WriteHeader(http.StatusAccepted)
		}
	})
	n := notifier(t, m, to.target(t))
	pass(t, n)
	stop := running(n)
	pass(t, n, job("a", dispatch.Ready))
	to.after(4)
	taken(t, m, "ops")
	pass(t, n, job("a", dispatch.Ready), job("b", dispatch.Late))
	seen := to.after(1)
	taken(t, m, "ops")
	stop()
	for i, one := range seen[:4] {
		if one.kind != JobReady || one.id != seen[0].id {
			t.Errorf("attempt %d: %+v", i, one)
		}
	}
	if seen[4].kind != JobLate || seen[4].id == seen[0].id {
		t.Errorf("%+v", seen[4])
	}
	if got := n.Counts()["ops"]; got != (Counts{Delivered: 2, Failed: 3}) || len(waiting(t, m, "ops")) != 0 {
		t.Errorf("%+v, %d wait", got, len(waiting(t, m, "ops")))
	}
}

// A target that hangs holds up neither another one nor the pass. The attempt that is cut off is none.
func TestTargetThatHangs(t *testing.T) {
	c := newClock()
	m := openAt(t, t.TempDir(), c.now)
	defer closed(t, m)
	hang, let := receive(t), make(chan struct{})
	hang.answers(func(_ int, _ http.ResponseWriter, r *http.Request) {
		select {
		case <-let:
		case <-r.Context().Done():
		}
	})
	good := receive(t)
	slow, quick := hang.target(t), good.target(t)
	slow.Name = "slow"
	n := notifier(t, m, slow, quick)
	pass(t, n)
	stop := running(n)
	pass(t, n, job("a", dispatch.Ready))
	hang.after(1)
	pass(t, n, job("b", dispatch.Ready))
	if seen := good.after(2); len(seen) != 2 {
		t.Errorf("%+v", seen)
	}
	stop()
	close(let)
	list := waiting(t, m, "slow")
	if len(list) != 2 || list[0].Attempts != 0 {
		t.Errorf("%+v", list)
	}
}

// What nobody takes for a day is given up, and the log says so; a target that asks for time gets it.
func TestGivenUp(t *testing.T) {
	c := newClock()
	m := openAt(t, t.TempDir(), c.now)
	defer closed(t, m)
	to := receive(t)
	to.answers(func(_ int, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte("not now; your path was " + r.URL.Path + " and your key " + secret))
	})
	var text bytes.Buffer
	target := to.target(t)
	n := notifierOf(t, Options{Manifest: m, Targets: []Target{target}, Log: slog.New(slog.NewTextHandler(&text, nil))})
	pass(t, n)
	pass(t, n, job("a", dispatch.Ready))
	one := waiting(t, m, "ops")[0]
	if err := n.deliver(context.Background(), target, one); err != nil {
		t.Fatal(err)
	}
	one = waiting(t, m, "ops")[0]
	if one.Attempts != 1 || one.Next != manifest.At(c.now().Add(2*time.Minute)) || !strings.Contains(one.Why, "429 Too Many Requests") {
		t.Errorf("%+v", one)
	}
	if _, due, _ := n.due("ops"); due {
		t.Error("it is due though the target asked for time")
	}
	c.pass(keptFor)
	if err := n.deliver(context.Background(), target, one); err != nil {
		t.Fatal(err)
	}
	if left := waiting(t, m, "ops"); len(left) != 0 || n.Counts()["ops"] != (Counts{Failed: 1, GivenUp: 1}) {
		t.Errorf("%d wait, %+v", len(left), n.Counts())
	}
	for _, want := range []string{"level=ERROR", "is given up", "attempts=2", "REDACTED"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String()+one.Why, "canary-key") || strings.Contains(text.String(), strings.TrimPrefix(secret, keyPrefix)) {
		t.Errorf("the log repeats a secret:\n%s", text.String())
	}
}

// A process that is killed while it sends leaves what it had to say to the next one.
func TestKilledWhileSending(t *testing.T) {
	dir := t.TempDir()
	to := receive(t)
	hold := make(chan struct{})
	to.answers(func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			<-hold
			return
		}
		w.WriteHeader(http.StatusOK)
	})
	child := exec.Command(os.Args[0], "-test.run=^TestChildThatSends$")
	child.Env = append(os.Environ(), "NOTIFY_CHILD_DIR="+dir, "NOTIFY_CHILD_URL="+to.URL)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	first := to.after(1)[0]
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	close(hold)
	m := openAt(t, dir, time.Now)
	defer closed(t, m)
	n := notifier(t, m, to.target(t))
	stop := running(n)
	seen := to.after(1)
	taken(t, m, "ops")
	stop()
	if seen[1].id != first.id || seen[1].kind != JobReady || len(waiting(t, m, "ops")) != 0 {
		t.Errorf("%+v after %+v", seen[1], first)
	}
	pass(t, n, job("a", dispatch.Ready)) // it is known that this was told
	if left := waiting(t, m, "ops"); len(left) != 0 {
		t.Errorf("%+v", left)
	}
}

// TestChildThatSends is the process that TestKilledWhileSending kills.
func TestChildThatSends(t *testing.T) {
	dir := os.Getenv("NOTIFY_CHILD_DIR")
	if dir == "" {
		t.Skip("not a test by itself")
	}
	m := openAt(t, dir, time.Now)
	s, err := NewWebhook(WebhookOptions{URL: os.Getenv("NOTIFY_CHILD_URL"), Secret: secret, Timeout: time.Minute, Loopback: true, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	n := notifier(t, m, Target{Name: "ops", Sender: s})
	pass(t, n)
	pass(t, n, job("a", dispatch.Ready))
	n.Run(context.Background())
}

// Neither a metadata service nor, by a name, this machine is reached, and what is wrong is said without the URL.
func TestWhereAWebhookMayNotGo(t *testing.T) {
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was reached") }))
	defer inner.Close()
	for _, url := range []string{"http://169.254.169.254/canary", "https://[fd00:ec2::254]/canary", "http://168.63.129.16/canary", inner.URL + "/canary"} {
		s, err := NewWebhook(WebhookOptions{URL: url, Secret: secret, Timeout: 5 * time.Second, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		err = SendTest(context.Background(), Target{Name: "x", Sender: s}, Agent{}, time.Now())
		if err == nil || !strings.Contains(err.Error(), "refused to connect") || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestHeadersOfOnesOwn(t *testing.T) {
	to := receive(t)
	s, err := NewWebhook(WebhookOptions{URL: to.URL, Secret: secret, Headers: map[string]string{"Authorization": "Bearer canary"}, Timeout: 10 * time.Second, Loopback: true, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := SendTest(context.Background(), Target{Name: "x", Sender: s}, Agent{Name: "a"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if to.header.Get("Authorization") != "Bearer canary" || to.after(1)[0].kind != Test {
		t.Errorf("%v", to.header)
	}
}

// A command gets the event on its standard input and little else; what it says is told when it fails.
func TestCommands(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	t.Setenv("AZURE_STORAGE_KEY", "canary")
	sh := func(script string, timeout time.Duration) error {
		return SendTest(context.Background(), Target{Name: "x", Sender: NewCommand([]string{"sh", "-c", script, "arg0", out}, timeout)}, Agent{Name: "a"}, time.Now())
	}
	if err := sh(`cat >"$1"; env >>"$1"`, time.Minute); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out)
	if text := string(b); err != nil || !strings.HasPrefix(text, `{"id":"msg_`) || !strings.Contains(text, "DATAGRAVITY_EVENT=test\n") ||
		!strings.Contains(text, "DATAGRAVITY_EVENT_ID=msg_") || strings.Contains(text, "canary") {
		t.Errorf("%v\n%s", err, text)
	}
	err = sh(`echo "the pager is off" >&2; exit 3`, time.Minute)
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "the pager is off") {
		t.Error(err)
	}
	if err := sh(`yes x | head -c 1000000; exit 1`, time.Minute); err == nil || len(err.Error()) > 2000 {
		t.Errorf("%.200v", err)
	}
	err = SendTest(context.Background(), Target{Name: "x", Sender: NewCommand([]string{filepath.Join(dir, "absent")}, time.Minute)}, Agent{}, time.Now())
	if err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
}

// What takes too long is killed with what it started.
func TestCommandThatHangs(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("looks into /proc")
	}
	pids := filepath.Join(t.TempDir(), "pids")
	c := NewCommand([]string{"sh", "-c", `sleep 600 & echo $! >"$0.new"; mv "$0.new" "$0"; wait`, pids}, 2*time.Second)
	err := SendTest(context.Background(), Target{Name: "x", Sender: c}, Agent{}, time.Now())
	if err == nil || !strings.Contains(err.Error(), "took longer than 2s and was killed") {
		t.Error(err)
	}
	b, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); alive(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("what it started goes on")
		}
	}
}

// alive tells whether a process runs; one that ended and that nobody waits for does not.
func alive(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, state, _ := strings.Cut(string(b), ") ")
	return err == nil && !strings.HasPrefix(state, "Z")
}

func TestPauses(t *testing.T) {
	for attempts := range 40 {
		d := pause(attempts)
		if d < firstPause/2 || d > lastPause*3/2 {
			t.Errorf("after %d: %s", attempts, d)
		}
	}
}

// Targets can be others while it runs.
func TestConfigure(t *testing.T) {
	c := newClock()
	m := openAt(t, t.TempDir(), c.now)
	defer closed(t, m)
	old, other := receive(t), receive(t)
	n := notifier(t, m, old.target(t))
	pass(t, n)
	stop := running(n)
	defer stop()
	pass(t, n, job("a", dispatch.Ready))
	old.after(1)
	taken(t, m, "ops")
	if err := n.Configure(n.ledger, []Target{other.target(t, "job.late")}); err != nil {
		t.Fatal(err)
	}
	pass(t, n, job("a", dispatch.Ready), job("b", dispatch.Ready))
	pass(t, n, job("a", dispatch.Ready), job("b", dispatch.Late))
	if seen := other.after(1); len(seen) != 1 || seen[0].kind != JobLate {
		t.Errorf("%+v", seen)
	}
	if len(old.came) != 0 {
		t.Error("the old one is still told")
	}
}
