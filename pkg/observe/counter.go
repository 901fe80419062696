package observe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/manifest"
)

const (
	// restAfter counting is how many times as long as it took nothing is counted again, so that it takes a twentieth of a core at most; mostRest bounds it,
	// whatever the clock did meanwhile.
	restAfter = 20
	mostRest  = 15 * time.Minute
	// patience is how long somebody who looks waits for a newer count than there is.
	patience = 50 * time.Millisecond
	// askEvery so many shards and replicas a count looks whether it is to end.
	askEvery = 1 << 12
)

// counter counts holdings, one count at a time, and remembers the last.
type counter struct {
	mu     sync.Mutex
	last   Holdings
	failed error // why the last count came to nothing
	// version of the manifest, and the places that were looked at.
	version uint64
	places  []Place
	ended   time.Time
	took    time.Duration
	// under is the count that is under way; nil: none.
	under  *count
	closed bool
}

// count is one that is under way.
type count struct {
	over   chan struct{} // closed when it is
	cancel context.CancelFunc
}

// Holdings are counted again after the manifest or the configuration changed, but not for as long as it would cost much, and nobody waits long for it
// who has an older count. The answer is as old as it says. Only the first count is waited for, or until ctx is done.
func (r *Reader) Holdings(ctx context.Context) (Holdings, error) { return r.holdings(ctx, true) }

// beingCounted is the answer to who does not wait for the first count.
const beingCounted = "they are being counted for the first time; look again in a moment"

func (r *Reader) holdings(ctx context.Context, wait bool) (Holdings, error) {
	h, under, err := r.counter.begin(r)
	if under == nil {
		return h, err
	}
	var enough <-chan time.Time
	if !wait || !h.At.IsZero() {
		t := time.NewTimer(patience)
		defer t.Stop()
		enough = t.C
	}
	select {
	case <-under.over:
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.last, r.failed
	case <-enough:
		if h.At.IsZero() {
			h.Why = beingCounted
		}
		return h, err
	case <-ctx.Done():
		return h, context.Cause(ctx)
	}
}

// begin returns what was counted last, and the count under way, which it begins if one is due.
func (c *counter) begin(r *Reader) (Holdings, *count, error) {
	version, places, now := r.Manifest.Version(), r.Places(), r.Manifest.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last.List == nil {
		c.last.List = []Holding{}
	}
	if c.under == nil && !c.closed && c.due(version, places, now) {
		ctx, cancel := context.WithCancel(context.Background())
		c.under = &count{over: make(chan struct{}), cancel: cancel}
		go c.run(ctx, r, c.under, version, places)
	}
	return c.last, c.under, c.failed
}

// due tells whether to count again.
func (c *counter) due(version uint64, places []Place, now time.Time) bool {
	if c.ended.IsZero() || !slices.Equal(places, c.places) {
		return true
	}
	if c.failed == nil && version == c.version && version != 0 {
		return false
	}
	return !rests(now.Sub(c.ended), c.took)
}

// rests tells whether something that took so long, and was done so long ago, is not to be done again yet.
func rests(since, took time.Duration) bool {
	return since >= 0 && since < min(restAfter*took, mostRest) // below 0: the clock was set back
}

// run counts.
func (c *counter) run(ctx context.Context, r *Reader, this *count, version uint64, places []Place) {
	defer this.cancel()
	began := r.Manifest.Now()
	list, err := r.count(ctx, places)
	now := r.Manifest.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = err
	switch {
	case errors.Is(err, errMany):
		c.failed, c.last = nil, Holdings{Why: err.Error(), List: []Holding{}}
	case err == nil:
		c.last = Holdings{At: began.UTC(), List: list}
	}
	c.version, c.places, c.ended, c.took = version, places, now, max(0, now.Sub(began))
	c.under = nil
	close(this.over)
}

// Close ends a count that is under way, and begins no other. The manifest must be open until it returns.
func (c *counter) Close() {
	c.mu.Lock()
	c.closed = true
	under := c.under
	if under != nil {
		under.cancel()
	}
	c.mu.Unlock()
	if under != nil {
		<-under.over
	}
}

// errMany: there are more than MostCounted.
var errMany = errors.New("there are too many shards to count them for a first look; --holdings counts them all")

// count what each place holds.
func (r *Reader) count(ctx context.Context, places []Place) (list []Holding, err error) {
	defer func() {
		// A damaged file panics where it is read. Nobody above this goroutine would notice but the whole process.
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: counting what is held: %v; stop the daemon and run datagravity manifest check", manifest.ErrCorrupt, v)
		}
	}()
	datasets, err := r.listDatasets()
	if err != nil {
		return nil, err
	}
	by := map[string]Dataset{}
	for _, d := range datasets {
		by[d.Name] = d
	}
	seen := 0
	goOn := func() error {
		if seen++; seen == r.MostCounted {
			return errMany
		}
		if seen%askEvery == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return nil
	}
	list = []Holding{}
	for _, p := range places {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		// A transaction for each: one that is long keeps the file from shrinking.
		err := r.Manifest.View(func(tx *manifest.Tx) error {
			h, err := holdingOf(tx, p, by[p.Dataset].Snapshot, goOn)
			if err == nil && (h.HeldShards > 0 || h.OtherShards > 0 || h.Unsound > 0 || h.Snapshot != nil) {
				list = append(list, h)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}
