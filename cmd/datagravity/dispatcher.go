package main

import (
	"context"
	"time"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/slurm"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// newDispatcher makes a dispatcher on the manifest that the app holds.
func newDispatcher(a *app) *dispatch.Dispatcher {
	o := dispatch.Options{
		MaxAge: time.Duration(a.cfg.Jobs.MaxAge), Keep: time.Duration(a.cfg.Jobs.Keep), Moving: moving, BitsPerSecond: usualBitsPerSecond, Log: a.log,
	}
	if dir := a.cfg.Jobs.Folder; dir != "" {
		o.Declarers = append(o.Declarers, &dispatch.SpecFolder{Folder: spec.Folder{Dir: dir}, Poll: time.Duration(a.cfg.Jobs.Poll)})
	}
	if q := slurmQueue(a.cfg.Jobs.Slurm); q != nil {
		o.Declarers, o.Releasers = append(o.Declarers, q), append(o.Releasers, q)
	}
	if a.teller != nil {
		o.Releasers = append(o.Releasers, a.teller)
	}
	return dispatch.New(a.sync, catalog{a}, o)
}

// slurmQueue is the queue that the configuration names; nil: none.
func slurmQueue(c config.Slurm) *dispatch.SlurmQueue {
	if !c.Enabled {
		return nil
	}
	return &dispatch.SlurmQueue{
		Poller: slurm.Poller{Client: &slurm.Client{Squeue: c.Squeue, Scontrol: c.Scontrol}, Cluster: c.Cluster}, Poll: time.Duration(c.Poll),
		Partitions: c.Partitions, Lift: c.Release, Comment: c.Comment,
	}
}

// keeper keeps the jobs of a manifest that is open here, as the daemon's loop calls it.
type keeper struct {
	*dispatch.Dispatcher
	now func() time.Time
	// passed is told how long each pass took; nil: nobody is.
	passed func(took time.Duration, err error)
}

// Pass makes a pass, and tells when the next one is due.
func (k *keeper) Pass(ctx context.Context) (time.Time, error) {
	began := k.now()
	out, err := k.Dispatcher.Pass(ctx)
	if k.passed != nil {
		k.passed(k.now().Sub(began), err)
	}
	return out.Next, err
}
