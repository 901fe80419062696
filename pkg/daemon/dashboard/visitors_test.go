package dashboard

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/observe"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// What a visitor may not do is not shown to them, and not done for them.
func TestScopes(t *testing.T) {
	s := newStand(t, cost.Budget{Name: "egress", LimitNanoUSD: cost.USD, Ask: true})
	s.reader.Datasets = func() []observe.Dataset { return []observe.Dataset{{Name: "c4", Store: "lake"}} }
	s.reader.Places = func() []observe.Place {
		return []observe.Place{{Dataset: "c4", Destination: plan.Destination{Name: "aws", Store: "bucket"}}}
	}
	pause, approve := "/actions/pause?link=lake-%3Eaws", "/actions/approve?budget=egress"
	for name, c := range map[string]struct {
		visitor        *Visitor
		pause, approve bool
	}{
		"all":      {nil, true, true},
		"jobs":     {&Visitor{Name: "j", Pause: true}, true, false},
		"budget":   {&Visitor{Name: "b", Approve: true}, false, true},
		"read":     {&Visitor{Name: "r"}, false, false},
		"no hands": {nil, false, false},
	} {
		o := s.o
		if s.o.Visitor = nil; c.visitor != nil {
			s.o.Visitor = func(*http.Request) Visitor { return *c.visitor }
		}
		if name == "no hands" {
			s.o.Actions = nil
		}
		if got := strings.Contains(s.get("/transfers"), "/actions/pause"); got != c.pause {
			t.Errorf("%s: a pause is offered: %t", name, got)
		}
		if got := strings.Contains(s.get("/budgets/egress"), "/actions/approve"); got != c.approve {
			t.Errorf("%s: an approval is offered: %t", name, got)
		}
		for path, may := range map[string]bool{pause: c.pause, approve: c.approve} {
			if w := s.ask(httptest.NewRequest(http.MethodGet, path, nil)); (w.Code == 200) != may || !may && w.Code != 403 {
				t.Errorf("%s: %s: %d", name, path, w.Code)
			}
			if may {
				continue
			}
			form := url.Values{"link": {"lake->aws"}, "budget": {"egress"}, "usd": {"1"}, "reason": {"x"}, "expires": {"24h"}}
			if w := s.post(strings.Split(path, "?")[0], form); w.Code != 403 {
				t.Errorf("%s: POST %s: %d", name, path, w.Code)
			}
		}
		s.o = o
	}
	if list, err := cost.Pauses(s.reader.Manifest.Dir()); err != nil || len(list) > 0 {
		t.Errorf("paused: %v, %v", list, err)
	}
}

func (s *stand) post(path string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return s.ask(r)
}

// A form of another site changes nothing; one that is wrong says what is wrong with it; a large one is not read.
func TestForms(t *testing.T) {
	s := newStand(t, cost.Budget{Name: "egress", LimitNanoUSD: cost.USD})
	s.reader.Datasets = func() []observe.Dataset { return []observe.Dataset{{Name: "c4", Store: "lake"}} }
	s.reader.Places = func() []observe.Place {
		return []observe.Place{{Dataset: "c4", Destination: plan.Destination{Name: "aws", Store: "bucket"}}}
	}
	link := url.Values{"link": {"lake->aws"}}
	for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
		if w := s.post("/actions/pause", link, headers...); w.Code != http.StatusForbidden {
			t.Errorf("%v: %d", headers, w.Code)
		}
	}
	if list, err := cost.Pauses(s.reader.Manifest.Dir()); err != nil || len(list) > 0 {
		t.Fatalf("another site paused %v, %v", list, err)
	}
	// A link that somebody configured away while the page was open.
	s.reader.Recorder.Observe(engine.Event{Kind: engine.RunStarted, Dataset: "c4", Source: "lake", Destination: "gone", Bytes: 10, Shards: 1})
	if w := s.post("/actions/pause", url.Values{"link": {"lake->gone"}}); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "no link") {
		t.Errorf("a link that is gone: %d\n%s", w.Code, w.Body)
	}
	if list, err := cost.Pauses(s.reader.Manifest.Dir()); err != nil || len(list) > 0 {
		t.Fatalf("a link that is gone was paused: %v, %v", list, err)
	}
	if w := s.post("/actions/pause", link); w.Code != http.StatusSeeOther {
		t.Errorf("a pause: %d\n%s", w.Code, w.Body)
	}
	if list, err := cost.Pauses(s.reader.Manifest.Dir()); err != nil || len(list) != 1 || list[0].Link != "lake->aws" {
		t.Errorf("paused: %v, %v", list, err)
	}
	good := url.Values{"budget": {"egress"}, "usd": {"$1.50"}, "bytes": {"2GiB"}, "reason": {"the demo"}, "expires": {"24h"}}
	for field, bad := range map[string]string{"usd": "much", "bytes": "3 parsecs", "expires": "1000000h", "reason": " "} {
		form := url.Values{}
		for k, v := range good {
			form[k] = v
		}
		form.Set(field, bad)
		if w := s.post("/actions/approve", form); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "cannot be answered") {
			t.Errorf("%s %q: %d\n%s", field, bad, w.Code, w.Body)
		}
	}
	if w := s.post("/actions/approve", url.Values{"reason": {strings.Repeat("x", 1<<20)}}); w.Code != http.StatusBadRequest {
		t.Errorf("1 MiB: %d", w.Code)
	}
	if all, err := s.ledger.Approvals(); err != nil || len(all) > 0 {
		t.Fatalf("approved: %v, %v", all, err)
	}
	if w := s.post("/actions/approve", good, "Sec-Fetch-Site", "same-origin"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/budgets/egress?said=approved" {
		t.Errorf("%d %s\n%s", w.Code, w.Header().Get("Location"), w.Body)
	}
	all, err := s.ledger.Approvals()
	if err != nil || len(all) != 1 || all[0].ExtraNanoUSD != int64(cost.USD*3/2) || all[0].ExtraBytes != 2<<30 || all[0].Reason != "the demo" || all[0].By != "dashboard" {
		t.Errorf("approved: %+v, %v", all, err)
	}
}

