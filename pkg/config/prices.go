package config

import (
	"os"
	"strings"

	"github.com/datagravity/datagravity/pkg/cost"
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

// MonthToDate is what others used of each pooled meter this month, in bytes by the pool's name.
func (c *Config) MonthToDate() map[string]int64 {
	out := make(map[string]int64, len(c.Prices.MonthToDate))
	for pool, used := range c.Prices.MonthToDate {
		out[pool] = int64(used)
	}
	return out
}
