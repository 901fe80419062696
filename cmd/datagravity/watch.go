package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/open"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/changefeed"
)

// watch is how a configured dataset's source is watched.
func (a *app) watch(d config.Dataset) (w dgsync.Watch) {
	c := d.Watch
	if c == nil {
		return w
	}
	w = dgsync.Watch{Every: time.Duration(c.Every), Marker: c.Marker, FullEvery: time.Duration(c.FullEvery), Index: c.Index}
	if c.ChangeFeed {
		w.Feed = func(ctx context.Context) (store.Store, error) { return a.feed(ctx, d.Store) }
		if u, err := url.Parse(a.cfg.Stores[d.Store].URL); err == nil {
			w.Container = u.Host
		}
	}
	return w
}

// feed opens the change feed of a store's account.
func (a *app) feed(ctx context.Context, name string) (store.Store, error) {
	at, err := feedURL(a.cfg.Stores[name].URL)
	if err != nil {
		return nil, fmt.Errorf("the change feed of store %s: %w", name, err)
	}
	s, err := a.opened(ctx, name+"/"+changefeed.Container, at, open.Options{
		HTTPClient: a.client, AllowLoopback: a.cfg.Agent.AllowInsecure, Requests: a.cfg.Stores[name].Requests,
	})
	if err != nil {
		return nil, fmt.Errorf("open the change feed of store %s: %w; it must be enabled in the account, and the credentials must be allowed to read %s "+
			"(datagravity doctor %s --policy)", name, err, changefeed.Container, name)
	}
	return s, nil
}

// readsFeed tells whether the change feed of a store's account is read.
func (a *app) readsFeed(name string) bool {
	for _, n := range a.datasetsIn(name) {
		if w := a.cfg.Datasets[n].Watch; w != nil && w.ChangeFeed {
			return true
		}
	}
	return false
}

// feedURL is that of the container beside another one that has the account's change feed.
func feedURL(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", err
	}
	u.Host = changefeed.Container
	return u.String(), nil
}

// Watch is how a dataset is watched.
func (c catalog) Watch(dataset string) dgsync.Watch { return c.watch(c.cfg.Datasets[dataset]) }

// Source is a dataset with its source open.
func (c catalog) Source(ctx context.Context, dataset string) (dgsync.Source, error) {
	return c.source(ctx, dataset, chargeFlags{})
}
