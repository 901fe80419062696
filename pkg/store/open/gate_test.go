package open_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/store/open"
	"github.com/datagravity/datagravity/pkg/store/retry"
	"github.com/datagravity/datagravity/pkg/store/storetest"
)

func TestLimitsOfRequests(t *testing.T) {
	file := "file://" + t.TempDir()
	for _, c := range []struct {
		url                 string
		requests, now, most int
	}{
		{file, 0, 8, 16}, {file, 4, 4, 4}, {file, 100, 8, 100}, {"mem://limits", 0, 64, 64}, {"mem://limits", 2, 2, 2},
	} {
		s, err := open.Open(t.Context(), c.url, open.Options{Requests: c.requests})
		if err != nil {
			t.Fatal(err)
		}
		if have, ok := open.Requests(s); !ok || have.Limit != c.now || have.Max != c.most {
			t.Errorf("%s with %d: %+v", c.url, c.requests, have)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, ok := open.Requests(mem.New(mem.Options{})); ok {
		t.Error("a store that was not opened has a gate")
	}
	if _, ok := open.Requests(retry.Wrap(mem.New(mem.Options{}), retry.Policy{})); ok {
		t.Error("a store without a gate has one")
	}
}

// One slot is enough for every operation of a store that is opened.
func TestConformanceWithOneRequest(t *testing.T) {
	s, err := open.Open(t.Context(), "file://"+t.TempDir(), open.Options{Requests: 1})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s, storetest.Options{Quirks: []storetest.Quirk{storetest.ContentTypeLost, storetest.ContentEncodingLost}})
	if c, _ := open.Requests(s); c.InFlight != 0 || c.Waiting != 0 || c.Admitted == 0 {
		t.Errorf("%+v", c)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// What a service throttles holds for all requests to the store, while those that wait to be tried again hold no slot.
func TestThrottlingReachesTheGate(t *testing.T) {
	var inFlight, most, calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if !strings.Contains(r.URL.Path, "/o/") {
			_, _ = w.Write([]byte(`{"kind":"storage#bucket","name":"training","location":"US-CENTRAL1","storageClass":"STANDARD"}`))
			return
		}
		n := inFlight.Add(1)
		defer inFlight.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if calls.Add(1) == 1 {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		time.Sleep(20 * time.Millisecond)
		_, _ = w.Write([]byte(`{"kind":"storage#object","bucket":"training","name":"k","size":"1","generation":"1"}`))
	}))
	defer server.Close()
	s, err := open.Open(t.Context(), "gs://training?endpoint="+server.URL,
		open.Options{AllowLoopback: true, Requests: 4, Retry: retry.Policy{FirstWait: 50 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	most.Store(0)
	var all sync.WaitGroup
	for range 24 {
		all.Go(func() {
			if _, err := s.Head(t.Context(), "k"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	c, _ := open.Requests(s)
	if c.Throttled != 1 || c.Decreases != 1 || c.Limit != 2 || c.InFlight != 0 || most.Load() > 4 {
		t.Errorf("%+v, %d at the same time", c, most.Load())
	}
}
