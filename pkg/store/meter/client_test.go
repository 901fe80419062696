package meter_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/meter"
)

// counter is a listener that counts what the server side reads and writes.
type counter struct {
	net.Listener
	read, written, accepted atomic.Int64
}

func (c *counter) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.accepted.Add(1)
	return &countedConn{conn, c}, nil
}

type countedConn struct {
	net.Conn
	c *counter
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.c.read.Add(int64(n))
	return n, err
}

func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.c.written.Add(int64(n))
	return n, err
}

// serve starts a server behind a counting listener and a metered client that trusts it.
func serve(t *testing.T, secure bool, o meter.Options, h http.HandlerFunc) (*http.Client, string, *counter) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	c := &counter{Listener: s.Listener}
	s.Listener = c
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secure {
		s.StartTLS()
		o.TLS = s.Client().Transport.(*http.Transport).TLSClientConfig
	} else {
		s.Start()
	}
	client := meter.NewClient(o)
	t.Cleanup(func() { client.CloseIdleConnections(); s.CloseClientConnections(); s.Close() })
	return client, s.URL, c
}

// settled waits until the server has read what was sent to it and compares both sides byte for byte.
func settled(t *testing.T, what string, sent, received int64, c *counter) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if c.read.Load() == sent && c.written.Load() == received {
			return
		}
	}
	t.Errorf("%s: metered %d sent, %d received; the listener read %d and wrote %d",
		what, sent, received, c.read.Load(), c.written.Load())
}

// wrote waits until the server has counted its last write, which the client may have read before, and compares.
func wrote(t *testing.T, received int64, c *counter) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end) && c.written.Load() != received; time.Sleep(time.Millisecond) {
	}
	if w := c.written.Load(); w != received {
		t.Errorf("metered %d received, the server wrote %d", received, w)
	}
}

func do(t *testing.T, client *http.Client, u *store.Usage, method, url string, in []byte) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(store.WithUsage(t.Context(), u), method, url, bytes.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func echo(w http.ResponseWriter, r *http.Request) {
	in, _ := io.ReadAll(r.Body)
	var n int
	fmt.Sscanf(r.URL.Query().Get("n"), "%d", &n)
	w.Write(bytes.Repeat([]byte("x"), n))
	w.Write(in)
}

func eachScheme(t *testing.T, f func(t *testing.T, secure bool)) {
	for name, secure := range map[string]bool{"http": false, "https": true} {
		t.Run(name, func(t *testing.T) { f(t, secure) })
	}
}

func TestSequentialRequestsAreCountedExactly(t *testing.T) {
	eachScheme(t, func(t *testing.T, secure bool) {
		client, url, c := serve(t, secure, meter.Options{}, echo)
		var sent, received int64
		for i, size := range []int{0, 1, 1000, 64 << 10, 3 << 20} {
			var u store.Usage
			out := do(t, client, &u, "PUT", fmt.Sprintf("%s/?n=%d", url, size), bytes.Repeat([]byte("y"), size))
			if len(out) != 2*size {
				t.Fatalf("got %d bytes, want %d", len(out), 2*size)
			}
			if u.Requests.Load() != 1 {
				t.Errorf("request %d counted %d times", i, u.Requests.Load())
			}
			if u.Sent.Load() <= int64(size) || u.Received.Load() <= int64(2*size) {
				t.Errorf("request %d of %d bytes: %d sent, %d received: headers are missing", i, size, u.Sent.Load(), u.Received.Load())
			}
			sent += u.Sent.Load()
			received += u.Received.Load()
			settled(t, fmt.Sprintf("after request %d", i), sent, received, c)
		}
		if n := c.accepted.Load(); n != 1 {
			t.Errorf("%d connections for sequential requests, want 1", n)
		}
		got := meter.Totals(client)
		if want := (meter.Counts{Sent: sent, Received: received, Requests: 5, Connections: 1}); got != want {
			t.Errorf("totals %+v, want %+v", got, want)
		}
	})
}

func TestHandshakeBelongsToTheRequestThatDialled(t *testing.T) {
	client, url, _ := serve(t, true, meter.Options{}, echo)
	var first, second store.Usage
	do(t, client, &first, "GET", url, nil)
	do(t, client, &second, "GET", url, nil)
	if d := first.Received.Load() - second.Received.Load(); d < 500 {
		t.Errorf("the first request received only %d bytes more than the second: no handshake in it", d)
	}
}

func TestParallelRequestsAreCountedExactly(t *testing.T) {
	eachScheme(t, func(t *testing.T, secure bool) {
		client, url, c := serve(t, secure, meter.Options{}, echo)
		const workers, each = 16, 20
		usages := make([]store.Usage, workers*each)
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for i := range each {
					size := (w*7919 + i*104729) % 200000
					req, _ := http.NewRequestWithContext(store.WithUsage(t.Context(), &usages[w*each+i]), "PUT",
						fmt.Sprintf("%s/?n=%d", url, size), bytes.NewReader(make([]byte, size/3)))
					resp, err := client.Do(req)
					if err != nil {
						t.Error(err)
						return
					}
					if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != int64(size+size/3) {
						t.Errorf("read %d bytes, %v", n, err)
					}
					resp.Body.Close()
				}
			})
		}
		wg.Wait()
		sum := func() (sent, received, requests int64) {
			for i := range usages {
				sent += usages[i].Sent.Load()
				received += usages[i].Received.Load()
				requests += usages[i].Requests.Load()
			}
			return
		}
		// A connection that was dialled but not needed finishes its handshake in the background.
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if s, r, _ := sum(); s == c.read.Load() && r == c.written.Load() {
				break
			}
		}
		sent, received, requests := sum()
		if all := meter.Totals(client); all.Sent != sent || all.Received != received {
			t.Errorf("the requests sum up to %d and %d, the client counted %+v", sent, received, all)
		}
		settled(t, "sum of all requests", sent, received, c)
		if requests != workers*each {
			t.Errorf("%d requests counted, want %d", requests, workers*each)
		}
	})
}

