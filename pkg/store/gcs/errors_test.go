package gcs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"testing"
	"time"

	"cloud.google.com/go/storage"
	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"

	"github.com/datagravity/datagravity/pkg/store"
)

func TestClassify(t *testing.T) {
	status := func(code int, reason, message string, header ...string) error {
		e := &googleapi.Error{Code: code, Message: message, Header: http.Header{}}
		if reason != "" {
			e.Errors = []googleapi.ErrorItem{{Reason: reason}}
		}
		for i := 0; i < len(header); i += 2 {
			e.Header.Set(header[i], header[i+1])
		}
		return e
	}
	inRequest := func(err error) error { return &url.Error{Op: "Get", URL: "https://storage.googleapis.com/", Err: err} }
	token := func(code int) error {
		return inRequest(&oauth2.RetrieveError{Response: &http.Response{StatusCode: code, Header: http.Header{}}})
	}
	for name, c := range map[string]struct {
		err     error
		kind    error
		wait    time.Duration
		notSent bool
	}{
		"precondition":            {err: status(412, "conditionNotMet", ""), kind: store.ErrConflict},
		"too many":                {err: status(429, "rateLimitExceeded", "", "Retry-After", "7"), kind: store.ErrThrottled, wait: 7 * time.Second},
		"unavailable":             {err: status(503, "backendError", ""), kind: store.ErrThrottled},
		"unavailable until":       {err: status(503, "", "", "Date", "Wed, 25 Nov 2026 10:00:00 GMT", "Retry-After", "Wed, 25 Nov 2026 10:00:30 GMT"), kind: store.ErrThrottled, wait: 30 * time.Second},
		"unavailable, past date":  {err: status(503, "", "", "Date", "Wed, 25 Nov 2026 10:00:00 GMT", "Retry-After", "Wed, 25 Nov 2026 09:00:00 GMT"), kind: store.ErrThrottled},
		"unavailable, nonsense":   {err: status(503, "", "", "Retry-After", "soon"), kind: store.ErrThrottled},
		"credentials":             {err: status(401, "authError", ""), kind: store.ErrAuth},
		"forbidden":               {err: status(403, "forbidden", ""), kind: store.ErrPermission},
		"retention":               {err: status(403, "retentionPolicyNotMet", ""), kind: store.ErrPermission},
		"forbidden, too fast":     {err: status(403, "rateLimitExceeded", ""), kind: store.ErrThrottled},
		"forbidden, user's limit": {err: status(403, "userRateLimitExceeded", ""), kind: store.ErrThrottled},
		"absent":                  {err: status(404, "notFound", ""), kind: store.ErrNotFound},
		"absent by XML":           {err: storage.ErrObjectNotExist, kind: store.ErrNotFound},
		"no bucket":               {err: fmt.Errorf("%w: x", storage.ErrBucketNotExist), kind: store.ErrNotFound},
		"request timeout":         {err: status(408, "", ""), kind: store.ErrTransient},
		"internal":                {err: status(500, "internalError", ""), kind: store.ErrTransient},
		"bad gateway":             {err: status(502, "", ""), kind: store.ErrTransient},
		"bad CRC32C":              {err: status(400, "invalid", `Provided CRC32C "AAAAAA==" doesn't match calculated CRC32C "xX==".`), kind: store.ErrIntegrity},
		"bad MD5":                 {err: status(400, "invalid", `Provided MD5 hash "a" doesn't match calculated MD5 hash "b".`), kind: store.ErrIntegrity},
		"bad request":             {err: status(400, "invalid", "Invalid argument."), kind: store.ErrPermanent},
		"range":                   {err: status(416, "", ""), kind: store.ErrPermanent},
		"wrapped":                 {err: fmt.Errorf("x: %w", status(412, "", "")), kind: store.ErrConflict},
		"token refused":           {err: token(400), kind: store.ErrAuth, notSent: true},
		"token service down":      {err: token(503), kind: store.ErrTransient, notSent: true},
		"refused connection":      {err: inRequest(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), kind: store.ErrTransient, notSent: true},
		"no such host":            {err: inRequest(&net.OpError{Op: "dial", Err: &net.DNSError{}}), kind: store.ErrTransient, notSent: true},
		"reset":                   {err: inRequest(&net.OpError{Op: "read", Err: syscall.ECONNRESET}), kind: store.ErrTransient},
		"certificate":             {err: inRequest(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), kind: store.ErrPermanent},
		"cancelled":               {err: inRequest(context.Canceled), kind: store.ErrTransient},
		"deadline":                {err: context.DeadlineExceeded, kind: store.ErrTransient},
		"early end":               {err: io.ErrUnexpectedEOF, kind: store.ErrTransient},
		"unknown":                 {err: errors.New("what"), kind: store.ErrTransient},
	} {
		kind, wait, notSent := classify(c.err)
		if kind != c.kind || wait != c.wait || notSent != c.notSent {
			t.Errorf("%s: got %v, wait %v, not sent %v; want %v, %v, %v", name, kind, wait, notSent, c.kind, c.wait, c.notSent)
		}
	}
}

func TestFailKeepsCauseAndKind(t *testing.T) {
	s := &Store{url: "gs://b"}
	first := s.fail("read", "k", context.Canceled)
	if !errors.Is(first, context.Canceled) || !errors.Is(first, store.ErrTransient) {
		t.Errorf("%v loses its cause or kind", first)
	}
	if again := s.fail("delete", "other", first); again != first { //nolint:errorlint // the very same error is wanted
		t.Errorf("a store error was wrapped again: %v", again)
	}
	dial := s.fail("complete", "k", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED})
	var e *store.Error
	if !errors.As(dial, &e) || !e.NotSent {
		t.Fatalf("%v: want NotSent", dial)
	}
	if !errors.As(several(dial), &e) || e.NotSent {
		t.Error("of several requests, one that was not sent says nothing of the others")
	}
}
