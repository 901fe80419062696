package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/observe"
	"github.com/datagravity/datagravity/pkg/operate"
)

const (
	// maxBody of a request: a selection may name a million shards.
	maxBody = 32 << 20
	// maxHeader of a request, with its path: a thousand ids of jobs to take back.
	maxHeader = 1 << 20
	// readTimeout is for the head of a request, and for a small body. An answer may take as long as it does.
	readTimeout = 10 * time.Second
	// defaultRequests at the same time; each of them is a reader of the manifest at most.
	defaultRequests = 32
	// defaultGrace is a moment for those who read, and no long wait for a sync that is done.
	defaultGrace = 2 * time.Second
)

// daemonRole is that of a process which answers until it is told to end.
const daemonRole = "daemon"

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
	// Operator does what people ask for; nil: this holder does not.
	Operator operate.Operator
	// RunTimer does now, in the background, what is done now and then ([ErrNoTimer]); nil: this holder does nothing now and then.
	RunTimer func(name string) error
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
	// TCP answers there too; nil: at the Unix socket alone.
	TCP *TCP
	// Requests that are answered at the same time; 0 means 32.
	Requests int
	// Log; nil discards.
	Log *slog.Logger
	// Now is the clock; nil: the system's.
	Now func() time.Time

	// peer replaces checkPeer in tests, which have one user; grace is how long a holder that ends waits for answers that are being given.
	peer func(net.Conn) error
	// handler answers in place of the API.
	handler http.Handler
	grace   time.Duration
}

func (o Options) now() time.Time { return o.Now() }

// filled has the defaults in the place of zero values.
func (o Options) filled() Options {
	if o.Requests == 0 {
		o.Requests = defaultRequests
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // deadlines of connections are in the system's time
	}
	if o.ExitCode == nil {
		o.ExitCode = func(error) int { return 1 }
	}
	if o.peer == nil {
		o.peer = checkPeer
	}
	if o.grace == 0 {
		o.grace = defaultGrace
	}
	return o
}

// Server answers at a socket, and over TCP if it is to.
type Server struct {
	o      Options
	http   []*http.Server
	slots  chan struct{}
	cancel context.CancelFunc // of what is being answered
	ending chan struct{}      // closed when streams are to end
	once   *onces
	watch  watch
	rates  *rates
	origin *http.CrossOriginProtection
	tcp    *tcp // nil: none

	mu      sync.Mutex
	closing bool
	// answering are the handlers that run, served the loops that accept.
	answering, served sync.WaitGroup
}

// Serve answers at a listener until Close.
func Serve(l net.Listener, o Options) *Server {
	o = o.filled()
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		o: o, slots: make(chan struct{}, o.Requests), cancel: cancel, ending: make(chan struct{}), once: newOnces(o.Now), rates: newRates(perSecond, atOnce, o.Now),
		origin: http.NewCrossOriginProtection(),
	}
	// The operations are made when somebody asks for the first: most commands that hold the manifest are done before that.
	routes := sync.OnceValue(s.routes)
	next := o.handler
	if next == nil {
		next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { routes().ServeHTTP(w, r) })
	}
	if o.handler == nil && o.Health.Role == daemonRole { // it lives long enough
		s.served.Go(func() { routes() })
	}
	unix := s.newHTTP(ctx, s.guard(s.fromSocket, next))
	unix.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, peerKey{}, verdict{o.peer(c)})
	}
	s.serve(unix, l, "the socket")
	if o.TCP != nil {
		s.tcp = newTCP(*o.TCP, o)
		over := s.newHTTP(ctx, s.guard(s.fromTCP, s.tcp.login(s, next)))
		over.TLSConfig = o.TCP.config()
		over.Protocols = new(http.Protocols)
		over.Protocols.SetHTTP1(true) // one protocol, whose limits are known; streams of events need no other
		s.serve(over, newBounded(o.TCP.Listener, mostConnections, mostOfOne), o.TCP.Listener.Addr().String())
	}
	return s
}

func (s *Server) newHTTP(ctx context.Context, h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: readTimeout, ReadTimeout: readTimeout, IdleTimeout: readTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog:    slog.NewLogLogger(s.o.Log.Handler(), slog.LevelInfo),
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
}

