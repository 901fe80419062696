package integration

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// webhook is a receiver that believes only what is signed with its key, and takes nothing before it is open.
type webhook struct {
	*httptest.Server
	mu   sync.Mutex
	open bool
	bad  []string
	ids  map[string][]string // types by id, in the order in which they came
	last string
}

func newWebhook(t *testing.T, key string) *webhook {
	w := &webhook{ids: map[string][]string{}}
	w.Server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, []byte(key))
		fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"), body)
		w.mu.Lock()
		defer w.mu.Unlock()
		var m struct{ ID, Type string }
		if r.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) || json.Unmarshal(body, &m) != nil {
			w.bad = append(w.bad, string(body))
		}
		w.ids[m.ID], w.last = append(w.ids[m.ID], m.Type), m.ID
		if !w.open {
			out.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(w.Close)
	return w
}

func (w *webhook) came(kind string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, types := range w.ids {
		if types[0] == kind {
			n++
		}
	}
	return n
}

// scrape is what Prometheus would get of the daemon on its socket.
func (r *rig) scrape() string {
	r.t.Helper()
	path := filepath.Join(r.dir, "state", "api.sock")
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}}}
	resp, err := c.Get("http://datagravity/metrics")
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		r.t.Fatalf("%d %v\n%s", resp.StatusCode, err, b)
	}
	return string(b)
}

// A daemon tells a webhook and a command that a job is ready, once, though the webhook was down and the daemon was killed meanwhile; its metrics say what
// moved, and its spans what it took.
func TestDaemonTellsOthers(t *testing.T) {
	const key = "canary-key-of-the-webhook"
	r := newRig(t, "8MiB")
	r.put("a.tar", random(1, 100_000))
	hook, to := newWebhook(t, key), newTraceReceiver(t)
	r.write("key", key+"\n")
	r.more(fmt.Sprintf(`notify:
  - {name: ops, events: ["job.*"], webhook: {url: "%s/canary-path", secret: {file: key}}}
  - {name: page, events: [job.ready], command: {run: [sh, -c, 'cat >>told; echo >>told; echo "$DATAGRAVITY_EVENT" >>kinds']}}
tracing: {endpoint: "%s"}
`, hook.URL, to.URL))
	r.want(1, "notify", "test", "ops") // it takes nothing yet
	d := r.hold(nil, "daemon")
	r.want(0, "jobs", "add", "job-a", "--dataset", "c4", "--to", "lab")
	r.untilReady("job-a")
	r.until("the webhook is told", func() bool { return hook.came("job.ready") == 1 })
	r.until("the command is told", func() bool {
		b, _ := os.ReadFile(filepath.Join(r.dir, "told"))
		return len(b) > 0 && b[len(b)-1] == '\n'
	})
	var told struct {
		Type string
		Data struct{ Job struct{ ID, State string } }
	}
	b, err := os.ReadFile(filepath.Join(r.dir, "told"))
	if err == nil {
		err = json.Unmarshal(b, &told)
	}
	if err != nil || told.Type != "job.ready" || told.Data.Job.ID != "job-a" || told.Data.Job.State != "ready" {
		t.Errorf("%v in %s", err, b)
	}
	var list []struct {
		Name    string
		Pending int
		Why     string
	}
	if err := json.Unmarshal([]byte(r.want(0, "notify", "list", "--json")), &list); err != nil || len(list) != 2 || list[0].Pending != 1 ||
		!strings.Contains(list[0].Why, "503 Service Unavailable") || list[1].Pending != 0 {
		t.Errorf("%v, %+v", err, list)
	}
	metrics := r.scrape()
	for _, line := range []string{
		`datagravity_moved_bytes_total{destination="lab",source="training",way="full"} 100000`, `datagravity_jobs{state="ready"} 1`,
		`datagravity_held_shards{dataset="c4",destination="lab"} 1`, `datagravity_notifications_pending{target="ops"} 1`,
		`datagravity_notifications_total{outcome="delivered",target="page"} 1`, `datagravity_passes_total{outcome="failed"} 0`,
	} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("the metrics do not say %s\n%s", line, metrics)
		}
	}
	d.signal(syscall.SIGKILL)
	hook.mu.Lock()
	hook.open = true
	hook.mu.Unlock()
	r.want(0, "notify", "test", "ops")
	d = r.hold(nil, "daemon")
	r.until("the webhook took it", func() bool { return strings.Contains(r.scrape(), `datagravity_notifications_pending{target="ops"} 0`) })
	if code := d.signal(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if n := hook.came("job.ready"); n != 1 || len(hook.bad) > 0 {
		t.Errorf("%d events that a job is ready; not believed: %q", n, hook.bad)
	}
	if kinds, err := os.ReadFile(filepath.Join(r.dir, "kinds")); err != nil || string(kinds) != "job.ready\n" {
		t.Errorf("%v, %q", err, kinds)
	}
	if strings.Contains(r.log()+metrics, "canary") {
		t.Errorf("a secret in what is said:\n%s", r.log())
	}
	to.mu.Lock()
	defer to.mu.Unlock()
	names := map[string]int{}
	for _, s := range to.spans {
		names[s.Name]++
		if s.Name == "carry" && (len(s.ParentSpanId) > 0 || len(s.Links) != 1 || attribute(s, "datagravity.job") != "job-a") {
			t.Errorf("%v", s)
		}
	}
	if names["pass"] == 0 || names["shard"] == 0 && names["carry"] == 0 {
		t.Logf("the daemon was killed before its spans were sent: %v", names)
	}
	if names["pass"] == 0 {
		t.Errorf("no pass was traced: %v", names)
	}
}
