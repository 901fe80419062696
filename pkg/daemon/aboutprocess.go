package daemon

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/datagravity/datagravity/pkg/daemon/access"
)

// ReloadResponse says what of the configuration takes effect since POST /v1/reload; nothing: it is as it was.
type ReloadResponse struct {
	Changed []string `json:"changed"`
}

const processTag = "process"

// aboutProcess are the operations about the process itself.
func (s *Server) aboutProcess(a huma.API) {
	answer(s, a, of(access.Read, http.MethodGet, "/v1/health", "health", "Which process answers", processTag),
		func(context.Context, *struct{}) (Health, error) { return s.o.Health, nil })
	answer(s, a, described(of(access.Admin, http.MethodPost, "/v1/reload", "reload", "Read the configuration again", processTag),
		"It is taken as a whole or, when something is wrong with it, not at all."),
		func(context.Context, *struct{}) (ReloadResponse, error) {
			if s.o.Reload == nil {
				return ReloadResponse{}, errNoReload
			}
			changes, err := s.o.Reload()
			return ReloadResponse{orEmpty(changes)}, err
		})
	run := of(access.Admin, http.MethodPost, "/v1/timers/{name}/run", "run-timer", "Do now what is done now and then (verify, gc and so on), in the background", processTag)
	run.DefaultStatus = http.StatusAccepted
	register(s, a, run, func(_ context.Context, in *struct {
		Name string `path:"name" maxLength:"256"`
	}) (*nothing, error) {
		if s.o.RunTimer == nil {
			return nil, errNoTimers
		}
		return nil, s.o.RunTimer(in.Name)
	})
	s.aboutCommands(a)
	s.aboutEvents(a)
}

func (s *Server) aboutCommands(a huma.API) {
	op := described(of(access.Admin, http.MethodPost, "/v1/command", "command", "Run a command that only reads, as the command line of the same version and configuration would", processTag),
		"At the Unix socket alone. Answers a line of JSON for each piece of output, and the exit code in the last.")
	op.MaxBodyBytes, op.SkipValidateBody = maxBody, true
	op.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
		framesMedia: {Schema: a.OpenAPI().Components.Schemas.Schema(frameType, true, "Frame")},
	}}}
	register(s, a, op, func(ctx context.Context, in *body[CommandRequest]) (*huma.StreamResponse, error) {
		if !principalOf(ctx).Socket {
			return nil, fmt.Errorf("%w: commands are run for those at the Unix socket alone", ErrRefused)
		}
		begun, err := s.begin(in.Body)
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(c huma.Context) {
			r, w := humago.Unwrap(c)
			begun(w, r)
		}}, nil
	})
}
