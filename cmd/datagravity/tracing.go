package main

import (
	"context"
	"os"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/store/trace/export"
)

// trace has what this process does told to a collector, if the configuration or the environment names one.
func (a *app) trace() error {
	t := a.cfg.Tracing
	if a.traces == nil || !export.Wanted(t.Endpoint, os.Getenv) {
		return nil
	}
	headers, err := config.ReadAll(t.Headers)
	if err != nil {
		return &config.Error{Path: a.cfg.Path, Field: "tracing.headers", Message: err.Error()}
	}
	v, _ := buildVersion()
	o := export.Options{
		Endpoint: t.Endpoint, Headers: headers, Sample: -1, Name: a.cfg.Agent.NameOr(os.Hostname), Location: a.cfg.Agent.Location.String(), Version: v, Log: a.log,
	}
	if t.Sample != nil {
		o.Sample = float64(*t.Sample) / 100
	}
	if a.exporter, err = export.New(context.Background(), o); err != nil {
		return err
	}
	a.traces.Set(a.exporter.Tracer())
	return nil
}

// endTraces sends what is left of them. That nobody took them is no failure of what was done.
func (a *app) endTraces() {
	if a.exporter == nil {
		return
	}
	a.traces.Set(nil)
	if err := a.exporter.Close(); err != nil {
		a.log.Warn("tracing", "error", err)
	}
}
