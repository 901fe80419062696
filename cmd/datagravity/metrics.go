package main

import (
	"github.com/datagravity/datagravity/pkg/daemon/metrics"
	"github.com/datagravity/datagravity/pkg/observe"
)

// newMetrics makes what Prometheus is shown of this process.
func (a *app) newMetrics(r *observe.Reader) *metrics.Metrics {
	_, revision := buildVersion()
	return metrics.New(metrics.Options{Reader: r, Revision: revision, Log: a.log})
}
