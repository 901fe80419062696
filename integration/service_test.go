package integration

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/internal/netem"
)

// sourceReads sees what is read of the source: the ranges of shards, in bytes.
type sourceReads struct {
	mu    sync.Mutex
	begun int
	bytes int64
	whole int // requests that were answered
	// hold has reads wait until it is closed, or who asks goes away; nil: none waits.
	hold chan struct{}
}

// see is for netem.StartHTTP.
func (s *sourceReads) see(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, to, ranged := strings.Cut(strings.TrimPrefix(firstOf(r.Header, "X-Ms-Range", "Range"), "bytes="), "-")
		if r.Method != http.MethodGet || !ranged {
			next.ServeHTTP(w, r)
			return
		}
		first, _ := strconv.ParseInt(from, 10, 64)
		last, _ := strconv.ParseInt(to, 10, 64)
		s.mu.Lock()
		s.begun++
		hold := s.hold
		s.mu.Unlock()
		if hold != nil {
			select {
			case <-hold:
			case <-r.Context().Done():
				return
			}
		}
		next.ServeHTTP(w, r)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.bytes += last - first + 1
		s.whole++
	})
}

func firstOf(h http.Header, names ...string) string {
	for _, n := range names {
		if v := h.Get(n); v != "" {
			return v
		}
	}
	return ""
}

func (s *sourceReads) count() (begun, whole int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun, s.whole, s.bytes
}

// holding has reads wait from now on; the function lets them go.
func (s *sourceReads) holding() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hold := make(chan struct{})
	s.hold = hold
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.hold == hold {
			s.hold = nil
			close(hold)
		}
	}
}

// watched has the rig's source be read through a proxy that counts.
func (r *rig) watched() *sourceReads {
	r.t.Helper()
	s := &sourceReads{}
	endpoint, err := url.Parse(emutest.Azurite(r.t).Endpoint)
	if err != nil {
		r.t.Fatal(err)
	}
	p, err := netem.StartHTTP(endpoint.Host, s.see)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		s.holding()() // nobody waits any more
		_ = p.Close(context.Background())
	})
	r.write("datagravity.yaml", strings.Replace(r.config(), r.urls["azure"], p.Through(r.urls["azure"]), 1))
	return s
}

// SIGTERM has parts in flight be finished, and the next start goes on from them: nothing of the source is read twice but the little before the open end
// that cutting goes on from.
func TestSIGTERMFinishesPartsInFlight(t *testing.T) {
	r := newRig(t, "1MiB")
	const size = 40 << 20
	r.put("big.tar", random(1, size))
	s := r.watched()
	release := s.holding()
	d := r.hold(nil, "daemon")
	r.want(0, "stage", "c4", "--to", "lab", "--job", "j")
	r.until("parts are in flight", func() bool { begun, _, _ := s.count(); return begun >= 3 })
	ended := make(chan int, 1)
	go func() { ended <- d.signal(syscall.SIGTERM) }()
	r.until("the log says that it ends", func() bool { return strings.Contains(r.log(), "the daemon ends") })
	// The socket answers to the end.
	r.want(0, "jobs", "list")
	release()
	if code := <-ended; code != 0 {
		t.Fatalf("exit code %d", code)
	}
	begun, whole, bytes := s.count()
	if whole != begun || bytes == 0 || bytes >= size {
		t.Fatalf("%d of %d reads were finished, %d bytes in all", whole, begun, bytes)
	}
	d = r.hold(nil, "daemon")
	r.untilReady("j")
	r.equal("lab")
	_, _, all := s.count()
	t.Logf("%d bytes were in flight at SIGTERM; of %d bytes %d were read twice", bytes, size, all-size)
	if all < size || all > size+320<<10 {
		t.Errorf("%d bytes were read of a shard of %d", all, size)
	}
	if code := d.signal(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// A second SIGTERM gives up what is in flight, and so does the end of daemon.drain.
func TestDrainIsGivenUp(t *testing.T) {
	for name, again := range map[string]bool{"a second signal": true, "the time is over": false} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "1MiB")
			r.put("big.tar", random(1, 20<<20))
			s := r.watched()
			drain := "1h"
			if !again {
				drain = "1s"
			}
			r.more("daemon: {drain: " + drain + "}\n")
			release := s.holding()
			d := r.hold(nil, "daemon")
			r.want(0, "stage", "c4", "--to", "lab", "--job", "j")
			r.until("parts are in flight", func() bool { begun, _, _ := s.count(); return begun >= 3 })
			if again {
				_ = d.cmd.Process.Signal(syscall.SIGTERM)
				r.until("the log says that it ends", func() bool { return strings.Contains(r.log(), "the daemon ends") })
			}
			if code := d.signal(syscall.SIGTERM); code != 0 {
				t.Fatalf("exit code %d", code)
			}
			if _, whole, _ := s.count(); whole > 0 {
				t.Errorf("%d reads were answered", whole)
			}
			release()
			d = r.hold(nil, "daemon")
			r.untilReady("j")
			r.equal("lab")
			d.signal(syscall.SIGTERM)
		})
	}
}

