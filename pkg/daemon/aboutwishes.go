package daemon

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/daemon/access"
	"github.com/datagravity/datagravity/pkg/operate"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
)

func (s *Server) operator() (operate.Operator, error) {
	if s.o.Operator == nil {
		return nil, errNoOperator
	}
	return s.o.Operator, nil
}

// operating makes an operation that asks the operator for one document.
func operating[I, O any](s *Server, a huma.API, op huma.Operation, f func(ctx context.Context, by operate.Operator, in *I) (O, error)) {
	answer(s, a, op, func(ctx context.Context, in *I) (out O, err error) {
		o, err := s.operator()
		if err != nil {
			return out, err
		}
		return f(ctx, o, in)
	})
}

// enumerating is the same for a list.
func enumerating[T any](s *Server, a huma.API, op huma.Operation, f func(ctx context.Context, by operate.Operator) ([]T, error), key func(T) string) {
	register(s, a, op, func(ctx context.Context, in *Paging) (*paged[T], error) {
		o, err := s.operator()
		if err != nil {
			return nil, err
		}
		list, err := f(ctx, o)
		if err != nil {
			return nil, err
		}
		return page(*in, op.Path, nil, list, key)
	})
}

const (
	wishesTag = "wishes"
	linksTag  = "links"
)

// aboutWishes are the operations about needs, pins, pauses, plans and readiness.
func (s *Server) aboutWishes(a huma.API) {
	needKey := func(n operate.Need) string {
		return n.Dataset + "\n" + n.Destination + "\n" + n.Job + "\n" + n.Snapshot + "\n" + joined(n.Shards)
	}
	enumerating(s, a, of(access.Read, http.MethodGet, "/v1/needs", "list-needs", "The open needs", wishesTag),
		func(ctx context.Context, o operate.Operator) ([]operate.Need, error) { return o.Needs(ctx) }, needKey)
	operating(s, a, described(once(of(access.Jobs, http.MethodPost, "/v1/needs", "add-needs", "Ask for a dataset at destinations", wishesTag)),
		"Records what is wanted; nothing moves before it is its turn. What is asked for again has the new need_by, priority and value, if any is given."),
		func(ctx context.Context, o operate.Operator, in *body[operate.NeedRequest]) ([]operate.Need, error) {
			list, err := o.AskNeeds(ctx, in.Body)
			return orEmpty(list), err
		})
	operating(s, a, described(of(access.Jobs, http.MethodDelete, "/v1/needs", "remove-needs", "Take needs back; what is there of them stays", wishesTag),
		"Answers the needs that are still open."),
		func(ctx context.Context, o operate.Operator, in *struct {
			Dataset string   `query:"dataset" required:"true" maxLength:"256"`
			To      []string `query:"to,explode" doc:"destinations, by the names that it was asked for with; may be repeated"`
			Shards  []string `query:"shards,explode" doc:"the globs that it was asked for with; may be repeated"`
		}) ([]operate.Need, error) {
			list, err := o.DropNeeds(ctx, operate.NeedName{Dataset: in.Dataset, Shards: in.Shards, Destinations: in.To})
			return orEmpty(list), err
		})
	enumerating(s, a, of(access.Read, http.MethodGet, "/v1/pins", "list-pins", "Who needs which snapshot where, and until when", wishesTag),
		func(ctx context.Context, o operate.Operator) ([]operate.Pin, error) { return o.Pins(ctx) },
		func(p operate.Pin) string { return p.Owner + "\n" + p.Dataset + "\n" + p.Destination })
	operating(s, a, once(of(access.Jobs, http.MethodPost, "/v1/pins", "pin", "Keep a snapshot at a destination as it is; renew or move the pin", wishesTag)),
		func(ctx context.Context, o operate.Operator, in *body[operate.PinRequest]) (operate.Pin, error) {
			return o.Pin(ctx, in.Body)
		})
	operating(s, a, described(of(access.Jobs, http.MethodDelete, "/v1/pins", "unpin", "Take a pin back, or all that an owner has at a destination", wishesTag), "Answers the pins that were taken back."),
		func(ctx context.Context, o operate.Operator, in *struct {
			Owner       string `query:"owner" required:"true" maxLength:"256"`
			Destination string `query:"destination" required:"true" maxLength:"256"`
			Dataset     string `query:"dataset" doc:"without it, all that the owner has there" maxLength:"256"`
		}) ([]operate.Pin, error) {
			list, err := o.Unpin(ctx, operate.PinName{Owner: in.Owner, Destination: in.Destination, Dataset: in.Dataset})
			return orEmpty(list), err
		})
	s.aboutPauses(a)
	operating(s, a, described(of(access.Jobs, http.MethodPost, "/v1/plans", "plan", "What would move, how, and for how much", wishesTag),
		"Nothing moves. The source is listed, and the destination too where it must be, which may be paid requests."),
		func(ctx context.Context, o operate.Operator, in *body[operate.PlanRequest]) (operate.Plan, error) {
			return o.Plan(ctx, in.Body)
		})
	operating(s, a, of(access.Read, http.MethodGet, "/v1/ready", "ready", "Whether a selection of a dataset is at a destination and proven", wishesTag),
		func(ctx context.Context, o operate.Operator, in *struct {
			Dataset     string   `query:"dataset" required:"true" doc:"a configured dataset" maxLength:"256"`
			Snapshot    string   `query:"snapshot" doc:"a snapshot by its first hex digits; without it, the latest" maxLength:"128"`
			Destination string   `query:"destination" required:"true" doc:"a configured destination" maxLength:"256"`
			Shards      []string `query:"shards,explode" doc:"globs; may be repeated; without it, all shards"`
			MaxAge      string   `query:"max_age" doc:"look at a destination that was not seen for so long, for example 15m; without it, as configured"`
		}) (out dgsync.Readiness, err error) {
			age, err := ageOf(in.MaxAge)
			if err != nil {
				return out, err
			}
			return o.ReadyAt(ctx, operate.ReadyRequest{Dataset: in.Dataset, Snapshot: in.Snapshot, Destination: in.Destination, Shards: in.Shards, MaxAge: age})
		})
}

// PauseRequest names a link.
type PauseRequest struct {
	Link string `json:"link,omitempty" doc:"SOURCE->DESTINATION of configured names, or one of the two; * or nothing is every link" maxLength:"600"`
}

func (s *Server) aboutPauses(a huma.API) {
	operating(s, a, of(access.Read, http.MethodGet, "/v1/pauses", "list-pauses", "The links that are paused", linksTag),
		func(ctx context.Context, o operate.Operator, _ *struct{}) ([]cost.Pause, error) { return o.Pauses(ctx) })
	operating(s, a, described(of(access.Jobs, http.MethodPost, "/v1/pauses", "pause", "Stop new reservations on a link, or on all", linksTag),
		"Parts in flight end; nothing new is reserved or moved. It survives restarts. Answers what is paused then."),
		func(ctx context.Context, o operate.Operator, in *body[PauseRequest]) ([]cost.Pause, error) {
			return o.SetPause(ctx, in.Body.Link, true)
		})
	operating(s, a, described(of(access.Jobs, http.MethodDelete, "/v1/pauses", "resume", "Let a paused link go on, or all of them", linksTag), "Answers what is still paused."),
		func(ctx context.Context, o operate.Operator, in *struct {
			Link string `query:"link" doc:"as it was paused; without it, all" maxLength:"600"`
		}) ([]cost.Pause, error) {
			return o.SetPause(ctx, in.Link, false)
		})
}

func joined(list []string) (text string) {
	for _, one := range list {
		text += one + "\x00"
	}
	return text
}
