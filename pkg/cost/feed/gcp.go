package feed

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/datagravity/datagravity/pkg/cost"
)

// gcpEgress are the SKUs of Cloud Storage's transfers: their descriptions, and the entries that they price. Where a book has an
// entry for sources with a free first band beside the one for the rest, the feed's paid bands go into both.
var gcpEgress = []struct {
	description string
	entries     []string
}{
	{"Download Worldwide Destinations (excluding Asia & Australia)", []string{"gcp.internet.worldwide", "gcp.internet.worldwide.free-us"}},
	{"Download APAC", []string{"gcp.internet.asia"}},
	{"Download China", []string{"gcp.internet.china"}},
	{"Download Australia", []string{"gcp.internet.oceania"}},
	{"Network Data Transfer GCP Inter Region within Northern America", []string{"gcp.inter-region.north-america"}},
	{"Network Data Transfer GCP Inter Region within Europe", []string{"gcp.inter-region.europe"}},
	{"Network Data Transfer GCP Inter Region within Asia", []string{"gcp.inter-region.asia"}},
	{"Network Data Transfer GCP Inter Region within Oceania", []string{"gcp.inter-region.oceania"}},
}

const gcpUnit = "1073741824" // of GiBy, in bytes: what tells that a GiB is meant

func readGCP(ctx context.Context, c *collector, sources []string) error {
	c.source = "Google Cloud Billing Catalog API"
	for i, source := range sources {
		if isURL(source) {
			if err := c.gcpPages(ctx, source); err != nil {
				return err
			}
			continue
		}
		next, err := c.gcpPage(ctx, source)
		if err != nil {
			return err
		}
		if next != "" && i == len(sources)-1 {
			return fmt.Errorf("%s: its nextPageToken names another page: give all pages, the last one last, or the URL", source)
		}
	}
	return nil
}

// gcpPages asks for page after page by the token.
func (c *collector) gcpPages(ctx context.Context, source string) error {
	u, err := checkURL(source)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for {
		next, err := c.gcpPage(ctx, u.String())
		if err != nil || next == "" {
			return err
		}
		if len(seen) >= maxPages || seen[next] {
			return fmt.Errorf("%s: pages without an end: a nextPageToken comes again, or there are more than %d", redact(u), maxPages)
		}
		seen[next] = true
		q, err := url.ParseQuery(u.RawQuery)
		if err != nil {
			return fmt.Errorf("%s: its query cannot be read", redact(u))
		}
		q.Set("pageToken", next)
		u.RawQuery = q.Encode()
	}
}

func (c *collector) gcpPage(ctx context.Context, source string) (next string, err error) {
	in, err := c.open(ctx, source, maxPageBytes)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	w := newWalker(in)
	skus, where := false, ""
	err = w.object(func(name string) error {
		switch name {
		case "skus":
			skus = true
			return w.array(func(i int) error {
				where = fmt.Sprintf("skus[%d]", i)
				err := c.gcpSKU(w, &where)
				if err == nil {
					where = ""
				}
				return err
			})
		case "nextPageToken":
			return w.text(&next)
		}
		return w.skip()
	})
	if err == nil {
		err = w.end()
	}
	if err == nil && !skus {
		err = errors.New("field skus is missing: that is no page of the Cloud Billing catalogue")
	}
	if err != nil {
		return "", in.fail(where, err)
	}
	return next, nil
}

// gcpPrice is one entry of pricingInfo.
type gcpPrice struct {
	since, unit, factor string
	currency            string
	bands               []band
}

type gcpSKU struct {
	id, description, usage string
	regions                []string
	prices                 []gcpPrice
}

func (c *collector) gcpSKU(w *walker, where *string) error {
	var s gcpSKU
	err := w.object(func(name string) error {
		switch name {
		case "skuId":
			if err := w.text(&s.id); err != nil {
				return err
			}
			*where += fmt.Sprintf(" %q", s.id)
			return nil
		case "description":
			return w.text(&s.description)
		case "category":
			return w.texts(map[string]*string{"usageType": &s.usage})
		case "serviceRegions":
			return w.array(func(int) error {
				var r string
				err := w.text(&r)
				s.regions = append(s.regions, r)
				return err
			})
		case "pricingInfo":
			return w.array(func(i int) error {
				p, err := gcpPricing(w)
				if err != nil {
					return fmt.Errorf("pricingInfo[%d]: %w", i, err)
				}
				s.prices = append(s.prices, p)
				return nil
			})
		}
		return w.skip()
	})
	if err != nil {
		return err
	}
	c.rows++
	used, err := c.gcpUse(s, *where)
	if used && err == nil {
		c.used++
	}
	return err
}

