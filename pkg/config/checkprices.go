package config

import (
	"strings"

	"github.com/datagravity/datagravity/pkg/cost"
)

// The words of fields about prices.
var (
	routings   = []string{"microsoft", "internet"}
	directions = []string{"in", "out", "both"}
	applyWords = []string{"off", "credit_on_bill"}
)

// fillInPrices gives prices their defaults.
func (d *document) fillInPrices(p *Prices, dir string) {
	f := field{"prices"}
	d.absolute(f.Child("book"), &p.Book, dir)
	for i := range p.Overlays {
		d.absolute(f.Child("overlays").Index(i), &p.Overlays[i], dir)
	}
	for i := range p.AgentCharges {
		fill(d, f.Child("agent_charges").Index(i).Child("direction"), &p.AgentCharges[i].Direction, "both")
	}
	for i := range p.Programs {
		fill(d, f.Child("programs").Index(i).Child("apply"), &p.Programs[i].Apply, "off")
	}
	fill(d, f.Child("max_age_days"), &p.MaxAgeDays, cost.DefaultMaxAgeDays)
}

func (d *document) checkRouting(f field, s Store) {
	if !d.IsSet(f) {
		return
	}
	d.checkWord(f, s.Routing, routings)
	if !s.Location.IsZero() && s.Location.Provider != "azure" {
		d.Wrong(f, "only Azure has a routing preference, and the store is in %s; leave it out", s.Location)
	}
}

func (d *document) checkPrices(p Prices) {
	f := field{"prices"}
	for _, code := range names(p.Currencies) {
		if at := f.Child("currencies").Child(code); d.OK(at.Child("usd")) && d.OK(at.Child("as_of")) {
			if err := p.exchange(code).Check(); err != nil {
				d.Wrong(at, "%v", err)
			}
		}
	}
	for i, r := range p.Routes {
		d.checkRoute(f.Child("routes").Index(i), r, p)
	}
	for i, n := range p.Negotiated {
		at := f.Child("negotiated").Index(i)
		d.checkTiers(at.Child("tiers"), n.Tiers)
		d.checkCurrency(at.Child("currency"), n.Currency, p)
		if d.IsSet(at.Child("as_of")) && !cost.IsDate(n.AsOf) {
			d.Wrong(at.Child("as_of"), "%q: want a date such as 2026-10-01", n.AsOf)
		}
	}
	for i, c := range p.AgentCharges {
		at := f.Child("agent_charges").Index(i)
		d.checkWord(at.Child("direction"), c.Direction, directions)
		if err := c.charge().Check(); err != nil && d.OK(at.Child("name")) && d.OK(at.Child("with")) && !d.Failed(at.Child("direction")) {
			d.Wrong(at, "%v", err)
		}
	}
	for i, g := range p.Programs {
		d.checkWord(f.Child("programs").Index(i).Child("apply"), g.Apply, applyWords)
	}
	if p.MaxAgeDays < 1 {
		d.Wrong(f.Child("max_age_days"), "%d: want at least 1 day; accept_stale accepts prices of any age", p.MaxAgeDays)
	}
	d.checkSites(f.Child("sites"), p)
}

// checkRoute looks at a route as far as that goes without the price book.
func (d *document) checkRoute(at field, r Route, p Prices) {
	given := 0
	for _, name := range []string{"usd_per_gib", "tiers", "entry"} {
		if d.IsSet(at.Child(name)) {
			given++
		}
	}
	if given != 1 {
		d.Wrong(at, "give one of usd_per_gib, tiers and entry; 0 for usd_per_gib declares the bytes free")
	}
	d.checkTiers(at.Child("tiers"), r.Tiers)
	d.checkCurrency(at.Child("currency"), r.Currency, p)
	hour, capacity := at.Child("usd_per_hour"), at.Child("capacity")
	if d.IsSet(capacity) && !d.IsSet(hour) {
		d.Wrong(capacity, "a capacity is that of a private link; say what it costs in usd_per_hour, 0 if nothing")
	}
	if d.OK(at.Child("from")) && d.OK(at.Child("to")) && !d.Failed(at.Child("usd_per_gib")) && !d.Failed(hour) && !d.Failed(at.Child("tiers")) {
		r.Tiers = nil // checkTiers told what is wrong with them
		if err := r.override(nil).Check(); err != nil {
			d.Wrong(at, "%v", err)
		}
	}
}

func (d *document) checkTiers(at field, tiers []Tier) {
	var end Size
	for i, t := range tiers {
		upTo := at.Index(i).Child("up_to")
		switch last := i == len(tiers)-1; {
		case last && d.IsSet(upTo):
			d.Wrong(upTo, "the last tier has no end; leave up_to out, or add one more tier")
		case !last && !d.IsSet(upTo):
			d.Wrong(at.Index(i), "up_to is missing; only the last tier has no end")
		case !last && (t.UpTo <= end || int64(t.UpTo)%cost.GiB != 0):
			d.Wrong(upTo, "%s: want whole GiB, more than the tier before (%s)", t.UpTo, end)
		}
		if t.USDPerGiB < 0 {
			d.Wrong(at.Index(i).Child("usd_per_gib"), "%s: a price cannot be negative", t.USDPerGiB)
		}
		end = t.UpTo
	}
	if d.IsSet(at) && len(tiers) == 0 {
		d.Wrong(at, "has no tier")
	}
}

func (d *document) checkCurrency(at field, code string, p Prices) {
	if _, ok := p.Currencies[code]; !ok && code != "" && code != "USD" {
		d.Wrong(at, "%s: state its rate, for example currencies: {%s: {usd: 1.08, as_of: 2026-11-20}}", code, code)
	}
}

func (d *document) checkSites(f field, p Prices) {
	seen := map[string]string{}
	for _, site := range names(p.Sites) {
		at := f.Child(site)
		lower := strings.ToLower(site)
		switch {
		case !regionPattern.MatchString(lower):
			d.Wrong(at, "%q: want the name of a site alone, as after onprem: in a location", site)
		case seen[lower] != "":
			d.Wrong(at, "%q is the same site as %q; capitals do not count in locations", site, seen[lower])
		}
		seen[lower] = site
	}
}

// AsksAboutCharges is the question for an operator whose agent is in a cloud, where bytes often pass something that charges for
// them; "" if the file answers it, be it with nothing.
func (c *Config) AsksAboutCharges() string {
	if c.Prices.AgentCharges != nil || c.Agent.Location.Provider == "onprem" || c.Agent.Location.IsZero() {
		return ""
	}
	return "the configuration does not say what the network here charges for each byte: a NAT gateway (often 0.045 USD per GiB) or private endpoints (0.01) " +
		"between this machine and the stores are in no price list. Say it in prices: {agent_charges: [{name: nat-gateway, with: \"*\", usd_per_gib: 0.045}]}, " +
		"or agent_charges: [] if bytes pass nothing that charges"
}
