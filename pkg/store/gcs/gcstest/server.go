package gcstest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	raw "google.golang.org/api/storage/v1"
)

// Options of a server. The zero value is a bucket "bucket" of class STANDARD in US-CENTRAL1.
type Options struct {
	Bucket       string
	Location     string
	StorageClass string
	// Versioning keeps replaced and deleted generations.
	Versioning bool
	// SoftDelete and Retention are settings that are shown, not acted upon.
	SoftDelete, Retention time.Duration
	// RewriteBytes is how much of an object one rewrite call copies; 0 is all of it.
	RewriteBytes int64
	// TLS serves https with a certificate that Client trusts.
	TLS bool
	// Wrap, if set, is put around the server's handler, for tests that count, spoil or lose requests and answers.
	Wrap func(http.Handler) http.Handler
}

// Server is a running server with one bucket.
type Server struct {
	options Options
	http    *httptest.Server

	mu         sync.Mutex
	objects    map[string][]*object // every kept generation of a name, oldest first
	generation int64                // the last one given
	sessions   map[string]*session
	rewrites   map[string]*rewriting
}

// NewServer starts a server on a free port of the loopback interface. Call Close when done.
func NewServer(o Options) *Server {
	if o.Bucket == "" {
		o.Bucket = "bucket"
	}
	if o.Location == "" {
		o.Location = "US-CENTRAL1"
	}
	if o.StorageClass == "" {
		o.StorageClass = "STANDARD"
	}
	s := &Server{
		options: o, objects: map[string][]*object{}, sessions: map[string]*session{}, rewrites: map[string]*rewriting{},
		generation: time.Now().UnixMicro(),
	}
	var h http.Handler = http.HandlerFunc(s.serve)
	if o.Wrap != nil {
		h = o.Wrap(h)
	}
	s.http = httptest.NewUnstartedServer(h)
	if o.TLS {
		s.http.StartTLS()
	} else {
		s.http.Start()
	}
	return s
}

// StoreURL is the URL to open: gs://BUCKET?endpoint=….
func (s *Server) StoreURL() string {
	return "gs://" + s.options.Bucket + "?endpoint=" + url.QueryEscape(s.http.URL)
}

// Endpoint is http://127.0.0.1:PORT, or https.
func (s *Server) Endpoint() string { return s.http.URL }

// Client trusts the server's certificate.
func (s *Server) Client() *http.Client { return s.http.Client() }

// Close stops the server.
func (s *Server) Close() { s.http.Close() }

// Object is what the server holds under a name.
type Object struct {
	Name       string
	Generation int64
	Live       bool
	Data       []byte
	Class      string
	Type       string
	KMSKey     string
	Components int64 // 0 for what is no composite
}

// Objects are all generations held, by name and age.
func (s *Server) Objects() []Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Object
	for _, versions := range s.objects {
		for _, o := range versions {
			all = append(all, Object{
				Name: o.Name, Generation: o.Generation, Live: o.live, Data: slices.Clone(o.data),
				Class: o.StorageClass, Type: o.ContentType, KMSKey: o.KmsKeyName, Components: o.ComponentCount,
			})
		}
	}
	slices.SortFunc(all, func(a, b Object) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return int(a.Generation - b.Generation)
	})
	return all
}

// refusal is an answer other than success.
type refusal struct {
	code    int
	reason  string
	message string
}

func (e *refusal) Error() string { return e.message }

// refusalOf is what to answer for any error: 500 where it is the server's own.
func refusalOf(err error) *refusal {
	var e *refusal
	if errors.As(err, &e) {
		return e
	}
	return &refusal{http.StatusInternalServerError, "backendError", err.Error()}
}

func refuse(code int, reason, format string, a ...any) error {
	return &refusal{code, reason, fmt.Sprintf(format, a...)}
}

