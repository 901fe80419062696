package pace_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/pace"
	"github.com/datagravity/datagravity/pkg/store/retry"
)

// server is a service under test. Its requests take virtual time.
type server struct {
	store.Store
	mu       sync.Mutex
	inFlight int
	most     int
	requests int64
	second   time.Time // of the requests that are counted in thisSecond
	inSecond int

	roundTrip time.Duration
	// refuse tells whether a request is throttled, given those in flight (itself included) and those of this second.
	refuse     func(inFlight, inSecond int) bool
	retryAfter time.Duration
	// streams that get the full speed; more of them share it. 0: no limit.
	streams int
}

func (*server) URL() string { return "test://server" }

func (s *server) begin() (inFlight, inSecond int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now().Truncate(time.Second); now != s.second {
		s.second, s.inSecond = now, 0
	}
	s.inFlight++
	s.inSecond++
	s.requests++
	s.most = max(s.most, s.inFlight)
	return s.inFlight, s.inSecond
}

func (s *server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
}

func (s *server) request(ctx context.Context) error {
	inFlight, inSecond := s.begin()
	defer s.end()
	if s.refuse != nil && s.refuse(inFlight, inSecond) {
		time.Sleep(s.roundTrip / 10)
		return &store.Error{Op: "part", Store: s.URL(), Kind: store.ErrThrottled, RetryAfter: s.retryAfter}
	}
	took := s.roundTrip
	if s.streams > 0 && inFlight > s.streams {
		took = took * time.Duration(inFlight) / time.Duration(s.streams)
	}
	select {
	case <-time.After(took):
		return nil
	case <-ctx.Done():
		return &store.Error{Op: "part", Store: s.URL(), Kind: store.ErrTransient, Err: context.Cause(ctx)}
	}
}

func (s *server) UploadPart(ctx context.Context, _ store.Upload, p store.PartInput) (store.Part, error) {
	return store.Part{Number: p.Number}, s.request(ctx)
}

func (s *server) Head(ctx context.Context, key string) (store.Object, error) {
	return store.Object{Key: key}, s.request(ctx)
}

// load keeps workers busy with parts until the context ends, and returns how many arrived.
func load(t *testing.T, ctx context.Context, s store.Store, workers int) (parts *atomic.Int64, wait func()) {
	t.Helper()
	parts = new(atomic.Int64)
	data := make([]byte, 4096)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for ctx.Err() == nil {
				_, err := s.UploadPart(ctx, store.Upload{}, store.PartInput{Data: data})
				if err == nil {
					parts.Add(1)
				} else if ctx.Err() == nil {
					t.Errorf("a part failed: %v", err)
					return
				}
			}
		})
	}
	return parts, all.Wait
}

func behind(s *server, o pace.Options) (store.Store, *pace.Gate) {
	g := pace.NewGate(o)
	return retry.Wrap(pace.Wrap(s, g), retry.Policy{}), g
}

// average of the limit over a time, looked at 10 times a second, and the highest.
func average(g *pace.Gate, d time.Duration) (mean float64, highest int) {
	n := 0
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		l := g.Counters().Limit
		mean += float64(l)
		highest = max(highest, l)
		n++
	}
	return mean / float64(n), highest
}
