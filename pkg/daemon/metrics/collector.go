package metrics

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
)

const (
	// mostPairs of datasets and destinations, links, budgets, datasets and stores are shown, of each.
	mostPairs = 500
	// mostLabel is the longest value of a label, in bytes: names of the configuration have 63 at most, ids of jobs may have more.
	mostLabel = 128
)

// collector reads how things stand, for each scrape.
type collector struct {
	o        Options
	readings []*reading
	reading  sync.WaitGroup
}

func newCollector(o Options) *collector {
	c := &collector{o: o}
	add := func(name string, f func(context.Context) (any, error)) {
		c.readings = append(c.readings, &reading{name: name, read: f})
	}
	r := o.Reader
	add("jobs", c.readJobs)
	add("budgets", func(context.Context) (any, error) { return r.Budgets() })
	add("spending", func(context.Context) (any, error) { return r.SpendByLink() })
	add("datasets", func(ctx context.Context) (any, error) { return r.ListDatasets(ctx) })
	add("holdings", func(ctx context.Context) (any, error) { h, err := r.Holdings(ctx); return h.List, err })
	add("successes", func(ctx context.Context) (any, error) { return r.Successes(ctx) })
	add("manifest", func(context.Context) (any, error) { return r.Manifest.FileStats() })
	add("pauses", func(context.Context) (any, error) { return cost.Pauses(r.Agent.State) })
	return c
}

// Describe tells of all that Collect may send.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, m := range defined {
		to <- m.desc
	}
}

// Collect reads, and sends what it has.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	s := &scrape{to: to, now: c.o.Reader.Manifest.Now}
	var begun []<-chan struct{}
	for _, r := range c.readings {
		begun = append(begun, r.begin(&c.reading, s.now))
	}
	s.live(c.o)
	patience := time.NewTimer(c.o.patience)
	defer patience.Stop()
	late := false
	for i, r := range c.readings {
		select {
		case <-begun[i]:
		default:
			if !late {
				select {
				case <-begun[i]:
				case <-patience.C:
					late = true
				}
			}
		}
		v, at, failures, err := r.taken()
		if err != nil {
			c.o.Log.Warn("how things stand could not be read for the metrics", "reading", r.name, "error", err)
		}
		s.send(readingFailed, float64(failures), r.name)
		if at.IsZero() {
			continue // never read yet
		}
		s.send(readingAge, max(0, s.now().Sub(at).Seconds()), r.name)
		s.show(v)
	}
}

// scrape is one answer.
type scrape struct {
	to  chan<- prometheus.Metric
	now func() time.Time
}

func (s *scrape) send(m *metric, v float64, labels ...string) {
	for i, l := range labels {
		labels[i] = label(l)
	}
	s.to <- prometheus.MustNewConstMetric(m.desc, m.kind, v, labels...)
}

// label is a text that can be one.
func label(text string) string {
	if len(text) > mostLabel {
		text = text[:mostLabel]
	}
	return strings.ToValidUTF8(text, "?")
}

func (s *scrape) sendTime(m *metric, t *time.Time, labels ...string) {
	if t != nil {
		s.send(m, float64(t.UnixMilli())/1000, labels...)
	}
}

func (s *scrape) sendUSD(m *metric, usd *cost.NanoUSD, labels ...string) {
	if usd != nil {
		s.send(m, dollars(*usd), labels...)
	}
}

func (s *scrape) sendBytes(m *metric, n *int64, labels ...string) {
	if n != nil {
		s.send(m, float64(*n), labels...)
	}
}

func dollars(n cost.NanoUSD) float64 { return float64(n) / float64(cost.USD) }

// bounded is what is shown of a list, the rest is counted.
func bounded[T any](s *scrape, of string, list []T) []T {
	shown := list[:min(len(list), mostPairs)]
	s.send(leftOut, float64(len(list)-len(shown)), of)
	return shown
}

