package netem

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
)

// quiet: who goes away in the middle of a request knows it.
var quiet = log.New(io.Discard, "", 0)

// HTTPProxy stands in front of an HTTP server and sees each request. It passes the Host header on unchanged, which signatures cover.
type HTTPProxy struct {
	// Addr is where it listens, host:port.
	Addr     string
	upstream string
	server   *http.Server
	served   chan error
}

// StartHTTP opens a proxy in front of upstream, a host:port, on 127.0.0.1. see makes the handler; what it gives to next is answered by the
// server.
func StartHTTP(upstream string, see func(next http.Handler) http.Handler) (*HTTPProxy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	next := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: upstream})
			p.Out.Host = p.In.Host
		},
		Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
		ErrorLog:  quiet,
	}
	p := &HTTPProxy{
		Addr: ln.Addr().String(), upstream: upstream, server: &http.Server{Handler: see(next), ErrorLog: quiet}, served: make(chan error, 1),
	}
	go func() { p.served <- p.server.Serve(ln) }()
	return p, nil
}

// Through replaces the server's address in a URL by the proxy's, also where it is escaped.
func (p *HTTPProxy) Through(u string) string { return through(u, p.upstream, p.Addr) }

// Close ends the proxy.
func (p *HTTPProxy) Close(ctx context.Context) error {
	if err := p.server.Shutdown(ctx); err != nil {
		return err
	}
	if err := <-p.served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
