package netem_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/datagravity/datagravity/internal/netem"
)

// upstream serves n bytes on GET and swallows what is PUT; it returns its host:port.
func upstream(t *testing.T, n int) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			_, _ = io.Copy(io.Discard, r.Body)
			return
		}
		_, _ = w.Write(make([]byte, n))
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func start(t *testing.T, upstream string, o netem.Options) *netem.Proxy {
	t.Helper()
	p, err := netem.Start(upstream, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func client() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}

func get(t *testing.T, addr string) (int, error) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr, nil)
	if err != nil {
		return 0, err
	}
	resp, err := client().Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	n, err := io.Copy(io.Discard, resp.Body)
	return int(n), err
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// ways are what slows connections down: both must do the same.
var ways = []struct {
	name string
	open func(t *testing.T, upstream string, bytesPerSecond, latencyMs int64) (addr string)
}{
	{"proxy", func(t *testing.T, upstream string, bytesPerSecond, latencyMs int64) string {
		return start(t, upstream, netem.Options{BytesPerSecond: bytesPerSecond, LatencyMs: latencyMs}).Addr
	}},
	{"path", func(t *testing.T, upstream string, bytesPerSecond, latencyMs int64) string {
		return startPath(t, upstream, netem.Path{BytesPerSecond: bytesPerSecond, LatencyMs: latencyMs}).Addr
	}},
}

func startPath(t *testing.T, upstream string, p netem.Path) *netem.Meter {
	t.Helper()
	m, err := netem.StartPath(upstream, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func TestBandwidthIsPerConnection(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			const size = 50_000
			addr := way.open(t, upstream(t, size), 100_000, 0)
			download := func() {
				if n, err := get(t, addr); n != size || err != nil {
					t.Errorf("got %d bytes, %v", n, err)
				}
			}
			// 0.5 s at the limit; what a busy machine adds is not bounded here.
			if took := timed(download); took < 450*time.Millisecond {
				t.Errorf("one download took %s: the limit does not hold", took)
			}
			together := timed(func() {
				var wg sync.WaitGroup
				for range 30 {
					wg.Go(download)
				}
				wg.Wait()
			})
			if together > 8*time.Second { // 15 s if the connections shared the limit
				t.Errorf("30 downloads at once took %s: they share one limit", together)
			}
			upload := timed(func() {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+addr, bytes.NewReader(make([]byte, size)))
				if err != nil {
					t.Fatal(err)
				}
				resp, err := client().Do(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
			})
			if upload < 450*time.Millisecond {
				t.Errorf("an upload took %s: the limit does not hold", upload)
			}
		})
	}
}

// Latency is added to the time that bandwidth takes, not hidden in it.
func TestLatency(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			for size, least := range map[int]time.Duration{1: 300 * time.Millisecond, 200_000: 450 * time.Millisecond} {
				addr := way.open(t, upstream(t, size), 1_000_000, 300)
				took := timed(func() {
					if n, err := get(t, addr); n != size || err != nil {
						t.Errorf("got %d bytes, %v", n, err)
					}
				})
				if took < least {
					t.Errorf("%d bytes took %s, want 0.3 s of latency and 1 s of bandwidth a MB", size, took)
				}
			}
		})
	}
}

// What follows is under way meanwhile: 2 MB with 300 ms of latency take 1.3 s, not 0.3 s a piece.
func TestLatencyTakesNoBandwidth(t *testing.T) {
	const size = 2_000_000
	m := startPath(t, upstream(t, size), netem.Path{BytesPerSecond: 2_000_000, LatencyMs: 300})
	took := timed(func() {
		if n, err := get(t, m.Addr); n != size || err != nil {
			t.Errorf("got %d bytes, %v", n, err)
		}
	})
	if took < 1200*time.Millisecond || took > 5*time.Second { // 100 pieces of 20 KB after each other would take 31 s
		t.Errorf("took %s, want 1.3 s", took)
	}
	if c := m.Counts(); c.ReceivedBytes < size || c.Connections != 1 {
		t.Errorf("counted %+v, want %d bytes back by one connection", c, size)
	}
}

