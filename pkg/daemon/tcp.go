package daemon

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/daemon/access"
)

// TCP is how the API is served beside the Unix socket: with TLS and tokens alone.
type TCP struct {
	Listener net.Listener
	// Certificate for TLS.
	Certificate *Certificate
	// Tokens of those who may ask.
	Tokens *access.Tokens
	// Hosts are the names that requests may be for, without a port: a browser that a name of somebody else's led here is refused.
	Hosts []string
	// Login writes the page on which a token is given, with status 401 if there is a problem; nil: a plain one. What it needs is under /assets/, which
	// anybody may see who reaches the port.
	Login func(w http.ResponseWriter, r *http.Request, problem string)
}

func (t *TCP) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: t.Certificate.get, NextProtos: []string{"http/1.1"}}
}

// takeWithin is how long somebody at the other end of a network has to take a piece of an answer.
const takeWithin = 30 * time.Second

// tcp is what there is beside the routes for those who ask over TCP.
type tcp struct {
	TCP
	hosts     map[string]bool
	origin    *http.CrossOriginProtection
	sessions  *access.Sessions
	strangers *rates
}

func newTCP(t TCP, o Options) *tcp {
	out := &tcp{
		TCP: t, hosts: map[string]bool{}, origin: http.NewCrossOriginProtection(), sessions: access.NewSessions(t.Tokens, o.Now),
		strangers: newRates(strangersPerSecond, strangersAtOnce, o.Now),
	}
	for _, h := range t.Hosts {
		out.hosts[strings.ToLower(strings.Trim(h, "[]"))] = true
	}
	return out
}

// named tells whether a request is for one of the names of this server, or for the address that it came to: only a name can be made to lead here.
func (t *tcp) named(r *http.Request) bool {
	name, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		name = r.Host
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	if t.hosts[name] {
		return true
	}
	own, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	asked := net.ParseIP(name)
	return ok && asked != nil && asked.Equal(own.IP)
}

// open are the paths that anybody may ask for who reaches the port.
func (t *tcp) open(r *http.Request) bool {
	if t.Login != nil && strings.HasPrefix(r.URL.Path, assetsPath) {
		return r.Method == http.MethodGet || r.Method == http.MethodHead
	}
	switch r.URL.Path {
	case "/healthz", "/livez":
		return r.Method == http.MethodGet || r.Method == http.MethodHead
	case loginPath:
		return r.Method == http.MethodGet || r.Method == http.MethodPost
	}
	return false
}

// fromTCP is who asks over TCP.
func (s *Server) fromTCP(w http.ResponseWriter, r *http.Request) (principal, bool) {
	t := s.tcp
	switch {
	case !t.named(r):
		s.fail(w, fmt.Errorf("%w: %q", errHost, r.Host))
		return principal{}, false
	case t.origin.Check(r) != nil || !sameOrigin(r):
		s.fail(w, errOrigin)
		return principal{}, false
	}
	p, err := t.who(r)
	if err != nil && !errors.Is(err, ErrToken) {
		s.o.Log.Error("tokens cannot be looked up", "error", err)
		s.fail(w, errors.New("tokens cannot be looked up; the log of the process says why"))
		return p, false
	}
	if err == nil {
		if !s.rates.allow(p.Name) {
			s.fail(w, errRate)
			return p, false
		}
		return p, true
	}
	from, _, _ := net.SplitHostPort(r.RemoteAddr)
	if !t.strangers.allow(from) {
		s.fail(w, errRate)
		return p, false
	}
	if t.open(r) {
		return principal{}, true
	}
	s.o.Log.Info("refused: no token that counts", "from", r.RemoteAddr, "request", loggable(r))
	if r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") && !strings.HasPrefix(r.URL.Path, "/v1") {
		t.page(w, r, "You are not logged in.")
		return p, false
	}
	s.fail(w, err)
	return p, false
}

// sameOrigin wants a page that sends a request which may change something to be of this server over TLS: one of the same name over plain HTTP can be anybody's.
func sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return origin == "" || r.Method == http.MethodGet || r.Method == http.MethodHead || strings.EqualFold(origin, "https://"+r.Host)
}

// loggable is a request as it may stand in a log: a token in its path would be where it does not belong, and is cut off.
func loggable(r *http.Request) string {
	path, _, cut := strings.Cut(r.URL.Path, access.Prefix)
	if cut {
		path += access.Prefix + "…"
	}
	return r.Method + " " + path
}

// who asks, by its token or its session. Error: ErrToken.
func (t *tcp) who(r *http.Request) (principal, error) {
	var found access.Token
	var ok bool
	var err error
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, secret, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return principal{}, fmt.Errorf("%w: Authorization is not Bearer", ErrToken)
		}
		found, ok, err = t.Tokens.Find(strings.TrimSpace(secret))
	} else if c, none := r.Cookie(sessionCookie); none == nil {
		found, ok, err = t.sessions.Find(c.Value)
	}
	switch {
	case err != nil:
		return principal{}, err
	case !ok && found.Name != "" && found.Revoked != nil:
		return principal{}, fmt.Errorf("%w: it was revoked", ErrToken)
	case !ok && found.Name != "":
		return principal{}, fmt.Errorf("%w: it has expired", ErrToken)
	case !ok:
		return principal{}, ErrToken
	}
	return principal{Name: found.Name, Scopes: found.Scopes}, nil
}

// taking gives up on somebody who does not take what is sent.
type taking struct {
	http.ResponseWriter
	now     func() time.Time
	control *http.ResponseController
}

func newTaking(w http.ResponseWriter, now func() time.Time) *taking {
	return &taking{w, now, http.NewResponseController(w)}
}

func (t *taking) Write(p []byte) (int, error) {
	if err := t.control.SetWriteDeadline(t.now().Add(takeWithin)); err != nil {
		return 0, err
	}
	return t.ResponseWriter.Write(p)
}

// Unwrap is for [http.ResponseController].
func (t *taking) Unwrap() http.ResponseWriter { return t.ResponseWriter }
