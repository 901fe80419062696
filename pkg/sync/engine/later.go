package engine

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// A shard that is put together from objects of the destination may need one that another shard of the same run replaces: when a dataset's samples are
// dealt out anew, all of them need all of the old ones. So a shard whose key others read from is moved like any other, and only its last step, which
// makes it visible under its key, waits until everything else of the wave has been read. Its parts are at the destination and recorded by then, so that
// a process which ends in between repeats none of them.

// errLater: the shard's last step is to come.
var errLater = errors.New("its last step is to come")

// laterStep is the last step of an item.
type laterStep struct {
	it    plan.Item
	moved int64
	do    func(ctx context.Context) error
}

// readByOthers are the keys of objects that items other than those under the key itself read from.
func readByOthers(items []plan.Item) map[string]bool {
	keys := map[string]bool{}
	for _, it := range items {
		if it.Pulled != nil {
			for _, r := range it.Pulled.From {
				keys[r.Key] = keys[r.Key] || r.Key != it.Key
			}
		}
		if it.Assembly != nil {
			for _, r := range it.Assembly.From {
				keys[r.Key] = keys[r.Key] || r.Key != it.Key
			}
		}
	}
	return keys
}

// leaveForLater keeps an item's last step.
func (r *run) leaveForLater(step laterStep) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.later = append(r.later, step)
	return errLater
}

// lastSteps are done when nobody reads any more what they replace.
func (r *run) lastSteps(ctx context.Context) error {
	steps := r.later
	r.later, r.needed = nil, nil
	g, inSteps := errgroup.WithContext(ctx)
	g.SetLimit(r.o.Shards)
	for _, step := range steps {
		g.Go(func() error {
			if inSteps.Err() != nil {
				return context.Cause(inSteps)
			}
			return r.done(inSteps, step.it, step.moved, step.do(inSteps))
		})
	}
	return g.Wait()
}