func gcpPricing(w *walker) (p gcpPrice, err error) {
	err = w.object(func(name string) error {
		switch name {
		case "effectiveTime":
			return w.text(&p.since)
		case "pricingExpression":
			return w.object(func(name string) error {
				if name != "tieredRates" {
					return w.one(name, map[string]*string{"usageUnit": &p.unit, "baseUnitConversionFactor": &p.factor})
				}
				return w.array(func(i int) error {
					b, currency, err := gcpRate(w)
					if err == nil && i > 0 && currency != p.currency {
						err = fmt.Errorf("another currency, %s, than the tier before", currency)
					}
					if err != nil {
						return fmt.Errorf("tieredRates[%d]: %w", i, err)
					}
					p.currency = currency
					p.bands = append(p.bands, b)
					return nil
				})
			})
		}
		return w.skip()
	})
	return p, err
}

// gcpRate reads a tier. units and nanos are whole numbers: no price is lost in a fraction.
func gcpRate(w *walker) (b band, currency string, err error) {
	var start, units, nanos string
	err = w.object(func(name string) error {
		if name == "unitPrice" {
			return w.texts(map[string]*string{"currencyCode": &currency, "units": &units, "nanos": &nanos})
		}
		return w.one(name, map[string]*string{"startUsageAmount": &start})
	})
	if err != nil {
		return b, "", err
	}
	whole, err := strconv.ParseInt(orZero(units), 10, 64)
	if err != nil || whole < 0 || whole > 1_000_000 {
		return b, "", fmt.Errorf("unitPrice.units: %.40q: want a whole number that is not negative", units)
	}
	rest, err := strconv.ParseInt(orZero(nanos), 10, 64)
	if err != nil || rest < 0 || rest >= int64(cost.USD) {
		return b, "", fmt.Errorf("unitPrice.nanos: %.40q: want 0 to 999999999", nanos)
	}
	if b.from, err = parseUnits(orZero(start)); err != nil {
		return b, "", fmt.Errorf("startUsageAmount: %w", err)
	}
	b.to, b.nano = unknownEnd, whole*int64(cost.USD)+rest
	return b, currency, nil
}

func orZero(s string) string {
	if s == "" {
		return "0" // JSON of protocol buffers leaves zeros out
	}
	return s
}

// gcpUse makes of a SKU what the book has a use for.
func (c *collector) gcpUse(s gcpSKU, where string) (bool, error) {
	if s.usage != "OnDemand" {
		c.ignore("of usage type "+orNone(s.usage), 1)
		return false, nil
	}
	i := slices.IndexFunc(gcpEgress, func(e struct {
		description string
		entries     []string
	}) bool {
		return e.description == s.description
	})
	k, isFee := gcpFee(s.description)
	if i < 0 && !isFee {
		c.ignore("of other products", 1)
		return false, nil
	}
	p, err := s.price(c.date())
	if err != nil {
		return false, err
	}
	for j := range p.bands {
		p.bands[j].row = where
		if p.bands[j].nano, err = c.usd(p.currency, p.bands[j].nano); err != nil {
			return false, fmt.Errorf("unitPrice.currencyCode: %w", err)
		}
	}
	if isFee {
		return true, c.gcpFeeRow(s, p, k, where)
	}
	if p.unit != "GiBy" || p.factor != gcpUnit {
		return false, fmt.Errorf("usageUnit: unknown unit %.40q of %.40q bytes: want GiBy of %s", p.unit, p.factor, gcpUnit)
	}
	m := meter{bands: p.bands}
	if err := p.distinct(); err != nil {
		return false, err
	}
	tiers, err := m.tiers()
	if err != nil {
		return false, err
	}
	return true, c.gcpEntries(s, gcpEgress[i].entries, tiers)
}

// price is the newest that is in effect.
func (s gcpSKU) price(today string) (p gcpPrice, err error) {
	for _, q := range s.prices {
		if q.since[:min(len(q.since), len(today))] <= today && q.since >= p.since {
			p = q
		}
	}
	if len(p.bands) == 0 {
		return p, errors.New("pricingInfo has no price in effect")
	}
	return p, nil
}

