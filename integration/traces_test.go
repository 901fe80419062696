package integration

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// traceReceiver takes spans as a collector does, over OTLP/HTTP.
type traceReceiver struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	raw     bytes.Buffer
	keys    map[string]bool // values of the header that it wants
	service string
	spans   []*otlp.Span
}

func newTraceReceiver(t *testing.T) *traceReceiver {
	r := &traceReceiver{t: t, keys: map[string]bool{}}
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(r.Close)
	return r
}

func (r *traceReceiver) take(w http.ResponseWriter, q *http.Request) {
	var body io.Reader = q.Body
	if q.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(q.Body)
		if err != nil {
			r.t.Error(err)
			return
		}
		body = z
	}
	b, err := io.ReadAll(body)
	var in collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(b, &in)
	}
	if err != nil || q.URL.Path != "/v1/traces" || q.Header.Get("Content-Type") != "application/x-protobuf" {
		r.t.Errorf("%s %s: %v", q.URL.Path, q.Header.Get("Content-Type"), err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.raw.Write(b)
	r.keys[q.Header.Get("X-Collector-Key")] = true
	for _, rs := range in.ResourceSpans {
		for _, a := range rs.Resource.Attributes {
			if a.Key == "service.name" {
				r.service = a.Value.GetStringValue()
			}
		}
		for _, ss := range rs.ScopeSpans {
			r.spans = append(r.spans, ss.Spans...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	out, _ := proto.Marshal(&collector.ExportTraceServiceResponse{})
	_, _ = w.Write(out)
}

func attribute(s *otlp.Span, name string) string {
	for _, a := range s.Attributes {
		if a.Key == name {
			if a.Value.GetStringValue() != "" {
				return a.Value.GetStringValue()
			}
			return fmt.Sprint(a.Value.GetIntValue())
		}
	}
	return ""
}

// tree is the names of spans with those below them, each once, in order.
func tree(spans []*otlp.Span, parent []byte, depth int) string {
	below := map[string]string{}
	for _, s := range spans {
		if bytes.Equal(s.ParentSpanId, parent) {
			if sub := tree(spans, s.SpanId, depth+1); len(sub) >= len(below[s.Name]) {
				below[s.Name] = sub
			}
		}
	}
	var out strings.Builder
	var names []string
	for name := range below {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&out, "%s%s\n%s", strings.Repeat("  ", depth), name, below[name])
	}
	return out.String()
}

// A sync is one trace, from the whole down to each call of a store, and says nothing that a credential could be made of.
func TestTraceOfASync(t *testing.T) {
	r := newRig(t, "1MiB")
	r.put("small.tar", random(1, 10_000))
	r.put("large.tar", random(2, 12<<20))
	to := newTraceReceiver(t)
	r.write("datagravity.yaml", strings.Replace(r.config(), "agent: {", "agent: {lease: 0s, ", 1)) // its requests come when it is time
	t.Setenv("COLLECTOR_KEY", "canary-of-the-collector")
	r.more("tracing: {endpoint: \"" + to.URL + "\", headers: {X-Collector-Key: {env: COLLECTOR_KEY}}}\n")
	if rep := r.sync("s3"); !rep.Ready {
		t.Fatalf("%+v", rep)
	}
	r.equal("s3")
	to.mu.Lock()
	defer to.mu.Unlock()
	if to.service != "datagravity" || len(to.keys) != 1 || !to.keys["canary-of-the-collector"] {
		t.Errorf("service %q, headers %v", to.service, to.keys)
	}
	ids := map[string]bool{}
	for _, s := range to.spans {
		ids[hex.EncodeToString(s.TraceId)] = true
		if s.EndTimeUnixNano < s.StartTimeUnixNano || s.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR {
			t.Errorf("%s: %v", s.Name, s)
		}
	}
	if len(ids) != 1 {
		t.Errorf("%d traces", len(ids))
	}
	want := `sync
  plan
    store head
  store put
  survey
    store list
  transfer
    shard
      part
        store part
        store read
      store complete
      store create-upload
`
	if got := tree(to.spans, nil, 0); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	shards, partBytes := map[string]string{}, 0
	for _, s := range to.spans {
		switch s.Name {
		case "shard":
			shards[attribute(s, "datagravity.path")] = attribute(s, "datagravity.way") + " " + attribute(s, "datagravity.bytes")
		case "store part":
			var n int
			_, _ = fmt.Sscan(attribute(s, "datagravity.bytes"), &n)
			partBytes += n
			if attribute(s, "datagravity.key") != "data/c4/large.tar" || attribute(s, "datagravity.operation") != "part" || attribute(s, "datagravity.attempts") != "1" ||
				!strings.HasPrefix(attribute(s, "datagravity.store"), "s3://") || s.Kind != otlp.Span_SPAN_KIND_CLIENT {
				t.Errorf("%v", s)
			}
		}
	}
	if len(shards) != 2 || shards["large.tar"] != fmt.Sprintf("full %d", 12<<20) || partBytes != 12<<20 {
		t.Errorf("%v, %d bytes in parts", shards, partBytes)
	}
	for _, secret := range []string{"canary", "AccountKey", "sig=", "Signature", "SharedKey", "secret"} {
		if bytes.Contains(to.raw.Bytes(), []byte(secret)) {
			t.Errorf("the trace has %q in it", secret)
		}
	}
}

// A collector that refuses, or is not there, changes nothing about what was asked for.
func TestTracesThatNobodyTakes(t *testing.T) {
	r := newRig(t, "1MiB")
	r.put("a.tar", random(1, 10_000))
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(refusing.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", refusing.URL)
	code, out, errs := r.run("sync", "c4", "--to", "lab")
	if code != 0 || !strings.Contains(out, "ready c4@") || !strings.Contains(errs, "not exported") {
		t.Errorf("%d\n%s\n%s", code, out, errs)
	}
	t.Setenv("OTEL_SDK_DISABLED", "true")
	if code, _, errs := r.run("sync", "c4", "--to", "s3"); code != 0 || errs != "" {
		t.Errorf("%d\n%s", code, errs)
	}
}
