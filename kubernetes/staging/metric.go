package staging

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/datagravity/datagravity/pkg/dispatch"
)

var (
	up = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "datagravity_kubernetes_daemon_up",
		Help: "1 while datagravity's daemon answers the controller that leads.",
	})
	jobs = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "datagravity_kubernetes_jobs",
		Help: "Jobs that the cluster's objects want, by state: those of the daemon, refused, and unsent.",
	}, []string{"state"})
)

func init() { metrics.Registry.MustRegister(up, jobs) }

func count(counts map[dispatch.State]int) {
	for _, s := range []dispatch.State{
		dispatch.Ready, dispatch.OnTime, dispatch.Late, dispatch.Unresolved, dispatch.Held, dispatch.Blocked, "refused", "unsent",
	} {
		jobs.WithLabelValues(string(s)).Set(float64(counts[s]))
	}
}
