package main

import (
	"github.com/datagravity/datagravity/pkg/daemon/metrics"
	"github.com/datagravity/datagravity/pkg/observe"
)

// newMetrics makes what Prometheus is shown of this process.
func (a *app) newMetrics(r *observe.Reader) *metrics.Metrics {
	_, revision := buildVersion()
	return metrics.New(metrics.Options{Reader: r, Revision: revision, Notices: a.notices, Healthy: a.healthy, Log: a.log})
}

// healthy tells whether the work of a daemon goes on, or why it does not. Other commands end by themselves.
func (a *app) healthy() (ok bool, why string) {
	if s := a.service.Load(); s != nil {
		return s.Healthy()
	}
	return true, ""
}
