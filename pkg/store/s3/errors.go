package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/datagravity/datagravity/internal/retryafter"
	"github.com/datagravity/datagravity/pkg/store"
)

// refusal is the service's own answer, without anything that was sent to it.
type refusal struct {
	Status    int    // HTTP
	Code      string // of S3, for example SlowDown
	Message   string
	RequestID string
	Hint      string // what to do next, "" if the message says enough
}

// Error reads "SlowDown: Please reduce your request rate (HTTP 503, request id 4442587FB7D0A2F9); hint".
func (r *refusal) Error() string {
	var b strings.Builder
	b.WriteString(r.Code)
	if r.Message != "" && r.Message != r.Code {
		b.WriteString(": " + strings.TrimSuffix(strings.TrimSpace(r.Message), "."))
	}
	fmt.Fprintf(&b, " (HTTP %d", r.Status)
	if r.RequestID != "" {
		b.WriteString(", request id " + r.RequestID)
	}
	b.WriteString(")")
	if r.Hint != "" {
		b.WriteString("; " + r.Hint)
	}
	return b.String()
}

// answered is the service's answer behind an error, zero if it gave none.
func answered(err error) refusal {
	var r *refusal
	if errors.As(err, &r) {
		return *r
	}
	return refusal{}
}

// hinted is a failure on our side of the wire, with what to do about it.
type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() + "; " + h.hint }
func (h *hinted) Unwrap() error { return h.err }

// fail makes the error that leaves the store. A failure of authentication also drops the cached credentials, so that the
// next attempt asks for new ones.
func (s *Store) fail(op, key string, err error) error {
	if err == nil {
		return nil
	}
	e := classify(op, err)
	e.Store, e.Key = s.url, key
	if e.Kind == store.ErrAuth && s.credentials != nil {
		s.credentials.invalidate()
	}
	return e
}

// refuse makes an error of our own, for what needs no answer from the service.
func (s *Store) refuse(op, key string, kind error, format string, args ...any) error {
	return &store.Error{Op: op, Store: s.url, Key: key, Kind: kind, Err: fmt.Errorf(format, args...)}
}

// checkKey refuses a key that the bucket cannot hold, before any request.
func (s *Store) checkKey(op, key string) error {
	if err := s.capabilities.Names.Check(key); err != nil {
		return &store.Error{Op: op, Store: s.url, Key: key, Kind: store.ErrName, Err: err, NotSent: true}
	}
	return nil
}

// classify tells the kind of an SDK error. The result carries the service's answer but not the SDK's error, whose text is
// long and names the operation once more.
func classify(op string, err error) *store.Error {
	var already *store.Error
	if errors.As(err, &already) {
		e := *already
		e.Op = op
		return &e
	}
	e := &store.Error{Op: op, Err: err}
	var missing *credentialsError
	var response *awshttp.ResponseError
	switch {
	case errors.As(err, &missing):
		e.Kind, e.NotSent = store.ErrAuth, true
		e.Err = &hinted{missing, "set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, run `aws sso login`, or give the machine a role"}
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			e.Kind = store.ErrTransient
		}
	case errors.As(err, &response) && response.Response != nil && response.HTTPStatusCode() >= 300:
		classifyResponse(e, response)
	default:
		classifyTransport(e, err)
	}
	return e
}

func classifyResponse(e *store.Error, response *awshttp.ResponseError) {
	r := &refusal{Status: response.HTTPStatusCode(), RequestID: response.RequestID}
	header := response.Response.Header
	var api smithy.APIError
	if errors.As(response.Err, &api) {
		r.Code, r.Message = api.ErrorCode(), api.ErrorMessage()
	}
	if r.Code == "" || r.Code == "UnknownError" {
		r.Code = strings.ReplaceAll(http.StatusText(r.Status), " ", "")
	}
	e.Err = r
	e.Kind, r.Hint = kindOfCode(e.Op, r.Code)
	if e.Kind == nil {
		e.Kind, r.Hint = kindOfStatus(e.Op, r.Status)
	}
	switch {
	case r.Status == http.StatusMethodNotAllowed && header.Get("X-Amz-Delete-Marker") == "true":
		e.Kind, r.Hint = store.ErrNotFound, ""
	case e.Kind == store.ErrPermission && skewed(header.Get("Date"), time.Now()):
		// An answer to HEAD has no body, so it cannot say RequestTimeTooSkewed.
		e.Kind, r.Hint = store.ErrAuth, clockHint
	}
	if e.Kind == store.ErrPermission && r.Hint == "" {
		r.Hint = rightHint(e.Op)
	}
	e.RetryAfter = retryafter.Of(header, time.Now())
}

// classifyTransport is for requests that got no answer, or an answer that ended early.
func classifyTransport(e *store.Error, err error) {
	e.Kind = store.ErrTransient
	var (
		certificate *tls.CertificateVerificationError
		params      smithy.InvalidParamsError
		serialize   *smithy.SerializationError
	)
	e.Err = inner(err)
	switch {
	case errors.As(err, &params), errors.As(err, &serialize):
		e.Kind, e.NotSent = store.ErrPermanent, true
	case errors.As(err, &certificate):
		e.Kind, e.NotSent = store.ErrPermanent, true
		e.Err = &hinted{certificate, "the server's certificate is not trusted: add its authority to the system's trust store, or use the name that it is for"}
	case store.NotSent(err):
		e.NotSent = true
	}
	// An HTTP client of ours says itself what kind of failure it is (an address it refuses, a peer that stalls).
	for _, kind := range []error{store.ErrPermission, store.ErrPermanent, store.ErrUnsupported, store.ErrIntegrity} {
		if errors.Is(err, kind) {
			e.Kind = kind
		}
	}
}

// inner drops the layers that only repeat which operation and address it was.
func inner(err error) error {
	var sdk *smithy.OperationError
	if errors.As(err, &sdk) {
		err = sdk.Err
	}
	return err
}

const clockHint = "this machine's clock and the service's differ: mend the clock (NTP)"

// maxSkew is S3's own limit on the age of a signature.
const maxSkew = 15 * time.Minute

func skewed(date string, now time.Time) bool {
	t, err := http.ParseTime(date)
	return err == nil && now.Sub(t).Abs() > maxSkew
}
