package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/datagravity/datagravity/pkg/daemon/access"
)

const (
	// largeTimeout is for a body of up to maxBody over a slow line; smaller ones have readTimeout.
	largeTimeout = 2 * time.Minute
)

// arrive is what happens to a request of an operation before it is looked into: who asks must have the scope, and its body must arrive whole and in time.
func (s *Server) arrive(c huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(c)
	op := c.Operation()
	if err := admitted(principalOf(r.Context()), scopeOf(op)); err != nil {
		s.fail(w, err)
		return
	}
	body, err := s.body(w, r, op.MaxBodyBytes)
	if err != nil {
		s.fail(w, err)
		return
	}
	if err := checkMedia(r, body); err != nil {
		s.fail(w, err)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if key := r.Header.Get(idempotencyHeader); key != "" && op.Metadata[onceKey] != nil {
		s.once.answer(s, w, r, key, body, func(w http.ResponseWriter) { next(humago.NewContext(op, r, w)) })
		return
	}
	next(c)
}

// admitted says why somebody may not do what wants a scope.
func admitted(p principal, want access.Scope) error {
	if p.may(want) {
		return nil
	}
	return fmt.Errorf("%w: it wants a token with scope %s, and %s has %s", ErrScope, want, p.Name, scopesText(p.Scopes))
}

func scopesText(list []access.Scope) string {
	text := ""
	for i, one := range list {
		if i > 0 {
			text += ","
		}
		text += string(one)
	}
	if text == "" {
		return "none"
	}
	return text
}

// checkMedia wants JSON to be called so. A form of another site can send text/plain without asking first, and nothing else that is JSON.
func checkMedia(r *http.Request, body []byte) error {
	text := r.Header.Get("Content-Type")
	if len(body) == 0 || text == "" && principalOf(r.Context()).Socket {
		return nil
	}
	if media, _, err := mime.ParseMediaType(text); err != nil || media != jsonMedia {
		return fmt.Errorf("%w: its body must be application/json, and is called %q", errMedia, text)
	}
	return nil
}

// body reads a request's body whole, and at most so much. From then on the deadline for reading is off: only the end of the connection ends the request.
func (s *Server) body(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	control := http.NewResponseController(w)
	if most > smallBody {
		if err := control.SetReadDeadline(s.o.now().Add(largeTimeout)); err != nil {
			return nil, err
		}
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, errTooLarge
	case err != nil:
		return nil, fmt.Errorf("%w: its body did not arrive: %w", errRequest, err)
	}
	return b, control.SetReadDeadline(time.Time{})
}
