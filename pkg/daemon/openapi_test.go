package daemon

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/datagravity/datagravity/pkg/dispatch"
)

// The description that is committed is the one that the code makes.
func TestOpenAPIIsCommitted(t *testing.T) {
	want, _, err := OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("docs/openapi.json is not what the code makes; make generated writes it")
	}
}

// What is answered fits the description: fields, kinds of numbers, and what may be null.
func TestAnswersFitTheirDescription(t *testing.T) {
	doc := (&Server{o: Options{}.filled()}).newAPI(http.NewServeMux()).OpenAPI()
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	k := &keeper{list: []dispatch.Status{{
		ID: "a", State: dispatch.OnTime, Selection: []string{}, Added: at, ETA: &at, Places: []dispatch.Place{{Destination: "lab", State: dispatch.OnTime, USD: 1_500_000_001}},
	}}}
	r := standing(t)
	r.Jobs = k
	path, _ := serve(t, Options{Jobs: k, Reader: r, Operator: &fakeOperator{}})
	c, looked := dial(t, path), 0
	for name, op := range operations(doc) {
		at := name[1]
		switch {
		case name[0] != http.MethodGet || at == "/v1/events" || at == "/v1/jobs/{id}/ready" || at == "/v1/jobs/{id}/handout" || at == "/v1/jobs/{id}":
			continue
		case at == "/v1/ready":
			at += "?dataset=c4&destination=lab"
		case at == "/v1/spend":
			at += "?by=link"
		}
		at = strings.NewReplacer("{id}", "a", "{name}", "a%2Fb%2E%20c").Replace(at)
		answer, err := get[any](context.Background(), c, at)
		if err != nil {
			t.Errorf("%s: %v", at, err)
			continue
		}
		res := &huma.ValidateResult{}
		huma.Validate(doc.Components.Schemas, op.Responses["200"].Content[jsonMedia].Schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, answer, res)
		for _, e := range res.Errors {
			t.Errorf("%s does not fit its description: %v", at, e)
		}
		looked++
	}
	if looked < 18 {
		t.Errorf("%d answers were looked at", looked)
	}
}