// serve routes by the escaped path: a name's slashes are escaped in JSON requests, and nothing may be cleaned.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	path, err := segments(r)
	if err != nil {
		answerJSON(w, nil, refuse(http.StatusBadRequest, "invalid", "%v", err))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case is(path, "upload", "storage", "v1", "b", s.options.Bucket, "o"):
		s.upload(w, r)
	case len(path) >= 5 && is(path[:4], "storage", "v1", "b", s.options.Bucket) && path[4] == "o":
		answer, err := s.object(w, r, path[5:])
		if answer != handled {
			answerJSON(w, answer, err)
		}
	case is(path, "storage", "v1", "b", s.options.Bucket) && r.Method == http.MethodGet:
		answerJSON(w, s.settings(), nil)
	case len(path) > 1 && path[0] == s.options.Bucket && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		s.xmlGet(w, r, strings.Join(path[1:], "/"))
	case len(path) > 3 && path[0] == "storage" && path[3] != s.options.Bucket:
		answerJSON(w, nil, refuse(http.StatusNotFound, "notFound", "The specified bucket does not exist."))
	default:
		answerJSON(w, nil, refuse(http.StatusNotImplemented, "notImplemented", "%s %s", r.Method, r.URL.EscapedPath()))
	}
}

// handled is returned by methods that have written their answer themselves.
var handled = new(struct{ _ byte })

// object serves what stands below …/o.
func (s *Server) object(w http.ResponseWriter, r *http.Request, path []string) (any, error) {
	switch {
	case len(path) == 0 && r.Method == http.MethodGet:
		return s.list(r.URL.Query())
	case len(path) == 1 && r.Method == http.MethodGet && r.URL.Query().Get("alt") == "media":
		s.media(w, r, path[0])
		return handled, nil
	case len(path) == 1 && r.Method == http.MethodGet:
		o, err := s.find(path[0], r.URL.Query())
		if err != nil {
			return nil, err
		}
		return &o.Object, nil
	case len(path) == 1 && r.Method == http.MethodDelete:
		return nil, s.delete(path[0], r.URL.Query())
	case len(path) == 2 && path[1] == "compose" && r.Method == http.MethodPost:
		return s.compose(r, path[0])
	case len(path) == 6 && path[1] == "rewriteTo" && path[3] == s.options.Bucket && r.Method == http.MethodPost:
		return s.rewrite(r, path[0], path[5])
	}
	return nil, refuse(http.StatusNotImplemented, "notImplemented", "%s %q", r.Method, path)
}

func segments(r *http.Request) ([]string, error) {
	path := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	for i, p := range path {
		var err error
		if path[i], err = url.PathUnescape(p); err != nil {
			return nil, err
		}
	}
	return path, nil
}

func is(path []string, want ...string) bool { return slices.Equal(path, want) }

func (s *Server) settings() *raw.Bucket {
	b := &raw.Bucket{
		Name: s.options.Bucket, Location: s.options.Location, StorageClass: s.options.StorageClass,
		Versioning:  &raw.BucketVersioning{Enabled: s.options.Versioning},
		TimeCreated: time.Now().UTC().Format(time.RFC3339Nano), Metageneration: 1,
	}
	if s.options.SoftDelete > 0 {
		b.SoftDeletePolicy = &raw.BucketSoftDeletePolicy{RetentionDurationSeconds: int64(s.options.SoftDelete.Seconds())}
	}
	if s.options.Retention > 0 {
		b.RetentionPolicy = &raw.BucketRetentionPolicy{
			RetentionPeriod: int64(s.options.Retention.Seconds()), EffectiveTime: time.Now().UTC().Format(time.RFC3339),
		}
	}
	return b
}

func answerJSON(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	if err != nil {
		e := refusalOf(err)
		w.WriteHeader(e.code)
		if e.code == http.StatusNotModified {
			return
		}
		v = map[string]any{"error": map[string]any{
			"code": e.code, "message": e.message,
			"errors": []map[string]string{{"domain": "global", "reason": e.reason, "message": e.message}},
		}}
	} else if v == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	_, _ = w.Write(body)
}

// number reads a 64-bit parameter; present tells whether it was given.
func number(q url.Values, name string) (v int64, present bool, err error) {
	if !q.Has(name) {
		return 0, false, nil
	}
	v, err = strconv.ParseInt(q.Get(name), 10, 64)
	if err != nil || v < 0 {
		return 0, true, refuse(http.StatusBadRequest, "invalid", "Invalid value for %s: %q", name, q.Get(name))
	}
	return v, true, nil
}
