package daemon

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/observe"
)

// get asks for what is at a path.
func get[T any](ctx context.Context, c *Client, path string) (out T, err error) {
	err = c.ask(ctx, http.MethodGet, path, nil, &out)
	return out, err
}

// Overview tells how things stand, for a first look.
func (c *Client) Overview(ctx context.Context) (observe.Overview, error) {
	return get[observe.Overview](ctx, c, "/v1/overview")
}

// Datasets tells of all configured datasets, as they were last seen.
func (c *Client) Datasets(ctx context.Context) ([]observe.Dataset, error) {
	return get[[]observe.Dataset](ctx, c, "/v1/datasets")
}

// Holdings tells what each destination holds of each dataset.
func (c *Client) Holdings(ctx context.Context) (observe.Holdings, error) {
	return get[observe.Holdings](ctx, c, "/v1/holdings")
}

// Transfers tells which shards move now, the oldest first.
func (c *Client) Transfers(ctx context.Context) ([]observe.Transfer, error) {
	return get[[]observe.Transfer](ctx, c, "/v1/transfers")
}

// Links tells over which links something moves, or lately did.
func (c *Client) Links(ctx context.Context) ([]observe.Link, error) {
	return get[[]observe.Link](ctx, c, "/v1/links")
}

// Speeds tells what moved over each link in the last half hour.
func (c *Client) Speeds(ctx context.Context) ([]observe.Speeds, error) {
	return get[[]observe.Speeds](ctx, c, "/v1/speeds")
}

// Problems tells what went wrong lately, the latest first.
func (c *Client) Problems(ctx context.Context) ([]observe.Problem, error) {
	return get[[]observe.Problem](ctx, c, "/v1/problems")
}

// Budgets tells how each budget stands.
func (c *Client) Budgets(ctx context.Context) ([]observe.Budget, error) {
	return get[[]observe.Budget](ctx, c, "/v1/budgets")
}

// Budget tells of one, day by day. Error: [cost.ErrNoBudget].
func (c *Client) Budget(ctx context.Context, name string) (out observe.BudgetDetail, err error) {
	if name == "" || name == "/" { // see named
		return out, fmt.Errorf("%w: %q", cost.ErrNoBudget, name)
	}
	return get[observe.BudgetDetail](ctx, c, "/v1/budgets/"+segment(name))
}

// Spend tells what crossed, and what it cost.
func (c *Client) Spend(ctx context.Context, q observe.SpendQuery) ([]observe.SpendRow, error) {
	v := url.Values{"by": {q.By}}
	for name, value := range map[string]string{"month": q.Month, "team": q.Team, "job": q.Job, "dataset": q.Dataset} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return get[[]observe.SpendRow](ctx, c, "/v1/spend?"+v.Encode())
}
