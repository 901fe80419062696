package daemon

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"net/http"
	"strings"

	"github.com/datagravity/datagravity/pkg/daemon/access"
)

const (
	loginPath  = "/login"
	logoutPath = "/logout"
	assetsPath = "/assets/"
	// sessionCookie: with this prefix browsers take it from this host alone, over TLS alone, for all of its paths.
	sessionCookie = "__Host-datagravity"
	largestLogin  = 8 << 10
)

// login is what a browser needs to have a token's rights for a while, before everything else over TCP.
func (t *tcp) login(s *Server, next http.Handler) http.Handler {
	scoped := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The operations of the API have their scopes themselves; what others made is for those who may see. What it lets people do wants more, which it
		// finds out with [May].
		if p := principalOf(r.Context()); !t.open(r) && !p.may(access.Read) {
			s.fail(w, admitted(p, access.Read))
			return
		}
		next.ServeHTTP(w, r)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w = newTaking(w, s.o.Now)
		switch {
		case r.URL.Path == loginPath && r.Method == http.MethodPost:
			t.enter(s, w, r)
		case r.URL.Path == loginPath && r.Method == http.MethodGet:
			t.page(w, r, "")
		case r.URL.Path == logoutPath && r.Method == http.MethodPost:
			t.leave(w, r)
		default:
			scoped.ServeHTTP(w, r)
		}
	})
}

// enter begins a session.
func (t *tcp) enter(s *Server, w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, largestLogin)
	if err := r.ParseForm(); err != nil {
		s.fail(w, fmt.Errorf("%w: its form: %w", errRequest, err))
		return
	}
	found, ok, err := t.Tokens.Find(r.PostForm.Get("token"))
	if err != nil {
		s.o.Log.Error("tokens cannot be looked up", "error", err)
		s.fail(w, fmt.Errorf("tokens cannot be looked up; the log of the process says why"))
		return
	}
	if !ok {
		s.o.Log.Info("refused: no token that counts", "from", r.RemoteAddr, "request", "POST "+loginPath)
		t.page(w, r, "This token does not count: it is wrong, has expired or was revoked.")
		return
	}
	secret, length := t.sessions.Begin(found)
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: secret, Path: "/", MaxAge: int(length.Seconds()), Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	s.o.Log.Info("a browser has logged in", "token", found.Name, "from", r.RemoteAddr)
	w.Header().Set("Location", ownPath(r.PostForm.Get("next")))
	w.WriteHeader(http.StatusSeeOther)
}

// ownPath is where to go after a login: a path of this host, / if it is anything else.
func ownPath(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsFunc(next, func(r rune) bool { return r < ' ' || r == '\\' || r > '~' }) || len(next) > 2000 {
		return "/"
	}
	return next
}

// page writes the page on which a token is given.
func (t *tcp) page(w http.ResponseWriter, r *http.Request, problem string) {
	status := http.StatusOK
	if problem != "" {
		status = http.StatusUnauthorized
	}
	if t.Login != nil {
		t.Login(w, r, problem)
		return
	}
	writeLogin(w, status, problem)
}

// leave ends one.
func (t *tcp) leave(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(sessionCookie); err == nil {
		t.sessions.End(c.Value)
	}
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	writeLogin(w, http.StatusOK, "You are logged out.")
}

const loginStyle = `body{font:16px/1.5 system-ui,sans-serif;max-width:28rem;margin:12vh auto;padding:0 1rem;color-scheme:light dark}input,button{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;margin:.25rem 0}`

// loginPolicy lets the page have its one style and send its one form.
var loginPolicy = func() string {
	sum := sha256.Sum256([]byte(loginStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
}()

// writeLogin answers with the page on which a token is given.
func writeLogin(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", loginPolicy)
	w.WriteHeader(status)
	if text != "" {
		text = `<p role="alert">` + html.EscapeString(text) + "</p>"
	}
	// Who asked may be gone; there is nobody to tell.
	_, _ = io.WriteString(w, `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>datagravity: log in</title><style>`+
		loginStyle+`</style></head><body><main><h1>datagravity</h1>`+text+`<form method="post" action="`+loginPath+`"><label for="token">Token</label><input id="token" name="token" type="password" autocomplete="off" required autofocus><button>Log in</button></form><p><small>datagravity token create --name you --scope read makes one.</small></p></main></body></html>`)
}

// May tells whether whoever sent a request that a [Server] passed on may do what wants a scope. It is for pages that let people do something.
func May(r *http.Request, want access.Scope) bool { return principalOf(r.Context()).may(want) }

// By is who sent a request that a [Server] passed on, for the record.
func By(r *http.Request) string { return principalOf(r.Context()).by("") }
