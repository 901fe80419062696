package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const scan = `{"config":{"scanner_name":"govulncheck"}}
{"osv":{"id":"GO-2026-0001","summary":"one"}}
{"osv":{"id":"GO-2026-0002","summary":"two"}}
{"osv":{"id":"GO-2026-0003","summary":"three"}}
{"finding":{"osv":"GO-2026-0001","fixed_version":"v1.20.2","trace":[{"module":"example.com/m","version":"v1.19.2"}]}}
{"finding":{"osv":"GO-2026-0001","fixed_version":"v1.20.2","trace":[{"module":"example.com/m","version":"v1.19.2","package":"example.com/m/p","function":"Read","receiver":"*T"},{"module":"ours","package":"ours/cmd","function":"run"}]}}
{"finding":{"osv":"GO-2026-0002","trace":[{"module":"stdlib","version":"v1.26.8","package":"net/http"}]}}
{"finding":{"osv":"GO-2026-0003","fixed_version":"v1.26.9","trace":[{"module":"stdlib","version":"v1.26.8","package":"os","function":"Open"},{"module":"ours","package":"ours/cmd","function":"open"}]}}
`

func TestReport(t *testing.T) {
	for name, c := range map[string]struct {
		accepted string
		failed   bool
		want     []string
	}{
		"nothing accepted": {"", true, []string{
			"FOUND     GO-2026-0001  one\n          in example.com/m v1.19.2, mended in v1.20.2\n          reached by ours/cmd.run, which ends up in example.com/m/p.T.Read\n",
			"FOUND     GO-2026-0003  three\n          in stdlib v1.26.8, mended in Go 1.26.9\n", "2 found, 0 accepted\n"}},
		"one accepted": {"# why\nGO-2026-0003 an old Go\n", true, []string{"accepted  GO-2026-0003  three: an old Go\n", "1 found, 1 accepted\n"}},
		"all accepted": {"GO-2026-0003 an old Go\nGO-2026-0001  looked at\nGO-2026-0009 long ago\n", false,
			[]string{"0 found, 2 accepted\n", "gone      GO-2026-0009  is accepted and was not found\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := readFindings(strings.NewReader(scan))
			if err != nil {
				t.Fatal(err)
			}
			accepted, err := readAccepted("f", strings.NewReader(c.accepted))
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if failed := report(&out, found, accepted); failed != c.failed {
				t.Errorf("failed: %v", failed)
			}
			for _, want := range c.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q in\n%s", want, out.String())
				}
			}
			if strings.Contains(out.String(), "GO-2026-0002") {
				t.Errorf("one that nothing calls:\n%s", out.String())
			}
		})
	}
}

// Half of a scan is no scan.
func TestBrokenStream(t *testing.T) {
	if _, err := readFindings(strings.NewReader(scan[:len(scan)-10])); err == nil {
		t.Error("no error")
	}
}

func TestAcceptedNeedsAReason(t *testing.T) {
	for text, want := range map[string]string{
		"GO-2026-0001\n":                           "f:1: want an ID",
		"\nCVE-2026-1 because\n":                   "f:2: want an ID",
		"GO-2026-0001 a\n# b\nGO-2026-0001 again ": "f:3: GO-2026-0001 is there twice",
	} {
		if _, err := readAccepted("f", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestDatabase(t *testing.T) {
	if url, _, err := database(context.Background(), "https://db.example"); err != nil || url != "https://db.example" {
		t.Errorf("asked for: %s, %v", url, err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/db/index/modules.json.gz" {
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	if !reachable(t.Context(), s.URL+"/db") || reachable(t.Context(), s.URL+"/none") {
		t.Error("what is reachable is not told from what is not")
	}
	s.Close()
	if reachable(t.Context(), s.URL+"/db") {
		t.Error("a server that is gone is reachable")
	}
}
