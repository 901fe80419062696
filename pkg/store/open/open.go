package open

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/azure"
	"github.com/datagravity/datagravity/pkg/store/file"
	"github.com/datagravity/datagravity/pkg/store/gcs"
	"github.com/datagravity/datagravity/pkg/store/meter"
	"github.com/datagravity/datagravity/pkg/store/pace"
	"github.com/datagravity/datagravity/pkg/store/retry"
	"github.com/datagravity/datagravity/pkg/store/s3"
	"github.com/datagravity/datagravity/pkg/store/trace"
)

// Options of [Open]. The zero value is right for the public clouds.
type Options struct {
	// HTTPClient carries every request; a process opens its stores with one client of meter.NewClient, so that they share
	// connections. nil: a metered client for this store alone, closed with it.
	HTTPClient *http.Client
	// AllowLoopback lets an endpoint be on this machine: an emulator, a tunnel, a server of one's own. HTTPClient decides
	// for itself what host names may resolve to.
	AllowLoopback bool
	// Retry bounds the attempts of every operation, opening included.
	Retry retry.Policy
	// Requests is the most that are in flight at the same time; below it the number adapts to what the store bears. 0: 64,
	// for a directory 16.
	Requests int
	// Traced has each call be a span, under contexts that are traced.
	Traced bool
	// Used: objects are known to be there, see [file.Options].
	Used bool
}

// Open opens the store that rawURL names. Errors are *store.Error: store.ErrPermanent for a URL that [CheckURL] refuses, and
// whatever the backend finds when it looks at the bucket. [Requests] tells how it is paced.
func Open(ctx context.Context, rawURL string, o Options) (store.Store, error) {
	refuse := func(err error) (store.Store, error) {
		return nil, &store.Error{Op: "open", Store: Redact(rawURL), Kind: store.ErrPermanent, NotSent: true, Err: err}
	}
	u, err := parse(rawURL)
	if err != nil {
		return refuse(err)
	}
	if !o.AllowLoopback {
		if err := checkLoopback(u); err != nil {
			return refuse(err)
		}
	}
	client, own := o.HTTPClient, false
	if client == nil {
		client, own = meter.NewClient(meter.Options{DenyLoopback: !o.AllowLoopback}), true
	}
	through, clock := listen(client, time.Now)
	var s store.Store
	err = retry.Do(ctx, o.Retry, func() (err error) {
		s, err = backend(ctx, u, through, o.Used)
		return err
	})
	if err != nil {
		if own {
			client.CloseIdleConnections()
		}
		var e *store.Error
		if !errors.As(err, &e) {
			return refuse(err)
		}
		return nil, err
	}
	if own {
		s = owner{s, client}
	}
	s = timed{s, clock}
	// A request that waits to be tried again holds no slot of the gate.
	s = retry.Wrap(pace.Wrap(s, gateFor(u.Scheme, o.Requests)), o.Retry)
	if o.Traced {
		s = trace.Wrap(s)
	}
	return s, nil
}

// backend opens the store itself. A nil of a concrete type must not leave it as a non-nil interface.
func backend(ctx context.Context, u *url.URL, client *http.Client, used bool) (store.Store, error) {
	switch u.Scheme {
	case "azblob":
		return concrete(azure.Open(ctx, u, azure.Options{HTTPClient: client}))
	case "s3":
		return concrete(s3.Open(ctx, u, s3.Options{HTTPClient: client}))
	case "gs":
		return concrete(gcs.Open(ctx, u, gcs.Options{HTTPClient: client}))
	case "file":
		return concrete(file.Open(u.Path, file.Options{Create: createsDir(u), Used: used}))
	default:
		return shared(u)
	}
}

func concrete[S store.Store](s S, err error) (store.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// owner closes the client that was made for one store.
type owner struct {
	store.Store
	client *http.Client
}

func (o owner) Close() error {
	err := o.Store.Close()
	o.client.CloseIdleConnections()
	return err
}
