package daemon

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/daemon/access"
)

// Of a body of 1 GiB no more is read than an operation takes, and nothing of it stays in memory.
func TestHugeBodies(t *testing.T) {
	o := serveTCP(t, Options{Jobs: &keeper{}, Operator: &fakeOperator{}})
	token := o.token(t, "laptop", access.Admin)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for what, q := range map[string]struct {
		path, token string
		most        int64
	}{
		"jobs": {"/v1/jobs", token, maxBody}, "pins": {"/v1/pins", token, smallBody}, "nobody's": {"/v1/jobs", "", 0}, "login": {"/login", "", largestLogin},
	} {
		body := new(endless)
		body.left.Store(1 << 30)
		r, err := http.NewRequest("POST", "https://"+o.addr+q.path, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if q.path == "/login" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		if q.token != "" {
			r.Header.Set("Authorization", "Bearer "+q.token)
		}
		r.ContentLength = body.left.Load()
		answer, err := o.client.Do(r)
		if err == nil {
			if answer.StatusCode/100 != 4 {
				t.Errorf("%s: %d", what, answer.StatusCode)
			}
			answer.Body.Close()
		} // else the connection was cut, which is as good
		// What the kernel and TLS had on their way is beyond what was read.
		if sent := 1<<30 - body.left.Load(); sent > q.most+64<<20 {
			t.Errorf("%s: %d bytes were taken, of at most %d", what, sent, q.most)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 48<<20 {
		t.Errorf("%d bytes more are in memory", grown)
	}
}

// endless is a body of zeros.
type endless struct{ left atomic.Int64 } // the client may still read when the answer is there

func (e *endless) Read(p []byte) (int, error) {
	left := e.left.Load()
	if left <= 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), left)
	e.left.Add(-n)
	return int(n), nil
}

// Who sends its head or its body byte by byte is cut off, and the others are answered meanwhile.
func TestSlowLoris(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a timeout of ten seconds")
	}
	o := serveTCP(t, Options{Jobs: &keeper{}})
	token := o.token(t, "laptop", access.Admin)
	var slow []net.Conn
	for i := range 40 {
		c, err := tls.Dial("tcp", o.addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		text := "GET /v1/health HTTP/1.1\r\nHost: localhost\r\nX-A: "
		if i%2 == 1 { // of those who may ask: their bodies hold places, but not all, and not for long
			text = "POST /v1/pins HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token + "\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
		}
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, c)
	}
	if a := o.ask(t, "GET", "/v1/health", token, ""); a.status != 200 {
		t.Errorf("meanwhile: %d %s", a.status, a.body)
	}
	var all sync.WaitGroup
	for i, c := range slow {
		all.Go(func() {
			stop := make(chan struct{})
			go func() { // a byte now and then keeps nothing alive
				for {
					select {
					case <-stop:
						return
					case <-time.After(500 * time.Millisecond):
						if _, err := io.WriteString(c, "a"); err != nil {
							return
						}
					}
				}
			}()
			_ = c.SetReadDeadline(time.Now().Add(time.Minute))
			b, err := io.ReadAll(c)
			close(stop)
			var late net.Error
			if errors.As(err, &late) && late.Timeout() {
				t.Errorf("connection %d is still open after a minute", i)
			}
			if strings.HasPrefix(string(b), "HTTP/1.1 2") {
				t.Errorf("connection %d was answered: %s", i, b)
			}
		})
	}
	all.Wait()
	if a := o.ask(t, "GET", "/v1/health", token, ""); a.status != 200 {
		t.Errorf("after them: %d %s", a.status, a.body)
	}
}

// More connections than may be are hung up on at once, and those that are open go on.
func TestManyConnections(t *testing.T) {
	o := serveTCP(t, Options{})
	token := o.token(t, "laptop", access.Read)
	if a := o.ask(t, "GET", "/v1/health", token, ""); a.status != 200 { // this connection stays
		t.Fatal(a)
	}
	var opened []net.Conn
	defer func() {
		for _, c := range opened {
			_ = c.Close()
		}
	}()
	cut := 0
	for range mostOfOne + 20 {
		c, err := net.Dial("tcp", o.addr)
		if err != nil {
			cut++
			continue
		}
		opened = append(opened, c)
	}
	for _, c := range opened {
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		var late net.Error
		if _, err := c.Read(make([]byte, 1)); err != nil && !(errors.As(err, &late) && late.Timeout()) {
			cut++
		}
	}
	if cut < 20 {
		t.Errorf("%d of %d connections were cut", cut, mostOfOne+20)
	}
	if a := o.ask(t, "GET", "/v1/health", token, ""); a.status != 200 {
		t.Errorf("the one that was open: %d", a.status)
	}
	for _, c := range opened {
		_ = c.Close()
	}
	o.client.CloseIdleConnections()
	for range 1000 { // there is room again when the server has seen them go
		if a, err := o.client.Get("https://" + o.addr + "/healthz"); err == nil {
			a.Body.Close()
			return
		}
		yield()
	}
	t.Error("there is no room after they have gone")
}

