package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/daemon/access"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/observe"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// event of a stream.
type event struct{ id, name, data string }

// listen begins a stream; next returns its next event of a name, and skips others.
func listen(t *testing.T, path string) (next func(name string) event, body io.Closer) {
	t.Helper()
	answer, err := dial(t, path).send(context.Background(), http.MethodGet, "/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	if media := answer.Header.Get("Content-Type"); media != eventsMedia {
		t.Errorf("Content-Type %q", media)
	}
	r := bufio.NewReader(answer.Body)
	return func(name string) event {
		t.Helper()
		for {
			var e event
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					t.Fatalf("waiting for %s: %v", name, err)
				}
				field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
				switch field {
				case "id":
					e.id = value
				case "event":
					e.name = value
				case "data":
					e.data = value
				}
				if line == "\n" {
					break
				}
			}
			if e.name == name {
				return e
			}
		}
	}, answer.Body
}

// A stream begins with all there is, and then tells what changes: of shards, jobs and problems.
func TestEvents(t *testing.T) {
	r := standing(t)
	k := &keeper{list: []dispatch.Status{{ID: "a", State: dispatch.OnTime}, {ID: "b"}}}
	r.Jobs = k
	path, _ := serve(t, Options{Reader: r, Jobs: k})
	next, _ := listen(t, path)
	var o observe.Overview
	first := next("overview")
	if err := json.Unmarshal([]byte(first.data), &o); err != nil || first.id != "1" || len(o.Jobs) != 2 || len(o.Transfers) != 1 {
		t.Fatalf("%+v, %v", o, err)
	}
	k.mu.Lock()
	k.list = []dispatch.Status{{ID: "a", State: dispatch.Ready}}
	k.mu.Unlock()
	r.Recorder.Observe(engine.Event{Kind: engine.BytesMoved, Dataset: "c4", Source: "lake", Destination: "lab", Path: "train/000.tar", Bytes: 4})
	var moving Moving
	if err := json.Unmarshal([]byte(next("transfer").data), &moving); err != nil || moving.Count != 1 || moving.Transfers[0].Moved != 8 {
		t.Errorf("transfer: %+v, %v", moving, err)
	}
	var job dispatch.Status
	if err := json.Unmarshal([]byte(next("job").data), &job); err != nil || job.ID != "a" || job.State != dispatch.Ready {
		t.Errorf("job: %+v, %v", job, err)
	}
	if e := next("job-gone"); e.data != `{"id":"b"}` {
		t.Errorf("job-gone: %s", e.data)
	}
	slog.New(r.Problems.Handler(slog.DiscardHandler)).Error("the disk is full")
	r.Recorder.Changed()
	var problem observe.Problem
	if err := json.Unmarshal([]byte(next("problem").data), &problem); err != nil || problem.Text != "the disk is full" {
		t.Errorf("problem: %+v, %v", problem, err)
	}
}

// A stream ends when the server does, at once.
func TestEventsEndWithTheServer(t *testing.T) {
	path, s := serve(t, Options{Reader: standing(t)})
	s.o.grace = time.Hour // what waits for it would be seen
	next, body := listen(t, path)
	next("overview")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(body.(io.Reader)); err != nil {
		t.Errorf("its end: %v", err)
	}
}

// There are so many streams and no more; they are none of the requests that others wait for, and each that ends makes room.
func TestEventsAreBounded(t *testing.T) {
	path, s := serve(t, Options{Reader: standing(t), Requests: 2})
	c := dial(t, path)
	var streams []io.Closer
	for range mostListeners {
		next, body := listen(t, path)
		next("overview")
		streams = append(streams, body)
	}
	if _, err := c.Overview(context.Background()); err != nil {
		t.Errorf("beside all streams: %v", err)
	}
	_, err := c.send(context.Background(), http.MethodGet, "/v1/events", nil)
	if err == nil || !strings.Contains(err.Error(), "as many listeners") {
		t.Errorf("one more: %v", err)
	}
	for _, b := range streams {
		_ = b.Close()
	}
	s.o.Reader.Recorder.Changed() // each finds out that its listener is gone
	for {
		s.watch.mu.Lock()
		count := s.watch.count
		s.watch.mu.Unlock()
		if count == 0 {
			return
		}
		yield()
	}
}

// A listener that never reads is cut off, and what it was not told is kept nowhere.
func TestListenerThatNeverReads(t *testing.T) {
	r := standing(t)
	k := &keeper{}
	for i := range 1500 { // more in one overview than the buffers of a socket take
		k.list = append(k.list, dispatch.Status{ID: fmt.Sprint("job-", i), Why: strings.Repeat("y", 10_000)})
	}
	r.Jobs = k
	o := serveTCP(t, Options{Reader: r})
	token := o.token(t, "laptop", access.Read)
	config := o.client.Transport.(*http.Transport).TLSClientConfig
	answer, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: config, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err == nil {
			err = c.(*net.TCPConn).SetReadBuffer(4096)
		}
		return c, err
	}}}).Do(mustRequest(t, "https://"+o.addr+"/v1/events", token))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	for { // it ends by the deadline of a write; how long that takes is not looked at
		o.s.watch.mu.Lock()
		count := o.s.watch.count
		o.s.watch.mu.Unlock()
		if count == 0 {
			break
		}
		yield()
	}
	if a := o.ask(t, "GET", "/v1/health", token, ""); a.status != 200 {
		t.Errorf("the others: %d", a.status)
	}
}

func mustRequest(t *testing.T, url, token string) *http.Request {
	t.Helper()
	q, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+token)
	return q
}
