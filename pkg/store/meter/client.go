package meter

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// NewClient returns a client whose wire bytes are counted. It has no overall timeout: contexts and the stall limit end
// requests. Call CloseIdleConnections when done with it.
func NewClient(o Options) *http.Client {
	o = o.withDefaults()
	t := &transport{options: o}
	base := &http.Transport{
		Proxy:                  t.proxy,
		DialContext:            t.dial,
		TLSHandshakeTimeout:    o.TLSTimeout,
		ResponseHeaderTimeout:  o.HeaderTimeout,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        o.IdleConnTimeout,
		MaxIdleConns:           0,
		MaxIdleConnsPerHost:    o.IdleConnsPerHost,
		MaxResponseHeaderBytes: 1 << 20,
		ReadBufferSize:         o.BufferBytes,
		WriteBufferSize:        o.BufferBytes,
		// Transparent decompression would hide what an object's bytes are, and its pinned length with it.
		DisableCompression: true,
		TLSClientConfig:    tlsConfig(o.TLS),
		Protocols:          new(http.Protocols),
	}
	base.Protocols.SetHTTP1(true)
	t.base = base
	return &http.Client{Transport: t, CheckRedirect: checkRedirect}
}

func tlsConfig(base *tls.Config) *tls.Config {
	c := &tls.Config{}
	if base != nil {
		c = base.Clone()
	}
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	if c.ClientSessionCache == nil {
		// Resumed sessions leave the certificate chain, some 3-5 KB, out of a handshake.
		c.ClientSessionCache = tls.NewLRUClientSessionCache(64)
	}
	return c
}

// checkRedirect follows a redirect only to the same host and port and never to plain http from https. Anything else is
// handed to the caller as the 3xx response it is.
func checkRedirect(req *http.Request, via []*http.Request) error {
	from := via[len(via)-1].URL
	if len(via) >= 5 || req.URL.Host != from.Host || (from.Scheme == "https" && req.URL.Scheme != "https") {
		return http.ErrUseLastResponse
	}
	return nil
}

// Counts of one client since it was made.
type Counts struct {
	Sent, Received int64 // bytes on the wire
	// Requests that were given a connection, each redirect hop counted.
	Requests    int64
	Connections int64 // that were established
}

// Totals returns what a client of [NewClient] moved so far, and zeros for any other client.
func Totals(c *http.Client) Counts {
	t, ok := c.Transport.(*transport)
	if !ok {
		return Counts{}
	}
	return Counts{
		Sent: t.total.Sent.Load(), Received: t.total.Received.Load(),
		Requests: t.total.Requests.Load(), Connections: t.connections.Load(),
	}
}

// transport hands requests to net/http with a trace that makes each the owner of its connection.
type transport struct {
	options     Options
	base        *http.Transport
	total       store.Usage
	connections atomic.Int64
	proxies     sync.Map // host:port of every proxy in use, which the loopback rule does not concern
}

// RoundTrip counts one request into the Usage of its context.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	identity := isIdentity(req)
	if err := t.checkHost(req.URL); err != nil && !identity {
		if req.Body != nil {
			_ = req.Body.Close() // RoundTrip must; nobody asks how it went
		}
		return nil, err
	}
	usage := store.UsageFrom(req.Context())
	ctx, cancel := context.WithCancelCause(req.Context())
	var given *conn // the connection that the request was given, and what had been sent over it by then
	var before int64
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			usage.Requests.Add(1)
			t.total.Requests.Add(1)
			if c := counted(info.Conn); c != nil {
				c.owner.Store(usage)
				given, before = c, c.sent.Load()
			}
		},
	})
	if identity {
		ctx = context.WithValue(ctx, identityKey{}, true)
	}
	resp, err := t.base.RoundTrip(once(req.WithContext(ctx)))
	if err != nil {
		cancel(nil)
		if given != nil && given.sent.Load() == before {
			err = &unsentError{err}
		}
		return nil, err
	}
	resp.Request = req
	if resp.Body == nil || resp.Body == http.NoBody {
		cancel(nil)
		return resp, nil
	}
	resp.Body = &body{ReadCloser: resp.Body, cancel: cancel, limit: t.options.stallLimit().forMethod(req.Method)}
	return resp, nil
}

// CloseIdleConnections serves http.Client.CloseIdleConnections.
func (t *transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

func (t *transport) proxy(req *http.Request) (*url.URL, error) {
	if isIdentity(req) {
		return nil, nil // a proxy would get its own machine's identity
	}
	u, err := t.options.Proxy(req)
	if u != nil {
		t.proxies.Store(hostPort(u), true)
	}
	return u, err
}

func (t *transport) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	_, isProxy := t.proxies.Load(addr)
	d := net.Dialer{
		Timeout: t.options.DialTimeout,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 4,
		},
		Control: t.guard(ctx, isProxy),
	}
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	t.connections.Add(1)
	m := &conn{Conn: c, total: &t.total, limit: t.options.stallLimit()}
	// net/http keeps the values of the dialling request's context, so a handshake that fails is counted too.
	m.owner.Store(store.UsageFrom(ctx))
	return m, nil
}

// counted finds our connection below any layers of TLS.
func counted(c net.Conn) *conn {
	for {
		switch v := c.(type) {
		case *conn:
			return v
		case interface{ NetConn() net.Conn }:
			c = v.NetConn()
		default:
			return nil
		}
	}
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// RefusedError says that an address is one that a store's endpoint must not have.
type RefusedError struct {
	Address string
	Why     string
}

// Error names the address and the way out.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("refused to connect to %s: %s", e.Address, e.Why)
}

// Unwrap makes it a permanent failure for the store layer.
func (e *RefusedError) Unwrap() error { return store.ErrPermanent }

// NotSent makes it one of the errors that [store.NotSent] is true for.
func (e *RefusedError) NotSent() bool { return true }
