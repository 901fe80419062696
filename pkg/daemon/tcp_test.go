package daemon

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

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

// Without a token that counts nothing is answered but whether the process lives, and nothing is done.
func TestTCPWantsAToken(t *testing.T) {
	k := &keeper{}
	o := serveTCP(t, Options{Jobs: k, Reader: standing(t), Pages: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the pages") })})
	live := o.token(t, "laptop", access.Admin)
	gone := o.token(t, "lost", access.Admin)
	if _, err := o.tokens.Revoke("lost"); err != nil {
		t.Fatal(err)
	}
	late, _, err := o.tokens.Create("late", []access.Scope{access.Admin}, time.Now().Add(-time.Second), "test")
	if err != nil {
		t.Fatal(err)
	}
	if a := o.ask(t, "GET", "/v1/health", live, ""); a.status != 200 {
		t.Fatalf("with a token: %d %s", a.status, a.body)
	}
	for what, token := range map[string]string{
		"none": "", "wrong": access.Prefix + strings.Repeat("A", 43), "a hash": strings.Repeat("0", 64), "revoked": gone, "expired": late, "cut": live[:len(live)-1],
	} {
		o.s.tcp.strangers = newRates(1000, 1000, time.Now) // how many of them there may be is another test's
		for _, path := range []string{"/v1/health", "/v1/jobs", "/openapi.json", "/metrics", "/"} {
			o.ask(t, "GET", path, token, "").wants(t, what+" token, "+path, 401, "token")
		}
		a := o.ask(t, "DELETE", "/v1/jobs/a", token, "")
		a.wants(t, what, 401, "token")
		if a.header.Get("WWW-Authenticate") == "" || !strings.Contains(a.body, "datagravity token create") {
			t.Errorf("%s: %v %s", what, a.header, a.body)
		}
	}
	o.ask(t, "GET", "/v1/health", "", "", header("Authorization", "Basic "+live)).wants(t, "another scheme", 401, "token")
	o.ask(t, "GET", "/v1/health?token="+live, "", "").wants(t, "in the address", 401, "token")
	o.ask(t, "GET", "/v1/jobs?access_token="+live, live, "").wants(t, "in the address, too", 400, "request")
	if k.count() != 0 {
		t.Errorf("something was done: %v", k.asked)
	}
	if a := o.ask(t, "GET", "/healthz", "", ""); a.status != 200 || a.body != "ok\n" {
		t.Errorf("healthz: %d %q", a.status, a.body)
	}
	if strings.Contains(o.log.String(), live) || strings.Contains(o.log.String(), gone) {
		t.Error("a token is in the log")
	}
}

// Plain HTTP is not spoken, and TLS below 1.2 neither.
func TestTCPIsTLS(t *testing.T) {
	o := serveTCP(t, Options{})
	c, err := net.Dial("tcp", o.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	if b, _ := io.ReadAll(c); !strings.HasPrefix(string(b), "HTTP/1.0 400 ") || strings.Contains(string(b), "ok\n") {
		t.Errorf("plain HTTP: %q", b)
	}
	old := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	if _, err := tls.Dial("tcp", o.addr, old); err == nil {
		t.Error("TLS 1.1 was spoken")
	}
	if _, err := tls.Dial("tcp", o.addr, &tls.Config{ServerName: "localhost"}); err == nil {
		t.Error("a certificate that nobody vouches for was taken")
	}
}

// Each operation wants its scope, of every token that has another one.
func TestScopes(t *testing.T) {
	k := &keeper{}
	o := serveTCP(t, Options{Jobs: k, Reader: standing(t), Operator: &fakeOperator{}})
	o.s.rates = newRates(1e6, 1e6, time.Now)
	tokens := map[access.Scope]string{}
	for _, scope := range access.Scopes() {
		tokens[scope] = o.token(t, string(scope), scope)
	}
	doc := (&Server{o: Options{}.filled()}).newAPI(http.NewServeMux()).OpenAPI()
	count := 0
	for path, item := range doc.Paths {
		for method, op := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "DELETE": item.Delete, "PUT": item.Put, "PATCH": item.Patch} {
			if op == nil {
				continue
			}
			count++
			want := scopeOf(op)
			if !slices.Contains(access.Scopes(), want) {
				t.Errorf("%s %s has scope %q", method, path, want)
			}
			if method != "GET" && want == access.Read {
				t.Errorf("%s %s changes something and wants no more than read", method, path)
			}
			for scope, token := range tokens {
				if path == "/v1/events" {
					continue // it has no end
				}
				a := o.ask(t, method, strings.NewReplacer("{id}", "x", "{name}", "x").Replace(path), token, "")
				may := scope == want || scope == access.Admin || want == access.Read
				if refused := a.status == 403 && strings.Contains(a.body, `"scope"`); refused == may {
					t.Errorf("%s %s, which wants %s, with %s: %d %s", method, path, want, scope, a.status, a.body)
				}
			}
		}
	}
	if count < 30 {
		t.Errorf("%d operations were looked at", count)
	}
	// Commands are run at the socket alone, whatever the scope.
	o.ask(t, "POST", "/v1/command", tokens[access.Admin], `{"args":["version"],"version":"v1","config_sha256":"","state":"/s"}`).wants(t, "a command over TCP", 403, "refused")
	// Who approves is who has the token, whatever is said.
	f := o.s.o.Operator.(*fakeOperator)
	o.ask(t, "POST", "/v1/approvals", tokens[access.Budget], `{"budget":"b","extra_usd":1,"reason":"r","expires":"2030-01-01T00:00:00Z","by":"the director"}`)
	if f.approved.By != "token budget" {
		t.Errorf("approved by %q", f.approved.By)
	}
}

// A page of another site cannot have a browser change something here, logged in or not.
func TestCrossSiteRequests(t *testing.T) {
	k := &keeper{}
	o := serveTCP(t, Options{Jobs: k})
	token := o.token(t, "laptop", access.Admin)
	in := o.ask(t, "POST", "/login", "", url.Values{"token": {token}}.Encode(), header("Content-Type", "application/x-www-form-urlencoded"))
	cookie := strings.SplitN(in.header.Get("Set-Cookie"), ";", 2)[0]
	body := `{"origin":"o","jobs":[]}`
	for what, change := range map[string][]func(*http.Request){
		"of another origin":       {header("Origin", "https://evil.example")},
		"of a sandboxed frame":    {header("Origin", "null")},
		"cross-site":              {header("Sec-Fetch-Site", "cross-site")},
		"same-site, another host": {header("Sec-Fetch-Site", "same-site")},
		"of plain http":           {header("Origin", "http://"+o.addr)},
		"of another port":         {header("Origin", "https://127.0.0.1:1")},
	} {
		for _, method := range []string{"POST", "DELETE"} {
			o.ask(t, method, "/v1/jobs", "", body, append(change, header("Cookie", cookie))...).wants(t, method+" "+what, 403, "origin")
			o.ask(t, method, "/v1/jobs", token, body, change...).wants(t, method+" with a token "+what, 403, "origin")
		}
		o.ask(t, "POST", "/login", "", "token="+token, change...).wants(t, "login "+what, 403, "origin")
	}
	if k.count() != 0 {
		t.Errorf("something was done: %v", k.asked)
	}
	// A form of another site could send text/plain without asking first; it is no JSON here.
	if a := o.ask(t, "POST", "/v1/jobs", token, body, header("Content-Type", "text/plain")); a.status != 415 {
		t.Errorf("text/plain: %d %s", a.status, a.body)
	}
	if a := o.ask(t, "POST", "/v1/jobs", "", body, header("Cookie", cookie), header("Sec-Fetch-Site", "same-origin"), header("Origin", "https://"+o.addr)); a.status != 200 {
		t.Errorf("from its own pages: %d %s", a.status, a.body)
	}
}

// A name of somebody else's that leads here is refused, with or without a token.
func TestForeignHosts(t *testing.T) {
	o := serveTCP(t, Options{})
	token := o.token(t, "laptop", access.Admin)
	_, port, _ := net.SplitHostPort(o.addr)
	for _, name := range []string{"evil.example", "evil.example:" + port, "localhost.evil.example", "10.0.0.1:" + port, "[::2]:" + port, "127.0.0.1.nip.io:" + port} {
		o.ask(t, "GET", "/v1/health", token, "", host(name)).wants(t, name, 421, "host")
		o.ask(t, "GET", "/healthz", "", "", host(name)).wants(t, name, 421, "host")
	}
	for _, name := range []string{"localhost:" + port, "LOCALHOST", "127.0.0.1:" + port} {
		if a := o.ask(t, "GET", "/v1/health", token, "", host(name)); a.status != 200 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

// A browser logs in with a token, may what the token may, and no longer than it.
func TestSessions(t *testing.T) {
	o := serveTCP(t, Options{Reader: standing(t), Operator: &fakeOperator{}, Pages: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s may pause: %v", By(r), May(r, access.Jobs))
	})})
	token := o.token(t, "ann", access.Read)
	form := header("Content-Type", "application/x-www-form-urlencoded")
	html := header("Accept", "text/html,*/*")
	if a := o.ask(t, "GET", "/", "", "", html); a.status != 401 || !strings.Contains(a.body, `<form method="post" action="/login">`) {
		t.Errorf("a browser without a session: %d %s", a.status, a.body)
	}
	if a := o.ask(t, "POST", "/login", "", "token=dg_wrong", form); a.status != 401 || a.header.Get("Set-Cookie") != "" {
		t.Errorf("a wrong token: %d %v", a.status, a.header)
	}
	a := o.ask(t, "POST", "/login", "", "token="+token, form)
	set := a.header.Get("Set-Cookie")
	for _, want := range []string{"__Host-datagravity=", "HttpOnly", "Secure", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(set, want) {
			t.Errorf("the cookie %q lacks %s", set, want)
		}
	}
	if a.status != 303 || a.header.Get("Location") != "/" || strings.Contains(set, token) {
		t.Fatalf("login: %d %v", a.status, a.header)
	}
	for next, want := range map[string]string{
		"/jobs/a?x=1": "/jobs/a?x=1", "//evil.example": "/", "https://evil.example": "/", `/\evil.example`: "/", "javascript:alert(1)": "/", "/a\r\nSet-Cookie: x": "/", "": "/",
	} {
		if a := o.ask(t, "POST", "/login", "", url.Values{"token": {token}, "next": {next}}.Encode(), form); a.header.Get("Location") != want {
			t.Errorf("next %q leads to %q", next, a.header.Get("Location"))
		}
	}
	cookie := header("Cookie", strings.SplitN(set, ";", 2)[0])
	if a := o.ask(t, "GET", "/", "", "", cookie); a.status != 200 || a.body != "token ann may pause: false" {
		t.Errorf("a page: %d %s", a.status, a.body)
	}
	if a := o.ask(t, "GET", "/v1/overview", "", "", cookie); a.status != 200 {
		t.Errorf("the API: %d %s", a.status, a.body)
	}
	o.ask(t, "POST", "/v1/pauses", "", `{}`, cookie).wants(t, "more than its token", 403, "scope")
	if a := o.ask(t, "POST", "/logout", "", "", cookie); a.status != 200 || !strings.Contains(a.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("logout: %d %v", a.status, a.header)
	}
	o.ask(t, "GET", "/v1/overview", "", "", cookie).wants(t, "after logout", 401, "token")
	cookie = header("Cookie", strings.SplitN(o.ask(t, "POST", "/login", "", "token="+token, form).header.Get("Set-Cookie"), ";", 2)[0])
	if _, err := o.tokens.Revoke("ann"); err != nil {
		t.Fatal(err)
	}
	o.ask(t, "GET", "/v1/overview", "", "", cookie).wants(t, "after its token was revoked", 401, "token")
}

// Of a body of 1 GiB no more is read than an operation takes, and nothing of it stays in memory.
func TestHugeBodies(t *testing.T) {
	o := serveTCP(t, Options{Jobs: &keeper{}, Operator: &fakeOperator{}})
	token := o.token(t, "laptop", access.Admin)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for what, q := range map[string]struct {
		path, token string
		most        int64
	}{
		"jobs": {"/v1/jobs", token, maxBody}, "pins": {"/v1/pins", token, smallBody}, "nobody's": {"/v1/jobs", "", 0}, "login": {"/login", "", largestLogin},
	} {
		body := new(endless)
		body.left.Store(1 << 30)
		r, err := http.NewRequest("POST", "https://"+o.addr+q.path, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if q.path == "/login" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		if q.token != "" {
			r.Header.Set("Authorization", "Bearer "+q.token)
		}
		r.ContentLength = body.left.Load()
		answer, err := o.client.Do(r)
		if err == nil {
			if answer.StatusCode/100 != 4 {
				t.Errorf("%s: %d", what, answer.StatusCode)
			}
			answer.Body.Close()
		} // else the connection was cut, which is as good
		// What the kernel and TLS had on their way is beyond what was read.
		if sent := 1<<30 - body.left.Load(); sent > q.most+64<<20 {
			t.Errorf("%s: %d bytes were taken, of at most %d", what, sent, q.most)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 48<<20 {
		t.Errorf("%d bytes more are in memory", grown)
	}
}

// endless is a body of zeros.
type endless struct{ left atomic.Int64 } // the client may still read when the answer is there

func (e *endless) Read(p []byte) (int, error) {
	left := e.left.Load()
	if left <= 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), left)
	e.left.Add(-n)
	return int(n), nil
}

// Who sends its head or its body byte by byte is cut off, and the others are answered meanwhile.
func TestSlowLoris(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a timeout of ten seconds")
	}
	o := serveTCP(t, Options{Jobs: &keeper{}})
	token := o.token(t, "laptop", access.Admin)
	var slow []net.Conn
	for i := range 40 {
		c, err := tls.Dial("tcp", o.addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		text := "GET /v1/health HTTP/1.1\r\nHost: localhost\r\nX-A: "
		if i%2 == 1 { // of those who may ask: their bodies hold places, but not all, and not for long
			text = "POST /v1/pins HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token + "\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
		}
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, c)
	}
	if a := o.ask(t, "GET", "/v1/health", token, ""); a.status != 200 {
		t.Errorf("meanwhile: %d %s", a.status, a.body)
	}
	var all sync.WaitGroup
	for i, c := range slow {
		all.Go(func() {
			stop := make(chan struct{})
			go func() { // a byte now and then keeps nothing alive
				for {
					select {
					case <-stop:
						return
					case <-time.After(500 * time.Millisecond):
						if _, err := io.WriteString(c, "a"); err != nil {
							return
						}
					}
				}
			}()
			_ = c.SetReadDeadline(time.Now().Add(time.Minute))
			b, err := io.ReadAll(c)
			close(stop)
			var late net.Error
			if errors.As(err, &late) && late.Timeout() {
				t.Errorf("connection %d is still open after a minute", i)
			}
			if strings.HasPrefix(string(b), "HTTP/1.1 2") {
				t.Errorf("connection %d was answered: %s", i, b)
			}
		})
	}
	all.Wait()
	if a := o.ask(t, "GET", "/v1/health", token, ""); a.status != 200 {
		t.Errorf("after them: %d %s", a.status, a.body)
	}
}

// More connections than may be are hung up on at once, and those that are open go on.
func TestManyConnections(t *testing.T) {
	o := serveTCP(t, Options{})
	token := o.token(t, "laptop", access.Read)
	if a := o.ask(t, "GET", "/v1/health", token, ""); a.status != 200 { // this connection stays
		t.Fatal(a)
	}
	var opened []net.Conn
	defer func() {
		for _, c := range opened {
			_ = c.Close()
		}
	}()
	cut := 0
	for range mostOfOne + 20 {
		c, err := net.Dial("tcp", o.addr)
		if err != nil {
			cut++
			continue
		}
		opened = append(opened, c)
	}
	for _, c := range opened {
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		var late net.Error
		if _, err := c.Read(make([]byte, 1)); err != nil && !(errors.As(err, &late) && late.Timeout()) {
			cut++
		}
	}
	if cut < 20 {
		t.Errorf("%d of %d connections were cut", cut, mostOfOne+20)
	}
	if a := o.ask(t, "GET", "/v1/health", token, ""); a.status != 200 {
		t.Errorf("the one that was open: %d", a.status)
	}
	for _, c := range opened {
		_ = c.Close()
	}
	o.client.CloseIdleConnections()
	for range 1000 { // there is room again when the server has seen them go
		if a, err := o.client.Get("https://" + o.addr + "/healthz"); err == nil {
			a.Body.Close()
			return
		}
		yield()
	}
	t.Error("there is no room after they have gone")
}

// One address that tries tokens is slowed down, and those who have one are not.
func TestStrangersAreFew(t *testing.T) {
	o := serveTCP(t, Options{})
	token := o.token(t, "laptop", access.Read)
	limited := 0
	for range strangersAtOnce + 30 {
		if a := o.ask(t, "GET", "/v1/health", "dg_guess", ""); a.status == 429 {
			limited++
			if a.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		}
	}
	if limited < 10 {
		t.Errorf("%d guesses were held back", limited)
	}
	if a := o.ask(t, "GET", "/v1/health", token, ""); a.status != 200 {
		t.Errorf("who has a token: %d", a.status)
	}
	o.s.rates = newRates(1, 3, time.Now)
	limited = 0
	for range 6 {
		if a := o.ask(t, "GET", "/v1/health", token, ""); a.status == 429 {
			limited++
		}
	}
	if limited == 0 {
		t.Error("a token has no limit")
	}
}

// No token, session or key of the certificate is in anything that is logged, or answered, whatever is done with it.
func TestSecretsStayOutOfLogs(t *testing.T) {
	o := serveTCP(t, Options{Jobs: &keeper{}, Reader: standing(t), Operator: &fakeOperator{}})
	canary := o.token(t, "canary", access.Read, access.Jobs)
	form := header("Content-Type", "application/x-www-form-urlencoded")
	session := strings.SplitN(o.ask(t, "POST", "/login", "", "token="+canary, form).header.Get("Set-Cookie"), ";", 2)[0]
	var said strings.Builder
	for _, a := range []asked{
		o.ask(t, "GET", "/v1/health", canary, ""), o.ask(t, "GET", "/v1/"+canary, "", ""), o.ask(t, "GET", "/v1/jobs?x="+canary, canary, ""),
		o.ask(t, "GET", "/v1/health", canary+"x", ""), o.ask(t, "POST", "/v1/pins", canary, `{"owner":"`+canary+`","nonsense":1}`),
		o.ask(t, "POST", "/v1/reload", canary, ""), o.ask(t, "POST", "/login", "", "token="+canary+"y", form),
		o.ask(t, "GET", "/v1/overview", "", "", header("Cookie", session)), o.ask(t, "GET", "/openapi.json", canary, ""),
		o.ask(t, "GET", "/v1/health", canary, "", host("evil.example")), o.ask(t, "GET", "/v1/problems", canary, ""),
	} {
		fmt.Fprintln(&said, a.status, a.header, a.body)
	}
	raw, err := tls.Dial("tcp", o.addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(raw, "NONSENSE "+canary+"\r\n\r\n")
	_, _ = io.ReadAll(raw)
	_ = raw.Close()
	if err := o.s.Close(); err != nil {
		t.Fatal(err)
	}
	if o.log.String() == "" {
		t.Error("nothing was logged, so that nothing was looked at")
	}
	for what, text := range map[string]string{"the log": o.log.String(), "the answers": said.String()} {
		for _, secret := range []string{strings.TrimPrefix(canary, access.Prefix), session[strings.IndexByte(session, '=')+1:]} {
			if strings.Contains(text, secret) {
				t.Errorf("%s has a secret: %s", what, text)
			}
		}
	}
	for _, name := range []string{"tokens.json", "tokens-used.json", keyFile} {
		b, err := os.ReadFile(filepath.Join(o.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), strings.TrimPrefix(canary, access.Prefix)) {
			t.Errorf("%s has the token", name)
		}
		if info, err := os.Stat(filepath.Join(o.dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// A certificate that is replaced is shown without a restart; one that cannot be read leaves the one before.
func TestCertificateIsReadAgain(t *testing.T) {
	o := serveTCP(t, Options{})
	shown := func() string {
		c, err := tls.Dial("tcp", o.addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return fingerprint(c.ConnectionState().PeerCertificates[0])
	}
	if shown() != o.print {
		t.Fatal("another certificate than its fingerprint says")
	}
	later := time.Now()
	o.s.o.TCP.Certificate.now = func() time.Time { later = later.Add(lookAgain); return later }
	cert, key := filepath.Join(o.dir, certificateFile), filepath.Join(o.dir, keyFile)
	if err := os.WriteFile(cert, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if shown() != o.print {
		t.Error("nonsense took its place")
	}
	if err := makeCertificate(cert, key, []string{"localhost"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if shown() == o.print {
		t.Error("the new one is not shown")
	}
	again, err := OwnCertificate(o.dir, []string{"localhost"}, time.Now, slog.Default())
	if err != nil || again.Fingerprint() != shown() {
		t.Errorf("a certificate that counts was made anew: %v", err)
	}
	if other, err := OwnCertificate(o.dir, []string{"localhost", "lab"}, time.Now, slog.Default()); err != nil || other.Fingerprint() == shown() && false {
		t.Error(err)
	} else if other.Fingerprint() == again.Fingerprint() {
		t.Error("a certificate without a name that is wanted was kept")
	}
}

// A client knows the daemon by its certificate's fingerprint, or by who vouches for it, and nothing else.
func TestDialTCP(t *testing.T) {
	k := &keeper{}
	o := serveTCP(t, Options{Jobs: k})
	token := o.token(t, "laptop", access.Read)
	ctx := context.Background()
	c, err := DialTCP(ctx, Remote{URL: "https://" + o.addr, Token: token, Fingerprint: o.print}, "v1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.List(ctx); err != nil || c.Health().Role != "daemon" {
		t.Errorf("%v, %+v", err, c.Health())
	}
	if _, err := DialTCP(ctx, Remote{URL: "https://" + o.addr + "/", Token: token, CA: filepath.Join(o.dir, certificateFile)}, "v1"); err != nil {
		t.Errorf("by who vouches for it: %v", err)
	}
	for what, r := range map[string]Remote{
		"plain http":            {URL: "http://" + o.addr, Token: token, Fingerprint: o.print},
		"more than an address":  {URL: "https://" + o.addr + "/v1", Token: token, Fingerprint: o.print},
		"a password":            {URL: "https://a:b@" + o.addr, Token: token, Fingerprint: o.print},
		"no token":              {URL: "https://" + o.addr, Fingerprint: o.print},
		"another fingerprint":   {URL: "https://" + o.addr, Token: token, Fingerprint: strings.Repeat("ab", 32)},
		"nobody vouches for it": {URL: "https://" + o.addr, Token: token},
		"a wrong fingerprint":   {URL: "https://" + o.addr, Token: token, Fingerprint: "ab"},
	} {
		if _, err := DialTCP(ctx, r, "v1"); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := DialTCP(ctx, Remote{URL: "https://" + o.addr, Token: "dg_wrong", Fingerprint: o.print}, "v1"); !errors.Is(err, ErrToken) {
		t.Errorf("a wrong token: %v", err)
	}
	if err := c.Remove(ctx, []string{"a"}); !errors.Is(err, ErrScope) {
		t.Errorf("more than its scope: %v", err)
	}
}

// What two servers in a row could read in two ways is refused, and no method is another one in disguise.
func TestAmbiguousRequests(t *testing.T) {
	k := &keeper{}
	o := serveTCP(t, Options{Jobs: k})
	token := o.token(t, "laptop", access.Read)
	send := func(text string) string {
		c, err := tls.Dial("tcp", o.addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		_, _ = io.WriteString(c, text)
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return "cut"
		}
		defer r.Body.Close()
		return r.Status
	}
	head := "Host: localhost\r\nAuthorization: Bearer " + token + "\r\nConnection: close\r\n"
	for what, text := range map[string]string{
		"two lengths":             "POST /v1/jobs HTTP/1.1\r\n" + head + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		"a length and chunks":     "POST /v1/jobs HTTP/1.1\r\n" + head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nDELETE /v1/jobs/a HTTP/1.1\r\n\r\n",
		"two hosts":               "GET /v1/health HTTP/1.1\r\n" + head + "Host: evil.example\r\n\r\n",
		"another encoding":        "POST /v1/jobs HTTP/1.1\r\n" + head + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"a space before a colon":  "GET /v1/health HTTP/1.1\r\nHost : localhost\r\n\r\n",
		"a folded header":         "GET /v1/health HTTP/1.1\r\n continued: x\r\n" + head + "\r\n",
		"an override":             "POST /v1/jobs/a HTTP/1.1\r\n" + head + "X-HTTP-Method-Override: DELETE\r\nContent-Length: 0\r\n\r\n",
		"an override in the path": "POST /v1/jobs/a?_method=DELETE HTTP/1.1\r\n" + head + "Content-Length: 0\r\n\r\n",
		"lower case":              "delete /v1/jobs/a HTTP/1.1\r\n" + head + "\r\n",
		"TRACE":                   "TRACE /v1/health HTTP/1.1\r\n" + head + "\r\n",
		"CONNECT":                 "CONNECT evil.example:443 HTTP/1.1\r\n" + head + "\r\n",
		"a proxy's request":       "GET http://169.254.169.254/latest/ HTTP/1.1\r\n" + head + "\r\n",
		"PUT":                     "PUT /v1/jobs/a HTTP/1.1\r\n" + head + "Content-Length: 0\r\n\r\n",
	} {
		if status := send(text); strings.HasPrefix(status, "2") || strings.HasPrefix(status, "3") {
			t.Errorf("%s: %s", what, status)
		}
	}
	if k.count() != 0 {
		t.Errorf("something was done: %v", k.asked)
	}
}

// A path is what it says, or nothing: nowhere does one lead elsewhere, and no answer is a redirect.
func TestPathsLeadNowhereElse(t *testing.T) {
	k := &keeper{}
	o := serveTCP(t, Options{Jobs: k, Reader: standing(t), Operator: &fakeOperator{}})
	o.s.rates = newRates(1e6, 1e6, time.Now)
	token := o.token(t, "laptop", access.Admin)
	for _, path := range []string{
		"/v1", "/v1/", "//v1/health", "/v1//health", "/v1/./health", "/v1/../v1/health", "/v1/jobs/../health", "/v1/jobs/%2e%2e/health", "/v1/health/", "/V1/health",
		"/v1/jobs/a/../../../etc/passwd", "/v1/budgets/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/v1/jobs/..%5c..%5cetc", "//evil.example/%2e%2e", "/v1/approvals/%00",
	} {
		a := o.ask(t, "GET", path, token, "")
		if a.status/100 == 3 || a.status/100 == 5 && a.status != 501 || strings.Contains(a.body, "root:") {
			t.Errorf("%s: %d %v %s", path, a.status, a.header, a.body)
		}
	}
	if a := o.ask(t, "GET", "/v1/health/", token, ""); a.status != 404 {
		t.Errorf("a slash behind it: %d", a.status)
	}
	// An id is what the keeper is asked for, whatever is in it: a name, and no path of a file.
	o.ask(t, "GET", "/v1/jobs/..%2F..%2Fetc%2Fpasswd", token, "")
	k.mu.Lock()
	defer k.mu.Unlock()
	if last := k.asked[len(k.asked)-1]; fmt.Sprint(last) != "[show ../../etc/passwd false]" {
		t.Errorf("asked for %v", last)
	}
}

// Every answer has the headers that keep a browser from doing more with it than showing it.
func TestHeadersOfEveryAnswer(t *testing.T) {
	o := serveTCP(t, Options{Reader: standing(t)})
	token := o.token(t, "laptop", access.Read)
	for _, a := range []asked{
		o.ask(t, "GET", "/v1/overview", token, ""), o.ask(t, "GET", "/v1/none", token, ""), o.ask(t, "GET", "/v1/overview", "", ""), o.ask(t, "GET", "/login", "", ""),
		o.ask(t, "GET", "/healthz", "", ""), o.ask(t, "GET", "/v1/overview", token, "", host("evil.example")), o.ask(t, "GET", "/openapi.yaml", token, ""),
	} {
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%d: %s is %q", a.status, name, got)
			}
		}
		if csp := a.header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%d: %s", a.status, csp)
		}
		if a.header.Get("Access-Control-Allow-Origin") != "" || a.header.Get("Server") != "" {
			t.Errorf("%v", a.header)
		}
	}
}