func (p gcpPrice) distinct() error {
	seen := map[int64]bool{}
	for i, b := range p.bands {
		if seen[b.from] {
			return fmt.Errorf("tieredRates[%d]: a tier before begins at %d too", i, b.from)
		}
		seen[b.from] = true
	}
	return nil
}

// gcpEntries puts a ladder into the entries that the book has for it.
func (c *collector) gcpEntries(s gcpSKU, ids []string, tiers []cost.Tier) error {
	paid := tiers
	if tiers[0].NanoUSDPerUnit == 0 && len(tiers) > 1 {
		paid = tiers[1:] // the free band is for some sources alone
	}
	found := false
	for _, e := range c.o.Book.TransferEntries() {
		if !slices.Contains(ids, e.ID) {
			continue
		}
		found = true
		use := paid
		// Sources with a free band keep it; where the feed says how wide it is now, that.
		if free := e.Tiers[0]; *free.NanoUSDPerUnit == 0 && free.UpToUnits != nil {
			band := cost.Tier{UpToUnits: *free.UpToUnits}
			if len(paid) < len(tiers) {
				band = tiers[0]
			}
			use = append([]cost.Tier{band}, paid...)
		}
		if slices.ContainsFunc(c.direct, func(o cost.TransferEntry) bool { return o.ID == e.ID }) {
			return fmt.Errorf("%s has a price already from another SKU with this description", e.ID)
		}
		e.Provenance, e.Meter, e.UnitBytes, e.Tiers = c.provenance(e.ID), s.id, cost.GiB, entriesOf(use)
		c.direct = append(c.direct, e)
	}
	if !found {
		return fmt.Errorf("the price book has none of the entries %s", strings.Join(ids, ", "))
	}
	return nil
}

// gcpClasses in descriptions.
var gcpClasses = []string{"standard", "nearline", "coldline", "archive"}

// gcpFee reads what a description prices: "Regional Standard Class A Operations", "Nearline Data Retrieval", "Standard Storage
// Iowa". What has several regions (Multi-Region, Dual-Region) has other prices and is left alone.
func gcpFee(description string) (feeKey, bool) {
	d := strings.ToLower(description)
	if strings.Contains(d, "multi-region") || strings.Contains(d, "dual-region") || strings.Contains(d, "early delete") || strings.Contains(d, "autoclass") {
		return feeKey{}, false
	}
	d = strings.TrimPrefix(d, "regional ")
	class, rest, _ := strings.Cut(d, " ")
	if !slices.Contains(gcpClasses, class) {
		return feeKey{}, false
	}
	k := feeKey{class: class}
	switch {
	case rest == "class a operations":
		k.kind, k.op = "requests", cost.OpWrite
	case rest == "class b operations":
		k.kind, k.op = "requests", cost.OpRead
	case rest == "data retrieval":
		k.kind = "retrievals"
	case strings.HasPrefix(rest, "storage"):
		k.kind = "storage"
	default:
		return k, false
	}
	if k.kind == "requests" && class == "standard" {
		k.class = "" // the default class
	}
	return k, true
}

func (c *collector) gcpFeeRow(s gcpSKU, p gcpPrice, k feeKey, where string) error {
	unit := func(want ...string) error {
		if !slices.Contains(want, p.unit) {
			return fmt.Errorf("usageUnit: unknown unit %.40q: want %s", p.unit, strings.Join(want, " or "))
		}
		return nil
	}
	f := fee{row: where}
	for _, b := range p.bands {
		f.nano = max(f.nano, b.nano) // free first ones are for some accounts alone
	}
	var err error
	switch k.kind {
	case "requests":
		err = unit("count")
		f.nano, f.per = f.nano*1000, 1000
	case "retrievals":
		err = unit("GiBy")
	case "storage":
		err = unit("GiBy.mo", "GiBy.h")
		f.per = hoursPerMonth
		if p.unit == "GiBy.h" {
			f.per = 1
		}
		f.tiers, f.nano = []cost.Tier{{UpToUnits: cost.Unbounded, NanoUSDPerUnit: cost.NanoUSD(f.nano)}}, 0
	}
	if err != nil {
		return err
	}
	for _, region := range s.regions {
		if err := c.addFee(k, region, f); err != nil {
			return err
		}
		if k.op == cost.OpWrite { // class A has lists too
			list := k
			list.op = cost.OpList
			if err := c.addFee(list, region, f); err != nil {
				return err
			}
		}
	}
	return nil
}
