package daemon

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/daemon/access"
)

// before is a proxy before a daemon: it passes on what is asked, and what is answered as alter has it, or answers by itself.
type before struct {
	*httptest.Server
	self  atomic.Pointer[http.HandlerFunc]
	alter atomic.Pointer[func(http.Header)]
}

func proxyOf(t *testing.T, o *over) *before {
	t.Helper()
	p := &before{}
	pass := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "https", Host: o.addr}) },
		Transport: o.client.Transport,
		ModifyResponse: func(a *http.Response) error {
			if f := p.alter.Load(); f != nil {
				(*f)(a.Header)
			}
			return nil
		},
	}
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := p.self.Load(); f != nil {
			(*f)(w, r)
			return
		}
		pass.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *before) dial(t *testing.T, token string) (*Client, error) {
	t.Helper()
	print := sha256.Sum256(p.Certificate().Raw)
	c, err := DialTCP(t.Context(), Remote{URL: p.URL, Token: token, Fingerprint: hex.EncodeToString(print[:])}, "1")
	if c != nil {
		t.Cleanup(c.http.CloseIdleConnections)
	}
	return c, err
}

// What a proxy before the daemon says is told as that, with its status and what to do, whoever asks and whenever; and what the daemon says through it as the
// daemon's.
func TestProxyIsNotTheDaemon(t *testing.T) {
	o := serveTCP(t, Options{Jobs: &keeper{}})
	p := proxyOf(t, o)
	token := o.token(t, "laptop", access.Jobs)
	c, err := p.dial(t, token)
	if err != nil {
		t.Fatal(err)
	}
	where := strings.TrimPrefix(p.URL, "https://")
	for _, q := range []struct {
		status int
		header http.Header
		body   string
		words  string
		after  time.Duration
	}{
		{401, http.Header{"Content-Type": {"text/html"}}, "<h1>Who are you?</h1>", `status 401 Unauthorized, "text/html". A proxy that wants to know who asks`, 0},
		{407, http.Header{}, "", "wants to know who asks", 0},
		{403, http.Header{"Server": {"nginx/1.28"}, "Content-Type": {"text/html"}}, "no", `("nginx/1.28") was answered by something that is not the daemon: status 403 Forbidden`, 0},
		{429, http.Header{"Retry-After": {"7"}}, "{}", "allow this client more requests", 7 * time.Second},
		{503, http.Header{"Date": {"Wed, 25 Nov 2026 10:00:00 GMT"}, "Retry-After": {"Wed, 25 Nov 2026 10:00:30 GMT"}}, "", "does not reach the daemon behind it", 30 * time.Second},
		{502, http.Header{}, "", "does not reach the daemon behind it", 0},
		{302, http.Header{"Location": {"https://login.example/?" + strings.Repeat("x", 1000)}}, "", `It sends to "https://login.example/?`, 0},
		{200, http.Header{"Content-Type": {"text/html; charset=utf-8"}}, "<form>", "Give the daemon's own address", 0},
		{404, http.Header{}, "", "Give the daemon's own address", 0},
		// A gateway may speak of problems, too.
		{401, http.Header{"Content-Type": {problemMedia}}, `{"type": "about:blank", "status": 401, "detail": "log in"}`, "wants to know who asks", 0},
	} {
		answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for name, v := range q.header {
				w.Header()[name] = v
			}
			w.WriteHeader(q.status)
			_, _ = io.WriteString(w, q.body)
		})
		p.self.Store(&answer)
		_, greeted := p.dial(t, token)
		_, asked := c.List(t.Context())
		for what, err := range map[string]error{"dial": greeted, "list": asked} {
			var foreign *ForeignError
			if !errors.As(err, &foreign) || foreign.Status != q.status || foreign.After != q.after || !strings.Contains(err.Error(), q.words) ||
				strings.Count(err.Error(), where) != 1 || len(err.Error()) > 600 {
				t.Errorf("%s, %d: %v", what, q.status, err)
			}
			if errors.As(err, new(*Error)) {
				t.Errorf("%s, %d: is said to be the daemon's", what, q.status)
			}
		}
	}
	p.self.Store(nil)
	if _, err := c.List(t.Context()); err != nil {
		t.Errorf("once the proxy passes it on: %v", err)
	}

	// The daemon's own words come through a proxy that writes headers in its own way.
	until := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	alter := func(h http.Header) {
		h.Set("Content-Type", problemMedia+"; charset=utf-8")
		h.Set("Date", until.Add(-time.Minute).Format(http.TimeFormat))
		h.Set("Retry-After", until.Format(http.TimeFormat))
	}
	p.alter.Store(&alter)
	for name, q := range map[string]struct {
		ask  func() error
		is   error
		code int
	}{
		"no token": {func() error { _, err := p.dial(t, "dg_nothing"); return err }, ErrToken, http.StatusUnauthorized},
		"no right": {func() error { _, err := c.Reload(t.Context()); return err }, ErrScope, http.StatusForbidden},
	} {
		var said *Error
		if err := q.ask(); !errors.Is(err, q.is) || !errors.As(err, &said) || said.Status != q.code || said.After != time.Minute {
			t.Errorf("%s: %v, after %s", name, err, fmt.Sprint(said))
		}
	}
}
