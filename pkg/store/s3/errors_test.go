package s3

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

func TestErrorKinds(t *testing.T) {
	for _, c := range []struct {
		op     string // the request that is refused
		status int
		code   string
		want   error
		hint   string // part of the message
	}{
		{"GetObject", 404, "NoSuchKey", store.ErrNotFound, ""},
		{"GetObject", 404, "NoSuchBucket", store.ErrNotFound, "check its name"},
		{"GetObject", 412, "PreconditionFailed", store.ErrChanged, ""},
		{"GetObject", 403, "AccessDenied", store.ErrPermission, "s3:GetObject"},
		{"GetObject", 403, "InvalidAccessKeyId", store.ErrAuth, "access key"},
		{"GetObject", 403, "SignatureDoesNotMatch", store.ErrAuth, "secret"},
		{"GetObject", 403, "RequestTimeTooSkewed", store.ErrAuth, "clock"},
		{"GetObject", 400, "ExpiredToken", store.ErrAuth, "sign in again"},
		{"GetObject", 403, "InvalidObjectState", store.ErrPermanent, "restore"},
		{"GetObject", 416, "InvalidRange", store.ErrPermanent, ""},
		{"GetObject", 503, "SlowDown", store.ErrThrottled, ""},
		{"GetObject", 503, "ServiceUnavailable", store.ErrThrottled, ""},
		{"GetObject", 429, "", store.ErrThrottled, ""},
		{"GetObject", 500, "InternalError", store.ErrTransient, ""},
		{"GetObject", 502, "", store.ErrTransient, ""},
		{"GetObject", 301, "PermanentRedirect", store.ErrPermanent, "region="},
		{"GetObject", 307, "TemporaryRedirect", store.ErrPermanent, "region="},
		{"GetObject", 400, "SomethingNew", store.ErrPermanent, "SomethingNew"},
		{"PutObject", 412, "PreconditionFailed", store.ErrConflict, ""},
		{"PutObject", 409, "ConditionalRequestConflict", store.ErrConflict, ""},
		{"PutObject", 409, "OperationAborted", store.ErrTransient, ""},
		{"PutObject", 404, "NoSuchBucket", store.ErrNotFound, ""},
		{"PutObject", 400, "BadDigest", store.ErrIntegrity, ""},
		{"PutObject", 400, "XAmzContentChecksumMismatch", store.ErrIntegrity, ""},
		{"PutObject", 400, "RequestTimeout", store.ErrTransient, ""},
		{"PutObject", 400, "IncompleteBody", store.ErrTransient, ""},
		{"PutObject", 400, "EntityTooLarge", store.ErrPermanent, ""},
		{"PutObject", 400, "KeyTooLongError", store.ErrName, ""},
		{"PutObject", 409, "ObjectParentIsFile", store.ErrName, "folder"},
		{"PutObject", 400, "KMS.DisabledException", store.ErrPermanent, "KMS"},
		{"PutObject", 403, "AccessDenied", store.ErrPermission, "s3:PutObject"},
		{"CompleteMultipartUpload", 400, "EntityTooSmall", store.ErrPermanent, ""},
		{"CompleteMultipartUpload", 400, "InvalidPart", store.ErrIntegrity, ""},
		{"CompleteMultipartUpload", 400, "BadDigest", store.ErrIntegrity, ""},
	} {
		t.Run(c.op+" "+c.code, func(t *testing.T) {
			d := newDouble(t, &double{knows: []string{"crc64nvme"}})
			s := d.open(t)
			d.answer(c.op, func(w http.ResponseWriter, r *http.Request) {
				if c.code == "" {
					w.WriteHeader(c.status)
					return
				}
				refuse(w, c.status, c.code, "a message")
			})
			var err error
			switch c.op {
			case "GetObject":
				err = s.ReadRange(t.Context(), store.Ref{Key: "k", ETag: "e"}, 0, make([]byte, 1))
			case "PutObject":
				_, err = s.Put(t.Context(), "k", first, store.WriteOptions{Condition: store.IfAbsent()})
			default:
				u, parts, all := upload(t, s, "k")
				_, err = s.CompleteUpload(t.Context(), u, parts, store.CompleteOptions{Condition: store.IfAbsent(), Size: int64(len(all))})
			}
			if store.KindOf(err) != c.want {
				t.Errorf("got kind %v, want %v (%v)", store.KindOf(err), c.want, err)
			}
			text := err.Error()
			if !strings.Contains(text, c.hint) {
				t.Errorf("%q does not say %q", text, c.hint)
			}
			for _, secret := range []string{"double-secret-value", "double-session-value", "doubleid"} {
				if strings.Contains(text, secret) {
					t.Errorf("%q has a secret in it", text)
				}
			}
		})
	}
}

