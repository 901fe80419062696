package azure_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/azure"
)

// noSecret fails the test if an error, in any form, shows the SAS token's signature.
func noSecret(t *testing.T, err error) {
	t.Helper()
	for _, form := range []string{"%v", "%+v", "%#v", "%q"} {
		if text := fmt.Sprintf(form, err); strings.Contains(text, canary) {
			t.Errorf("the error shows the secret: %s", text)
		}
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if strings.Contains(e.Error(), canary) {
			t.Errorf("%T shows the secret: %v", e, e)
		}
	}
}

func TestErrorKinds(t *testing.T) {
	for _, c := range []struct {
		name        string
		status      int
		code        string
		header      []string
		message     string
		read, write error // kinds
		wait        time.Duration
		hint        string
	}{
		{name: "missing blob", status: 404, code: "BlobNotFound", read: store.ErrNotFound, write: store.ErrNotFound},
		{name: "missing container", status: 404, code: "ContainerNotFound", read: store.ErrNotFound, write: store.ErrNotFound},
		{name: "condition", status: 412, code: "ConditionNotMet", read: store.ErrChanged, write: store.ErrConflict},
		{name: "exists", status: 409, code: "BlobAlreadyExists", read: store.ErrChanged, write: store.ErrConflict},
		{name: "archived", status: 409, code: "BlobArchived", read: store.ErrPermanent, write: store.ErrPermanent, hint: "rehydrate"},
		{name: "rehydrating", status: 409, code: "BlobBeingRehydrated", read: store.ErrPermanent, write: store.ErrPermanent, hint: "15 hours"},
		{name: "leased", status: 412, code: "LeaseIdMissing", read: store.ErrPermanent, write: store.ErrPermanent, hint: "lease break"},
		{name: "immutable", status: 409, code: "BlobImmutableDueToPolicy", read: store.ErrPermanent, write: store.ErrPermanent, hint: "immutability"},
		{name: "throttled", status: 503, code: "ServerBusy", header: []string{"Retry-After", "7"}, read: store.ErrThrottled, write: store.ErrThrottled, wait: 7 * time.Second},
		{name: "egress limit", status: 503, code: "ServerBusy", message: "Egress is over the account limit.", read: store.ErrThrottled, write: store.ErrThrottled, hint: "Egress is over the account limit."},
		{name: "503 without code", status: 503, read: store.ErrThrottled, write: store.ErrThrottled},
		{name: "503 timeout", status: 503, code: "OperationTimedOut", read: store.ErrThrottled, write: store.ErrThrottled},
		{name: "429", status: 429, code: "TooManyRequests", header: []string{"Retry-After-Ms", "250"}, read: store.ErrThrottled, write: store.ErrThrottled, wait: 250 * time.Millisecond},
		{name: "500", status: 500, code: "InternalError", read: store.ErrTransient, write: store.ErrTransient},
		{name: "timeout", status: 500, code: "OperationTimedOut", read: store.ErrTransient, write: store.ErrTransient},
		{name: "bad gateway", status: 502, read: store.ErrTransient, write: store.ErrTransient},
		{name: "408", status: 408, read: store.ErrTransient, write: store.ErrTransient},
		{name: "signature", status: 403, code: "AuthenticationFailed", message: "Server failed to authenticate the request. sig=" + canary,
			read: store.ErrAuth, write: store.ErrAuth, hint: "look at the key"},
		{name: "expired SAS", status: 403, code: "AuthenticationFailed",
			message: "Server failed.</Message><AuthenticationErrorDetail>Signature not valid in the specified time frame: Start - Expiry</AuthenticationErrorDetail><Message>",
			read:    store.ErrAuth, write: store.ErrAuth, hint: "the SAS token has expired"},
		{name: "clock", status: 403, code: "AuthenticationFailed", header: []string{"Date", time.Now().Add(-20 * time.Minute).UTC().Format(http.TimeFormat)},
			read: store.ErrAuth, write: store.ErrAuth, hint: "this machine's clock is off by 20m0s against the service: mend the clock"},
		{name: "slow part", status: 403, code: "AuthenticationFailed",
			message: "Server failed.</Message><AuthenticationErrorDetail>Request date header too old: 'x'</AuthenticationErrorDetail><Message>",
			read:    store.ErrAuth, write: store.ErrAuth, hint: "signed too early"},
		{name: "anonymous", status: 401, code: "NoAuthenticationInformation", read: store.ErrAuth, write: store.ErrAuth, hint: "az login"},
		{name: "keys off", status: 403, code: "KeyBasedAuthenticationNotPermitted", read: store.ErrAuth, write: store.ErrAuth, hint: "Entra"},
		{name: "role", status: 403, code: "AuthorizationPermissionMismatch", read: store.ErrPermission, write: store.ErrPermission, hint: "Storage Blob Data Reader"},
		{name: "firewall", status: 403, code: "AuthorizationFailure", read: store.ErrPermission, write: store.ErrPermission, hint: "firewall"},
		{name: "403 without code", status: 403, read: store.ErrPermission, write: store.ErrPermission},
		{name: "crc", status: 400, code: "Crc64Mismatch", read: store.ErrIntegrity, write: store.ErrIntegrity},
		{name: "md5", status: 400, code: "Md5Mismatch", read: store.ErrIntegrity, write: store.ErrIntegrity},
		{name: "blocks", status: 400, code: "BlockListTooLong", read: store.ErrPermanent, write: store.ErrPermanent, hint: "50,000"},
		{name: "name", status: 400, code: "InvalidUri", read: store.ErrName, write: store.ErrName},
		{name: "400", status: 400, code: "InvalidHeaderValue", read: store.ErrPermanent, write: store.ErrPermanent},
		{name: "501", status: 501, code: "APINotImplemented", read: store.ErrUnsupported, write: store.ErrUnsupported},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, s := newDouble(t)
			answer := func(w http.ResponseWriter, r *http.Request) {
				for i := 0; i < len(c.header); i += 2 {
					w.Header().Set(c.header[i], c.header[i+1])
				}
				refuse(c.status, c.code, c.message)(w, r)
			}
			d.on("get", answer)
			d.on("put", answer)
			d.on("head", properties(`"0x1"`, 1))
			err := s.ReadRange(t.Context(), store.Ref{Key: "k", ETag: `"0x1"`}, 0, make([]byte, 1))
			_, putErr := s.Put(t.Context(), "k", []byte("x"), store.WriteOptions{Condition: store.IfAbsent()})
			for _, x := range []struct {
				op   string
				err  error
				kind error
			}{{"read", err, c.read}, {"put", putErr, c.write}} {
				var e *store.Error
				if !errors.As(x.err, &e) {
					t.Fatalf("%s: %T is no store.Error", x.op, x.err)
				}
				if e.Kind != x.kind || e.Op != x.op || e.Key != "k" || e.NotSent {
					t.Errorf("%s: got %+v, want the kind %v", x.op, e, x.kind)
				}
				if e.RetryAfter != c.wait {
					t.Errorf("%s: wait %v, want %v", x.op, e.RetryAfter, c.wait)
				}
				if !strings.Contains(e.Error(), c.hint) {
					t.Errorf("%s: %v lacks %q", x.op, e, c.hint)
				}
				if strings.ContainsAny(e.Error(), "\r\n") {
					t.Errorf("%s: more than a line: %q", x.op, e.Error())
				}
				noSecret(t, e)
			}
			// One try each: retrying is the business of a decorator.
			if got := d.requests(); len(got) > 3 || got[0] != "get" || got[1] != "put" {
				t.Errorf("requests: %v", got)
			}
		})
	}
}

