package netem

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Refuser is an HTTP proxy in front of a server that answers some of the requests itself, with 503, as a service does that is asked
// too much: half of these with Retry-After: 1. It passes the Host header on unchanged, which signatures cover.
type Refuser struct {
	// Addr is where it listens, host:port.
	Addr     string
	upstream string
	o        RefuserOptions
	server   *http.Server
	served   chan error

	mu     sync.Mutex
	random *rand.Rand
	until  time.Time
	count  Refusals
	parts  map[string]bool
}

// RefuserOptions of [StartRefuser].
type RefuserOptions struct {
	// Seed chooses the requests that are refused, by the order in which they come.
	Seed uint64
	// Share of the requests that is refused, 0 to 1.
	Share float64
	// During from the first request on; 0: always.
	During time.Duration
	// Part names what a request brings or asks for, such as a part of an object, "" for anything else: each request for it is an attempt.
	Part func(*http.Request) string
	// Answer writes headers and body in the service's own words, after the status; nil: [S3Busy].
	Answer Busy
}

// Busy is how a service says that it is asked too much.
type Busy struct {
	Header http.Header
	Body   string
}

// The answers of the two services.
var (
	S3Busy    = Busy{http.Header{"Content-Type": {"application/xml"}}, `<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`}
	AzureBusy = Busy{
		http.Header{"Content-Type": {"application/xml"}, "X-Ms-Error-Code": {"ServerBusy"}},
		`<?xml version="1.0" encoding="utf-8"?><Error><Code>ServerBusy</Code><Message>Egress is over the account limit.</Message></Error>`,
	}
)

// Refusals are what a [Refuser] counted.
type Refusals struct {
	Requests, Refused int64
	// Attempts are the requests for parts, refused or not, and Parts how many different ones they were for.
	Attempts, Parts int64
}

// StartRefuser opens a refuser in front of upstream, a host:port, on 127.0.0.1.
func StartRefuser(upstream string, o RefuserOptions) (*Refuser, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if o.Part == nil {
		o.Part = func(*http.Request) string { return "" }
	}
	if o.Answer.Body == "" {
		o.Answer = S3Busy
	}
	r := &Refuser{
		Addr: ln.Addr().String(), upstream: upstream, o: o, served: make(chan error, 1), random: rand.New(rand.NewPCG(o.Seed, 0)),
		parts: map[string]bool{},
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: upstream})
			p.Out.Host = p.In.Host
		},
		Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
	}
	r.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		refused, wait := r.choose(q)
		if !refused {
			proxy.ServeHTTP(w, q)
			return
		}
		r.refuse(w, q, wait)
	})}
	go func() { r.served <- r.server.Serve(ln) }()
	return r, nil
}

func (r *Refuser) refuse(w http.ResponseWriter, q *http.Request, wait bool) {
	// The body is read, so that the connection stays good and the answer is seen.
	if _, err := io.Copy(io.Discard, q.Body); err != nil {
		return
	}
	if wait {
		w.Header().Set("Retry-After", "1")
	}
	for name, values := range r.o.Answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	if q.Method != http.MethodHead {
		_, _ = io.WriteString(w, r.o.Answer.Body)
	}
}

// choose counts a request and tells whether it is refused, and whether the answer names a time to wait.
func (r *Refuser) choose(q *http.Request) (refused, wait bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.until.IsZero() {
		r.until = now.Add(r.o.During)
	}
	r.count.Requests++
	if part := r.o.Part(q); part != "" {
		r.count.Attempts++
		r.parts[part] = true
	}
	over := r.o.During > 0 && now.After(r.until)
	if over || r.random.Float64() >= r.o.Share {
		return false, false
	}
	r.count.Refused++
	return true, r.random.IntN(2) == 0
}

// Counts so far.
func (r *Refuser) Counts() Refusals {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.count
	c.Parts = int64(len(r.parts))
	return c
}

// Through replaces the server's address in a URL by the refuser's, also where it is escaped.
func (r *Refuser) Through(u string) string { return through(u, r.upstream, r.Addr) }

// Close ends the refuser.
func (r *Refuser) Close(ctx context.Context) error {
	if err := r.server.Shutdown(ctx); err != nil {
		return err
	}
	if err := <-r.served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// UploadedPart names the part that an S3 request uploads, or the whole object that it puts: the key and the part's number. Copies bring
// nothing, and records of our own are no part of a dataset.
func UploadedPart(q *http.Request) string {
	if q.Method != http.MethodPut || q.Header.Get("X-Amz-Copy-Source") != "" || strings.Contains(q.URL.Path, "/.datagravity/") {
		return ""
	}
	return q.URL.Path + " " + q.URL.Query().Get("partNumber")
}

// ReadRange names the range that a request asks for.
func ReadRange(q *http.Request) string {
	asked := q.Header.Get("Range")
	if asked == "" {
		asked = q.Header.Get("X-Ms-Range")
	}
	if q.Method != http.MethodGet || strings.TrimSpace(asked) == "" {
		return ""
	}
	return q.URL.Path + " " + asked
}
