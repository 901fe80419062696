package daemon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// AddRequest is the body of POST /v1/jobs.
type AddRequest struct {
	// Origin is where the jobs were declared: a file, a scheduler.
	Origin string     `json:"origin"`
	Jobs   []spec.Job `json:"jobs"`
}

// AddResponse says which jobs were taken, and why others were not.
type AddResponse struct {
	Jobs    []dispatch.Status `json:"jobs"`
	Refused *Problem          `json:"refused,omitempty"`
}

// ReloadResponse says what of the configuration takes effect since POST /v1/reload; nothing: it is as it was.
type ReloadResponse struct {
	Changed []string `json:"changed"`
}

// asConfigured is the age of what was seen at a destination where a request does not say one.
const asConfigured time.Duration = -1

// routes are the endpoints. Each returns what it answers as JSON (nil: nothing), or an error.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	answer := func(pattern string, f func(r *http.Request, body []byte) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			body, err := s.body(w, r)
			if err == nil {
				var v any
				if v, err = f(r, body); err == nil {
					s.reply(w, v)
					return
				}
			}
			s.fail(w, err)
		})
	}
	about := func(pattern string, f func(r *http.Request, jobs dispatch.Jobs, body []byte) (any, error)) {
		answer(pattern, func(r *http.Request, body []byte) (any, error) {
			if s.o.Jobs == nil {
				return nil, errNoJobs
			}
			return f(r, s.o.Jobs, body)
		})
	}
	answer("GET /v1/health", func(*http.Request, []byte) (any, error) { return s.o.Health, nil })
	about("GET /v1/jobs", func(r *http.Request, jobs dispatch.Jobs, _ []byte) (any, error) {
		return listed(jobs.List(r.Context()))
	})
	about("POST /v1/jobs", s.add)
	about("DELETE /v1/jobs", func(r *http.Request, jobs dispatch.Jobs, _ []byte) (any, error) {
		ids := r.URL.Query()["id"]
		if len(ids) == 0 {
			return nil, fmt.Errorf("%w: name the jobs to take back: ?id=…", errRequest)
		}
		return nil, jobs.Remove(r.Context(), ids)
	})
	about("DELETE /v1/jobs/{id}", func(r *http.Request, jobs dispatch.Jobs, _ []byte) (any, error) {
		return nil, jobs.Remove(r.Context(), []string{r.PathValue("id")})
	})
	about("GET /v1/jobs/{id}", func(r *http.Request, jobs dispatch.Jobs, _ []byte) (any, error) {
		shards := r.URL.Query().Get("shards")
		if shards != "" && shards != "true" && shards != "false" {
			return nil, fmt.Errorf("%w: shards=%q: want true or false", errRequest, shards)
		}
		return jobs.Show(r.Context(), r.PathValue("id"), shards == "true")
	})
	about("GET /v1/jobs/{id}/ready", func(r *http.Request, jobs dispatch.Jobs, _ []byte) (any, error) {
		maxAge := asConfigured
		if text := r.URL.Query().Get("max_age"); text != "" {
			var err error
			if maxAge, err = time.ParseDuration(text); err != nil {
				return nil, fmt.Errorf("%w: max_age=%q: want a length of time, for example 15m", errRequest, text)
			}
		}
		return jobs.Ready(r.Context(), r.PathValue("id"), maxAge)
	})
	about("GET /v1/jobs/{id}/placements", func(r *http.Request, jobs dispatch.Jobs, _ []byte) (any, error) {
		return listed(jobs.Place(r.Context(), r.PathValue("id")))
	})
	about("GET /v1/jobs/{id}/handout", func(r *http.Request, jobs dispatch.Jobs, _ []byte) (any, error) {
		return jobs.Handout(r.Context(), r.PathValue("id"), r.URL.Query().Get("to"))
	})
	answer("POST /v1/reload", func(*http.Request, []byte) (any, error) {
		if s.o.Reload == nil {
			return nil, errNoReload
		}
		changes, err := s.o.Reload()
		changed, err := listed(changes, err)
		return ReloadResponse{changed.([]string)}, err
	})
	mux.HandleFunc("POST /v1/command", s.command)
	s.watching(answer)
	s.mounted(mux)
	mux.HandleFunc("/v1/", s.nothing)
	if s.o.Pages == nil {
		mux.HandleFunc("/", s.nothing)
	}
	return mux
}

func (s *Server) nothing(w http.ResponseWriter, r *http.Request) {
	s.fail(w, fmt.Errorf("%w: %s %s", errEndpoint, r.Method, r.URL.Path))
}

// listed makes an empty list of none, which null is not.
func listed[T any](list []T, err error) (any, error) {
	if list == nil {
		list = []T{}
	}
	return list, err
}

func (s *Server) add(r *http.Request, jobs dispatch.Jobs, body []byte) (any, error) {
	var q AddRequest
	if err := decode(body, &q); err != nil {
		return nil, err
	}
	taken, err := jobs.Add(r.Context(), q.Origin, q.Jobs)
	out := AddResponse{Jobs: taken}
	if taken == nil {
		out.Jobs = []dispatch.Status{}
	}
	if err != nil {
		p := problemOf(err, s.o.ExitCode(err))
		out.Refused = &p
	}
	return out, nil
}

// body reads a request's body whole. From then on the deadline for reading is off: only the end of the connection ends the request.
func (s *Server) body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, errTooLarge
	case err != nil:
		return nil, fmt.Errorf("%w: its body did not arrive: %w", errRequest, err)
	}
	return b, http.NewResponseController(w).SetReadDeadline(time.Time{})
}

// decode reads one JSON document. A field that is not known is an error: it would be a wish that nobody hears.
func decode(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: its body: %w", errRequest, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: its body: there is more behind the JSON document", errRequest)
	}
	return nil
}

func (s *Server) reply(w http.ResponseWriter, v any) {
	if v == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	b, err := json.Marshal(v)
	if err != nil {
		s.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(b, '\n')) // who asked is gone; there is nobody to tell
}
