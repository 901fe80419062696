package main

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

// refuser is a proxy in front of an S3 server that for a while answers a share of the requests with 503 SlowDown, as S3 does
// when too many come, half of these with Retry-After: 1. It passes the Host header on unchanged, which signatures cover.
type refuser struct {
	addr, upstream string
	server         *http.Server
	served         chan error

	share  float64
	during time.Duration // from the first request on

	mu     sync.Mutex
	random *rand.Rand
	until  time.Time
	asked  refusals
	parts  map[string]bool
}

// refusals are what a refuser counted.
type refusals struct {
	requests, refused int64
	// partRequests brought data: parts of uploads and whole objects, refused or not, of so many different parts.
	partRequests, parts int64
}

// startRefuser opens a refuser in front of upstream, a host:port. The seed chooses which requests it refuses, by the order
// in which they come.
func startRefuser(upstream string, seed uint64, share float64, during time.Duration) (*refuser, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &refuser{
		addr: ln.Addr().String(), upstream: upstream, served: make(chan error, 1), share: share, during: during,
		random: rand.New(rand.NewPCG(seed, 0)), parts: map[string]bool{},
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
		// The body is read, so that the connection stays good and the answer is seen.
		if _, err := io.Copy(io.Discard, q.Body); err != nil {
			return
		}
		if wait {
			w.Header().Set("Retry-After", "1")
		}
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusServiceUnavailable)
		if q.Method != http.MethodHead {
			_, _ = io.WriteString(w, `<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`)
		}
	})}
	go func() { r.served <- r.server.Serve(ln) }()
	return r, nil
}

// choose counts a request and tells whether it is refused, and whether the answer names a time to wait.
func (r *refuser) choose(q *http.Request) (refused, wait bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.until.IsZero() {
		r.until = now.Add(r.during)
	}
	r.asked.requests++
	if isData(q) {
		r.asked.partRequests++
		r.parts[q.URL.Path+" "+q.URL.Query().Get("partNumber")] = true
	}
	if now.After(r.until) || r.random.Float64() >= r.share {
		return false, false
	}
	r.asked.refused++
	return true, r.random.IntN(2) == 0
}

// isData tells a request that brings a part or an object of the dataset from one that does not, or is about our own small
// records.
func isData(q *http.Request) bool {
	_, key, _ := strings.Cut(strings.TrimPrefix(q.URL.Path, "/"), "/")
	return q.Method == http.MethodPut && strings.HasPrefix(key, datasetName+"/") && q.Header.Get("X-Amz-Copy-Source") == ""
}

func (r *refuser) counts() refusals {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.asked
	c.parts = int64(len(r.parts))
	return c
}

func (r *refuser) through(u string) string {
	u = strings.ReplaceAll(u, url.QueryEscape(r.upstream), url.QueryEscape(r.addr))
	return strings.ReplaceAll(u, r.upstream, r.addr)
}

func (r *refuser) close(ctx context.Context) error {
	if err := r.server.Shutdown(ctx); err != nil {
		return err
	}
	if err := <-r.served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
