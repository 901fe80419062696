package feed

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
)

// What selects the rows of the Azure Retail Prices API. Both routings have the meter name "Standard Data Transfer Out", so that
// the product decides; redundancy stands in skuName, because meter names have it only sometimes.
const (
	azureMGN  = "Rtn Preference: MGN"
	azureISP  = "Bandwidth - Routing Preference: Internet"
	azureOut  = "Standard Data Transfer Out"
	azureBlob = "General Block Blob v2"
)

type azureItem struct {
	currency, from, price, region, since, meterID, meterName, product, sku, service, unit, kind string
}

func readAzure(ctx context.Context, c *collector, sources []string) error {
	c.source = "Azure Retail Prices API"
	for i, source := range sources {
		if !isURL(source) {
			next, err := c.azurePage(ctx, source)
			if err != nil {
				return err
			}
			if next != "" && i == len(sources)-1 {
				return fmt.Errorf("%s: its NextPageLink names another page: give all pages, the last one last, or the URL", source)
			}
			continue
		}
		if err := c.azurePages(ctx, source); err != nil {
			return err
		}
	}
	return nil
}

// azurePages follows NextPageLink, on the host of the first page alone.
func (c *collector) azurePages(ctx context.Context, source string) error {
	first, err := checkURL(source)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for at := source; ; {
		if len(seen) >= maxPages || seen[at] {
			return fmt.Errorf("%s: pages without an end: a NextPageLink leads back, or there are more than %d", redact(first), maxPages)
		}
		seen[at] = true
		next, err := c.azurePage(ctx, at)
		if err != nil || next == "" {
			return err
		}
		u, err := url.Parse(next)
		// The service itself writes the port of https into its links.
		if err != nil || u.Scheme != first.Scheme || strings.TrimSuffix(u.Host, ":443") != strings.TrimSuffix(first.Host, ":443") {
			return fmt.Errorf("%s: NextPageLink leads to another host", redact(first))
		}
		at = next
	}
}

func (c *collector) azurePage(ctx context.Context, source string) (next string, err error) {
	in, err := c.open(ctx, source, maxPageBytes)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	w := newWalker(in)
	items, where := false, ""
	err = w.object(func(name string) error {
		switch name {
		case "Items":
			items = true
			return w.array(func(i int) error {
				where = fmt.Sprintf("Items[%d]", i)
				err := c.azureItem(w, where)
				if err == nil {
					where = ""
				}
				return err
			})
		case "NextPageLink":
			return w.text(&next)
		}
		return w.skip()
	})
	if err == nil {
		err = w.end()
	}
	if err == nil && !items {
		err = errors.New("field Items is missing: that is no page of the Azure Retail Prices API")
	}
	if err != nil {
		return "", in.fail(where, err)
	}
	return next, nil
}

func (c *collector) azureItem(w *walker, where string) error {
	var it azureItem
	err := w.texts(map[string]*string{
		"currencyCode": &it.currency, "tierMinimumUnits": &it.from, "retailPrice": &it.price, "armRegionName": &it.region,
		"effectiveStartDate": &it.since, "meterId": &it.meterID, "meterName": &it.meterName, "productName": &it.product, "skuName": &it.sku,
		"serviceName": &it.service, "unitOfMeasure": &it.unit, "type": &it.kind,
	})
	if err != nil {
		return err
	}
	c.rows++
	if it.kind != "Consumption" { // reservations share the meter's id
		c.ignore("of type "+orNone(it.kind), 1)
		return nil
	}
	if len(it.since) >= len(time.DateOnly) && it.since[:len(time.DateOnly)] > c.date() {
		c.ignore("that are not in effect yet", 1)
		return nil
	}
	use := c.azureTransfer
	switch {
	case it.service == "Bandwidth":
	case it.service == "Storage" && it.product == azureBlob && strings.HasSuffix(it.sku, " LRS"):
		use = c.azureStorage
	default:
		c.ignore("of other services and products", 1)
		return nil
	}
	used, err := use(it, where)
	if err != nil {
		return fmt.Errorf("%s, meter %s: %w", orNone(it.region), orNone(it.meterID), err)
	}
	if used {
		c.used++
	}
	return nil
}

