package metrics

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/datagravity/datagravity/pkg/observe"
)

const (
	// scrapes at the same time: Prometheus and one who looks with curl.
	scrapes = 2
	// scrapeTimeout is for an answer that nobody waits for any more; Prometheus gives up after 10 s by default.
	scrapeTimeout = 10 * time.Second
)

// Options of New.
type Options struct {
	Reader *observe.Reader
	// Revision is the commit that the program was built from.
	Revision string
	// Healthy tells whether work progresses, or there is none; nil: nobody looks.
	Healthy func() (ok bool, why string)
	// Notices tells of notifications, by target; nil: there are none.
	Notices func() map[string]Notices
	Log     *slog.Logger
	// patience is how long a scrape waits for a reading; 0 means 3 s.
	patience time.Duration
}

// Notices are the notifications of one target since the process began, and those that are still to be delivered.
type Notices struct {
	Pending                    int
	Delivered, Failed, GivenUp int64
}

// Metrics of a process.
type Metrics struct {
	registry *prometheus.Registry
	read     *collector
	passes   *prometheus.CounterVec
	took     prometheus.Histogram
	log      *slog.Logger
}

// New makes the metrics of a process, in a registry of their own.
func New(o Options) *Metrics {
	if o.patience == 0 {
		o.patience = 3 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(), read: newCollector(o), log: o.Log,
		passes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: passesDefinition.Name, Help: passesDefinition.Help}, passesDefinition.Labels),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: passTook.Name, Help: passTook.Help,
			Buckets: []float64{.01, .03, .1, .3, 1, 3, 10, 30, 100, 300},
		}),
	}
	for _, outcome := range []string{passOK, passFailed} {
		m.passes.WithLabelValues(outcome)
	}
	m.registry.MustRegister(m.read, m.passes, m.took, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Outcomes of a pass.
const (
	passOK     = "ok"
	passFailed = "failed"
)

// Passed counts a pass of the daemon's loop.
func (m *Metrics) Passed(took time.Duration, err error) {
	outcome := passOK
	if err != nil {
		outcome = passFailed
	}
	m.passes.WithLabelValues(outcome).Inc()
	m.took.Observe(took.Seconds())
}

// Handler answers scrapes. What cannot be read is left out, and logged.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, ErrorLog: slogAdapter{m.log}, MaxRequestsInFlight: scrapes, Timeout: scrapeTimeout, EnableOpenMetrics: true,
	})
}

// Close waits for readings that a scrape began and did not wait for. Nobody may scrape any more.
func (m *Metrics) Close() { m.read.reading.Wait() }

// slogAdapter logs what promhttp says.
type slogAdapter struct{ log *slog.Logger }

// Println logs a failure.
func (a slogAdapter) Println(v ...any) {
	a.log.Warn("a scrape of the metrics failed in part", "what", v)
}
