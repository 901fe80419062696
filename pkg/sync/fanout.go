package sync

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/tee"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// Many brings one selection of a dataset to several destinations at the same time. What more than one of them needs from the
// source is read once; a slow destination holds the others back by no more than what bufferBytes cannot keep for it. Each request has
// its own engine, so that none waits for memory that another one holds. The reports and errors are in the order of the
// requests; what fails for one leaves the others alone.
func (s *Syncer) Many(ctx context.Context, requests []Request, engines []*engine.Engine, bufferBytes int64) ([]Report, []error) {
	reports, errs := make([]Report, len(requests)), make([]error, len(requests))
	if len(requests) == 1 {
		reports[0], errs[0] = s.Sync(ctx, requests[0])
		return reports, errs
	}
	shared := together(requests)
	source := tee.New(requests[0].Source.Store, tee.Options{BufferBytes: bufferBytes})
	syncers := make([]*Syncer, len(requests))
	for i := range requests {
		one := *s
		one.Engine = engines[i]
		syncers[i] = &one
		requests[i].Source.Store, requests[i].shared = source.Reader(), shared
	}
	var g errgroup.Group
	for i, q := range requests {
		g.Go(func() error {
			reader, _ := q.Source.Store.(*tee.Reader)
			defer reader.End()
			reports[i], errs[i] = syncers[i].Sync(ctx, q)
			return nil
		})
	}
	return reports, errorsOf(g.Wait(), errs)
}

func errorsOf(all error, each []error) []error {
	for i := range each {
		each[i] = errors.Join(each[i], all)
	}
	return each
}

// together are part limits that every destination of the requests keeps to.
func together(requests []Request) *store.PartLimits {
	out := requests[0].Destination.Store.Capabilities().Parts
	for _, q := range requests[1:] {
		l := q.Destination.Store.Capabilities().Parts
		out.MinBytes = max(out.MinBytes, l.MinBytes)
		out.MaxBytes = least(out.MaxBytes, l.MaxBytes)
		out.MaxParts = least(out.MaxParts, l.MaxParts)
		out.MaxObjectBytes = least(out.MaxObjectBytes, l.MaxObjectBytes)
	}
	return &out
}

// least of two limits of which 0 is none.
func least[T int | int64](a, b T) T {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// announceReads tells the others, through the shared source, what this request will read of it.
func announceReads(q Request, p *plan.Plan) {
	reader, ok := q.Source.Store.(*tee.Reader)
	if !ok {
		return
	}
	wants := map[string]bool{}
	for _, it := range p.Items {
		if (it.Way == plan.Full || it.LearnFirst) && it.Origin == nil {
			wants[it.Ref(q.Source.Prefix).Key] = true
		}
	}
	reader.Want(wants)
}
