package daemon

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/daemon/access"
)

// every operation of the API, by method and path.
func operations(doc *huma.OpenAPI) map[[2]string]*huma.Operation {
	out := map[[2]string]*huma.Operation{}
	for path, item := range doc.Paths {
		for method, op := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "DELETE": item.Delete, "PUT": item.Put, "PATCH": item.Patch, "HEAD": item.Head, "OPTIONS": item.Options} {
			if op != nil {
				out[[2]string{method, path}] = op
			}
		}
	}
	return out
}

// suspicious are words for what no request may carry.
var suspicious = regexp.MustCompile(`(?i)url|uri|path|file|dir|folder|prefix|bucket|endpoint|host|command|exec|option|credential|secret|password|account|region|key`)

// No operation over TCP takes anything that is called as what the configuration alone may say.
func TestNoOperationTakesAPlace(t *testing.T) {
	doc := (&Server{o: Options{}.filled()}).newAPI(http.NewServeMux()).OpenAPI()
	seen := 0
	var look func(at string, s *huma.Schema)
	look = func(at string, s *huma.Schema) {
		if s == nil {
			return
		}
		if s.Ref != "" {
			s = doc.Components.Schemas.SchemaFromRef(s.Ref)
		}
		for name, p := range s.Properties {
			seen++
			if suspicious.MatchString(name) {
				t.Errorf("%s takes %s", at, name)
			}
			if p.AdditionalProperties == true || p.Type == "" && p.Ref == "" {
				t.Errorf("%s: %s takes anything", at, name)
			}
			look(at+"."+name, p)
		}
		look(at, s.Items)
		if s.Type == huma.TypeObject && s.AdditionalProperties != false {
			t.Errorf("%s takes fields that it does not name", at)
		}
	}
	for name, op := range operations(doc) {
		if name[1] == "/v1/command" { // at the socket alone, where its user could do the same without
			continue
		}
		for _, p := range op.Parameters {
			seen++
			if suspicious.MatchString(strings.TrimPrefix(p.Name, idempotencyHeader)) {
				t.Errorf("%s %s takes %s", name[0], name[1], p.Name)
			}
		}
		if op.RequestBody != nil {
			for _, media := range op.RequestBody.Content {
				look(name[0]+" "+name[1], media.Schema)
			}
		}
	}
	if seen < 50 {
		t.Errorf("%d fields were looked at", seen)
	}
}

// Whatever is put into the fields of a request, nothing is called but the operator, with that text as a name; no request with another field is taken.
func TestNamesArriveAsNames(t *testing.T) {
	f := &fakeOperator{}
	s := &Server{o: Options{Operator: f}.filled(), once: newOnces(Options{}.filled().Now)}
	routes := s.routes()
	send := func(method, path string, body any) int {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(method, path, strings.NewReader(string(b)))
		r.Header.Set("Content-Type", jsonMedia)
		w := recorder{httptest.NewRecorder(), r.WithContext(withPrincipal(r.Context(), principal{Name: "x", Scopes: []access.Scope{access.Admin}}))}
		routes.ServeHTTP(w, w.request)
		return w.Code
	}
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "s3://bucket?endpoint=http://169.254.169.254", "http://localhost", `..\..\x`, "a\x00b", "*", "", "{dataset}", "$(id)", strings.Repeat("a/", 100),
	}))
	rapid.Check(t, func(t *rapid.T) {
		f.asked = nil
		dataset, to := text.Draw(t, "dataset"), text.Draw(t, "to")
		extra := rapid.SampledFrom([]string{"", "url", "store", "prefix", "options", "path"}).Draw(t, "extra")
		body := map[string]any{"dataset": dataset, "destinations": []string{to}}
		if extra != "" {
			body[extra] = text.Draw(t, "value")
		}
		code := send("POST", "/v1/needs", body)
		switch {
		case extra != "" || len([]rune(dataset)) > 256:
			if code != 400 || len(f.asked) != 0 {
				t.Fatalf("%v: %d, asked %v", body, code, f.asked)
			}
		case code != 200 || len(f.asked) != 1:
			t.Fatalf("%v: %d, asked %v", body, code, f.asked)
		default:
			q := reflect.ValueOf(f.asked[0].([]any)[1])
			if got := q.FieldByName("Dataset").String(); got != strings.ToValidUTF8(dataset, "\ufffd") {
				t.Fatalf("asked for %q, want %q", got, dataset)
			}
		}
	})
}