// Over a socket, to which a port may be forwarded, a browser gets pages as this machine alone: a name of somebody else's that leads there gets nothing.
func TestSocketNames(t *testing.T) {
	s := newStand(t)
	for host, want := range map[string]int{
		"localhost": 200, "LOCALHOST:8080": 200, "127.0.0.1:1": 200, "[::1]:80": 200, "::1": 200, "evil.example": 421, "evil.example:8080": 421, "localhost.evil.example": 421, "10.0.0.1": 421, "": 421,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		if w := s.ask(r); w.Code != 200 {
			t.Errorf("over TCP as %q: %d", host, w.Code)
		}
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(&net.UnixAddr{Name: "/x", Net: "unix"})))
		if w := s.ask(r); w.Code != want {
			t.Errorf("over a socket as %q: %d, want %d", host, w.Code, want)
		}
	}
}

// Each answer binds the browser to what this host serves; nothing is inline; files are named by their content and kept.
func TestAnswers(t *testing.T) {
	s := newStand(t)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Accept-Encoding", "gzip;q=0")
	w := s.ask(r)
	h := w.Header()
	if got := h.Get("Content-Security-Policy"); got != policy || strings.Contains(got, "unsafe") || !strings.HasPrefix(got, "default-src 'none'") {
		t.Errorf("policy %q", got)
	}
	if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" || len(w.Result().Cookies()) > 0 || h.Get("Content-Encoding") != "" {
		t.Errorf("%v", h)
	}
	body := w.Body.String()
	for _, inline := range []string{" style=", "<style", " onclick", "javascript:", "http://", "https://", "//cdn"} {
		if strings.Contains(body, inline) {
			t.Errorf("the page has %q in it", inline)
		}
	}
	named := regexp.MustCompile(`/assets/[a-zA-Z0-9.-]+`).FindAllString(body, -1)
	if len(named) < 4 {
		t.Fatalf("assets %v", named)
	}
	css := s.ask(httptest.NewRequest(http.MethodGet, named[slices.IndexFunc(named, func(s string) bool { return strings.HasSuffix(s, ".css") })], nil)).Body.String()
	named = append(named, regexp.MustCompile(`/assets/[a-zA-Z0-9.-]+`).FindAllString(css, -1)...)
	if licenses := s.ask(httptest.NewRequest(http.MethodGet, named[slices.IndexFunc(named, func(s string) bool { return strings.HasSuffix(s, ".txt") })], nil)).Body.String(); !strings.Contains(licenses, "Leon Sorokin") || !strings.Contains(licenses, "SIL OPEN FONT LICENSE") || !strings.Contains(licenses, "Zero-Clause BSD") {
		t.Errorf("licences:\n%s", licenses)
	}
	for _, path := range named {
		for _, gzip := range []string{"", "gzip, br"} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Header.Set("Accept-Encoding", gzip)
			w := s.ask(r)
			if w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Body.Len() == 0 {
				t.Fatalf("%s: %d %v", path, w.Code, w.Header())
			}
			if packed := w.Header().Get("Content-Encoding") == "gzip"; packed != (gzip != "" && !strings.HasSuffix(path, ".woff2")) {
				t.Errorf("%s: packed %t for %q", path, packed, gzip)
			}
			r.Header.Set("If-None-Match", w.Header().Get("Etag"))
			if w := s.ask(r); w.Code != http.StatusNotModified {
				t.Errorf("%s again: %d", path, w.Code)
			}
		}
	}
}

// The page for a token goes back to where somebody wanted to go, on this host.
func TestLogin(t *testing.T) {
	w := httptest.NewRecorder()
	Login(w, httptest.NewRequest(http.MethodGet, "/jobs?state=late", nil), "")
	if w.Code != 200 || !strings.Contains(w.Body.String(), `name="next" value="/jobs?state=late"`) || !strings.Contains(w.Body.String(), `name="token"`) || w.Header().Get("Content-Security-Policy") == "" {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
	w = httptest.NewRecorder()
	Login(w, httptest.NewRequest(http.MethodPost, "/login?next=%2F%2Fevil.example", nil), "no such token: <b>")
	if w.Code != 401 || !strings.Contains(w.Body.String(), "no such token: &lt;b&gt;") || !strings.Contains(w.Body.String(), `name="next" value="/"`) {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
	for _, bad := range []string{"", "jobs", "//evil.example", `/\evil.example`, "https://evil.example", "/a\nb", "/\t/evil.example", "/" + strings.Repeat("x", 3000)} {
		if got := Next(bad); got != "/" {
			t.Errorf("next %.30q is %q", bad, got)
		}
	}
}