// One address that tries tokens is slowed down, and those who have one are not.
func TestStrangersAreFew(t *testing.T) {
	o := serveTCP(t, Options{})
	token := o.token(t, "laptop", access.Read)
	limited := 0
	for range strangersAtOnce + 30 {
		if a := o.ask(t, "GET", "/v1/health", "dg_guess", ""); a.status == 429 {
			limited++
			if a.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		}
	}
	if limited < 10 {
		t.Errorf("%d guesses were held back", limited)
	}
	if a := o.ask(t, "GET", "/v1/health", token, ""); a.status != 200 {
		t.Errorf("who has a token: %d", a.status)
	}
	c, err := DialTCP(t.Context(), Remote{URL: "https://" + o.addr, Token: token, Fingerprint: o.print}, "test")
	if err != nil {
		t.Fatal(err)
	}
	o.s.rates = newRates(1, 3, time.Now)
	limited = 0
	for range 6 {
		if a := o.ask(t, "GET", "/v1/health", token, ""); a.status == 429 {
			limited++
		}
	}
	if limited == 0 {
		t.Error("a token has no limit")
	}
	// A client hears for how long to wait.
	o.s.rates = newRates(0, 0, time.Now)
	var said *Error
	if err := c.Ping(t.Context()); !errors.As(err, &said) || said.Status != 429 || said.After != time.Second {
		t.Errorf("%+v", said)
	}
}

// What two servers in a row could read in two ways is refused, and no method is another one in disguise.
func TestAmbiguousRequests(t *testing.T) {
	k := &keeper{}
	o := serveTCP(t, Options{Jobs: k})
	token := o.token(t, "laptop", access.Read)
	send := func(text string) string {
		c, err := tls.Dial("tcp", o.addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		_, _ = io.WriteString(c, text)
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return "cut"
		}
		defer r.Body.Close()
		return r.Status
	}
	head := "Host: localhost\r\nAuthorization: Bearer " + token + "\r\nConnection: close\r\n"
	for what, text := range map[string]string{
		"two lengths":             "POST /v1/jobs HTTP/1.1\r\n" + head + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		"a length and chunks":     "POST /v1/jobs HTTP/1.1\r\n" + head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nDELETE /v1/jobs/a HTTP/1.1\r\n\r\n",
		"two hosts":               "GET /v1/health HTTP/1.1\r\n" + head + "Host: evil.example\r\n\r\n",
		"another encoding":        "POST /v1/jobs HTTP/1.1\r\n" + head + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"a space before a colon":  "GET /v1/health HTTP/1.1\r\nHost : localhost\r\n\r\n",
		"a folded header":         "GET /v1/health HTTP/1.1\r\n continued: x\r\n" + head + "\r\n",
		"an override":             "POST /v1/jobs/a HTTP/1.1\r\n" + head + "X-HTTP-Method-Override: DELETE\r\nContent-Length: 0\r\n\r\n",
		"an override in the path": "POST /v1/jobs/a?_method=DELETE HTTP/1.1\r\n" + head + "Content-Length: 0\r\n\r\n",
		"lower case":              "delete /v1/jobs/a HTTP/1.1\r\n" + head + "\r\n",
		"TRACE":                   "TRACE /v1/health HTTP/1.1\r\n" + head + "\r\n",
		"CONNECT":                 "CONNECT evil.example:443 HTTP/1.1\r\n" + head + "\r\n",
		"a proxy's request":       "GET http://169.254.169.254/latest/ HTTP/1.1\r\n" + head + "\r\n",
		"PUT":                     "PUT /v1/jobs/a HTTP/1.1\r\n" + head + "Content-Length: 0\r\n\r\n",
	} {
		if status := send(text); strings.HasPrefix(status, "2") || strings.HasPrefix(status, "3") {
			t.Errorf("%s: %s", what, status)
		}
	}
	if k.count() != 0 {
		t.Errorf("something was done: %v", k.asked)
	}
}

// A path is what it says, or nothing: nowhere does one lead elsewhere, and no answer is a redirect.
func TestPathsLeadNowhereElse(t *testing.T) {
	k := &keeper{}
	o := serveTCP(t, Options{Jobs: k, Reader: standing(t), Operator: &fakeOperator{}})
	o.s.rates = newRates(1e6, 1e6, time.Now)
	token := o.token(t, "laptop", access.Admin)
	for _, path := range []string{
		"/v1", "/v1/", "//v1/health", "/v1//health", "/v1/./health", "/v1/../v1/health", "/v1/jobs/../health", "/v1/jobs/%2e%2e/health", "/v1/health/", "/V1/health",
		"/v1/jobs/a/../../../etc/passwd", "/v1/budgets/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/v1/jobs/..%5c..%5cetc", "//evil.example/%2e%2e", "/v1/approvals/%00",
	} {
		a := o.ask(t, "GET", path, token, "")
		if a.status/100 == 3 || a.status/100 == 5 && a.status != 501 || strings.Contains(a.body, "root:") {
			t.Errorf("%s: %d %v %s", path, a.status, a.header, a.body)
		}
	}
	if a := o.ask(t, "GET", "/v1/health/", token, ""); a.status != 404 {
		t.Errorf("a slash behind it: %d", a.status)
	}
	// An id is what the keeper is asked for, whatever is in it: a name, and no path of a file.
	o.ask(t, "GET", "/v1/jobs/..%2F..%2Fetc%2Fpasswd", token, "")
	k.mu.Lock()
	defer k.mu.Unlock()
	if last := k.asked[len(k.asked)-1]; fmt.Sprint(last) != "[show ../../etc/passwd false]" {
		t.Errorf("asked for %v", last)
	}
}