// Each answer takes its time, also where questions wait for answers.
func TestShortAnswersTakeBandwidth(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			const size, answers = 9000, 30
			addr := way.open(t, upstream(t, size), 1_000_000, 10)
			c := &http.Client{Transport: &http.Transport{}} // one connection
			defer c.CloseIdleConnections()
			took := timed(func() {
				for range answers {
					req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr, nil)
					if err != nil {
						t.Fatal(err)
					}
					resp, err := c.Do(req)
					if err != nil {
						t.Fatal(err)
					}
					if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
						t.Fatalf("%d bytes, %v", n, err)
					}
					_ = resp.Body.Close()
				}
			})
			if least := answers * 17 * time.Millisecond; took < least { // 10 ms of latency and 9 of bandwidth; timers may be early by little
				t.Errorf("%d answers took %s, want %s at least", answers, took, least)
			}
		})
	}
}

func TestPathRefused(t *testing.T) {
	for _, p := range []netem.Path{{}, {BytesPerSecond: 99_999}, {BytesPerSecond: 100_000, LatencyMs: -1}} {
		if m, err := netem.StartPath("127.0.0.1:1", p); err == nil {
			_ = m.Close()
			t.Errorf("%+v was taken", p)
		}
	}
}

func TestProxyCutAfterBytes(t *testing.T) {
	p := start(t, upstream(t, 200_000), netem.Options{CutAfterBytes: 50_000})
	n, err := get(t, p.Addr)
	if !errors.Is(err, io.ErrUnexpectedEOF) || n >= 50_000 || n == 0 {
		t.Errorf("got %d bytes, %v; want an early end below 50,000", n, err)
	}
}

func TestProxyCutAndRestore(t *testing.T) {
	p := start(t, upstream(t, 10), netem.Options{})
	if n, err := get(t, p.Addr); n != 10 || err != nil {
		t.Fatalf("got %d bytes, %v", n, err)
	}
	p.Cut()
	if _, err := get(t, p.Addr); err == nil {
		t.Error("a cut network answered")
	}
	if err := p.Restore(); err != nil {
		t.Fatal(err)
	}
	if n, err := get(t, p.Addr); n != 10 || err != nil {
		t.Errorf("after restoring: %d bytes, %v", n, err)
	}
}

func TestOptionsRefused(t *testing.T) {
	for _, o := range []netem.Options{
		{BytesPerSecond: 999}, {BytesPerSecond: -1}, {LatencyMs: -1}, {JitterMs: 5}, {LatencyMs: 5, JitterMs: 6}, {CutAfterBytes: -1},
	} {
		if p, err := netem.Start("127.0.0.1:1", o); err == nil {
			_ = p.Close()
			t.Errorf("%+v was taken", o)
		}
	}
}

