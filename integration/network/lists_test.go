package network

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// lists counts, of the requests for lists of objects, those whose answer did not arrive whole, and the bytes of the longest answer that did. Nothing is reserved
// for them, and what a server sent of an answer that was lost is known to nobody here.
type lists struct {
	http.RoundTripper
	lost, longest atomic.Int64
}

// answerHeaders have at most so many bytes.
const answerHeaders = 2 << 10

// of a request: list-type=2 to S3, comp=list to Azure, .../o to Cloud Storage.
func (l *lists) of(q *http.Request) bool {
	v := q.URL.Query()
	return q.Method == http.MethodGet && (v.Get("list-type") != "" || v.Get("comp") == "list" || strings.HasSuffix(q.URL.Path, "/o"))
}

func (l *lists) RoundTrip(q *http.Request) (*http.Response, error) {
	a, err := l.RoundTripper.RoundTrip(q)
	if !l.of(q) {
		return a, err
	}
	if err != nil {
		l.lost.Add(1)
		return a, err
	}
	a.Body = &list{ReadCloser: a.Body, of: l}
	return a, nil
}

func (l *lists) CloseIdleConnections() {
	l.RoundTripper.(interface{ CloseIdleConnections() }).CloseIdleConnections()
}

// mostLost is the most that all the answers had which did not arrive.
func (l *lists) mostLost() int64 { return l.lost.Load() * (l.longest.Load() + answerHeaders) }

// list is an answer.
type list struct {
	io.ReadCloser
	of    *lists
	bytes int64
	over  bool
}

func (a *list) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	a.bytes += int64(n)
	if err == nil || a.over {
		return n, err
	}
	a.over = true
	if !errors.Is(err, io.EOF) {
		a.of.lost.Add(1)
		return n, err
	}
	for was := a.of.longest.Load(); a.bytes > was && !a.of.longest.CompareAndSwap(was, a.bytes); was = a.of.longest.Load() {
	}
	return n, err
}
