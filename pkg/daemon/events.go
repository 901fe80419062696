package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/datagravity/datagravity/pkg/daemon/access"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/observe"
)

const (
	eventsMedia = "text/event-stream"
	// eventsEvery is how often anything is told at most, and heartbeat after how long of nothing a sign of life is sent.
	eventsEvery = time.Second
	heartbeat   = 15 * time.Second
	// readWithin is how long a listener has to take what it was sent.
	readWithin = 10 * time.Second
	// mostListeners have a stream at the same time.
	mostListeners = 32
	// mostTold are the transfers in one event.
	mostTold = 200
)

// errListeners: there are as many streams as there can be.
var errListeners = errors.New("as many listeners as there can be have a stream of events; ask for /v1/overview now and then instead")

// Moving is the event "transfer": what moves now.
type Moving struct {
	Links []observe.Link `json:"links"`
	// Transfers are the first of them, Count all.
	Transfers []observe.Transfer `json:"transfers"`
	Count     int                `json:"count"`
}

// Gone is the event "job-gone": a job was taken back or is over.
type Gone struct {
	ID string `json:"id"`
}

// Told are the events of a stream, each with what its data are.
var told = []struct {
	event string
	data  reflect.Type
	about string
}{
	{"overview", reflect.TypeFor[observe.Overview](), "all, at the beginning of each stream"},
	{"transfer", reflect.TypeFor[Moving](), "what moves, when it changed"},
	{"job", reflect.TypeFor[dispatch.Status](), "a job that is new or changed"},
	{"job-gone", reflect.TypeFor[Gone](), "a job that was taken back or is over"},
	{"budget", reflect.TypeFor[observe.Budget](), "a budget that changed"},
	{"problem", reflect.TypeFor[observe.Problem](), "something that went wrong, or did again"},
}

// watch is what all listeners look at: how things stand, read once a second at most however many there are.
type watch struct {
	mu    sync.Mutex
	at    time.Time
	last  *observe.Overview
	count int // of listeners
}

// join counts a listener.
func (v *watch) join() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.count >= mostListeners {
		return errListeners
	}
	v.count++
	return nil
}

func (v *watch) leave() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.count--
}

// look is how things stand, as of at most a second ago.
func (v *watch) look(ctx context.Context, from *observe.Reader, now time.Time) (*observe.Overview, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.last != nil && now.Sub(v.at).Abs() < eventsEvery {
		return v.last, nil
	}
	o, err := from.Overview(ctx)
	if err != nil {
		return nil, err
	}
	v.last, v.at = &o, now
	return v.last, nil
}

// stirred wakes those who listen, for what is not the engine's.
func (s *Server) stirred() {
	if s.o.Reader != nil {
		s.o.Reader.Recorder.Changed()
	}
}

func (s *Server) aboutEvents(a huma.API) {
	op := described(of(access.Read, http.MethodGet, "/v1/events", "events", "A stream of what changes (server-sent events)", standingTag),
		"It begins with an overview, also after Last-Event-ID: what was missed is in it. A listener that does not read for ten seconds is cut off.")
	var kinds []*huma.Schema
	for _, one := range told {
		kinds = append(kinds, &huma.Schema{
			Type: huma.TypeObject, Description: one.about, Required: []string{"event", "data"}, AdditionalProperties: false,
			Properties: map[string]*huma.Schema{
				"id": {Type: huma.TypeInteger}, "event": {Type: huma.TypeString, Enum: []any{one.event}},
				"data": a.OpenAPI().Components.Schemas.Schema(one.data, true, one.event),
			},
		})
	}
	op.Responses = map[string]*huma.Response{"200": {
		Description: "OK", Content: map[string]*huma.MediaType{eventsMedia: {Schema: &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{OneOf: kinds}}}},
	}}
	register(s, a, op, func(ctx context.Context, _ *struct {
		Last string `header:"Last-Event-ID" doc:"taken, and answered with a whole overview" maxLength:"64"`
	}) (*huma.StreamResponse, error) {
		if s.o.Reader == nil {
			return nil, errNoReader
		}
		if err := s.watch.join(); err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(c huma.Context) {
			defer s.watch.leave()
			_, w := humago.Unwrap(c)
			s.unslot(ctx) // a stream is not one of the requests that others wait for
			st := &eventStream{s: s, w: w, control: http.NewResponseController(w), jobs: map[string][]byte{}, budgets: map[string][]byte{}, problems: map[string][]byte{}}
			if err := st.run(ctx); err != nil && ctx.Err() == nil {
				s.o.Log.Debug("a listener went away", "error", err)
			}
		}}, nil
	})
}

