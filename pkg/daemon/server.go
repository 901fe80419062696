package daemon

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/observe"
)

const (
	// maxBody of a request: a selection may name a million shards.
	maxBody = 32 << 20
	// readTimeout is for a request that is written by a program on this machine. An answer may take as long as it does.
	readTimeout = 10 * time.Second
	// defaultRequests at the same time; each of them is a reader of the manifest at most.
	defaultRequests = 32
	// defaultGrace is a moment for those who read, and no long wait for a sync that is done.
	defaultGrace = 2 * time.Second
)

// Health is who answers at a socket.
type Health struct {
	Version string    `json:"version"`
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
	// Role is the command that holds the manifest: "daemon", "sync", "index" and so on.
	Role string `json:"role"`
	// State is the state directory.
	State string `json:"state"`
}

// Options of a Server.
type Options struct {
	Health Health
	// Jobs answers about jobs; nil: this holder does not.
	Jobs dispatch.Jobs
	// Reader tells how things stand; nil: this holder does not.
	Reader *observe.Reader
	// Pages are for people with a browser, at /; nil: there are none.
	Pages http.Handler
	// Metrics are at GET /metrics; nil: there are none.
	Metrics http.Handler
	// Healthy tells whether work goes on where there is work, and why not, at GET /healthz and /livez; nil: who answers is healthy.
	Healthy func() (ok bool, why string)
	// Command says whether a command is run for others ([ErrRefused]), and returns what runs it: run writes to out and errs until it returns the exit
	// code. nil refuses all.
	Command func(CommandRequest) (run func(ctx context.Context, out, errs io.Writer) int, err error)
	// Reload reads the configuration again, and returns what takes effect. Errors: [ErrReload]. nil: this holder does not.
	Reload func() (changes []string, err error)
	// ExitCode of an error, as the command line has it.
	ExitCode func(error) int
	// Requests that are answered at the same time; 0 means 32.
	Requests int
	// Log; nil discards.
	Log *slog.Logger

	// peer replaces checkPeer in tests, which have one user; grace is how long a holder that ends waits for answers that are being given.
	peer func(net.Conn) error
	// handler answers in place of the API.
	handler http.Handler
	grace   time.Duration
}

// filled has the defaults in the place of zero values.
func (o Options) filled() Options {
	if o.Requests == 0 {
		o.Requests = defaultRequests
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.peer == nil {
		o.peer = checkPeer
	}
	if o.grace == 0 {
		o.grace = defaultGrace
	}
	return o
}

// Server answers at a socket.
type Server struct {
	o      Options
	http   *http.Server
	slots  chan struct{}
	cancel context.CancelFunc // of what is being answered

	mu      sync.Mutex
	closing bool
	// answering are the handlers that run, served the loop that accepts.
	answering, served sync.WaitGroup
}

// Serve answers at a listener until Close.
func Serve(l net.Listener, o Options) *Server {
	o = o.filled()
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{o: o, slots: make(chan struct{}, o.Requests), cancel: cancel}
	if o.handler == nil {
		o.handler = s.routes()
	}
	s.http = &http.Server{
		Handler: s.guard(o.handler), ReadHeaderTimeout: readTimeout, ReadTimeout: readTimeout, IdleTimeout: readTimeout,
		ErrorLog:    slog.NewLogLogger(o.Log.Handler(), slog.LevelInfo),
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, verdict{o.peer(c)})
		},
	}
	s.served.Go(func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			o.Log.Error("nobody is answered at the socket any more; the work goes on", "error", err)
		}
	})
	return s
}

// Close stops listening, waits a moment for answers that are being given, and ends the others. After it nothing of the server runs.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.o.grace)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil // who reads too slowly is told that the answer is not whole
	}
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.cancel()
	err = errors.Join(err, s.http.Close())
	s.answering.Wait()
	s.served.Wait()
	return err
}

// enter counts a handler, unless the server is closing.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.answering.Add(1)
	return true
}

// guard lets in who may ask, and no more at a time than can be answered.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.enter() {
			s.fail(w, ErrBusy)
			return
		}
		defer s.answering.Done()
		if err := stranger(r.Context()); err != nil {
			s.fail(w, err)
			return
		}
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
		default:
			s.fail(w, ErrBusy)
			return
		}
		defer s.recovered(w, r)
		next.ServeHTTP(w, r)
	})
}

// recovered logs what a handler died of. The server would, too, but not in the log that people read.
func (s *Server) recovered(w http.ResponseWriter, r *http.Request) {
	if v := recover(); v != nil {
		s.o.Log.Error("answering a request failed; this is a mistake in datagravity, please report it", "request", r.Method+" "+r.URL.Path, "panic", v, "stack", string(debug.Stack()))
		s.fail(w, errors.New("answering failed; the log of the process that holds the manifest says where"))
	}
}

func (s *Server) fail(w http.ResponseWriter, err error) { problemOf(err, s.o.ExitCode(err)).write(w) }
