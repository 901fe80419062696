// Package wake has a controller look at objects again for a reason outside the cluster.
package wake

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Bell of one controller. What is rung before the controller starts is kept for it.
type Bell struct {
	mu    sync.Mutex
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
	early map[types.NamespacedName]bool
}

// Source for the controller.
func (b *Bell) Source() source.Source {
	return source.Func(func(_ context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.queue = q
		for n := range b.early {
			q.Add(reconcile.Request{NamespacedName: n})
		}
		b.early = nil
		return nil
	})
}

// Ring for objects. It does not wait: an object that is rung for several times is looked at once.
func (b *Bell) Ring(names []types.NamespacedName) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range names {
		if b.queue != nil {
			b.queue.Add(reconcile.Request{NamespacedName: n})
			continue
		}
		if b.early == nil {
			b.early = map[types.NamespacedName]bool{}
		}
		b.early[n] = true
	}
}
