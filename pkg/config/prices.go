package config

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/datagravity/datagravity/internal/yamldoc"
	"github.com/datagravity/datagravity/pkg/cost"
)

// PriceBook returns the price book in use, with its overlays and the terms of contracts, and what the configuration knows about
// routes. An error is an *[Error] with the field at fault: a file cannot be read or is wrong (prices.book, prices.overlays[1]; the
// message names its entry), or something names what the book does not have.
func (c *Config) PriceBook() (*cost.Book, cost.RouteOptions, error) {
	o := c.routeOptions()
	bad := func(at string, err error) (*cost.Book, cost.RouteOptions, error) {
		line, column := c.place(at)
		return nil, cost.RouteOptions{}, &Error{Path: c.Path, Line: line, Column: column, Field: at, Message: err.Error()}
	}
	b := cost.Default()
	if c.Prices.Book != "" {
		var err error
		if b, err = readBook(c.Prices.Book, cost.Load); err != nil {
			return bad("prices.book", fmt.Errorf("%w; leave the field out for the built-in price book", err))
		}
	}
	for i, name := range c.Prices.Overlays {
		var err error
		if b, err = readBook(name, b.Layer); err != nil {
			return bad(fmt.Sprintf("prices.overlays[%d]", i), err)
		}
	}
	b, err := b.WithTerms(c.terms())
	if err == nil {
		err = b.CheckOptions(o)
	}
	if err != nil {
		at, message, _ := strings.Cut(err.Error(), ": ") // both begin with the field: discounts[1]
		return bad("prices."+strings.TrimPrefix(at, "prices."), errors.New(message))
	}
	if at, err := c.unknownToBook(b); err != nil {
		return bad(at, err)
	}
	return b, o, nil
}

// unknownToBook finds what would be passed over in silence, because the book has no use for it: a pool of another name, and so every byte at
// the dearest price, a site's continent until a route leads there, or a programme that is off.
func (c *Config) unknownToBook(b *cost.Book) (at string, err error) {
	pools := b.Pools()
	for _, name := range names(c.Prices.MonthToDate) {
		if !slices.Contains(pools, name) {
			return "prices.month_to_date." + name, fmt.Errorf("the price book has no pool %q%s (datagravity cost prices --from LOCATION --to LOCATION names the pool of a route)",
				name, yamldoc.DidYouMean(name, pools))
		}
	}
	for _, site := range names(c.Prices.Sites) {
		if continent, known := c.Prices.Sites[site], b.Continents(); !slices.Contains(known, continent) {
			return "prices.sites." + site, fmt.Errorf("the price book knows no continent %q%s (known: %s)", continent, yamldoc.DidYouMean(continent, known), strings.Join(known, ", "))
		}
	}
	for i, p := range c.Prices.Programs {
		if known := b.ProgramIDs(); !slices.Contains(known, p.Program) {
			return fmt.Sprintf("prices.programs[%d]", i), fmt.Errorf("the price book has no programme %q (known: %s)", p.Program, strings.Join(known, ", "))
		}
	}
	return "", nil
}

func readBook(name string, read func(io.Reader, string) (*cost.Book, error)) (*cost.Book, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, errors.New(name + ": " + reason(err))
	}
	b, err := read(f, name)
	if closing := f.Close(); err == nil {
		err = closing
	}
	return b, err
}

func (c *Config) routeOptions() cost.RouteOptions {
	p := c.Prices
	o := cost.RouteOptions{
		ISPRouting: p.ISPRouting, Agent: c.Agent.Location,
		Trust: cost.Trust{MaxAgeDays: p.MaxAgeDays, Unverified: p.AcceptUnverified, Stale: p.AcceptStale},
	}
	for _, r := range p.Routes {
		o.Overrides = append(o.Overrides, r.override(p.exchange(r.Currency)))
	}
	for site, continent := range p.Sites {
		put(&o.SiteContinents, strings.ToLower(site), continent) // as store.ParseLocation writes a site
	}
	for name, s := range c.Stores {
		if s.Routing != "" {
			put(&o.StoreRouting, name, s.Routing == "internet")
		}
	}
	for name, d := range c.Destinations {
		if routing := c.Stores[d.Store].Routing; routing != "" {
			put(&o.DestinationRouting, name, routing == "internet")
		}
	}
	for _, a := range p.AgentCharges {
		o.AgentCharges = append(o.AgentCharges, a.charge())
	}
	for _, g := range p.Programs {
		if g.Apply == "credit_on_bill" {
			o.Enrolments = append(o.Enrolments, cost.Enrolment{Program: g.Program, PPM: g.Credit.ppm()})
		}
	}
	return o
}