func (c *collector) azureTransfer(it azureItem, where string) (bool, error) {
	q := quote{from: it.region, id: it.meterID}
	name := strings.ReplaceAll(it.meterName, "-", " ")
	switch {
	case it.product == azureMGN && it.meterName == azureOut:
		q.class, q.name = "internet", "azure.%s.internet.mgn"
	case it.product == azureISP && it.meterName == azureOut:
		q.class, q.name = "internet-isp", "azure.%s.internet.isp"
	case strings.Contains(name, "Inter Continent Data Transfer Out"):
		q.class, q.name, q.to.Continents = "inter-region", "azure.inter-region.other-continent.%s", []string{"other"}
	case strings.Contains(name, "Intra Continent Data Transfer Out"), strings.Contains(name, "Inter Region Data Transfer"):
		q.class, q.name, q.to.Continents = "inter-region", "azure.inter-region.same-continent.%s", []string{"same"}
	default:
		c.ignore("of other bandwidth meters", 1)
		return false, nil
	}
	if it.unit != "1 GB" {
		return false, fmt.Errorf("unitOfMeasure: unknown unit %.40q: want 1 GB", it.unit)
	}
	b, err := c.azureBand(it, where)
	if err != nil {
		return false, err
	}
	m, err := c.ladder(strings.Join([]string{q.class, it.region, it.meterName, it.product}, "\x00"), q)
	if err != nil {
		return false, err
	}
	if m.id != q.id {
		return false, fmt.Errorf("meterId: the same meter name has another id, %s", m.id)
	}
	return true, m.add(b)
}

func (c *collector) azureBand(it azureItem, where string) (band, error) {
	from, err := parseUnits(it.from)
	if err != nil {
		return band{}, fmt.Errorf("tierMinimumUnits: %w", err)
	}
	price, err := parseAmount(it.price)
	if err != nil {
		return band{}, fmt.Errorf("retailPrice: %w", err)
	}
	nano, err := price.nano()
	if err != nil {
		return band{}, fmt.Errorf("retailPrice: %w", err)
	}
	if nano, err = c.usd(it.currency, nano); err != nil {
		return band{}, fmt.Errorf("currencyCode: %w", err)
	}
	return band{from: from, to: unknownEnd, nano: nano, row: where, since: it.since}, nil
}

// azureStorage takes the prices of blobs with local redundancy.
func (c *collector) azureStorage(it azureItem, where string) (bool, error) {
	tier := strings.ToLower(strings.TrimSuffix(it.sku, " LRS"))
	k := feeKey{class: tier}
	name := it.meterName
	switch {
	case strings.Contains(name, "Priority"): // another, dearer meter with the words of the ordinary one
	case strings.HasSuffix(name, "Data Stored"):
		k.kind = "storage"
	case strings.HasSuffix(name, "Data Retrieval"):
		k.kind = "retrievals"
	case strings.HasSuffix(name, "List and Create Container Operations"):
		k.kind, k.op = "requests", cost.OpList
	case strings.HasSuffix(name, "Write Operations"):
		k.kind, k.op = "requests", cost.OpWrite
	case strings.HasSuffix(name, "Read Operations"):
		k.kind, k.op = "requests", cost.OpRead
	}
	if k.kind == "" || it.region == "" {
		c.ignore("of other storage meters", 1)
		return false, nil
	}
	if k.kind == "requests" && tier == "hot" {
		k.class = "" // the default class
	}
	f := fee{row: where}
	b, err := c.azureBand(it, where)
	switch k.kind {
	case "storage":
		if it.unit != "1 GB/Month" {
			return false, fmt.Errorf("unitOfMeasure: unknown unit %.40q: want 1 GB/Month", it.unit)
		}
		if err != nil {
			return false, err
		}
		m, err := c.ladder(strings.Join([]string{"storage", tier, it.region}, "\x00"), quote{storage: tier, hours: hoursPerMonth, from: it.region})
		if err != nil {
			return false, err
		}
		return true, m.add(b)
	case "retrievals":
		if it.unit != "1 GB" {
			return false, fmt.Errorf("unitOfMeasure: unknown unit %.40q: want 1 GB", it.unit)
		}
		f.nano = b.nano
	default:
		// Fees of requests can be finer than a billionth for one.
		if f.per, err = parseCount(it.unit); err != nil {
			return false, fmt.Errorf("unitOfMeasure: %w", err)
		}
		if f.nano, f.per, err = c.perMany(it.currency, it.price, f.per, 1); err != nil {
			return false, fmt.Errorf("retailPrice: %w", err)
		}
	}
	if err != nil {
		return false, err
	}
	return true, c.addFee(k, it.region, f)
}

// perMany reads the price of so many requests. least is how many requests a price book's price is for at least.
func (c *collector) perMany(currency, price string, per, least int64) (nano, units int64, err error) {
	a, err := parseAmount(price)
	if err != nil {
		return 0, 0, err
	}
	scale := max(1, least/per)
	if nano, units, err = a.nanoPer(scale); err != nil {
		return 0, 0, err
	}
	nano, err = c.usd(currency, nano)
	return nano, units * per, err
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
