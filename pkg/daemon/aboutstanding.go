package daemon

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/datagravity/datagravity/pkg/daemon/access"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
)

const standingTag = "standing"

// reading makes an operation that asks the reader.
func reading[I, O any](s *Server, a huma.API, path, id, summary string, f func(ctx context.Context, from *observe.Reader, in *I) (O, error)) {
	answer(s, a, of(access.Read, http.MethodGet, path, id, summary, standingTag), func(ctx context.Context, in *I) (out O, err error) {
		if s.o.Reader == nil {
			return out, errNoReader
		}
		return f(ctx, s.o.Reader, in)
	})
}

// listing is the same for a list.
func listing[T any](s *Server, a huma.API, path, id, summary string, f func(ctx context.Context, from *observe.Reader) ([]T, error), key func(T) string) {
	register(s, a, of(access.Read, http.MethodGet, path, id, summary, standingTag), func(ctx context.Context, in *Paging) (*paged[T], error) {
		if s.o.Reader == nil {
			return nil, errNoReader
		}
		list, err := f(ctx, s.o.Reader)
		if err != nil {
			return nil, err
		}
		return page(*in, path, nil, list, key)
	})
}

// aboutStanding are the operations that tell how things stand.
func (s *Server) aboutStanding(a huma.API) {
	reading(s, a, "/v1/overview", "overview", "How things stand, for a first look", func(ctx context.Context, from *observe.Reader, _ *struct{}) (observe.Overview, error) {
		return from.Overview(ctx)
	})
	reading(s, a, "/v1/holdings", "holdings", "What each destination holds of each dataset", func(ctx context.Context, from *observe.Reader, _ *struct{}) (observe.Holdings, error) {
		return from.Holdings(ctx)
	})
	listing(s, a, "/v1/datasets", "list-datasets", "The configured datasets, as they were last seen",
		func(ctx context.Context, from *observe.Reader) ([]observe.Dataset, error) {
			return from.ListDatasets(ctx)
		},
		func(d observe.Dataset) string { return d.Name })
	listing(s, a, "/v1/transfers", "list-transfers", "The shards that move now, the oldest first",
		func(_ context.Context, from *observe.Reader) ([]observe.Transfer, error) {
			return from.Recorder.Transfers(), nil
		},
		func(t observe.Transfer) string { return t.Dataset + "\n" + t.Path + "\n" + t.Destination })
	listing(s, a, "/v1/links", "list-links", "The links over which something moves, or lately did",
		func(_ context.Context, from *observe.Reader) ([]observe.Link, error) {
			return from.Recorder.Links(), nil
		},
		func(l observe.Link) string { return l.Source + "\n" + l.Destination })
	listing(s, a, "/v1/speeds", "list-speeds", "What moved over each link in the last half hour",
		func(_ context.Context, from *observe.Reader) ([]observe.Speeds, error) {
			return from.Recorder.Speeds(), nil
		},
		func(l observe.Speeds) string { return l.Source + "\n" + l.Destination })
	listing(s, a, "/v1/problems", "list-problems", "What went wrong lately, the latest first",
		func(_ context.Context, from *observe.Reader) ([]observe.Problem, error) {
			return from.Problems.List(), nil
		},
		func(p observe.Problem) string { return p.Level + "\n" + p.Text + "\n" + p.Error })
	listing(s, a, "/v1/gates", "list-gates", "How the requests to each open store are held back",
		func(_ context.Context, from *observe.Reader) ([]observe.Gate, error) { return from.ListGates(), nil },
		func(g observe.Gate) string { return g.Store })
	listing(s, a, "/v1/timers", "list-timers", "What is done on a schedule: verify, gc, backup and so on",
		func(_ context.Context, from *observe.Reader) ([]observe.Timer, error) { return from.ListTimers() },
		func(t observe.Timer) string { return t.Name })
	s.aboutSnapshots(a)
}

func (s *Server) aboutSnapshots(a huma.API) {
	type question struct {
		Paging
		Dataset string `query:"dataset" doc:"of this dataset alone" maxLength:"256"`
	}
	register(s, a, of(access.Read, http.MethodGet, "/v1/snapshots", "list-snapshots", "The snapshots, oldest first", standingTag),
		func(ctx context.Context, in *question) (*paged[manifest.SnapshotHeader], error) {
			o, err := s.operator()
			if err != nil {
				return nil, err
			}
			list, err := o.Snapshots(ctx, in.Dataset)
			if err != nil {
				return nil, err
			}
			query := url.Values{}
			if in.Dataset != "" {
				query.Set("dataset", in.Dataset)
			}
			return page(in.Paging, "/v1/snapshots", query, list, func(h manifest.SnapshotHeader) string { return h.ID.String() + strconv.Itoa(int(h.Taken)) })
		})
}
