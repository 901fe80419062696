package netem

import (
	"io"
	"net/http"
	"sync/atomic"
)

// CountBody has the body of a request be counted as it is read, whole or not: for a handler before a server.
func CountBody(q *http.Request, n *atomic.Int64) { q.Body = &countedBody{q.Body, n} }

type countedBody struct {
	io.ReadCloser
	n *atomic.Int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n.Add(int64(n))
	return n, err
}
