package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHealth(t *testing.T) {
	path, s := serve(t, Options{})
	if got, want := dial(t, path).Health(), s.o.Health; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// Another user is refused whatever is asked, with what the kernel said of him, and nothing is done.
func TestStrangersAreRefused(t *testing.T) {
	k := &keeper{}
	path, _ := serve(t, Options{Jobs: k, peer: func(net.Conn) error { return admit(1001, 1000) }})
	_, err := Dial(context.Background(), path, "v1")
	var remote *Error
	if !errors.As(err, &remote) || remote.Status != 403 || !strings.Contains(err.Error(), "you are uid 1001, it runs as uid 1000") {
		t.Errorf("a stranger: %v", err)
	}
	got := raw(t, path, "DELETE /v1/jobs/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 403 ") || k.count() != 0 {
		t.Errorf("%s %v", got, k.asked)
	}
}

// A browser may come through a port that its user forwards to the socket; a page of another site can neither lead it there by a name of its own nor
// have it change something.
func TestBrowserAtTheSocket(t *testing.T) {
	k := &keeper{}
	path, _ := serve(t, Options{Jobs: k})
	for host, status := range map[string]string{
		"localhost:8080": "200", "127.0.0.1:8080": "200", "[::1]:8080": "200", "datagravity": "200", "evil.example": "421", "evil.example:8080": "421", "localhost.": "421",
		"10.0.0.1": "421", "127.0.0.1.nip.io": "421", "[::2]:1": "421",
	} {
		if got := raw(t, path, "GET /v1/health HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 "+status) {
			t.Errorf("%s: %s", host, got)
		}
	}
	for _, header := range []string{"Origin: https://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"} {
		got := raw(t, path, "DELETE /v1/jobs/a HTTP/1.1\r\nHost: localhost:8080\r\n"+header+"\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 403 ") || !strings.Contains(got, `"origin"`) {
			t.Errorf("%s: %s", header, got)
		}
	}
	if k.count() != 0 {
		t.Errorf("something was done: %v", k.asked)
	}
	if got := raw(t, path, "DELETE /v1/jobs/a HTTP/1.1\r\nHost: localhost:8080\r\nOrigin: http://localhost:8080\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 204 ") {
		t.Errorf("its own page: %s", got)
	}
}

// The kernel says who this test is, and that it is who it runs as.
func TestPeerOfARealSocket(t *testing.T) {
	checked := make(chan error, 1)
	path, _ := serve(t, Options{peer: func(c net.Conn) error {
		err := checkPeer(c)
		checked <- err
		return err
	}})
	dial(t, path)
	if err := <-checked; err != nil {
		t.Errorf("uid %d is not admitted by itself: %v", os.Geteuid(), err)
	}
}

// More than can be answered are told to come again; when there is room they are answered.
func TestBusy(t *testing.T) {
	k := &keeper{hold: make(chan struct{})}
	path, _ := serve(t, Options{Jobs: k, Requests: 2})
	clients := []*Client{dial(t, path), dial(t, path), dial(t, path)}
	answers := make(chan error, 2)
	for _, c := range clients[:2] {
		go func() { _, err := c.List(context.Background()); answers <- err }()
	}
	for k.count() < 2 {
		yield()
	}
	_, err := clients[2].List(context.Background())
	var remote *Error
	if !errors.Is(err, ErrBusy) || !errors.As(err, &remote) || remote.Code != 75 || remote.Status != 503 {
		t.Errorf("the third: %v", err)
	}
	close(k.hold)
	for range 2 {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	if _, err := clients[2].List(context.Background()); err != nil {
		t.Errorf("when there is room: %v", err)
	}
}

// A request that is being answered when the holder ends is waited for a moment; then it is ended, and who asked is told. Close returns after it.
func TestCloseEndsRequests(t *testing.T) {
	k := &keeper{hold: make(chan struct{})}
	path, s := serve(t, Options{Jobs: k})
	c := dial(t, path)
	answer := make(chan error, 1)
	go func() { _, err := c.List(context.Background()); answer <- err }()
	for k.count() < 1 {
		yield()
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; err == nil {
		t.Error("a request that was cut off has no error")
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket after closing: %v", err)
	}
	_, err := c.List(context.Background())
	if !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), "process 42 (datagravity daemon)") {
		t.Errorf("after the holder is gone: %v", err)
	}
}

// A handler that dies takes neither the server nor the transfers beside it along.
func TestPanicIsAnAnswer(t *testing.T) {
	path, _ := serve(t, Options{Jobs: (*keeper)(nil)}) // each method dies of it
	c := dial(t, path)
	if _, err := c.List(context.Background()); err == nil || !strings.Contains(err.Error(), "its log says where") && !strings.Contains(err.Error(), "says where") {
		t.Errorf("a panic: %v", err)
	}
	if _, err := Dial(context.Background(), path, "v1"); err != nil {
		t.Errorf("after a panic: %v", err)
	}
}

// Where the versions differ an error says so: it may be why.
func TestVersionsThatDiffer(t *testing.T) {
	path, _ := serve(t, Options{Jobs: &keeper{err: errors.New("what is that?")}})
	c, err := Dial(context.Background(), path, "v2")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.List(context.Background()); err == nil || !strings.Contains(err.Error(), "is datagravity v1; this one is v2") {
		t.Error(err)
	}
	if _, err := dial(t, path).List(context.Background()); err == nil || strings.Contains(err.Error(), "this one is") {
		t.Error(err)
	}
}

// printer runs commands: it prints its arguments, and ends with their number.
func printer(ctx context.Context, args []string, out, errs io.Writer) int {
	for i, a := range args {
		w := out
		if i%2 == 1 {
			w = errs
		}
		fmt.Fprint(w, a)
	}
	if ctx.Err() != nil {
		return 130
	}
	return len(args)
}

func commands(q CommandRequest) (func(context.Context, io.Writer, io.Writer) int, error) {
	if len(q.Args) == 0 {
		return nil, fmt.Errorf("%w: no command", ErrRefused)
	}
	return func(ctx context.Context, out, errs io.Writer) int { return printer(ctx, q.Args, out, errs) }, nil
}

// What a command says arrives byte for byte on the stream that it said it on, with its exit code.
func TestCommand(t *testing.T) {
	path, _ := serve(t, Options{Command: commands})
	c := dial(t, path)
	long := strings.Repeat("0123456789abcdef\n", 20_000) // many frames
	binary := "\x00 and ü, which is no ASCII\n"
	var out, errs strings.Builder
	exit, begun, err := c.Command(context.Background(), CommandRequest{Args: []string{long, binary, "last"}}, &out, &errs)
	if exit != 3 || !begun || err != nil {
		t.Fatal(exit, begun, err)
	}
	if out.String() != long+"last" || errs.String() != binary {
		t.Errorf("%d bytes of output, %q of errors", out.Len(), errs.String())
	}
	exit, begun, err = c.Command(context.Background(), CommandRequest{Args: []string{""}}, &out, &errs)
	if exit != 1 || begun || err != nil {
		t.Error("nothing said:", exit, begun, err)
	}
	if _, begun, err = c.Command(context.Background(), CommandRequest{}, &out, &errs); !errors.Is(err, ErrRefused) || begun {
		t.Error("a refused one:", begun, err)
	}
	if _, _, err = c.Command(context.Background(), CommandRequest{Args: []string{"\xff"}}, &out, &errs); !errors.Is(err, ErrRefused) {
		t.Error("an argument that JSON would change:", err)
	}
	// What is printed need not be text.
	var all bytes.Buffer
	f := newFrames(&all)
	fmt.Fprint(f.out(), "\xff\xfe\x00")
	exit = 7
	if err := f.write(Frame{Exit: &exit}); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if exit, _, err = copyFrames(&all, &out, &errs); exit != 7 || err != nil || out.String() != "\xff\xfe\x00" {
		t.Errorf("%d, %v, %q", exit, err, out.String())
	}
}

// Who asks may read slowly, or not at all: the command ends all the same, so that it does not hold the manifest.
func TestCommandDoesNotWaitForItsReader(t *testing.T) {
	ended := make(chan struct{})
	path, _ := serve(t, Options{Command: func(CommandRequest) (func(context.Context, io.Writer, io.Writer) int, error) {
		return func(_ context.Context, out, _ io.Writer) int {
			defer close(ended)
			for range 64 { // far more than a socket's buffers take
				fmt.Fprint(out, strings.Repeat("x", 1<<20))
			}
			return 0
		}, nil
	}})
	answer, err := dial(t, path).send(context.Background(), "POST", "/v1/command", CommandRequest{})
	if err != nil {
		t.Fatal(err)
	}
	<-ended // nothing was read yet
	var out countingWriter
	exit, _, err := copyFrames(answer.Body, &out, io.Discard)
	if exit != 0 || err != nil || out != 64<<20 {
		t.Errorf("exit %d, %v, %d bytes", exit, err, out)
	}
}

type countingWriter int64

func (w *countingWriter) Write(p []byte) (int, error) {
	*w += countingWriter(len(p))
	return len(p), nil
}

// A command ends when who asked for it goes away, and when the holder ends.
func TestCommandIsCancelled(t *testing.T) {
	begun, ended := make(chan struct{}, 2), make(chan error, 2)
	wait := func(CommandRequest) (func(context.Context, io.Writer, io.Writer) int, error) {
		return func(ctx context.Context, out, _ io.Writer) int {
			fmt.Fprint(out, "begun")
			begun <- struct{}{}
			<-ctx.Done()
			ended <- ctx.Err()
			return 130
		}, nil
	}
	path, s := serve(t, Options{Command: wait})
	ctx, cancel := context.WithCancel(context.Background())
	failed := make(chan error, 1)
	go func() {
		_, _, err := dial(t, path).Command(ctx, CommandRequest{}, io.Discard, io.Discard)
		failed <- err
	}()
	<-begun
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("who went away: %v", err)
	}

	var out strings.Builder
	type result struct {
		begun bool
		err   error
		exit  int
	}
	cut := make(chan result, 1)
	c := dial(t, path)
	go func() {
		exit, begun, err := c.Command(context.Background(), CommandRequest{}, &out, io.Discard)
		cut <- result{begun, err, exit}
	}()
	<-begun
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	<-ended
	if r := <-cut; !r.begun || out.String() != "begun" || r.err == nil && r.exit != 130 || r.err != nil && !errors.Is(r.err, ErrGone) {
		t.Errorf("cut off by the holder's end: %+v, %q", r, out.String())
	}
}

