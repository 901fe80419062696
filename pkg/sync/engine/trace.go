package engine

import (
	"context"

	"go.opentelemetry.io/otel/attribute"

	"github.com/datagravity/datagravity/pkg/store/trace"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// A run of a million shards would be a trace that nobody can open: the first tracedShards have spans, and of the others every tracedEvery-th.
const (
	tracedShards = 1000
	tracedEvery  = 100
)

// trace begins the span of a shard, of which all that it takes is a part.
func (r *run) trace(ctx context.Context, it plan.Item) (context.Context, trace.Span) {
	if n := r.traced.Add(1); n > tracedShards && n%tracedEvery != 0 {
		return trace.Without(ctx), trace.Span{}
	}
	return trace.Start(ctx, "shard", trace.Path.String(it.Path), trace.Way.String(string(it.Way)), trace.Bytes.Int64(it.Size))
}

func tracePart(ctx context.Context, sp span) (context.Context, trace.Span) {
	return trace.Start(ctx, "part", attribute.Int("datagravity.part", sp.number), attribute.Int64("datagravity.offset", sp.offset), trace.Bytes.Int64(sp.size))
}
