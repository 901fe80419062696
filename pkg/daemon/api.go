package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/datagravity/datagravity/pkg/daemon/access"
)

// What of huma is the same for all of a program is set once, before anything is made with it.
func init() {
	huma.DefaultArrayNullable = false // a list of nothing is [] here, never null
	huma.NewError = func(status int, text string, causes ...error) huma.StatusError { return mistaken(status, text, causes) }
}

// mistaken is the problem of a request that does not fit its operation. What was sent is not repeated: it may be a secret in the wrong place.
func mistaken(status int, text string, causes []error) *Problem {
	err := errRequest
	if status == http.StatusRequestEntityTooLarge {
		err = errTooLarge
	}
	var whole []string
	for _, c := range causes {
		var d *huma.ErrorDetail
		switch {
		case errors.As(c, &d) && d.Location != "":
			whole = append(whole, d.Location+": "+strings.Replace(d.Message, "invalid boolean", "want true or false", 1))
		case c != nil:
			whole = append(whole, c.Error())
		}
	}
	if len(whole) > 0 {
		text = strings.Join(whole, "; ")
	}
	p := problemOf(fmt.Errorf("%w: %s", err, text), exitUsage)
	return &p
}

// exitUsage is the exit code of the command line for what was asked wrongly.
const exitUsage = 2

const (
	jsonMedia = "application/json"
	// smallBody is the most that a request has which only names things.
	smallBody = 1 << 20
)

// encode is how every answer is written.
func encode(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err == nil {
		_, err = w.Write(append(b, '\n'))
	}
	return err
}

// decode reads one JSON document. A field that is not known is an error: it would be a wish that nobody hears.
func decode(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("its body: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("its body: there is more behind the JSON document")
	}
	return nil
}

// newAPI makes the operations on a mux.
func (s *Server) newAPI(mux *http.ServeMux) huma.API {
	a := humago.New(mux, huma.Config{
		OpenAPI: document(), Formats: map[string]huma.Format{jsonMedia: {Marshal: encode, Unmarshal: decode}, "json": {Marshal: encode, Unmarshal: decode}},
		DefaultFormat: jsonMedia, RejectUnknownQueryParameters: true,
	})
	a.UseMiddleware(s.arrive)
	s.aboutJobs(a)
	s.aboutStanding(a)
	s.aboutWishes(a)
	s.aboutMoney(a)
	s.aboutProcess(a)
	finish(a.OpenAPI())
	return a
}

// of makes an operation.
func of(scope access.Scope, method, path, id, summary, tag string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{tag}, MaxBodyBytes: smallBody, BodyReadTimeout: -1,
		Security: []map[string][]string{{tokenScheme: {string(scope)}}, {sessionScheme: {string(scope)}}},
	}
}

// scopeOf an operation.
func scopeOf(op *huma.Operation) access.Scope { return access.Scope(op.Security[0][tokenScheme][0]) }

// described adds what a summary does not say.
func described(op huma.Operation, text string) huma.Operation {
	op.Description = text
	return op
}

// once marks an operation that makes something: a key keeps it from being made twice.
func once(op huma.Operation) huma.Operation {
	op.Metadata = map[string]any{onceKey: true}
	op.Parameters = append(op.Parameters, &huma.Param{
		Name: idempotencyHeader, In: "header", Schema: &huma.Schema{Type: huma.TypeString},
		Description: "A name of the caller's for this request. The same request again within a day is answered alike, and done once; the same key with another body is refused with 422.",
	})
	return op
}

// body is an answer.
type body[T any] struct{ Body T }

// nothing is an answer without a body.
type nothing struct{}

// register makes an operation whose errors are problems.
func register[I, O any](s *Server, a huma.API, op huma.Operation, f func(ctx context.Context, in *I) (*O, error)) {
	huma.Register(a, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := f(ctx, in)
		if err != nil {
			p := problemOf(err, s.o.ExitCode(err))
			return nil, &p
		}
		return out, nil
	})
}

// answer makes an operation that answers a document.
func answer[I, O any](s *Server, a huma.API, op huma.Operation, f func(ctx context.Context, in *I) (O, error)) {
	register(s, a, op, func(ctx context.Context, in *I) (*body[O], error) {
		out, err := f(ctx, in)
		return &body[O]{out}, err
	})
}
