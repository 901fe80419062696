package daemon

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzFrames reads what claims to be the answer of whoever holds the manifest: it has an end with an exit code, or it is said that the other went away; what was written is what
// the frames carried.
func FuzzFrames(f *testing.F) {
	var b bytes.Buffer
	w := newFrames(&b)
	zero := 0
	_, _ = io.WriteString(w.out(), "out")
	_, _ = io.WriteString(w.err(), "err")
	if err := w.write(Frame{Exit: &zero}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"exit":3}{"out":"AAAA"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var out, errs bytes.Buffer
		exit, begun, err := copyFrames(bytes.NewReader(b), &out, &errs)
		if begun != (out.Len()+errs.Len() > 0) {
			t.Errorf("begun %v, and %d bytes were written", begun, out.Len()+errs.Len())
		}
		if err != nil {
			if !strings.Contains(err.Error(), ErrGone.Error()) {
				t.Error(err)
			}
			return
		}
		// The same, written by us.
		var again, out2, errs2 bytes.Buffer
		w := newFrames(&again)
		_, _ = w.out().Write(out.Bytes())
		_, _ = w.err().Write(errs.Bytes())
		if err := w.write(Frame{Exit: &exit}); err != nil {
			t.Fatal(err)
		}
		if code, _, err := copyFrames(&again, &out2, &errs2); err != nil || code != exit || !bytes.Equal(out.Bytes(), out2.Bytes()) || !bytes.Equal(errs.Bytes(), errs2.Bytes()) {
			t.Errorf("%v, %d", err, code)
		}
	})
}

// FuzzCursor reads where a page ended as others may send it: it is refused, or is written again as the same, and a page from there on is a piece of the list.
func FuzzCursor(f *testing.F) {
	f.Add(cursor{Key: "b", At: 1}.text())
	f.Add("eyJuIjotMX0")
	list := []string{"a", "b", "c", "d"}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := page(Paging{Cursor: text, Limit: 2}, "/v1/jobs", nil, list, func(s string) string { return s })
		if err != nil {
			return
		}
		if items := got.Body.Items; len(items) > 0 && !strings.Contains(strings.Join(list, " ")+" ", strings.Join(items, " ")+" ") {
			t.Errorf("%q is followed by %q", text, items)
		}
		if c, err := readCursor(text); text != "" && err == nil {
			if same, err := readCursor(c.text()); err != nil || same.At != c.At {
				t.Errorf("%+v is read as %+v, %v", c, same, err)
			}
		}
	})
}

// bodies are those operations of the API that read one.
var bodies = []struct{ method, path string }{
	{http.MethodPost, "/v1/jobs"}, {http.MethodPost, "/v1/needs"}, {http.MethodPost, "/v1/pins"}, {http.MethodPost, "/v1/plans"}, {http.MethodPost, "/v1/approvals"},
	{http.MethodPost, "/v1/resets"}, {http.MethodPost, "/v1/pauses"}, {http.MethodPost, "/v1/command"}, {http.MethodPost, "/v1/timers/gc/run"}, {http.MethodPost, "/v1/reload"},
}

// FuzzBodies sends whatever comes as the body of every operation: it is answered with what the operation answers, or with a problem that says in words what is wrong, and one that is
// no JSON reaches nobody.
func FuzzBodies(f *testing.F) {
	for i, b := range []string{
		`[{"id":"train","dataset":"c4","destination":"lab"}]`, `{"dataset":"c4","destinations":["lab"],"by":"2026-12-01T00:00:00Z"}`, `{"owner":"o","dataset":"c4","destination":"lab","keep":"1h"}`,
		`{"dataset":"c4","destination":"lab","shards":["a*"]}`, `{"budget":"all","extra_usd":"5","reason":"r"}`, `{"budget":"","reason":"r"}`, `{"link":"a>b"}`, `{"args":["need"]}`, ``, `{}`,
	} {
		f.Add(byte(i), []byte(b))
	}
	f.Add(byte(1), []byte(`{"dataset":"c4","Dataset":"x"}`))
	f.Fuzz(func(t *testing.T, which byte, body []byte) {
		jobs, operator := &keeper{}, &fakeOperator{}
		s := &Server{o: Options{Health: Health{PID: 1}, ExitCode: exitCode, Jobs: jobs, Operator: operator, Command: commands}.filled()}
		one := bodies[int(which)%len(bodies)]
		r := httptest.NewRequest(one.method, one.path, bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := newRecorder(body)
		r = r.WithContext(w.request.Context())
		r.Host = w.request.Host
		s.routes().ServeHTTP(w, r)
		if w.Code == http.StatusInternalServerError {
			t.Fatalf("%s %s: %s", one.path, body, w.Body)
		}
		answer := w.Body.Bytes()
		if w.Code >= 400 {
			var p Problem
			if err := json.Unmarshal(answer, &p); err != nil || p.Detail == "" {
				t.Errorf("%s: %d %s", one.path, w.Code, answer)
			}
		}
		if !json.Valid(body) && len(bytes.TrimSpace(body)) > 0 && jobs.count()+len(operator.asked) > 0 {
			t.Errorf("%s: %q was asked for %v", one.path, body, operator.asked)
		}
	})
}
