package daemon

import (
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
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/datagravity/datagravity/pkg/daemon/access"
)

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
