package meter_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/meter"
)

// vanishing answers the first request of each connection and ends the connection in place of the answer to the second, by a reset or by a clean end. It
// keeps the headers of every request that it saw.
type vanishing struct {
	net.Listener
	reset bool
	mu    sync.Mutex
	seen  []string
}

func (v *vanishing) serve() {
	for {
		c, err := v.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = c.Close() }()
			r := bufio.NewReader(c)
			for answered := false; ; answered = true {
				var head bytes.Buffer
				q, err := http.ReadRequest(bufio.NewReader(io.TeeReader(r, &head)))
				if err != nil {
					return
				}
				if n, _ := io.Copy(io.Discard, q.Body); n != 0 {
					head.WriteString(" and a body")
				}
				v.mu.Lock()
				v.seen = append(v.seen, head.String())
				v.mu.Unlock()
				if answered {
					if v.reset {
						_ = c.(*net.TCPConn).SetLinger(0)
					}
					return
				}
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			}
		}()
	}
}

// A request whose connection ends in place of an answer is made once: what the service had sent is paid for, so that whoever pays decides what comes next.
func TestNoRequestIsMadeAgainUnseen(t *testing.T) {
	for _, method := range []string{"GET", "HEAD", "DELETE"} {
		for name, reset := range map[string]bool{"reset": true, "closed": false} {
			t.Run(method+" "+name, func(t *testing.T) {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = l.Close() }()
				v := &vanishing{Listener: l, reset: reset}
				go v.serve()
				client := meter.NewClient(meter.Options{})
				defer client.CloseIdleConnections()
				var u store.Usage
				do := func() error {
					req, _ := http.NewRequestWithContext(store.WithUsage(t.Context(), &u), method, "http://"+l.Addr().String()+"/k", nil)
					resp, err := client.Do(req)
					if err != nil {
						return err
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					return resp.Body.Close()
				}
				if err := do(); err != nil {
					t.Fatal(err)
				}
				if err := do(); err == nil {
					t.Error("a request that nobody answered came to something")
				} else if store.NotSent(err) {
					t.Errorf("%v is called not sent, and the server read it", err)
				}
				v.mu.Lock()
				defer v.mu.Unlock()
				if len(v.seen) != 2 || u.Requests.Load() != 2 {
					t.Fatalf("the server saw %d requests, %d were counted; want 2: %q", len(v.seen), u.Requests.Load(), v.seen)
				}
				for _, head := range v.seen {
					if strings.Contains(head, "Transfer-Encoding") || strings.Contains(head, "Content-Length") || strings.Contains(head, "body") {
						t.Errorf("a request without a body is sent as %q", head)
					}
				}
			})
		}
	}
}

// A connection that ends before anything was written to it costs nothing, and the error says so.
func TestWhatWasNeverWrittenIsNotSent(t *testing.T) {
	client, url, c := serve(t, false, meter.Options{}, echo)
	for _, method := range []string{"GET", "PUT"} {
		var u store.Usage
		ctx := httptrace.WithClientTrace(store.WithUsage(t.Context(), &u), &httptrace.ClientTrace{
			GotConn: func(info httptrace.GotConnInfo) { _ = info.Conn.Close() },
		})
		req, _ := http.NewRequestWithContext(ctx, method, url, strings.NewReader("content"))
		if method == "GET" {
			req.Body, req.ContentLength, req.GetBody = nil, 0, nil
		}
		_, err := client.Do(req)
		if err == nil || !store.NotSent(err) {
			t.Errorf("%s: NotSent(%v) is false", method, err)
		}
		if u.Sent.Load() != 0 || c.read.Load() != 0 {
			t.Errorf("%s: %d bytes are said to be sent, the server read %d", method, u.Sent.Load(), c.read.Load())
		}
	}
}