func TestTransportErrors(t *testing.T) {
	t.Run("reset", func(t *testing.T) {
		d, s := newDouble(t)
		d.on("get", func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_ = c.(*net.TCPConn).SetLinger(0)
			c.Close()
		})
		err := s.ReadRange(t.Context(), store.Ref{Key: "k"}, 0, make([]byte, 1))
		var e *store.Error
		if !errors.As(err, &e) || e.Kind != store.ErrTransient || e.NotSent {
			t.Errorf("got %+v", err)
		}
		noSecret(t, err)
	})
	t.Run("nobody listens", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		_, err = azure.Open(t.Context(), &url.URL{Scheme: "azblob", Host: "container", RawQuery: "storage_account=a&protocol=http&domain=" + l.Addr().String()},
			azure.Options{SASToken: "sig=" + canary})
		var e *store.Error
		if !errors.As(err, &e) || e.Kind != store.ErrTransient || !e.NotSent {
			t.Errorf("got %+v", err)
		}
		noSecret(t, err)
	})
	t.Run("short bodies", func(t *testing.T) {
		d, s := newDouble(t)
		for name, c := range map[string]struct {
			length, span string
			kind         error
		}{
			"cut off":           {"10", "bytes 0-9/10", store.ErrTransient},
			"shorter than said": {"5", "bytes 0-4/10", store.ErrTransient},
			"smaller blob":      {"5", "bytes 0-4/5", store.ErrPermanent},
			"range ignored":     {"5", "", store.ErrTransient},
			"another range":     {"5", "bytes 5-9/10", store.ErrTransient},
		} {
			d.on("get", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", c.length)
				if c.span != "" {
					w.Header().Set("Content-Range", c.span)
				}
				w.WriteHeader(http.StatusPartialContent)
				fmt.Fprint(w, "12345")
			})
			err := s.ReadRange(t.Context(), store.Ref{Key: "k"}, 0, make([]byte, 10))
			if store.KindOf(err) != c.kind {
				t.Errorf("%s: %v, want %v", name, err, c.kind)
			}
			noSecret(t, err)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	for _, name := range []string{"AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_DOMAIN"} {
		t.Setenv(name, "")
	}
	for name, c := range map[string]struct {
		url, env, hint string
		o              azure.Options
		credential     bool // it is the credential that cannot be used, not the URL
	}{
		"SAS in the URL":        {url: "azblob://container?storage_account=a&sig=" + canary, hint: "AZURE_STORAGE_SAS_TOKEN"},
		"unknown parameter":     {url: "azblob://container?storage_account=a&other=" + canary, hint: `"other"`},
		"user part":             {url: "azblob://a:" + canary + "@container", hint: "credentials"},
		"path":                  {url: "azblob://container/prefix?storage_account=a", hint: "dataset"},
		"container name":        {url: "azblob://Container?storage_account=a", hint: "lower-case"},
		"other scheme":          {url: "azureblob://container", hint: "azblob://"},
		"no account":            {url: "azblob://container", hint: "storage_account=NAME", o: azure.Options{AccountKey: "a2V5"}},
		"key is not base64":     {url: "azblob://container?storage_account=a", o: azure.Options{AccountKey: canary + "*"}, hint: "base64", credential: true},
		"SAS to a strange host": {url: "azblob://container?storage_account=a&domain=example.com", env: "sig=" + canary, hint: "AZURE_STORAGE_DOMAIN", credential: true},
		"SAS in the clear":      {url: "azblob://container?storage_account=a&protocol=http", env: "sig=" + canary, hint: "https", credential: true},
		"token in the clear":    {url: "azblob://container?storage_account=a&protocol=http", hint: "AZURE_STORAGE_KEY", credential: true},
		"other account's string": {url: "azblob://container?storage_account=a", hint: `"b"`,
			o: azure.Options{ConnectionString: "AccountName=b;AccountKey=" + canary}, credential: true},
		"broken string": {url: "azblob://container?storage_account=a", hint: "NAME=VALUE", o: azure.Options{ConnectionString: canary}, credential: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AZURE_STORAGE_SAS_TOKEN", c.env)
			u, err := url.Parse(c.url)
			if err != nil {
				t.Fatal(err)
			}
			_, err = azure.Open(t.Context(), u, c.o)
			var e *store.Error
			kind := store.ErrPermanent
			if c.credential {
				kind = store.ErrAuth
			}
			if !errors.As(err, &e) || e.Kind != kind || !e.NotSent || e.Op != "open" {
				t.Fatalf("got %+v", err)
			}
			if !strings.Contains(err.Error(), c.hint) {
				t.Errorf("%v lacks %q", err, c.hint)
			}
			noSecret(t, err)
		})
	}
}
