package daemon

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
	"github.com/datagravity/datagravity/pkg/operate"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
)

// tell sends a document and reads the answer.
func tell[T any](ctx context.Context, c *Client, method, path string, in any) (out T, err error) {
	err = c.ask(ctx, method, path, in, &out)
	return out, err
}

// with is a path with a query, in which what is empty is left out.
func with(path string, query url.Values) string {
	for name, values := range query {
		if len(values) == 0 || len(values) == 1 && values[0] == "" {
			delete(query, name)
		}
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// Needs are the open ones.
func (c *Client) Needs(ctx context.Context) ([]operate.Need, error) {
	return all[operate.Need](ctx, c, "/v1/needs", nil)
}

// AskNeeds records what is wanted, and moves nothing.
func (c *Client) AskNeeds(ctx context.Context, q operate.NeedRequest) ([]operate.Need, error) {
	return tell[[]operate.Need](ctx, c, http.MethodPost, "/v1/needs", q)
}

// DropNeeds takes needs back, and returns those that are still open. Error: [dgsync.ErrNoNeed].
func (c *Client) DropNeeds(ctx context.Context, q operate.NeedName) ([]operate.Need, error) {
	return tell[[]operate.Need](ctx, c, http.MethodDelete, with("/v1/needs", url.Values{"dataset": {q.Dataset}, "to": q.Destinations, "shards": q.Shards}), nil)
}

// Pins are all, expired ones too.
func (c *Client) Pins(ctx context.Context) ([]operate.Pin, error) {
	return all[operate.Pin](ctx, c, "/v1/pins", nil)
}

// Pin makes a pin, or renews or moves it.
func (c *Client) Pin(ctx context.Context, q operate.PinRequest) (operate.Pin, error) {
	return tell[operate.Pin](ctx, c, http.MethodPost, "/v1/pins", q)
}

// Unpin takes pins back, and returns them.
func (c *Client) Unpin(ctx context.Context, q operate.PinName) ([]operate.Pin, error) {
	return tell[[]operate.Pin](ctx, c, http.MethodDelete,
		with("/v1/pins", url.Values{"owner": {q.Owner}, "destination": {q.Destination}, "dataset": {q.Dataset}}), nil)
}

// Decisions are all approvals and resets.
func (c *Client) Decisions(ctx context.Context) (out operate.Decisions, err error) {
	if out.Approvals, err = all[observe.Approval](ctx, c, "/v1/approvals", nil); err != nil {
		return out, err
	}
	out.Resets, err = all[manifest.Reset](ctx, c, "/v1/resets", nil)
	return out, err
}

// Approve lets more be spent.
func (c *Client) Approve(ctx context.Context, q operate.ApproveRequest) (observe.Approval, error) {
	return tell[observe.Approval](ctx, c, http.MethodPost, "/v1/approvals", q)
}

// Revoke takes an approval back.
func (c *Client) Revoke(ctx context.Context, id, by string) (out observe.Approval, err error) {
	if id == "" || id == "/" { // see named
		return out, fmt.Errorf("%w: no approval is called %q", operate.ErrMistake, id)
	}
	return tell[observe.Approval](ctx, c, http.MethodDelete, with("/v1/approvals/"+segment(id), url.Values{"by": {by}}), nil)
}

// Reset goes on with what is known to be spent.
func (c *Client) Reset(ctx context.Context, q operate.ResetRequest) (operate.ResetAnswer, error) {
	return tell[operate.ResetAnswer](ctx, c, http.MethodPost, "/v1/resets", q)
}

// Grants are what agents elsewhere may read on this one's budgets, and this one on another's.
func (c *Client) Grants(ctx context.Context) ([]operate.Grant, error) {
	return all[operate.Grant](ctx, c, "/v1/grants", nil)
}

// Pauses are the links that are paused.
func (c *Client) Pauses(ctx context.Context) ([]cost.Pause, error) {
	return get[[]cost.Pause](ctx, c, "/v1/pauses")
}

// SetPause pauses a link, or lets it go on, and returns what is paused then.
func (c *Client) SetPause(ctx context.Context, link string, paused bool) ([]cost.Pause, error) {
	if paused {
		return tell[[]cost.Pause](ctx, c, http.MethodPost, "/v1/pauses", PauseRequest{link})
	}
	return tell[[]cost.Pause](ctx, c, http.MethodDelete, with("/v1/pauses", url.Values{"link": {link}}), nil)
}

// Plan says what would move, how, and for how much.
func (c *Client) Plan(ctx context.Context, q operate.PlanRequest) (operate.Plan, error) {
	return tell[operate.Plan](ctx, c, http.MethodPost, "/v1/plans", q)
}

// ReadyAt tells whether a selection is at a destination and proven.
func (c *Client) ReadyAt(ctx context.Context, q operate.ReadyRequest) (dgsync.Readiness, error) {
	v := url.Values{"dataset": {q.Dataset}, "snapshot": {q.Snapshot}, "destination": {q.Destination}, "shards": q.Shards}
	if q.MaxAge >= 0 {
		v.Set("max_age", q.MaxAge.String())
	}
	return get[dgsync.Readiness](ctx, c, with("/v1/ready", v))
}

// Snapshots of a dataset, or of all.
func (c *Client) Snapshots(ctx context.Context, dataset string) ([]manifest.SnapshotHeader, error) {
	v := url.Values{}
	if dataset != "" {
		v.Set("dataset", dataset)
	}
	return all[manifest.SnapshotHeader](ctx, c, "/v1/snapshots", v)
}

// RunTimer has the process do now what it does now and then. Error: [ErrNoTimer].
func (c *Client) RunTimer(ctx context.Context, name string) error {
	if name == "" || name == "/" { // see named
		return fmt.Errorf("%w: %q", ErrNoTimer, name)
	}
	return c.ask(ctx, http.MethodPost, "/v1/timers/"+segment(name)+"/run", nil, nil)
}
