package azure_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/datagravity/datagravity/pkg/store/azure"
)

// canary stands in for every secret: no error, URL or message may show it.
const canary = "CANARYCANARYCANARY"

// double is a service that does what a test says and notes what it was asked.
type double struct {
	url    string
	mu     sync.Mutex
	answer map[string]http.HandlerFunc
	asked  []string
}

// on sets the answer to an operation, named as in operation.
func (d *double) on(op string, h http.HandlerFunc) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answer[op] = h
}

// requests are the operations asked for since the store was opened.
func (d *double) requests() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.asked)
}

func operation(r *http.Request) string {
	q := r.URL.Query()
	switch {
	case q.Get("restype") == "account":
		return "account"
	case q.Get("restype") == "service":
		return "service"
	case q.Get("comp") == "list":
		return "list"
	case q.Get("restype") == "container":
		return "container"
	case q.Get("comp") == "blocklist" && r.Method == http.MethodPut:
		return "commit"
	case q.Get("comp") != "":
		return q.Get("comp") // block, blocklist, copy, properties
	case r.Header.Get("X-Ms-Copy-Source") != "":
		return "copy-from"
	default:
		return strings.ToLower(r.Method)
	}
}

func (d *double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	op := operation(r)
	d.mu.Lock()
	d.asked = append(d.asked, op)
	h := d.answer[op]
	d.mu.Unlock()
	if h == nil {
		h = refuse(http.StatusNotImplemented, "APINotImplemented", "the double has no answer to "+op)
	}
	h(w, r)
}

// refuse answers as the service does when it refuses.
func refuse(status int, code, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("x-ms-error-code", code)
		w.Header().Set("x-ms-request-id", "request-1")
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, "\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>%s</Code><Message>%s\nRequestId:request-1</Message></Error>", code, message)
	}
}

// listing answers with these names and marker.
func listing(next string, names ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>`)
		for _, n := range names {
			fmt.Fprintf(w, `<Blob><Name>%s</Name><Properties><Content-Length>1</Content-Length><Etag>0x1</Etag></Properties></Blob>`, n)
		}
		fmt.Fprintf(w, `</Blobs><NextMarker>%s</NextMarker></EnumerationResults>`, next)
	}
}

// properties answers a HEAD.
func properties(etag string, size int64, more ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", etag)
		w.Header().Set("Content-Length", fmt.Sprint(size))
		w.Header().Set("Last-Modified", "Wed, 25 Nov 2026 12:34:56 GMT")
		for i := 0; i < len(more); i += 2 {
			w.Header().Set(more[i], more[i+1])
		}
	}
}

func status(code int, more ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(more); i += 2 {
			w.Header().Set(more[i], more[i+1])
		}
		w.WriteHeader(code)
	}
}

// newDouble is a double with a container, and a store that is open on it.
func newDouble(t *testing.T) (*double, *azure.Store) {
	t.Helper()
	d := &double{answer: map[string]http.HandlerFunc{"list": listing("")}}
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	d.url = "azblob://container?storage_account=account&protocol=http&domain=" + strings.TrimPrefix(server.URL, "http://")
	s := reopen(t, d)
	d.mu.Lock()
	d.asked = nil
	d.mu.Unlock()
	return d, s
}

// reopen opens another store on the double.
func reopen(t *testing.T, d *double) *azure.Store {
	t.Helper()
	u, err := url.Parse(d.url)
	if err != nil {
		t.Fatal(err)
	}
	s, err := azure.Open(t.Context(), u, azure.Options{SASToken: "?sv=2026-01-01&sp=rl&sig=" + canary})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
