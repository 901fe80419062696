package meter

import (
	"io"
	"net/http"
)

// once has net/http make a request once. Left to itself it makes a GET or HEAD again, unseen, when a connection that was used before ends in place of
// an answer. What the service had sent by then is on the bill, so that whoever pays decides whether there is a second attempt, and reserves it.
//
// A body that cannot be had twice is what keeps it from that. The body is empty, and no byte of the request changes: for these methods net/http reads the
// first byte of a body of unknown length before it writes the headers.
func once(req *http.Request) *http.Request {
	if (req.Method == http.MethodGet || req.Method == http.MethodHead || req.Method == "") && (req.Body == nil || req.Body == http.NoBody) {
		req.Body, req.ContentLength, req.GetBody = empty{}, 0, nil
	}
	return req
}

// empty is a body that is not http.NoBody.
type empty struct{}

func (empty) Read([]byte) (int, error) { return 0, io.EOF }
func (empty) Close() error             { return nil }

// unsentError is a failure of a request of which no byte was written: it was given a connection that was just being closed.
type unsentError struct{ error }

func (e *unsentError) Unwrap() error { return e.error }

// NotSent makes it one of the errors that [store.NotSent] is true for.
func (e *unsentError) NotSent() bool { return true }
