package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/daemon/access"
	"github.com/datagravity/datagravity/pkg/dispatch"
)

// However long pages are, all of them together are the list, each item once and in its order.
func TestPagesAreTheList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list []string
		for i := range rapid.IntRange(0, 50).Draw(t, "items") {
			list = append(list, fmt.Sprint("item ", i))
		}
		p := Paging{Limit: rapid.IntRange(1, 60).Draw(t, "limit")}
		got := []string{}
		for {
			out, err := page(p, "/v1/x", url.Values{"by": {"a b"}}, list, func(s string) string { return s })
			if err != nil {
				t.Fatal(err)
			}
			if len(out.Body.Items) > p.Limit || (out.Link == "") != (out.Body.Next == "") {
				t.Fatalf("%d items of at most %d, link %q, next %q", len(out.Body.Items), p.Limit, out.Link, out.Body.Next)
			}
			got = append(got, out.Body.Items...)
			if p.Cursor = out.Body.Next; p.Cursor == "" {
				break
			}
			if want := "cursor=" + url.QueryEscape(p.Cursor); !strings.Contains(out.Link, want) || !strings.Contains(out.Link, "by=a+b") || !strings.HasSuffix(out.Link, `>; rel="next"`) {
				t.Fatalf("link %q", out.Link)
			}
		}
		if !cmp.Equal(got, append([]string{}, list...)) {
			t.Fatalf("%v, want %v", got, list)
		}
	})
}

// A list that changes between two pages: what was there all the time is told once, if what it was asked behind is there still.
func TestPagesOfAListThatChanges(t *testing.T) {
	self := func(s string) string { return s }
	first, err := page(Paging{Limit: 2}, "/", nil, []string{"a", "b", "c", "d"}, self)
	if err != nil {
		t.Fatal(err)
	}
	for _, now := range [][]string{{"new", "a", "b", "c", "d"}, {"b", "c", "d"}, {"a", "b", "c", "d", "e"}} {
		second, err := page(Paging{Limit: 2, Cursor: first.Body.Next}, "/", nil, now, self)
		if err != nil || !cmp.Equal(second.Body.Items, []string{"c", "d"}) {
			t.Errorf("%v: %v, %v", now, second, err)
		}
	}
	// b is gone: it goes on at its place.
	second, err := page(Paging{Limit: 2, Cursor: first.Body.Next}, "/", nil, []string{"a", "c", "d"}, self)
	if err != nil || !cmp.Equal(second.Body.Items, []string{"d"}) {
		t.Errorf("%v, %v", second, err)
	}
}