// TestHeadExplained: a refusal of HEAD has no body, so the reason is asked for by a GET.
func TestHeadExplained(t *testing.T) {
	d := newDouble(t, &double{knows: []string{"crc64nvme"}})
	s := d.open(t)
	d.on = func(op string, w http.ResponseWriter, r *http.Request) bool {
		switch op {
		case "HeadObject":
			w.WriteHeader(400)
		case "GetObject":
			refuse(w, 400, "ExpiredToken", "The provided token has expired.")
		default:
			return false
		}
		return true
	}
	if _, err := s.Head(t.Context(), "k"); !errors.Is(err, store.ErrAuth) {
		t.Errorf("an expired session: got %v, want %v", err, store.ErrAuth)
	}
	d.answer("HeadObject", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(403) })
	if _, err := s.Head(t.Context(), "missing"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("GET says that it is absent: got %v, want %v", err, store.ErrNotFound)
	}
}

// TestClock: an answer without a body still has a date.
func TestClock(t *testing.T) {
	now := time.Now()
	if skewed(now.Add(-time.Minute).UTC().Format(http.TimeFormat), now) || !skewed(now.Add(20*time.Minute).UTC().Format(http.TimeFormat), now) {
		t.Error("a minute is no skew, twenty are")
	}
	d := newDouble(t, &double{})
	s := d.open(t)
	d.on = func(op string, w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Date", now.Add(-time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(403)
		return true
	}
	if _, err := s.Head(t.Context(), "k"); !errors.Is(err, store.ErrAuth) || !strings.Contains(err.Error(), "clock") {
		t.Errorf("got %v, want a hint to the clock", err)
	}
}

func TestNotSent(t *testing.T) {
	d := newDouble(t, &double{knows: []string{"crc64nvme"}})
	s := d.open(t)
	d.Close()
	s.http.CloseIdleConnections()
	_, err := s.Put(t.Context(), "k", first, store.WriteOptions{Condition: store.IfAbsent()})
	var e *store.Error
	if !errors.As(err, &e) || e.Kind != store.ErrTransient || !e.NotSent {
		t.Errorf("nobody listens: got %#v (%v)", e, err)
	}
	var dial *net.OpError
	if !errors.As(err, &dial) {
		t.Errorf("%v does not carry its cause", err)
	}
}

func TestCancelled(t *testing.T) {
	d := newDouble(t, &double{knows: []string{"crc64nvme"}})
	s := d.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	d.answer("PutObject", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body) // net/http notices a client that leaves only after that
		cancel()
		<-r.Context().Done()
	})
	_, err := s.Put(ctx, "k", first, store.WriteOptions{Condition: store.IfAbsent()})
	if !errors.Is(err, context.Canceled) || store.KindOf(err) != store.ErrTransient {
		t.Errorf("got %v", err)
	}
	if n := d.count("HeadObject"); n != 0 {
		t.Errorf("looked %d times after the caller had gone", n)
	}
}

// TestNoCredentials: nothing is sent, and the error says where credentials come from.
func TestNoCredentials(t *testing.T) {
	d := newDouble(t, &double{})
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	u, _ := url.Parse("s3://bkt?region=us-east-1&use_path_style=true&endpoint=" + d.URL)
	_, err := Open(t.Context(), u, Options{})
	var e *store.Error
	if !errors.As(err, &e) || e.Kind != store.ErrAuth || !e.NotSent || !strings.Contains(err.Error(), "AWS_PROFILE") {
		t.Errorf("got %v, want a hint to where credentials come from", err)
	}
	if len(d.requests) != 0 {
		t.Errorf("sent %v without credentials", d.requests)
	}
}
