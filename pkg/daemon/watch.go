package daemon

import (
	"fmt"
	"io"
	"net/http"

	"github.com/datagravity/datagravity/pkg/observe"
)

// watching are the endpoints that tell how things stand.
func (s *Server) watching(answer func(pattern string, f func(r *http.Request, body []byte) (any, error))) {
	read := func(pattern string, f func(r *http.Request, from *observe.Reader) (any, error)) {
		answer(pattern, func(r *http.Request, _ []byte) (any, error) {
			if s.o.Reader == nil {
				return nil, errNoReader
			}
			return f(r, s.o.Reader)
		})
	}
	read("GET /v1/overview", func(r *http.Request, from *observe.Reader) (any, error) { return from.Overview(r.Context()) })
	read("GET /v1/holdings", func(r *http.Request, from *observe.Reader) (any, error) { return from.Holdings(r.Context()) })
	read("GET /v1/datasets", func(r *http.Request, from *observe.Reader) (any, error) { return from.ListDatasets(r.Context()) })
	read("GET /v1/transfers", func(_ *http.Request, from *observe.Reader) (any, error) { return from.Recorder.Transfers(), nil })
	read("GET /v1/links", func(_ *http.Request, from *observe.Reader) (any, error) { return from.Recorder.Links(), nil })
	read("GET /v1/speeds", func(_ *http.Request, from *observe.Reader) (any, error) { return from.Recorder.Speeds(), nil })
	read("GET /v1/problems", func(_ *http.Request, from *observe.Reader) (any, error) { return from.Problems.List(), nil })
	read("GET /v1/budgets", func(_ *http.Request, from *observe.Reader) (any, error) { return from.Budgets() })
	read("GET /v1/budgets/{name}", func(r *http.Request, from *observe.Reader) (any, error) { return from.Budget(r.PathValue("name")) })
	read("GET /v1/spend", func(r *http.Request, from *observe.Reader) (any, error) {
		q := r.URL.Query()
		return from.Spend(observe.SpendQuery{
			By: q.Get("by"), Month: q.Get("month"), Team: q.Get("team"), Job: q.Get("job"), Dataset: q.Get("dataset"),
		})
	})
}

// mounted are the handlers that others made.
func (s *Server) mounted(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /livez", s.healthz)
	if s.o.Metrics != nil {
		mux.Handle("GET /metrics", s.o.Metrics)
	}
	if s.o.Pages != nil {
		mux.Handle("/", s.o.Pages)
	}
}

// healthz is for supervisors: the status alone says it.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	ok, text := true, "ok"
	if s.o.Healthy != nil {
		var why string
		if ok, why = s.o.Healthy(); why != "" {
			text = why
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if _, err := io.WriteString(w, text+"\n"); err != nil {
		s.o.Log.Debug("who asked for the health went away", "error", fmt.Errorf("write: %w", err))
	}
}
