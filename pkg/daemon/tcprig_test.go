package daemon

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/daemon/access"
)

// over is a server that answers over TCP, and what is needed to ask it.
type over struct {
	s      *Server
	addr   string
	tokens *access.Tokens
	print  string // its certificate's fingerprint
	dir    string
	log    *lockedBuffer
	client *http.Client
}

// lockedBuffer is a buffer that goroutines write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serveTCP answers over TCP; all that is logged is kept.
func serveTCP(t *testing.T, o Options) *over {
	t.Helper()
	out := &over{dir: t.TempDir(), log: &lockedBuffer{}}
	o.Log = slog.New(slog.NewTextHandler(out.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cert, err := OwnCertificate(out.dir, []string{"localhost", "127.0.0.1"}, time.Now, o.Log)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	out.addr, out.print, out.tokens = l.Addr().String(), cert.Fingerprint(), access.OpenTokens(out.dir, time.Now)
	o.TCP = &TCP{Listener: l, Certificate: cert, Tokens: out.tokens, Hosts: []string{"localhost", "127.0.0.1"}}
	_, out.s = serve(t, o)
	config, err := Remote{Fingerprint: out.print}.tls()
	if err != nil {
		t.Fatal(err)
	}
	out.client = &http.Client{Transport: &http.Transport{TLSClientConfig: config, MaxIdleConnsPerHost: 32}, CheckRedirect: stay}
	t.Cleanup(out.client.CloseIdleConnections)
	return out
}

// token makes one.
func (o *over) token(t *testing.T, name string, scopes ...access.Scope) string {
	t.Helper()
	secret, _, err := o.tokens.Create(name, scopes, time.Time{}, "test")
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// asked is an answer.
type asked struct {
	status int
	header http.Header
	body   string
}

// ask sends a request with a token ("": none); change may alter it.
func (o *over) ask(t *testing.T, method, path, token, body string, change ...func(*http.Request)) asked {
	t.Helper()
	q, err := http.NewRequest(method, "https://"+o.addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		q.Header.Set("Content-Type", "application/json")
	}
	for _, f := range change {
		f(q)
	}
	answer, err := o.client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return asked{answer.StatusCode, answer.Header, string(b)}
}

func header(name, value string) func(*http.Request) {
	return func(q *http.Request) { q.Header.Set(name, value) }
}

func host(name string) func(*http.Request) { return func(q *http.Request) { q.Host = name } }

// wants tells whether an answer is a problem of a kind.
func (a asked) wants(t *testing.T, what string, status int, kind string) {
	t.Helper()
	if a.status != status || !strings.Contains(a.body, `"`+kind+`"`) || a.header.Get("Content-Type") != problemMedia {
		t.Errorf("%s: %d %s, want %d and kind %s", what, a.status, a.body, status, kind)
	}
}
