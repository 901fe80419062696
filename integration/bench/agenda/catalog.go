package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/pace"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// catalog knows the dataset and the destination that the benchmark writes. Nothing can be opened: planning asks no store.
type catalog struct{ syncer *dgsync.Syncer }

var _ dispatch.Catalog = catalog{}

const (
	datasetName     = "data"
	destinationName = "site"
)

var errNoStore = errors.New("planning opened a store")

func (catalog) Known() spec.Known {
	return spec.Known{Datasets: []string{datasetName}, Destinations: []string{destinationName}}
}

func (c catalog) Describe(dataset, destination string, payer plan.Payer) (q dgsync.Request, err error) {
	if dataset != datasetName || destination != destinationName {
		return q, fmt.Errorf("%w: %s at %s", dispatch.ErrUnknown, dataset, destination)
	}
	q.Source = dgsync.Source{
		Dataset:  index.Dataset{Name: datasetName, Store: "lake", Prefix: datasetName + "/", Params: chunker.DefaultParams()},
		Location: c.syncer.Agent, For: payer,
	}
	q.Destination = dgsync.Destination{
		Destination: plan.Destination{
			Name: destinationName, Store: destinationName, Prefix: datasetName + "/", Location: store.Location{Provider: "aws", Region: "us-east-1"},
		},
		Open: func(context.Context) (store.Store, error) { return nil, errNoStore },
	}
	return q, nil
}

func (catalog) Open(context.Context, string, string, plan.Payer) (q dgsync.Request, err error) {
	return q, errNoStore
}

func (catalog) Roots(string) []string { return nil }

func (catalog) URL(destination, folder string) (string, string) {
	return "s3://" + destination + "/" + folder, ""
}

func (catalog) Bandwidth(cost.Link, time.Time) (pace.Rate, time.Time) {
	return pace.Unlimited, time.Time{}
}

func (c catalog) Syncer() *dgsync.Syncer { return c.syncer }

// Store is none: nothing is asked of a destination.
func (catalog) Store(context.Context, string) (store.Store, bool, error) { return nil, false, nil }

func (catalog) Watch(string) dgsync.Watch { return dgsync.Watch{} }

func (catalog) Source(context.Context, string) (dgsync.Source, error) {
	return dgsync.Source{}, errNoStore
}
