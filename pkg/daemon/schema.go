package daemon

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// The names of how who asks can say who it is.
const (
	tokenScheme   = "token"
	sessionScheme = "session"
)

const apiDescription = `What a datagravity process that holds a manifest answers: how things stand, and what people want of it.

At the Unix socket the kernel says who asks, and its own user and root may do all. Over TCP there is TLS alone, and who asks has a token
(Authorization: Bearer dg_…) or a session that was begun with one. A token has scopes: read sees; jobs also changes what is wanted; budget also lets more money be
spent; admin does all. Each operation names its scope under security.

Requests name what is configured: datasets, destinations, stores, budgets and teams by their names. Nothing takes a URL, a path or an option.

Lists have at most limit items; next, and the Link header, say where they go on. What fails is a problem (RFC 9457) with the exit code of the command line, the
names of the errors that it is (kinds), and what to do (hint). Money is in US dollars, sizes are in bytes, times are in UTC.`

// document is what stands before the operations.
func document() *huma.OpenAPI {
	reg := huma.NewMapRegistry("#/components/schemas/", typeName)
	reg.RegisterTypeAlias(reflect.TypeFor[cost.NanoUSD](), reflect.TypeFor[dollars]())
	reg.RegisterTypeAlias(reflect.TypeFor[manifest.Millis](), reflect.TypeFor[moment]())
	reg.RegisterTypeAlias(reflect.TypeFor[spec.Job](), reflect.TypeFor[Job]())
	return &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "datagravity", Version: "v1", Description: apiDescription,
			License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
		},
		Components: &huma.Components{
			Schemas: reg,
			SecuritySchemes: map[string]*huma.SecurityScheme{
				tokenScheme:   {Type: "http", Scheme: "bearer", BearerFormat: "dg_…", Description: "made by datagravity token create; over TCP"},
				sessionScheme: {Type: "apiKey", In: "cookie", Name: sessionCookie, Description: "made by POST /login with a token; over TCP, for browsers"},
			},
		},
	}
}

// typeName gives types of the packages that share names a prefix each.
func typeName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	switch path := t.PkgPath(); path[strings.LastIndexByte(path, '/')+1:] {
	case "dispatch":
		if t.Name() != "" && !strings.HasPrefix(name, "Job") {
			return "Job" + name
		}
	case "observe":
		switch t.Name() { // this package has a type of the same name each
		case "Problem":
			return "Logged" + name
		case "Health":
			return "Progress"
		}
	case "cost":
		return "Cost" + name
	case "plan":
		return "Planned" + name
	}
	return name
}

// dollars stand for money in the document.
type dollars struct{}

// Schema of money.
func (dollars) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Description: "US dollars, to nine digits after the point"}
}

// moment stands for a time that may be null.
type moment struct{}

// Schema of such a time.
func (moment) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Nullable: true}
}

// Job is a job as it is declared over the API; [spec.Job] reads it.
type Job struct {
	ID             string   `json:"id" doc:"names it: up to 128 letters, digits and ._:@/-"`
	Dataset        string   `json:"dataset" doc:"a configured dataset"`
	Snapshot       string   `json:"snapshot,omitempty" doc:"latest, or the first hex digits of one; without it, what the source lists now"`
	Shards         []string `json:"shards,omitempty" doc:"the terms of a selection; none selects all"`
	To             []string `json:"to" doc:"configured destinations"`
	NeedBy         string   `json:"need_by,omitempty" doc:"when all must be there: a time, or 36h from now on"`
	Priority       int      `json:"priority,omitempty" doc:"the greater goes first"`
	Value          int64    `json:"value,omitempty" doc:"what having all is worth beside other jobs; 0 counts as 1"`
	Team           string   `json:"team,omitempty" doc:"the team that it is charged to; without it, the dataset's"`
	Keep           string   `json:"keep,omitempty" doc:"how long it must stay after it is needed, for example 72h"`
	OnSourceChange string   `json:"on_source_change,omitempty" doc:"fail or repin" enum:"fail,repin"`
}

// finish says what the types alone do not: which numbers may be null.
func finish(doc *huma.OpenAPI) {
	reg := doc.Components.Schemas
	money := reflect.TypeFor[*cost.NanoUSD]()
	for name, schema := range reg.Map() {
		t := reg.TypeFromRef("#/components/schemas/" + name)
		for f := range fieldsOf(t) {
			tag, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Type == money && schema.Properties[tag] != nil && !strings.Contains(rest, "omitempty") {
				schema.Properties[tag].Nullable = true
			}
		}
	}
}

// fieldsOf a struct, with those of the structs in it.
func fieldsOf(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for t != nil && t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t == nil || t.Kind() != reflect.Struct {
			return
		}
		for _, f := range reflect.VisibleFields(t) {
			if f.IsExported() && !yield(f) {
				return
			}
		}
	}
}

// OpenAPI is the description of the API: OpenAPI 3.1, as JSON and as YAML. It is the same for every process of a version.
func OpenAPI() (asJSON, asYAML []byte, err error) {
	s := &Server{o: Options{}.filled()}
	return written(s.newAPI(http.NewServeMux()).OpenAPI())
}

func written(doc *huma.OpenAPI) (asJSON, asYAML []byte, err error) {
	b, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, nil, err
	}
	y, err := doc.YAML()
	return append(b, '\n'), y, err
}
