package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
)

// syncWait is how long a probe waits for the caches.
const syncWait = 500 * time.Millisecond

// synced is ready when the caches are; one that does not lead has none yet, and is ready to lead. That the daemon is silent makes no replica less ready.
func synced(m ctrl.Manager) healthz.Checker {
	return func(r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), syncWait)
		defer cancel()
		if !m.GetCache().WaitForCacheSync(ctx) {
			return errors.New("the caches are not complete yet")
		}
		return nil
	}
}