// The client reads all pages of a list, and a cursor that is none is a mistake.
func TestClientReadsAllPages(t *testing.T) {
	k := &keeper{}
	for i := range 2*longestPage + 5 {
		k.list = append(k.list, dispatch.Status{ID: fmt.Sprint("job-", i)})
	}
	path, _ := serve(t, Options{Jobs: k})
	c := dial(t, path)
	list, err := c.List(context.Background())
	if err != nil || len(list) != len(k.list) || list[2*longestPage].ID != fmt.Sprint("job-", 2*longestPage) {
		t.Errorf("%d of %d jobs, %v", len(list), len(k.list), err)
	}
	for _, wrong := range []string{"?limit=0", "?limit=1001", "?limit=many", "?cursor=nonsense", "?cursor=" + cursor{"x", -1}.text(), "?page=2"} {
		if _, err := get[Page[dispatch.Status]](context.Background(), c, "/v1/jobs"+wrong); err == nil || !strings.Contains(err.Error(), "the request is wrong") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

// The same request with the same key is answered as before and done once; another one with the key is refused.
func TestIdempotencyKeys(t *testing.T) {
	f := &fakeOperator{}
	o := serveTCP(t, Options{Operator: f})
	now := time.Now()
	o.s.once.now = func() time.Time { return now }
	ann, bob := o.token(t, "ann", access.Budget), o.token(t, "bob", access.Budget)
	approve := func(token, key, reason string) asked {
		body := fmt.Sprintf(`{"budget":"b","extra_usd":1,"reason":%q,"expires":"2030-01-01T00:00:00Z"}`, reason)
		return o.ask(t, "POST", "/v1/approvals", token, body, header(idempotencyHeader, key))
	}
	first := approve(ann, "k1", "because")
	again := approve(ann, "k1", "because")
	if first.status != 200 || again.status != 200 || first.body != again.body || again.header.Get(replayedHeader) != "true" || first.header.Get(replayedHeader) != "" || len(f.asked) != 1 {
		t.Errorf("%v, then %v; done %d times", first, again, len(f.asked))
	}
	if again.header.Get("Content-Type") != first.header.Get("Content-Type") {
		t.Errorf("Content-Type %q", again.header.Get("Content-Type"))
	}
	approve(ann, "k1", "another reason").wants(t, "the key with another body", 422, "key")
	if a := approve(bob, "k1", "because"); a.status != 200 || len(f.asked) != 2 {
		t.Errorf("a key of somebody else's: %d, done %d times", a.status, len(f.asked))
	}
	o.ask(t, "POST", "/v1/approvals", ann, "{}", header(idempotencyHeader, strings.Repeat("k", longestKey+1))).wants(t, "a long key", 400, "request")
	now = now.Add(keptFor)
	if a := approve(ann, "k1", "another reason"); a.status != 200 || len(f.asked) != 3 {
		t.Errorf("a day later: %d %s", a.status, a.body)
	}
	// What failed was not done: the same key tries it again.
	f.err = fmt.Errorf("no disk")
	if a := approve(ann, "k2", "x"); a.status != 500 {
		t.Errorf("a failure: %d", a.status)
	}
	f.err = nil
	if a := approve(ann, "k2", "x"); a.status != 200 || a.header.Get(replayedHeader) != "" {
		t.Errorf("after a failure: %d %v", a.status, a.header)
	}
	for i := range keptAnswers + 50 {
		o.s.rates = newRates(1e6, 1e6, time.Now)
		if a := approve(ann, fmt.Sprint("many-", i), "x"); a.status != 200 {
			t.Fatal(a)
		}
		now = now.Add(time.Millisecond)
	}
	if n := len(o.s.once.list); n > keptAnswers {
		t.Errorf("%d answers are kept", n)
	}
}

// A token may be called as whoever is at the socket is; its keys are its own.
func TestATokenCalledSocketHasItsOwnKeys(t *testing.T) {
	o, done := newOnces(time.Now), 0
	for _, p := range []principal{atSocket, {Name: atSocket.Name}, atSocket} {
		r := httptest.NewRequest("POST", "/v1/approvals", nil)
		w := httptest.NewRecorder()
		o.answer(&Server{}, w, r.WithContext(withPrincipal(r.Context(), p)), "k", nil, func(w http.ResponseWriter) {
			done++
			_, _ = fmt.Fprint(w, p.by(""))
		})
		if w.Body.String() != p.by("") {
			t.Errorf("%q was answered as %q", p.by(""), w.Body)
		}
	}
	if done != 2 {
		t.Errorf("done %d times, want once for each of the two", done)
	}
}

// A problem says what to do, and which exit code it would be.
func TestProblemDocument(t *testing.T) {
	path, _ := serve(t, Options{Jobs: &keeper{err: fmt.Errorf("%w: %q", dispatch.ErrNoJob, "x")}})
	got := raw(t, path, "GET /v1/jobs/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	_, body, _ := strings.Cut(got, "\r\n\r\n")
	var p map[string]any
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatal(err, got)
	}
	want := map[string]any{
		"type": "urn:datagravity:problem:no-job", "title": http.StatusText(404), "status": 404.0, "detail": `no such job: "x"`, "code": 2.0,
		"kinds": []any{"no-job"}, "hint": "datagravity jobs list shows them",
	}
	if d := cmp.Diff(want, p); d != "" {
		t.Error(d)
	}
}
