package main

import (
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/datagravity/datagravity/internal/netem"
)

// counter is a proxy that counts the requests to one server.
type counter struct {
	*netem.HTTPProxy

	// requests are all, listings those that list keys of the dataset.
	requests, listings atomic.Int64
}

// startCounter opens a counter in front of upstream, a host:port.
func startCounter(upstream string) (c *counter, err error) {
	c = &counter{}
	c.HTTPProxy, err = netem.StartHTTP(upstream, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c.requests.Add(1)
			if isListing(r) {
				c.listings.Add(1)
			}
			next.ServeHTTP(w, r)
		})
	})
	return c, err
}

// isListing tells a page of a listing of the dataset's keys, at Azure and at S3 in both its versions. Nothing else that is
// asked with GET has such a prefix but a listing of unfinished uploads. Opening a container asks for one blob without a
// prefix, to see whether it may.
func isListing(r *http.Request) bool {
	q := r.URL.Query()
	return r.Method == http.MethodGet && strings.HasPrefix(q.Get("prefix"), datasetName) && !q.Has("uploads")
}
