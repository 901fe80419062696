package storetest

import (
	"context"
	"fmt"

	"github.com/datagravity/datagravity/pkg/store"
)

var usageCases = []Case{
	{"usage-is-metered", usageMetered},
	{"cancelled", cancelled},
}

// usageMetered wants at least the payload on the meter: what a budget is charged may never be less than what moved. That
// holds for directories too: one at the far end of a paid link is a destination like any other.
func usageMetered(ctx context.Context, e *Env) error {
	b := e.data("metered", 50_000)
	n := int64(len(b))
	var put, part, read, list store.Usage
	o, err := e.Store.Put(store.WithUsage(ctx, &put), e.key("metered"), b, absent(b))
	if err != nil {
		return fmt.Errorf("put: %w", err)
	}
	u, err := e.create(ctx, e.key("metered-part"), n)
	if err != nil {
		return err
	}
	if _, err := e.Store.UploadPart(store.WithUsage(ctx, &part), u, partInput(1, 0, b)); err != nil {
		return fmt.Errorf("part: %w", err)
	}
	if err := e.Store.ReadRange(store.WithUsage(ctx, &read), o.Ref(), 0, make([]byte, n)); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if _, err := e.Store.List(store.WithUsage(ctx, &list), store.ListOptions{Prefix: e.Prefix}); err != nil {
		return fmt.Errorf("list: %w", err)
	}
	switch {
	case put.Requests.Load() < 1 || put.Sent.Load() < n:
		return fmt.Errorf("put of %d bytes: metered %d requests, %d bytes sent", n, put.Requests.Load(), put.Sent.Load())
	case part.Requests.Load() < 1 || part.Sent.Load() < n:
		return fmt.Errorf("part of %d bytes: metered %d requests, %d bytes sent", n, part.Requests.Load(), part.Sent.Load())
	case read.Requests.Load() < 1 || read.Received.Load() < n:
		return fmt.Errorf("read of %d bytes: metered %d requests, %d bytes received", n, read.Requests.Load(), read.Received.Load())
	case list.Requests.Load() < 1:
		return fmt.Errorf("list: metered no request")
	}
	return nil
}

// cancelled wants an ended context to end a call, with an error like every other, and to leave nothing.
func cancelled(ctx context.Context, e *Env) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	b := e.data("cancelled", 100)
	_, err := e.Store.Put(ended, e.key("cancelled"), b, absent(b))
	if err := refused("put under a cancelled context", err); err != nil {
		return err
	}
	_, err = e.Store.List(ended, store.ListOptions{Prefix: e.Prefix})
	if err := refused("list under a cancelled context", err); err != nil {
		return err
	}
	return e.gone(ctx, e.key("cancelled"))
}
