package daemon

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// routes are the operations of the API, and what others made.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	api := s.newAPI(mux)
	described := sync.OnceValues(func() ([]byte, []byte) {
		asJSON, asYAML, err := written(api.OpenAPI())
		if err != nil { // it is made of this package's own types
			panic(fmt.Errorf("describe the API: %w", err))
		}
		return asJSON, asYAML
	})
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		asJSON, _ := described()
		constant(w, jsonMedia, asJSON)
	})
	mux.HandleFunc("GET /openapi.yaml", func(w http.ResponseWriter, _ *http.Request) {
		_, asYAML := described()
		constant(w, "application/yaml", asYAML)
	})
	mux.HandleFunc("/v1", s.nowhere)
	mux.HandleFunc("/v1/", s.nowhere)
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /livez", s.healthz)
	if s.o.Metrics != nil {
		mux.Handle("GET /metrics", s.o.Metrics)
	}
	if s.o.Pages != nil {
		mux.Handle("/", s.o.Pages)
	} else {
		mux.HandleFunc("/", s.nowhere)
	}
	return mux
}

// nowhere answers where there is nothing.
func (s *Server) nowhere(w http.ResponseWriter, r *http.Request) {
	s.fail(w, fmt.Errorf("%w: %s %s", errEndpoint, r.Method, r.URL.Path))
}

// constant answers the same to all.
func constant(w http.ResponseWriter, media string, b []byte) {
	w.Header().Set("Content-Type", media)
	_, _ = w.Write(b) // who asked is gone; there is nobody to tell
}

// healthz is for supervisors: the status alone says it. Why it is so is for those who may see how things stand.
func (s *Server) healthz(w http.ResponseWriter, r *http.Request) {
	ok, text := true, "ok"
	if s.o.Healthy != nil {
		var why string
		ok, why = s.o.Healthy()
		switch {
		case why != "" && principalOf(r.Context()).may("read"):
			text = why
		case !ok:
			text = "not healthy"
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = io.WriteString(w, text+"\n") // who asked is gone; there is nobody to tell
}

// canonical tells whether a path is as it should be. The multiplexer would redirect another one to where it means; who asks here means what it says.
func canonical(escaped string) bool {
	if escaped == "" || escaped[0] != '/' {
		return false
	}
	if escaped == "/" {
		return true
	}
	for segment := range strings.SplitSeq(strings.TrimSuffix(escaped[1:], "/"), "/") {
		if segment == "" || segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

// hardened are the headers of every answer. The pages have a policy of their own for what they load.
func hardened(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// bodiless lets a request without a body take as long as it does: only the end of the connection ends it.
func bodiless(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength != 0 {
		return nil
	}
	return http.NewResponseController(w).SetReadDeadline(time.Time{})
}
