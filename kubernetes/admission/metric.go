package admission

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// verdicts are the writes of entries.
var verdicts = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "datagravity_kubernetes_admission_writes_total",
	Help: "Status patches of Workloads' admission checks, by the state that was written.",
}, []string{"state"})

func init() { metrics.Registry.MustRegister(verdicts) }