// live sends what is in memory.
func (s *scrape) live(o Options) {
	r := o.Reader
	s.send(buildInfo, 1, r.Agent.Version, o.Revision, runtime.Version())
	if o.Healthy != nil {
		ok, _ := o.Healthy()
		s.send(healthy, truth(ok))
	}
	s.send(transfers, float64(r.Recorder.TransfersUnderWay()))
	at := r.Recorder.Progress()
	s.sendTime(progress, &at)
	for _, w := range bounded(s, "ways", r.Recorder.Ways()) {
		s.send(movedBytes, float64(w.MovedBytes), w.Source, w.Destination, w.Way)
		s.send(resumedBytes, float64(w.ResumedBytes), w.Source, w.Destination, w.Way)
		s.send(shards, float64(w.Done), w.Source, w.Destination, w.Way, "done")
		s.send(shards, float64(w.Failed), w.Source, w.Destination, w.Way, "failed")
	}
	wire := r.Wire()
	s.send(sentBytes, float64(wire.Sent))
	s.send(receivedBytes, float64(wire.Received))
	s.send(netRequests, float64(wire.Requests))
	s.send(connections, float64(wire.Connections))
	for _, g := range bounded(s, "stores", r.ListGates()) {
		s.send(storeRequests, float64(g.Requests), g.Store)
		s.send(storeThrottled, float64(g.Throttled), g.Store)
		s.send(storeInFlight, float64(g.InFlight), g.Store)
		s.send(storeWaiting, float64(g.Waiting), g.Store)
		s.send(storeLimit, float64(g.Limit), g.Store)
		s.send(storeMax, float64(g.Max), g.Store)
		s.send(storePaused, truth(g.PausedUntil != nil && g.PausedUntil.After(s.now())), g.Store)
	}
	for kind, n := range r.Problems.Counts() {
		s.send(problems, float64(n), kind)
	}
	if o.Notices != nil {
		for target, n := range o.Notices() {
			s.send(noticesLeft, float64(n.Pending), target)
			s.send(noticesDone, float64(n.Delivered), target, "delivered")
			s.send(noticesDone, float64(n.Failed), target, "failed")
			s.send(noticesDone, float64(n.GivenUp), target, "given_up")
		}
	}
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// show sends what a reading found.
func (s *scrape) show(v any) {
	switch v := v.(type) {
	case jobSummary:
		s.jobs(v)
	case []observe.Budget:
		s.budgets(v)
	case []observe.SpendRow:
		s.spending(v)
	case []observe.Dataset:
		s.datasets(v)
	case []observe.Holding:
		s.holdings(v)
	case []observe.Success:
		for _, one := range bounded(s, "successes", v) {
			s.sendTime(lastSuccess, &one.At, one.Activity, one.Dataset, one.Destination)
		}
	case manifest.FileStats:
		s.send(manifestBytes, float64(v.Bytes))
		s.send(manifestFree, float64(v.FreeBytes))
	case []cost.Pause:
		s.send(pauses, float64(len(v)))
	}
}

func (s *scrape) budgets(list []observe.Budget) {
	for _, b := range bounded(s, "budgets", list) {
		s.send(budgetSpent, dollars(b.SpentUSD), b.Name)
		s.send(budgetReserved, dollars(b.ReservedUSD), b.Name)
		s.send(budgetExtra, dollars(b.ExtraUSD), b.Name)
		s.sendUSD(budgetLimit, b.LimitUSD, b.Name)
		s.sendUSD(budgetLeft, b.LeftUSD, b.Name)
		s.send(budgetSpentB, float64(b.SpentBytes), b.Name)
		s.send(budgetReservedB, float64(b.ReservedBytes), b.Name)
		s.send(budgetExtraB, float64(b.ExtraBytes), b.Name)
		s.sendBytes(budgetLimitB, b.LimitBytes, b.Name)
		s.sendBytes(budgetLeftB, b.LeftBytes, b.Name)
		s.send(budgetDoubt, truth(b.Doubt != ""), b.Name)
		s.sendTime(budgetEnd, b.WindowUntil, b.Name)
	}
}

func (s *scrape) spending(list []observe.SpendRow) {
	for _, row := range bounded(s, "links", list) {
		from, to, link := strings.Cut(row.Key, " -> ")
		if !link {
			continue
		}
		s.send(spentUSD, dollars(row.USD), from, to)
		s.send(spentBytes, float64(row.Bytes), from, to)
		s.send(spentRequests, float64(row.Requests), from, to)
	}
}

func (s *scrape) datasets(list []observe.Dataset) {
	for _, d := range bounded(s, "datasets", list) {
		s.sendTime(datasetListed, d.Listed, d.Name)
		s.sendTime(datasetSnapshot, d.Taken, d.Name)
		if d.Snapshot != nil {
			s.send(datasetShards, float64(d.Shards), d.Name)
			s.send(datasetBytes, float64(d.Bytes), d.Name)
		}
	}
}

func (s *scrape) holdings(list []observe.Holding) {
	for _, h := range bounded(s, "holdings", list) {
		s.send(heldShards, float64(h.HeldShards), h.Dataset, h.Destination)
		s.send(heldBytes, float64(h.HeldBytes), h.Dataset, h.Destination)
		s.send(missingShards, float64(h.MissingShards), h.Dataset, h.Destination)
		s.send(missingBytes, float64(h.MissingBytes), h.Dataset, h.Destination)
		s.send(unsoundShards, float64(h.Unsound), h.Dataset, h.Destination)
		s.sendTime(verified, h.Verified, h.Dataset, h.Destination)
	}
}
