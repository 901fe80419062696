package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// clock is set by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)} }

func openAt(t *testing.T, dir string, now func() time.Time) *manifest.Manifest {
	t.Helper()
	m, err := manifest.OpenDir(dir, manifest.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func closed(t *testing.T, m *manifest.Manifest) {
	t.Helper()
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// got is a request as a receiver saw it.
type got struct {
	id, kind string
	message  map[string]any
}

// receiver is a webhook of somebody's own, which checks signatures by itself.
type receiver struct {
	*httptest.Server
	t   *testing.T
	key []byte

	mu sync.Mutex
	// answer decides about each request, by its number from 1; nil: 204.
	answer func(n int, w http.ResponseWriter, r *http.Request)
	seen   []got
	header http.Header
	came   chan struct{}
}

const secret = "whsec_Y2FuYXJ5LWtleS1vZi10aGUtd2ViaG9vaw=="

func receive(t *testing.T) *receiver {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{t: t, key: key, came: make(chan struct{}, 10_000)}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// answers decides about each request from now on.
func (r *receiver) answers(f func(n int, w http.ResponseWriter, r *http.Request)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

// verify is the check of the Standard Webhooks specification, written from its text: https://www.standardwebhooks.com, "Verifying signatures".
func (r *receiver) verify(h http.Header, body []byte) error {
	var seconds int64
	if _, err := fmt.Sscan(h.Get("Webhook-Timestamp"), &seconds); err != nil {
		return err
	}
	mac := hmac.New(sha256.New, r.key)
	fmt.Fprintf(mac, "%s.%d.%s", h.Get("Webhook-Id"), seconds, body)
	for one := range strings.FieldsSeq(h.Get("Webhook-Signature")) {
		version, coded, _ := strings.Cut(one, ",")
		sum, err := base64.StdEncoding.DecodeString(coded)
		if version == "v1" && err == nil && hmac.Equal(sum, mac.Sum(nil)) {
			return nil
		}
	}
	return fmt.Errorf("no signature of %q is right", h.Get("Webhook-Signature"))
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	var m map[string]any
	if err == nil {
		err = json.Unmarshal(body, &m)
	}
	if err == nil {
		err = r.verify(q.Header, body)
	}
	if err == nil && (q.Method != http.MethodPost || q.Header.Get("Content-Type") != "application/json" || m["id"] != q.Header.Get("Webhook-Id")) {
		err = fmt.Errorf("%s, %v", q.Method, q.Header)
	}
	if err != nil {
		r.t.Errorf("a request that cannot be believed: %v", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	r.seen = append(r.seen, got{q.Header.Get("Webhook-Id"), fmt.Sprint(m["type"]), m})
	n, answer := len(r.seen), r.answer
	r.header = q.Header.Clone()
	r.mu.Unlock()
	r.came <- struct{}{}
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	answer(n, w, q)
}

// after waits for n more requests and returns all so far.
func (r *receiver) after(n int) []got {
	r.t.Helper()
	for range n {
		select {
		case <-r.came:
		case <-time.After(time.Minute):
			r.t.Fatal("nothing came")
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]got{}, r.seen...)
}

func (r *receiver) target(t *testing.T, events ...string) Target {
	t.Helper()
	s, err := NewWebhook(WebhookOptions{URL: r.URL + "/canary-path", Secret: secret, Timeout: 20 * time.Second, Loopback: true, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return Target{Name: "ops", Events: events, Sender: s}
}

// notifier on a manifest, without waiting between attempts.
func notifier(t *testing.T, m *manifest.Manifest, targets ...Target) *Notifier {
	t.Helper()
	return notifierOf(t, Options{Manifest: m, Targets: targets})
}

func notifierOf(t *testing.T, o Options) *Notifier {
	t.Helper()
	var err error
	if o.Ledger == nil {
		if o.Ledger, err = cost.OpenLedger(o.Manifest, cost.LedgerOptions{Book: cost.Default()}); err != nil {
			t.Fatal(err)
		}
	}
	if o.wait == nil {
		o.wait = func(int) time.Duration { return 0 }
	}
	o.Agent = Agent{"lab-agent", "onprem:lab1"}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	n, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// running delivers until what it returns is called.
func running(n *Notifier) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		n.Run(ctx)
		close(done)
	}()
	return func() { cancel(); <-done }
}

func job(id string, state dispatch.State) dispatch.Status {
	return dispatch.Status{ID: id, Dataset: "c4", State: state, Why: "because"}
}

// pass tells how jobs stand.
func pass(t *testing.T, n *Notifier, list ...dispatch.Status) {
	t.Helper()
	if err := n.Release(context.Background(), nil, list); err != nil {
		t.Fatal(err)
	}
}

// waiting are the events that are recorded for a target.
func waiting(t *testing.T, m *manifest.Manifest, target string) (list []manifest.Notice) {
	t.Helper()
	err := m.View(func(tx *manifest.Tx) error {
		return tx.Notices(target, func(n manifest.Notice) (bool, error) { list = append(list, n); return true, nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// taken waits until nothing is left for a target; how long it takes says nothing.
func taken(t *testing.T, m *manifest.Manifest, target string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); len(waiting(t, m, target)) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting: %+v", waiting(t, m, target))
		}
	}
}

func kinds(list []manifest.Notice) (out []string) {
	for _, n := range list {
		out = append(out, n.Event)
	}
	return out
}
