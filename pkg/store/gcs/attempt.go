package gcs

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
)

// attempt is one read. The SDK's reader answers a broken body with a new ranged request, whatever the retry policy says;
// under the context of an attempt the transport lets one request pass and answers the next with what broke the first.
type attempt struct {
	mu         sync.Mutex
	sent       bool
	broke      error
	generation string // that the answer was for, as the service told it
}

type attemptKey struct{}

func (a *attempt) under(ctx context.Context) context.Context {
	return context.WithValue(ctx, attemptKey{}, a)
}

// served is the generation that the service says it answered with, "" if it did not say.
func (a *attempt) served() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.generation
}

func (a *attempt) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.broke == nil {
		a.broke = err
	}
}

// start tells whether this request may go out, or else why not.
func (a *attempt) start() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case !a.sent:
		a.sent = true
		return nil
	case a.broke != nil:
		return a.broke
	default:
		return errors.New("a second request for one read")
	}
}

// singleShot is the transport that holds requests to their attempt; requests without one pass.
type singleShot struct{ base http.RoundTripper }

// RoundTrip sends the request unless its attempt is used up.
func (t singleShot) RoundTrip(r *http.Request) (*http.Response, error) {
	a, ok := r.Context().Value(attemptKey{}).(*attempt)
	if !ok {
		return t.base.RoundTrip(r)
	}
	if err := a.start(); err != nil {
		return nil, err
	}
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		a.fail(err)
		return nil, err
	}
	a.mu.Lock()
	a.generation = resp.Header.Get("X-Goog-Generation")
	a.mu.Unlock()
	resp.Body = &watchedBody{ReadCloser: resp.Body, attempt: a}
	return resp, nil
}

// CloseIdleConnections lets http.Client reach the transport below.
func (t singleShot) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// watchedBody remembers what broke it.
type watchedBody struct {
	io.ReadCloser
	attempt *attempt
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.attempt.fail(err)
	}
	return n, err
}
