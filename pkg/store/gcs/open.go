package gcs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"cloud.google.com/go/storage"
	"gocloud.dev/blob"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/gcp"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"google.golang.org/api/option"
	raw "google.golang.org/api/storage/v1"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/meter"
)

// realEndpoint is Google's public JSON API; the XML reads and the uploads use its host.
const realEndpoint = "https://storage.googleapis.com"

// Options go with [Open]. The zero value is valid.
type Options struct {
	// HTTPClient carries every request, those for access tokens included, so that whoever meters its transport sees all
	// bytes. nil: one of pkg/store/meter.
	HTTPClient *http.Client
}

// Store is one bucket. It is safe for concurrent use.
type Store struct {
	url      string
	bucket   string
	blob     *blob.Bucket
	client   *storage.Client
	raw      *raw.Service // for compose, whose SDK form cannot name a KMS key
	http     *http.Client
	caps     store.Capabilities
	class    string // storage class that the bucket gives by default, "" if unknown
	versions bool
}

var _ store.Store = (*Store)(nil)

// Open opens the bucket of a URL gs://BUCKET and reads its settings (one request).
//
// With ?endpoint=http://127.0.0.1:PORT, or STORAGE_EMULATOR_HOST in the environment, it talks to an emulator there
// without credentials; plain http is refused anywhere but on the loopback interface. An https endpoint replaces Google's
// (private service connect). Otherwise Application Default Credentials are used, with the scope devstorage.read_write.
//
// Errors: [store.ErrPermanent] for a URL of another form, [store.ErrAuth] without usable credentials,
// [store.ErrNotFound] if there is no such bucket, [store.ErrTransient] if it cannot be reached. Credentials that may
// not read the bucket's settings are good enough; Capabilities().Warnings then says what is unknown.
func Open(ctx context.Context, u *url.URL, o Options) (*Store, error) {
	s := &Store{url: "gs://" + u.Host, bucket: u.Host}
	refuse := func(err error) error {
		return &store.Error{Op: "open", Store: s.url, Kind: store.ErrPermanent, NotSent: true, Err: err}
	}
	endpoint, err := parse(u, os.Getenv("STORAGE_EMULATOR_HOST"))
	if err != nil {
		return nil, refuse(err)
	}
	if u.Query().Get("endpoint") != "" {
		s.url += "?endpoint=" + url.QueryEscape(endpoint.String())
	}

	given := o.HTTPClient
	if given == nil {
		given = meter.NewClient(meter.Options{})
	}
	hc := *given
	if hc.Transport == nil {
		hc.Transport = http.DefaultTransport
	}
	if endpoint.Scheme == "https" {
		// The token source outlives this call and its deadline.
		tokens := context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, given)
		creds, err := google.FindDefaultCredentials(tokens, storage.ScopeReadWrite)
		if err != nil {
			return nil, &store.Error{Op: "open", Store: s.url, Kind: store.ErrAuth, NotSent: true, Err: fmt.Errorf(
				"%w (set GOOGLE_APPLICATION_CREDENTIALS to a key file, or run: gcloud auth application-default login)", err)}
		}
		hc.Transport = &oauth2.Transport{Base: hc.Transport, Source: creds.TokenSource}
	}
	hc.Transport = singleShot{hc.Transport}
	s.http = &hc

	api := endpoint.JoinPath("storage/v1/").String()
	options := []option.ClientOption{
		// Given again here because gcsblob puts http.DefaultClient in its place when STORAGE_EMULATOR_HOST is set, and
		// then nobody would see the bytes.
		option.WithHTTPClient(&hc),
		option.WithEndpoint(api),
		// The client above authenticates; the SDK must not look for credentials over a transport of its own.
		option.WithoutAuthentication(),
		storage.WithXMLReads(),
		storage.WithDisabledClientMetrics(),
	}
	s.blob, err = gcsblob.OpenBucket(ctx, &gcp.HTTPClient{Client: hc}, s.bucket, &gcsblob.Options{ClientOptions: options})
	if err != nil {
		return nil, refuse(err)
	}
	if !s.blob.As(&s.client) {
		return nil, refuse(errors.New("gocloud.dev/blob does not hand out its storage client"))
	}
	s.client.SetRetry(storage.WithPolicy(storage.RetryNever))
	s.raw, err = raw.NewService(ctx, option.WithHTTPClient(&hc), option.WithEndpoint(api))
	if err != nil {
		return nil, refuse(err)
	}
	if err := s.readSettings(ctx); err != nil {
		_ = s.blob.Close()
		return nil, err
	}
	return s, nil
}

// parse checks the URL's form and returns the endpoint to talk to.
func parse(u *url.URL, emulator string) (*url.URL, error) {
	switch {
	case u.Scheme != "gs" || u.Host == "":
		return nil, fmt.Errorf("%q: want gs://BUCKET", u.Redacted())
	case u.Path != "" && u.Path != "/":
		return nil, fmt.Errorf("gs://%s%s: a store is a whole bucket: write gs://%s here and the prefix in the dataset", u.Host, u.Path, u.Host)
	case u.User != nil:
		return nil, fmt.Errorf("gs://%s: credentials do not belong in the URL", u.Host)
	}
	for name := range u.Query() {
		if name != "endpoint" {
			return nil, fmt.Errorf("gs://%s: unknown parameter %q (known: endpoint)", u.Host, name)
		}
	}
	where := u.Query().Get("endpoint")
	if where == "" && emulator != "" {
		where = emulator
		if !strings.Contains(where, "://") {
			where = "http://" + where
		}
	}
	if where == "" {
		where = realEndpoint
	}
	e, err := url.Parse(where)
	if err != nil || e.Host == "" || (e.Scheme != "http" && e.Scheme != "https") || e.User != nil {
		return nil, fmt.Errorf("endpoint %q: want http://127.0.0.1:PORT or https://HOST", where)
	}
	if e.Scheme == "http" && !loopback(e.Hostname()) {
		return nil, fmt.Errorf("endpoint %q: plain http is for emulators on this machine; use https", where)
	}
	return &url.URL{Scheme: e.Scheme, Host: e.Host}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// URL is gs://BUCKET, with the endpoint if the URL that was opened named one.
func (s *Store) URL() string { return s.url }

// Capabilities are those of the bucket as it was when it was opened.
func (s *Store) Capabilities() store.Capabilities { return s.caps }

// Close releases idle connections.
func (s *Store) Close() error {
	s.http.CloseIdleConnections()
	if err := s.blob.Close(); err != nil {
		return s.fail("close", "", err)
	}
	return nil
}

// object is the handle of a key as the SDK knows it; keys are never escaped.
func (s *Store) object(key string) *storage.ObjectHandle {
	return s.client.Bucket(s.bucket).Object(key)
}
