package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// Address of a daemon: of its API over TCP, or of its Unix socket.
type Address struct {
	// URL of the API, https://HOST:PORT; "": Socket.
	URL string
	// CA is a file with the certificates that vouch for it, in PEM; "": those of the system.
	CA string
	// Fingerprint of its certificate instead: SHA-256, in hex.
	Fingerprint string
	// TokenFile holds the token for the API. It is read again for every new connection, and when its content changes.
	TokenFile string
	// Socket is the path of the daemon's socket.
	Socket string
	// Version of who asks, for messages about versions that differ.
	Version string
}

func (a Address) String() string {
	if a.URL != "" {
		return a.URL
	}
	return a.Socket
}

// requestTimeout is for one request. A daemon with 100,000 jobs answers for a page of its list within a second.
const requestTimeout = 30 * time.Second

// Connection to a daemon. It is made with the first request, and again with the next one after a request failed or its files changed, so that neither
// the daemon's start nor a new token or certificate needs one of ours. It is safe for concurrent use.
type Connection struct {
	address Address

	mu     sync.Mutex
	client *daemon.Client
	token  []byte
	ca     []byte
}

// Check tells what is wrong with an address, before anybody is asked.
func (a Address) Check() error {
	switch {
	case (a.URL == "") == (a.Socket == ""):
		return errors.New("give the URL of the daemon's API, or the path of its socket")
	case a.Socket != "":
		return nil
	case a.TokenFile == "":
		return errors.New("the API over TCP wants a token: give a file that holds it; datagravity token create makes one with scope jobs")
	}
	return a.remote("").Check()
}

func (a Address) remote(token string) daemon.Remote {
	return daemon.Remote{URL: a.URL, Token: token, CA: a.CA, Fingerprint: a.Fingerprint}
}

// New connection; nothing is asked yet. Errors: of [Address.Check].
func New(a Address) (*Connection, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	return &Connection{address: a}, nil
}

// Where the daemon is, for people.
func (c *Connection) Where() string { return c.address.String() }

// at returns the client, a new one where needed.
func (c *Connection) at(ctx context.Context) (*daemon.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.address.Socket != "" {
		if c.client != nil {
			return c.client, nil
		}
		client, err := daemon.Dial(ctx, c.address.Socket, c.address.Version)
		if err == nil {
			c.client = client
		}
		return client, err
	}
	token, err := os.ReadFile(c.address.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("the token for %s: %w", c.address.URL, err)
	}
	var ca []byte
	if c.address.CA != "" {
		if ca, err = os.ReadFile(c.address.CA); err != nil {
			return nil, fmt.Errorf("the certificates that vouch for %s: %w", c.address.URL, err)
		}
	}
	if c.client != nil && bytes.Equal(token, c.token) && bytes.Equal(ca, c.ca) {
		return c.client, nil
	}
	c.client, c.token, c.ca = nil, token, ca
	client, err := daemon.DialTCP(ctx, c.address.remote(string(bytes.TrimSpace(token))), c.address.Version)
	if err == nil {
		c.client = client
	}
	return client, err
}

// ask makes one request. A connection whose request was not answered is not used again.
func ask[T any](ctx context.Context, c *Connection, op string, do func(context.Context, *daemon.Client) (T, error)) (out T, err error) {
	defer func() { requests.WithLabelValues(op, outcome(err)).Inc() }()
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	client, err := c.at(ctx)
	if err != nil {
		return out, err
	}
	if out, err = do(ctx, client); err != nil && !Refused(err) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.client == client {
			c.client = nil
		}
	}
	return out, err
}

// AddEach is of [API].
func (c *Connection) AddEach(ctx context.Context, origin string, specs []spec.Job) (daemon.AddResponse, error) {
	return ask(ctx, c, "add", func(ctx context.Context, d *daemon.Client) (daemon.AddResponse, error) {
		return d.AddEach(ctx, origin, specs)
	})
}

// Remove is of [API].
func (c *Connection) Remove(ctx context.Context, ids []string) error {
	_, err := ask(ctx, c, "remove", func(ctx context.Context, d *daemon.Client) (struct{}, error) { return struct{}{}, d.Remove(ctx, ids) })
	return err
}

// ListOf is of [API].
func (c *Connection) ListOf(ctx context.Context, origin string) ([]dispatch.Status, error) {
	return ask(ctx, c, "list", func(ctx context.Context, d *daemon.Client) ([]dispatch.Status, error) { return d.ListOf(ctx, origin) })
}

// Ready is of [API].
func (c *Connection) Ready(ctx context.Context, id string, maxAge time.Duration) (dispatch.Readiness, error) {
	return ask(ctx, c, "ready", func(ctx context.Context, d *daemon.Client) (dispatch.Readiness, error) {
		return d.Ready(ctx, id, maxAge)
	})
}
