package meter

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"time"
)

// Options tune a client. The zero value is right for object stores.
type Options struct {
	// AllowLinkLocal lets the client reach link-local and cloud metadata addresses. Only for asking a metadata service.
	AllowLinkLocal bool
	// DenyLoopback refuses 127.0.0.0/8 and ::1, unless the operator's own proxy listens there.
	DenyLoopback bool

	// IdleConnsPerHost are kept open between requests; 0: 128. Connections in use are not limited.
	IdleConnsPerHost int
	// BufferBytes is the size of a connection's read buffer and of its write buffer; 0: see defaultBufferBytes.
	BufferBytes int

	// DialTimeout bounds the TCP connect; 0: 15 s.
	DialTimeout time.Duration
	// TLSTimeout bounds the handshake; 0: 15 s.
	TLSTimeout time.Duration
	// HeaderTimeout bounds the wait for a response's headers after the request is written; 0: 2 min, since server-side
	// copies of large parts answer late.
	HeaderTimeout time.Duration
	// IdleConnTimeout closes a connection nobody used for so long; 0: 60 s, below the 120 s after which the services close
	// theirs, so that a request rarely meets a connection that is just being closed.
	IdleConnTimeout time.Duration

	// StallBytes and StallWindow cut a body, sent or received, that moves fewer than StallBytes within a StallWindow spent
	// waiting for the peer; 0: 64 KiB in 30 s. A negative StallBytes turns this off.
	StallBytes  int64
	StallWindow time.Duration

	// Proxy as in http.Transport; nil: HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the environment.
	Proxy func(*http.Request) (*url.URL, error)
	// TLS is the base of the TLS configuration; nil: the system's roots, TLS 1.2 and later.
	TLS *tls.Config
}

// defaultBufferBytes: of 4, 64, 256 and 1024 KiB, 256 took the least CPU in BenchmarkBuffers (64 MiB over loopback TLS, both ends, least of 5 runs:
// 90-99 ms, against 131-143 ms with 4 KiB), and 64 hardly more. Up to 64 connections to each of two stores have two buffers each.
const defaultBufferBytes = 64 << 10

func (o Options) withDefaults() Options {
	if o.IdleConnsPerHost == 0 {
		o.IdleConnsPerHost = 128
	}
	if o.BufferBytes == 0 {
		o.BufferBytes = defaultBufferBytes
	}
	for _, d := range []struct {
		v *time.Duration
		d time.Duration
	}{
		{&o.DialTimeout, 15 * time.Second},
		{&o.TLSTimeout, 15 * time.Second},
		{&o.HeaderTimeout, 2 * time.Minute},
		{&o.IdleConnTimeout, time.Minute},
		{&o.StallWindow, 30 * time.Second},
	} {
		if *d.v == 0 {
			*d.v = d.d
		}
	}
	if o.StallBytes == 0 {
		o.StallBytes = 64 << 10
	}
	if o.Proxy == nil {
		o.Proxy = http.ProxyFromEnvironment
	}
	return o
}