// eventStream is one listener, with what it was told.
type eventStream struct {
	s       *Server
	w       http.ResponseWriter
	control *http.ResponseController
	id      int
	moving  []byte
	// By their names, as they were told.
	jobs, budgets, problems map[string][]byte
}

func (e *eventStream) run(ctx context.Context) error {
	changed, stop := e.s.o.Reader.Recorder.Listen()
	defer stop()
	h := e.w.Header()
	h.Set("Content-Type", eventsMedia)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	o, err := e.look(ctx)
	if err != nil {
		return err
	}
	if _, err := e.changes(o); err != nil { // what it is told whole need not be told again
		return err
	}
	if err := e.send("overview", o); err != nil {
		return err
	}
	beat, poll := time.NewTicker(heartbeat), time.NewTicker(pollEvery)
	defer beat.Stop()
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-e.s.ending:
			return nil
		case <-beat.C:
			if err := e.write([]byte(": still here\n\n")); err != nil {
				return err
			}
			continue
		case <-changed:
		case <-poll.C: // what time alone changes: a budget's window, a job that is late
		}
		// What is looked at then is younger than the change, whoever looked at it first.
		if err := e.rest(ctx); err != nil {
			return err
		}
		if err := e.tell(ctx); err != nil {
			return err
		}
	}
}

// pollEvery is how often a listener is told what changed without anybody doing anything.
const pollEvery = 10 * time.Second

// rest is the time that is between two events at least.
func (e *eventStream) rest(ctx context.Context) error {
	t := time.NewTimer(eventsEvery)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-e.s.ending:
	case <-t.C:
	}
	return nil
}

func (e *eventStream) look(ctx context.Context) (*observe.Overview, error) {
	return e.s.watch.look(ctx, e.s.o.Reader, e.s.o.now())
}

func (e *eventStream) tell(ctx context.Context) error {
	o, err := e.look(ctx)
	if err != nil {
		return err
	}
	list, err := e.changes(o)
	if err != nil {
		return err
	}
	for _, one := range list {
		if err := e.send(one.event, one.data); err != nil {
			return err
		}
	}
	return nil
}

type change struct {
	event string
	data  any
}

// changes are what is another than it was told.
func (e *eventStream) changes(o *observe.Overview) (list []change, err error) {
	m := Moving{Links: o.Links, Transfers: o.Transfers[:min(len(o.Transfers), mostTold)], Count: len(o.Transfers)}
	if b, err := json.Marshal(m); err != nil {
		return nil, err
	} else if !bytes.Equal(b, e.moving) {
		e.moving = b
		list = append(list, change{"transfer", m})
	}
	here := map[string]bool{}
	for _, j := range o.Jobs {
		here[j.ID] = true
		list, err = differs(list, err, e.jobs, "job", j.ID, j)
	}
	for id := range e.jobs {
		if !here[id] {
			delete(e.jobs, id)
			list = append(list, change{"job-gone", Gone{id}})
		}
	}
	for _, b := range o.Budgets {
		list, err = differs(list, err, e.budgets, "budget", b.Name, b)
	}
	seen := map[string]bool{}
	for _, p := range o.Problems {
		key := p.Level + "\n" + p.Text + "\n" + p.Error
		seen[key] = true
		list, err = differs(list, err, e.problems, "problem", key, p)
	}
	for key := range e.problems {
		if !seen[key] {
			delete(e.problems, key)
		}
	}
	return list, err
}

func differs(list []change, failed error, known map[string][]byte, event, key string, data any) ([]change, error) {
	b, err := json.Marshal(data)
	if err != nil || failed != nil {
		return list, errors.Join(failed, err)
	}
	if bytes.Equal(known[key], b) {
		return list, nil
	}
	known[key] = b
	return append(list, change{event, data}), nil
}

func (e *eventStream) send(event string, data any) error {
	b, err := json.Marshal(data)
	if err != nil {
		return err
	}
	e.id++
	return e.write(fmt.Appendf(nil, "id: %d\nevent: %s\ndata: %s\n\n", e.id, event, b))
}

// write sends bytes. A listener that does not take them in time is cut off: nothing is kept for it.
func (e *eventStream) write(b []byte) error {
	if err := e.control.SetWriteDeadline(e.s.o.now().Add(readWithin)); err != nil {
		return err
	}
	if _, err := e.w.Write(b); err != nil {
		return err
	}
	return e.control.Flush()
}