func TestTruncatedBodyIsCountedExactly(t *testing.T) {
	eachScheme(t, func(t *testing.T, secure bool) {
		client, url, c := serve(t, secure, meter.Options{}, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100000")
			w.Write(make([]byte, 33333))
		})
		var u store.Usage
		req, _ := http.NewRequestWithContext(store.WithUsage(t.Context(), &u), "GET", url, nil)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if n != 33333 || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("read %d bytes, %v", n, err)
		}
		wrote(t, u.Received.Load(), c)
	})
}

func TestBodyClosedEarlyIsCountedAndLeavesTheNextRequestAlone(t *testing.T) {
	eachScheme(t, func(t *testing.T, secure bool) {
		client, url, c := serve(t, secure, meter.Options{}, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/long" {
				w.Header().Set("Content-Length", "100000")
				w.Write(make([]byte, 5000))
				w.(http.Flusher).Flush()
				<-r.Context().Done() // until the client is gone
			}
		})
		var cut, next store.Usage
		req, _ := http.NewRequestWithContext(store.WithUsage(t.Context(), &cut), "GET", url+"/long", nil)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, 5000)); err != nil {
			t.Fatal(err)
		}
		before := cut.Received.Load()
		wrote(t, before, c)
		resp.Body.Close()
		do(t, client, &next, "GET", url+"/", nil)
		if cut.Received.Load() != before {
			t.Errorf("the aborted request grew from %d to %d bytes", before, cut.Received.Load())
		}
		if next.Requests.Load() != 1 || next.Received.Load() == 0 || c.accepted.Load() != 2 {
			t.Errorf("next request: %d counted, %d bytes, %d connections", next.Requests.Load(), next.Received.Load(), c.accepted.Load())
		}
	})
}

func TestAbortedBeforeTheResponseIsCountedExactly(t *testing.T) {
	eachScheme(t, func(t *testing.T, secure bool) {
		arrived := make(chan struct{})
		client, url, c := serve(t, secure, meter.Options{}, func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			close(arrived)
			<-r.Context().Done()
			panic(http.ErrAbortHandler) // returning would answer 200, which can overtake the closing of the connection
		})
		var u store.Usage
		ctx, cancel := context.WithCancel(store.WithUsage(t.Context(), &u))
		go func() { <-arrived; cancel() }()
		req, _ := http.NewRequestWithContext(ctx, "PUT", url, bytes.NewReader(make([]byte, 50000)))
		if _, err := client.Do(req); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
		if u.Requests.Load() != 1 || u.Sent.Load() < 50000 {
			t.Errorf("%d requests, %d sent", u.Requests.Load(), u.Sent.Load())
		}
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end) && c.read.Load() != u.Sent.Load(); time.Sleep(time.Millisecond) {
		}
		if c.read.Load() != u.Sent.Load() {
			t.Errorf("metered %d sent, the server read %d", u.Sent.Load(), c.read.Load())
		}
	})
}

func TestFailedHandshakeIsCounted(t *testing.T) {
	_, url, _ := serve(t, true, meter.Options{}, echo)
	untrusting := meter.NewClient(meter.Options{})
	var u store.Usage
	req, _ := http.NewRequestWithContext(store.WithUsage(t.Context(), &u), "GET", url, nil)
	_, err := untrusting.Do(req)
	var cert *tls.CertificateVerificationError
	if !errors.As(err, &cert) {
		t.Fatalf("got %v", err)
	}
	if u.Requests.Load() != 0 || u.Sent.Load() == 0 || u.Received.Load() < 500 {
		t.Errorf("%d requests, %d sent, %d received; want the handshake and no request", u.Requests.Load(), u.Sent.Load(), u.Received.Load())
	}
}

func TestRefusedConnectionIsKnownNotSent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	var u store.Usage
	req, _ := http.NewRequestWithContext(store.WithUsage(t.Context(), &u), "GET", "http://"+l.Addr().String(), nil)
	_, err = meter.NewClient(meter.Options{}).Do(req)
	if err == nil || !store.NotSent(err) {
		t.Errorf("NotSent(%v) is false", err)
	}
	if u.Requests.Load()+u.Sent.Load()+u.Received.Load() != 0 {
		t.Error("a connection that was never made was counted")
	}
	if store.NotSent(io.ErrUnexpectedEOF) {
		t.Error("a cut body is not proof that nothing was sent")
	}
}

func TestProxyBytesAreCounted(t *testing.T) {
	_, target, _ := serve(t, true, meter.Options{}, echo)
	host := strings.TrimPrefix(target, "https://")
	proxy := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		up, err := net.Dial("tcp", host)
		if err != nil || r.Method != "CONNECT" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		down, _, _ := w.(http.Hijacker).Hijack()
		io.WriteString(down, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { io.Copy(up, down); up.Close() }()
		io.Copy(down, up)
		down.Close()
	}))
	c := &counter{Listener: proxy.Listener}
	proxy.Listener = c
	proxy.Start()
	defer proxy.Close()
	client := meter.NewClient(meter.Options{
		// The operator's own proxy may be on loopback.
		DenyLoopback: true,
		TLS:          &tls.Config{InsecureSkipVerify: true},
		Proxy:        func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) },
	})
	defer client.CloseIdleConnections()
	var u store.Usage
	req, _ := http.NewRequestWithContext(store.WithUsage(t.Context(), &u), "GET", "https://store.example/?n=1000", nil)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	settled(t, "through a proxy", u.Sent.Load(), u.Received.Load(), c)
}
