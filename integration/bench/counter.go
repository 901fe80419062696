package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
)

// counter is a proxy that counts the requests to one server. It passes the Host header on unchanged, which signatures cover.
type counter struct {
	addr, upstream string
	server         *http.Server
	served         chan error

	// requests are all, listings those that list keys of the dataset.
	requests, listings atomic.Int64
}

// startCounter opens a counter in front of upstream, a host:port.
func startCounter(upstream string) (*counter, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &counter{addr: ln.Addr().String(), upstream: upstream, served: make(chan error, 1)}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: upstream})
			r.Out.Host = r.In.Host
		},
		Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
	}
	c.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.requests.Add(1)
		if isListing(r) {
			c.listings.Add(1)
		}
		proxy.ServeHTTP(w, r)
	})}
	go func() { c.served <- c.server.Serve(ln) }()
	return c, nil
}

// isListing tells a page of a listing of the dataset's keys, at Azure and at S3 in both its versions. Nothing else that is
// asked with GET has such a prefix but a listing of unfinished uploads. Opening a container asks for one blob without a
// prefix, to see whether it may.
func isListing(r *http.Request) bool {
	q := r.URL.Query()
	return r.Method == http.MethodGet && strings.HasPrefix(q.Get("prefix"), datasetName) && !q.Has("uploads")
}

func (c *counter) through(u string) string {
	u = strings.ReplaceAll(u, url.QueryEscape(c.upstream), url.QueryEscape(c.addr))
	return strings.ReplaceAll(u, c.upstream, c.addr)
}

func (c *counter) close(ctx context.Context) error {
	if err := c.server.Shutdown(ctx); err != nil {
		return err
	}
	if err := <-c.served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
