package daemon

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// requests to the daemon.
var requests = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "datagravity_kubernetes_daemon_requests_total",
	Help: "Requests to datagravity's daemon, by operation (add, list, ready, remove) and outcome (ok, refused, failed).",
}, []string{"operation", "outcome"})

func init() { metrics.Registry.MustRegister(requests) }

func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case Refused(err):
		return "refused"
	}
	return "failed"
}