// A command that dies says so with exit code 1.
func TestCommandPanics(t *testing.T) {
	path, _ := serve(t, Options{Command: func(CommandRequest) (func(context.Context, io.Writer, io.Writer) int, error) {
		return func(context.Context, io.Writer, io.Writer) int { panic("no such map") }, nil
	}})
	var errs strings.Builder
	exit, _, err := dial(t, path).Command(context.Background(), CommandRequest{}, io.Discard, &errs)
	if exit != 1 || err != nil || !strings.Contains(errs.String(), "its log says where") {
		t.Error(exit, err, errs.String())
	}
}

// An answer without its last frame is never taken for a whole one, wherever it was cut.
func TestCutAnswers(t *testing.T) {
	var whole strings.Builder
	f := newFrames(&whole)
	fmt.Fprint(f.out(), "0 shards missing\n")
	zero := 0
	if err := f.write(Frame{Exit: &zero}); err != nil {
		t.Fatal(err)
	}
	for n := range whole.Len() - 1 { // the line's end may be missing
		if _, _, err := copyFrames(strings.NewReader(whole.String()[:n]), io.Discard, io.Discard); !errors.Is(err, ErrGone) {
			t.Fatalf("cut after %d bytes: %v", n, err)
		}
	}
}

// Whatever comes as the body of a command, it is run as it was asked for or not at all.
func FuzzCommandBody(f *testing.F) {
	f.Add([]byte(`{"args":["need","list"],"version":"v1","config_sha256":"ab","state":"/s"}`))
	f.Add([]byte(`{"args":["sync","c4"]} {"args":[]}`))
	f.Add([]byte(`{"Args":["a"],"args":["b"]}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`{"args":null,"more":1}`))
	var asked *CommandRequest
	o := Options{Health: Health{PID: 1}, ExitCode: exitCode, Command: func(q CommandRequest) (func(context.Context, io.Writer, io.Writer) int, error) {
		asked = &q
		return commands(q)
	}}
	s := &Server{o: o.filled()}
	f.Fuzz(func(t *testing.T, body []byte) {
		asked = nil
		w := newRecorder(body)
		s.routes().ServeHTTP(w, w.request)
		var want CommandRequest
		d := json.NewDecoder(strings.NewReader(string(body)))
		d.DisallowUnknownFields()
		valid := d.Decode(&want) == nil && strings.Trim(string(body[d.InputOffset():]), " \t\r\n") == ""
		switch {
		case !valid:
			if asked != nil || w.Code != 400 {
				t.Fatalf("%q: status %d, asked %+v", body, w.Code, asked)
			}
		case len(want.Args) == 0:
			if w.Code != 403 {
				t.Fatalf("%q: status %d", body, w.Code)
			}
		default:
			if asked == nil || !cmp.Equal(*asked, want) {
				t.Fatalf("%q: asked %+v", body, asked)
			}
			var out, errs strings.Builder
			exit, _, err := copyFrames(w.Body, &out, &errs)
			if err != nil || exit != len(want.Args) || out.Len()+errs.Len() != len(strings.Join(want.Args, "")) {
				t.Fatalf("%q: exit %d, %v", body, exit, err)
			}
		}
	})
}