func TestThrough(t *testing.T) {
	m, err := netem.StartMeter("127.0.0.1:21000")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	port := m.Addr[strings.LastIndex(m.Addr, ":")+1:]
	for in, want := range map[string]string{
		"azblob://c?protocol=http&domain=127.0.0.1%3A21000&localemu=true": "azblob://c?protocol=http&domain=127.0.0.1%3A" + port + "&localemu=true",
		"http://127.0.0.1:21000/devstoreaccount1":                         "http://127.0.0.1:" + port + "/devstoreaccount1",
		"file:///data": "file:///data",
	} {
		if got := m.Through(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

// starts are the kinds of meters.
var starts = []struct {
	name  string
	start func(upstream string) (*netem.Meter, error)
}{
	{"meter", netem.StartMeter},
	{"path", func(upstream string) (*netem.Meter, error) {
		return netem.StartPath(upstream, netem.Path{BytesPerSecond: 100_000_000, LatencyMs: 5})
	}},
}

// The meter agrees to the byte with what both ends of raw connections moved, also through a half-close.
func TestMeterCountsExactly(t *testing.T) {
	for _, s := range starts {
		t.Run(s.name, func(t *testing.T) { countsExactly(t, s.start) })
	}
}

func countsExactly(t *testing.T, start func(upstream string) (*netem.Meter, error)) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				got, _ := io.ReadAll(c) // returns only if the client's half-close gets here
				_, _ = c.Write(bytes.Repeat(got, 2))
				_ = c.Close()
			}()
		}
	}()
	m, err := start(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	const size, conns = 123_457, 5
	before := m.Counts()
	var wg sync.WaitGroup
	for range conns {
		wg.Go(func() {
			c, err := net.Dial("tcp", m.Addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = c.Close() }()
			if _, err := c.Write(make([]byte, size)); err != nil {
				t.Error(err)
			}
			if err := c.(*net.TCPConn).CloseWrite(); err != nil {
				t.Error(err)
			}
			if got, err := io.ReadAll(c); len(got) != 2*size || err != nil {
				t.Errorf("got %d bytes back, %v", len(got), err)
			}
		})
	}
	wg.Wait()
	want := netem.Counts{SentBytes: conns * size, ReceivedBytes: 2 * conns * size, Connections: conns}
	if got := m.Counts().Sub(before); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if err := m.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	if c, err := net.Dial("tcp", m.Addr); err == nil {
		_ = c.Close()
		t.Error("still listens after Close")
	}
}

// Close ends connections that are idle, and one to a server that is down ends by itself.
func TestMeterEnds(t *testing.T) {
	for _, s := range starts {
		t.Run(s.name, func(t *testing.T) { ends(t, s.start) })
	}
}

func ends(t *testing.T, start func(upstream string) (*netem.Meter, error)) {
	m, err := start("127.0.0.1:1") // nothing listens on port 1
	if err != nil {
		t.Fatal(err)
	}
	if _, err := get(t, m.Addr); err == nil {
		t.Error("an answer from nobody")
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}

	m, err = start(upstream(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", m.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Write([]byte("GET / HTTP/1.1\r\n")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	closed := make(chan error, 1)
	go func() { closed <- m.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-ctx.Done():
		t.Fatal("Close waits for an idle connection")
	}
}

// A client that knows one address meets another network there from its next connection on.
func TestMeterRedirects(t *testing.T) {
	const size = 200_000
	server := upstream(t, size)
	m, err := netem.StartMeter(server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	for _, c := range []struct {
		name   string
		faults []netem.Fault
		want   error
	}{
		{"slices", []netem.Fault{{Kind: netem.Slices, Share: 1, Values: map[string]int64{"average_size": 20_000, "size_variation": 5000, "delay": 10}}}, nil},
		{"a cut", []netem.Fault{{Kind: netem.Cut, Share: 1, Values: map[string]int64{"bytes": 50_000}}}, io.ErrUnexpectedEOF},
		{"a reset", []netem.Fault{{Kind: netem.Reset, Share: 1, Values: map[string]int64{"timeout": 10}}}, syscall.ECONNRESET},
		{"silence", []netem.Fault{{Kind: netem.Silence, Up: true, Share: 1, Values: map[string]int64{"timeout": 50}}}, io.EOF},
	} {
		p := start(t, server, netem.Options{Faults: c.faults})
		m.Redirect(p.Addr)
		if n, err := get(t, m.Addr); !errors.Is(err, c.want) || err == nil && n != size {
			t.Errorf("%s: %d bytes, %v, want %v", c.name, n, err, c.want)
		}
		m.Redirect(server)
		if n, err := get(t, m.Addr); n != size || err != nil {
			t.Errorf("after %s: %d bytes, %v", c.name, n, err)
		}
	}
	for _, f := range []netem.Fault{{Kind: netem.Cut}, {Kind: netem.Cut, Share: 2}, {Kind: "flood", Share: 1}} {
		if p, err := netem.Start(server, netem.Options{Faults: []netem.Fault{f}}); err == nil {
			_ = p.Close()
			t.Errorf("%+v was taken", f)
		}
	}
}
