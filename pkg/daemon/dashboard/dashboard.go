package dashboard

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/observe"
)

// Options of a dashboard.
type Options struct {
	Reader *observe.Reader
	// Now is the clock; nil: that of the reader's manifest.
	Now func() time.Time
	// Actions are what can be changed from here; nil: nothing.
	Actions Actions
	// Visitor tells who asks and what they may do; nil: all that Actions has, as "dashboard".
	Visitor func(*http.Request) Visitor
	// Log; nil discards.
	Log *slog.Logger
}

// dashboard serves the pages.
type dashboard struct {
	Options

	looking sync.Mutex // while a look is taken
	mu      sync.Mutex // guards what follows
	last    *look
	spent   map[string]*spending
	// listing is held while a job's shards are listed: of a million one list at a time is enough.
	listing sync.Mutex
}

// New makes the handler of all pages; its paths begin at /.
func New(o Options) http.Handler {
	if o.Now == nil {
		o.Now = o.Reader.Manifest.Now
	}
	if o.Visitor == nil {
		o.Visitor = func(*http.Request) Visitor { return Visitor{Name: "dashboard", Pause: true, Approve: true} }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &dashboard{Options: o, spent: map[string]*spending{}}
	m := http.NewServeMux()
	m.HandleFunc("GET /{$}", d.page(d.overview))
	m.HandleFunc("GET /data", d.page(d.data))
	m.HandleFunc("GET /jobs", d.page(d.jobs))
	m.HandleFunc("GET /jobs/{id}", d.page(d.job))
	m.HandleFunc("GET /transfers", d.page(d.transfers))
	m.HandleFunc("GET /budgets", d.page(d.budgets))
	m.HandleFunc("GET /budgets/{name}", d.page(d.budget))
	m.HandleFunc("GET /spend", d.page(d.spend))
	m.HandleFunc("GET /problems", d.page(d.problems))
	m.HandleFunc("GET /actions/{action}", d.page(d.confirm))
	m.HandleFunc("POST /actions/{action}", d.act)
	m.HandleFunc("GET /assets/{name}", serveAsset)
	m.HandleFunc("/", d.page(func(*http.Request, *look) (*page, error) { return nil, errNoPage }))
	return forwarded(http.NewCrossOriginProtection().Handler(m))
}

// forwarded lets a browser come to a socket as this machine alone, which is what ssh -L makes of it. Another name that leads there is somebody's who would have
// his pages taken for ours. Over TCP who serves decides about names.
func forwarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, socket := r.Context().Value(http.LocalAddrContextKey).(*net.UnixAddr); socket && !ofThisMachine(r.Host) {
			http.Error(w, "The dashboard of a socket answers as localhost alone: forward a port to it with ssh -L, and open http://localhost:PORT/", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func ofThisMachine(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return strings.EqualFold(name, "localhost") || ip != nil && ip.IsLoopback()
}

// look is how things stood at a time, for all pages that are asked for meanwhile.
type look struct {
	observe.Overview
	// asks are what budgets ask for, by their names.
	asks   map[string][]observe.Alert
	speeds []observe.Speeds
	gates  []observe.Gate
	// err is what could not be read; the rest was.
	err  error
	took time.Duration
}

const (
	// lookFor is how long a look will do, so that many who watch cost no more than one.
	lookFor = time.Second
	// restAfter a look is how many times as long as it took nothing is looked at again.
	restAfter = 10
	// mostDetails of budgets are read for what each asks for.
	mostDetails = 100
)

// look at how things stand, or returns the last one if it is young enough.
func (d *dashboard) look(ctx context.Context) *look {
	d.looking.Lock()
	defer d.looking.Unlock()
	began := d.Now()
	d.mu.Lock()
	last := d.last
	d.mu.Unlock()
	if last != nil && began.Sub(last.At).Abs() < max(lookFor, restAfter*last.took) {
		return last
	}
	l := &look{asks: map[string][]observe.Alert{}, speeds: d.Reader.Recorder.Speeds()}
	// Others wait for this look, so it goes on when who asked for it has left.
	l.Overview, l.err = d.Reader.Overview(context.WithoutCancel(ctx))
	l.At = began
	if d.Reader.Gates != nil {
		l.gates = d.Reader.ListGates()
	}
	for i, b := range l.Budgets {
		if i == mostDetails {
			break
		}
		if b.AtLimit != "ask" {
			continue
		}
		detail, err := d.Reader.Budget(b.Name)
		if err != nil {
			l.err = errors.Join(l.err, err)
			continue
		}
		l.asks[b.Name] = detail.Alerts
	}
	l.took = d.Now().Sub(began)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = l
	return l
}

// forget has the next page look anew: something was changed from here.
func (d *dashboard) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = nil
}
