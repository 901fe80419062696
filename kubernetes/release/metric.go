package release

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// releases of objects.
var releases = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "datagravity_kubernetes_releases_total",
	Help: "Jobs, RayJobs and Pods that were released because their data is there, by kind.",
}, []string{"kind"})

func init() { metrics.Registry.MustRegister(releases) }
