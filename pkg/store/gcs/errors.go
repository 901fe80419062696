package gcs

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/storage"
	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"

	"github.com/datagravity/datagravity/internal/retryafter"
	"github.com/datagravity/datagravity/pkg/store"
)

// slowDownReasons are reasons of a 403 that mean "too fast", not "not allowed" (Cloud Storage, HTTP status and error codes
// for JSON).
var slowDownReasons = []string{"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"}

// fail turns any error of the SDK into a *store.Error; one that already is passes.
func (s *Store) fail(op, key string, err error) error {
	var known *store.Error
	if errors.As(err, &known) {
		return err
	}
	e := &store.Error{Op: op, Store: s.url, Key: key, Err: err}
	e.Kind, e.RetryAfter, e.NotSent = classify(err)
	return e
}

// refuse is a failure found without asking the service.
func (s *Store) refuse(op, key string, kind error, why string) error {
	return &store.Error{Op: op, Store: s.url, Key: key, Kind: kind, NotSent: true, Err: errors.New(why)}
}

// found is a failure found in what the service answered.
func (s *Store) found(op, key string, kind error, why string) error {
	return &store.Error{Op: op, Store: s.url, Key: key, Kind: kind, Err: errors.New(why)}
}

// several makes an error fit an operation of several requests: that one of them was not sent says nothing of the others.
func several(err error) error {
	var e *store.Error
	if !errors.As(err, &e) || !e.NotSent {
		return err
	}
	c := *e
	c.NotSent = false
	return &c
}

// classify tells the kind of an SDK error, how long the service asks to wait, and whether the request was provably never
// sent. What cannot be told is transient: its outcome is unknown, and whoever tries again looks first.
func classify(err error) (kind error, wait time.Duration, notSent bool) {
	var api *googleapi.Error
	if errors.As(err, &api) {
		return ofStatus(api), retryafter.Of(api.Header, time.Now()), false
	}
	var token *oauth2.RetrieveError
	if errors.As(err, &token) {
		// The request itself waits for its token.
		if token.Response != nil && token.Response.StatusCode >= 500 {
			return store.ErrTransient, retryafter.Of(token.Response.Header, time.Now()), true
		}
		return store.ErrAuth, 0, true
	}
	switch {
	case errors.Is(err, storage.ErrObjectNotExist), errors.Is(err, storage.ErrBucketNotExist):
		return store.ErrNotFound, 0, false
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return store.ErrTransient, 0, false
	}
	if store.NotSent(err) {
		return store.ErrTransient, 0, true
	}
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		return store.ErrPermanent, 0, false
	}
	return store.ErrTransient, 0, false
}

func ofStatus(api *googleapi.Error) error {
	switch api.Code {
	case http.StatusUnauthorized:
		return store.ErrAuth
	case http.StatusForbidden:
		if slices.ContainsFunc(api.Errors, func(i googleapi.ErrorItem) bool { return slices.Contains(slowDownReasons, i.Reason) }) {
			return store.ErrThrottled
		}
		return store.ErrPermission
	case http.StatusNotFound:
		return store.ErrNotFound
	case http.StatusPreconditionFailed:
		return store.ErrConflict
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return store.ErrThrottled
	case http.StatusRequestTimeout:
		return store.ErrTransient
	case http.StatusBadRequest:
		if refusedChecksum(api) {
			return store.ErrIntegrity
		}
	}
	if api.Code >= 500 {
		return store.ErrTransient
	}
	return store.ErrPermanent
}

// refusedChecksum recognises the 400 for bytes that are not what their checksum says. It has no reason of its own, only a
// message: Provided CRC32C "…" doesn't match calculated CRC32C "…".
func refusedChecksum(api *googleapi.Error) bool {
	text := strings.ToLower(api.Message + " " + api.Body)
	named := strings.Contains(text, "crc32c") || strings.Contains(text, "md5")
	return named && strings.Contains(text, "match")
}