// A second daemon is refused, with who holds the manifest.
func TestASecondDaemonIsRefused(t *testing.T) {
	r := newRig(t, "8MiB")
	d := r.hold(nil, "daemon")
	code, out, errs := r.run("daemon")
	if code != 75 || out != "" {
		t.Errorf("exit code %d: %s", code, out)
	}
	for _, want := range []string{"the manifest is in use", "is held by", fmt.Sprint(d.cmd.Process.Pid), "daemon", "wait for it to end. A daemon goes on until it is stopped: datagravity stage has it bring what is wanted"} {
		if !strings.Contains(errs, want) {
			t.Errorf("told %q, without %q", errs, want)
		}
	}
	if code := d.signal(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// manager listens as systemd does.
func (r *rig) manager() (env []string, told func() []string) {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), "n")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = l.Close() })
	var mu sync.Mutex
	var list []string
	go func() {
		b := make([]byte, 4<<10)
		for {
			n, err := l.Read(b)
			if err != nil {
				return
			}
			mu.Lock()
			list = append(list, string(b[:n]))
			mu.Unlock()
		}
	}()
	return []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=1500000"}, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), list...)
	}
}

func fed(told []string) (n int) {
	for _, m := range told {
		if m == "WATCHDOG=1" {
			n++
		}
	}
	return n
}

// A transfer that hangs starves the watchdog, and says which it is; one that is slow feeds it.
func TestWatchdogIsStarvedByAWedgeAlone(t *testing.T) {
	r := newRig(t, "1MiB")
	r.put("big.tar", random(1, 8<<20))
	endpoint, err := url.Parse(emutest.Azurite(t).Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	s := r.watched()
	r.more("daemon: {unhealthy_after: 5s, drain: 0s}\n")
	release := s.holding()
	defer release()
	env, told := r.manager()
	d := r.hold(env, "daemon")
	r.until("the watchdog is fed while idle", func() bool { return fed(told()) >= 3 })
	r.want(0, "stage", "c4", "--to", "lab", "--job", "j")
	r.until("the status says what is stuck", func() bool {
		all := strings.Join(told(), "\n\n")
		return strings.Contains(all, "STATUS=stuck: nothing has moved for") && strings.Contains(all, "of: job j to lab since")
	})
	starving := fed(told())
	time.Sleep(3 * time.Second) // twice the watchdog's interval: systemd would act
	if n := fed(told()); n != starving {
		t.Errorf("it was fed %d times while it was stuck", n-starving)
	}
	if !strings.Contains(r.log(), "the watchdog is not fed any more") {
		t.Error("the log does not say so")
	}
	release()
	r.until("it is fed when the work goes on", func() bool { return fed(told()) > starving })
	r.untilReady("j")
	d.signal(syscall.SIGTERM)

	slow, err := netem.Start(endpoint.Host, netem.Options{BytesPerSecond: 20_000})
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	r.put("slow.tar", random(2, 8<<20))
	before := r.config()
	r.write("datagravity.yaml", strings.Replace(before, before[strings.Index(before, "training: {url: \""):strings.Index(before, "\", location: \"azure:eastus\"}")],
		"training: {url: \""+slow.Through(r.urls["azure"]), 1))
	env, told = r.manager()
	d = r.hold(env, "daemon")
	r.want(0, "stage", "c4", "--to", "lab", "--job", "slow")
	r.until("it moves", func() bool { return strings.Contains(strings.Join(told(), "\n"), "shards for job slow") })
	from := fed(told())
	r.until("it is fed for three times as long as nothing may move", func() bool { return fed(told()) >= from+30 })
	if all := strings.Join(told(), "\n"); strings.Contains(all, "stuck") {
		t.Errorf("a slow transfer counts as stuck: %s", all)
	}
	d.signal(syscall.SIGTERM)
}
