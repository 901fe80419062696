package daemon

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
)

// ServeProfiles answers go tool pprof at a listener of [Listen], until Close. A profile tells what is in memory, so that it is for those who may see that
// anyway: it is never served where the API is. Who may ask is as with [Serve].
func ServeProfiles(l net.Listener, log *slog.Logger) *Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return serveProfiles(l, mux, Options{Log: log})
}

func serveProfiles(l net.Listener, h http.Handler, o Options) *Server {
	o.handler, o.ExitCode, o.Requests = h, func(error) int { return 1 }, mostProfiles
	return Serve(l, o)
}

// mostProfiles are made at the same time: each costs what it looks at.
const mostProfiles = 4
