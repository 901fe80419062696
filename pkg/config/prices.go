package config

import (
	"os"
	"slices"
	"strings"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/store"
)

// PriceBook returns the price book in use and what the configuration knows about routes. An error is an *[Error] with
// field prices.book: the file cannot be read, or is not a price book.
func (c *Config) PriceBook() (*cost.Book, cost.RouteOptions, error) {
	o := cost.RouteOptions{ISPRouting: c.Prices.ISPRouting}
	for _, r := range c.Prices.Routes {
		o.Overrides = append(o.Overrides, r.override())
	}
	for site, continent := range c.Prices.Sites {
		if o.SiteContinents == nil {
			o.SiteContinents = map[string]string{}
		}
		o.SiteContinents[strings.ToLower(site)] = continent // as store.ParseLocation writes a site
	}
	if c.Prices.Book == "" {
		return cost.Default(), o, nil
	}
	bad := func(message string) (*cost.Book, cost.RouteOptions, error) {
		return nil, cost.RouteOptions{}, &Error{Path: c.Path, Field: "prices.book", Message: message}
	}
	f, err := os.Open(c.Prices.Book)
	if err != nil {
		return bad(c.Prices.Book + ": " + reason(err) + "; leave the field out for the built-in price book")
	}
	b, err := cost.Load(f, c.Prices.Book)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return bad(err.Error())
	}
	return b, o, nil
}

func (r Route) override() cost.Override {
	return cost.Override{From: r.From, To: r.To, NanoUSDPerGiB: cost.NanoUSD(r.USDPerGiB)}
}

// CostBudgets returns the budgets as the ledger enforces them. A store's name in "to" becomes that of the one destination
// in it, since that is what transfers are named by.
func (c *Config) CostBudgets() []cost.Budget {
	out := make([]cost.Budget, 0, len(c.Budgets))
	for _, b := range c.Budgets {
		to := b.To
		if in := c.destinationsIn(to); len(in) == 1 {
			to = in[0]
		}
		out = append(out, cost.Budget{
			Name: b.Name, From: b.From, To: to, LimitNanoUSD: cost.NanoUSD(b.USD), LimitBytes: int64(b.Bytes),
		})
	}
	return out
}

// destinationsIn are the destinations that a budget's "to" means by a store's name; none if it is not one, or if it is also
// the name of a destination or a provider, which comes first.
func (c *Config) destinationsIn(storeName string) []string {
	if _, ok := c.Destinations[storeName]; ok || slices.Contains(store.Providers, storeName) {
		return nil
	}
	var in []string
	for _, name := range names(c.Destinations) {
		if c.Destinations[name].Store == storeName {
			in = append(in, name)
		}
	}
	return in
}

// MonthToDate is what others used of each pooled meter this month, in bytes by the pool's name.
func (c *Config) MonthToDate() map[string]int64 {
	out := make(map[string]int64, len(c.Prices.MonthToDate))
	for pool, used := range c.Prices.MonthToDate {
		out[pool] = int64(used)
	}
	return out
}
