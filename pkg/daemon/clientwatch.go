package daemon

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/observe"
)

// get asks for what is at a path.
func get[T any](ctx context.Context, c *Client, path string) (out T, err error) {
	err = c.ask(ctx, http.MethodGet, path, nil, &out)
	return out, err
}

// all asks for a list, page by page.
func all[T any](ctx context.Context, c *Client, path string, query url.Values) ([]T, error) {
	list := []T{}
	for next := ""; ; {
		v := url.Values{"limit": {strconv.Itoa(longestPage)}}
		maps.Copy(v, query)
		if next != "" {
			v.Set("cursor", next)
		}
		p, err := get[Page[T]](ctx, c, path+"?"+v.Encode())
		if err != nil {
			return nil, err
		}
		if list = append(list, p.Items...); p.Next == "" || p.Next == next {
			return list, nil
		}
		next = p.Next
	}
}

// Overview tells how things stand, for a first look.
func (c *Client) Overview(ctx context.Context) (observe.Overview, error) {
	return get[observe.Overview](ctx, c, "/v1/overview")
}

// Datasets tells of all configured datasets, as they were last seen.
func (c *Client) Datasets(ctx context.Context) ([]observe.Dataset, error) {
	return all[observe.Dataset](ctx, c, "/v1/datasets", nil)
}

// Holdings tells what each destination holds of each dataset.
func (c *Client) Holdings(ctx context.Context) (observe.Holdings, error) {
	return get[observe.Holdings](ctx, c, "/v1/holdings")
}

// Transfers tells which shards move now, the oldest first.
func (c *Client) Transfers(ctx context.Context) ([]observe.Transfer, error) {
	return all[observe.Transfer](ctx, c, "/v1/transfers", nil)
}

// Links tells over which links something moves, or lately did.
func (c *Client) Links(ctx context.Context) ([]observe.Link, error) {
	return all[observe.Link](ctx, c, "/v1/links", nil)
}

// Speeds tells what moved over each link in the last half hour.
func (c *Client) Speeds(ctx context.Context) ([]observe.Speeds, error) {
	return all[observe.Speeds](ctx, c, "/v1/speeds", nil)
}

// Problems tells what went wrong lately, the latest first.
func (c *Client) Problems(ctx context.Context) ([]observe.Problem, error) {
	return all[observe.Problem](ctx, c, "/v1/problems", nil)
}

// Budgets tells how each budget stands.
func (c *Client) Budgets(ctx context.Context) ([]observe.Budget, error) {
	return all[observe.Budget](ctx, c, "/v1/budgets", nil)
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
	return all[observe.SpendRow](ctx, c, "/v1/spend", spendQuery(q))
}

// Gates tells how the requests to each open store are held back.
func (c *Client) Gates(ctx context.Context) ([]observe.Gate, error) {
	return all[observe.Gate](ctx, c, "/v1/gates", nil)
}

// Timers tells what is done on a schedule.
func (c *Client) Timers(ctx context.Context) ([]observe.Timer, error) {
	return all[observe.Timer](ctx, c, "/v1/timers", nil)
}