func (s *Server) serve(h *http.Server, l net.Listener, where string) {
	s.http = append(s.http, h)
	s.served.Go(func() {
		var err error
		if h.TLSConfig != nil {
			err = h.ServeTLS(l, "", "")
		} else {
			err = h.Serve(l)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			s.o.Log.Error("nobody is answered at "+where+" any more; the work goes on", "error", err)
		}
	})
}

// Close stops listening, waits a moment for answers that are being given, and ends the others. After it nothing of the server runs.
func (s *Server) Close() error {
	s.mu.Lock()
	again := s.closing
	s.mu.Unlock()
	if again {
		return nil
	}
	close(s.ending)
	ctx, cancel := context.WithTimeout(context.Background(), s.o.grace)
	defer cancel()
	errs := make([]error, len(s.http))
	var stopping sync.WaitGroup
	for i, h := range s.http {
		stopping.Go(func() {
			// Who reads too slowly is told that the answer is not whole.
			if err := h.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
				errs[i] = err
			}
		})
	}
	stopping.Wait()
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.cancel()
	for _, h := range s.http {
		errs = append(errs, h.Close())
	}
	s.answering.Wait()
	s.served.Wait()
	if s.tcp != nil {
		errs = append(errs, s.o.TCP.Tokens.Close())
	}
	return errors.Join(errs...)
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

// guard lets in who may ask, and no more at a time than can be answered. who says who asks; false: it was answered already.
func (s *Server) guard(who func(w http.ResponseWriter, r *http.Request) (principal, bool), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.enter() {
			s.fail(w, ErrBusy)
			return
		}
		defer s.answering.Done()
		hardened(w.Header())
		defer s.recovered(w, r)
		p, ok := who(w, r)
		if !ok {
			return
		}
		if !canonical(r.URL.EscapedPath()) {
			s.fail(w, fmt.Errorf("%w: %s %s: an empty segment, . or .. in the path", errEndpoint, r.Method, r.URL.Path))
			return
		}
		slot := &slot{of: s.slots}
		if !slot.take() {
			s.fail(w, ErrBusy)
			return
		}
		defer slot.free()
		if err := bodiless(w, r); err != nil {
			s.fail(w, err)
			return
		}
		ctx := context.WithValue(withPrincipal(r.Context(), p), slotKey{}, slot)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// slot is one of those that are answered at the same time.
type slot struct {
	of    chan struct{}
	taken bool
}

type slotKey struct{}

func (s *slot) take() bool {
	select {
	case s.of <- struct{}{}:
		s.taken = true
	default:
	}
	return s.taken
}

func (s *slot) free() {
	if s.taken {
		s.taken = false
		<-s.of
	}
}

// unslot gives a request's slot back before it ends.
func (s *Server) unslot(ctx context.Context) {
	if one, ok := ctx.Value(slotKey{}).(*slot); ok {
		one.free()
	}
}

// fromSocket is who asks at the Unix socket.
func (s *Server) fromSocket(w http.ResponseWriter, r *http.Request) (principal, bool) {
	if err := stranger(r.Context()); err != nil {
		s.fail(w, err)
		return principal{}, false
	}
	// A browser can be here, through a port that its user forwards to the socket. So no page of another site may have led it.
	switch {
	case !local(r.Host):
		s.fail(w, fmt.Errorf("%w: %q; a port that is forwarded to the socket is asked as localhost", errHost, r.Host))
		return principal{}, false
	case s.origin.Check(r) != nil:
		s.fail(w, errOrigin)
		return principal{}, false
	}
	return atSocket, true
}

// local tells whether a name is one that nobody can make lead here: one without a dot, or a loopback address.
func local(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return ip != nil && ip.IsLoopback() || ip == nil && !strings.ContainsAny(name, ".:[]")
}

// recovered logs what a handler died of. The server would, too, but not in the log that people read.
func (s *Server) recovered(w http.ResponseWriter, r *http.Request) {
	if v := recover(); v != nil {
		s.o.Log.Error("answering a request failed; this is a mistake in datagravity, please report it", "request", loggable(r), "panic", v, "stack", string(debug.Stack()))
		s.fail(w, errors.New("answering failed; the log of the process that holds the manifest says where"))
	}
}

func (s *Server) fail(w http.ResponseWriter, err error) { problemOf(err, s.o.ExitCode(err)).write(w) }