func put[V any](m *map[string]V, name string, v V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[name] = v
}

func (c *Config) terms() (t cost.Terms) {
	for _, d := range c.Prices.Discounts {
		t.Discounts = append(t.Discounts, cost.Discount{Provider: d.Provider, Pool: d.Pool, Entry: d.Entry, PPM: d.Off.ppm()})
	}
	for _, n := range c.Prices.Negotiated {
		t.Negotiated = append(t.Negotiated, cost.Negotiated{
			Entry: n.Entry, Tiers: ladder(n.Tiers, c.Prices.exchange(n.Currency)), AsOf: n.AsOf, Source: n.Contract,
		})
	}
	return t
}

// exchange is the stated rate of a currency, nil for USD.
func (p Prices) exchange(code string) *cost.Exchange {
	c, ok := p.Currencies[code]
	if !ok {
		return nil
	}
	return &cost.Exchange{Code: code, NanoUSDPerUnit: cost.NanoUSD(c.USD), AsOf: c.AsOf}
}

// Exchange is the stated rate of a currency. Without one it is an *[Error] that says where to state it.
func (c *Config) Exchange(code string) (cost.Exchange, error) {
	if x := c.Prices.exchange(code); x != nil {
		return *x, nil
	}
	return cost.Exchange{}, &Error{
		Path: c.Path, Field: "prices.currencies",
		Message: fmt.Sprintf("has no rate for %s; state it, for example currencies: {%s: {usd: 1.08, as_of: 2026-11-20}}", code, code),
	}
}

// inUSD converts a unit price; nil is USD.
func inUSD(u USD, x *cost.Exchange) cost.NanoUSD {
	if x == nil || u < 0 { // a negative one is refused
		return cost.NanoUSD(u)
	}
	return x.Price(int64(u))
}

func ladder(tiers []Tier, x *cost.Exchange) []cost.Tier {
	out := make([]cost.Tier, len(tiers))
	for i, t := range tiers {
		out[i] = cost.Tier{UpToUnits: cost.Unbounded, NanoUSDPerUnit: inUSD(t.USDPerGiB, x)}
		if i < len(tiers)-1 {
			out[i].UpToUnits = int64(t.UpTo) / cost.GiB
		}
	}
	return out
}

func (r Route) override(x *cost.Exchange) cost.Override {
	v := cost.Override{From: r.From, To: r.To, NanoUSDPerGiB: inUSD(r.USDPerGiB, x), Entry: r.Entry}
	if len(r.Tiers) > 0 {
		v.Tiers = ladder(r.Tiers, x)
	}
	if r.USDPerHour != nil {
		v.Fixed = &cost.Fixed{NanoUSD: inUSD(*r.USDPerHour, x), Hours: 1, BitsPerSecond: int64(r.Capacity)}
	}
	return v
}

func (a AgentCharge) charge() cost.AgentCharge {
	return cost.AgentCharge{Name: a.Name, With: a.With, Direction: a.Direction, NanoUSDPerGiB: cost.NanoUSD(a.USDPerGiB)}
}

// ppm is the share in millionths.
func (p Percent) ppm() int64 { return int64(math.Round(float64(p) * 10_000)) }

// MonthToDate is what others used of each pooled meter this month, in bytes by the pool's name.
func (c *Config) MonthToDate() map[string]int64 {
	out := make(map[string]int64, len(c.Prices.MonthToDate))
	for pool, used := range c.Prices.MonthToDate {
		out[pool] = int64(used)
	}
	return out
}
