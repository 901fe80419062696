package feed

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
)

// awsAllowance is the entry for what is free over all regions, which no region's ladder has.
const awsAllowance = "aws.free-allowance"

// awsRow is a price dimension with the attributes of its product.
type awsRow struct {
	sku, term, start, end, unit, price, currency   string
	family, transfer, from, to, fromType, toType   string
	fromCode, toCode, usage, group, volume, region string
}

func readAWS(ctx context.Context, c *collector, sources []string) error {
	for _, source := range sources {
		if err := c.awsOffer(ctx, source); err != nil {
			return err
		}
	}
	return c.awsRoutes()
}

func (c *collector) awsOffer(ctx context.Context, source string) (err error) {
	in, err := c.open(ctx, source, maxFeedBytes)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	first, err := in.r.Peek(1)
	if err != nil {
		return in.fail("", err)
	}
	if first[0] == '{' {
		return c.awsJSON(in)
	}
	return c.awsCSV(in)
}

// published takes the date of the offer. Of several offers the oldest counts.
func (c *collector) published(version, date string) error {
	if len(date) < len(time.DateOnly) {
		return fmt.Errorf("publication date %.40q: want a date", date)
	}
	day := date[:len(time.DateOnly)]
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return fmt.Errorf("publication date %.40q: want a date", date)
	}
	if c.asOf == "" || day < c.asOf {
		c.asOf = day
	}
	c.source = strings.TrimSuffix("AWS price list "+version, " ")
	return nil
}

// awsCSV reads an offer as CSV: five lines about the offer, then the header, then a row for each price dimension.
func (c *collector) awsCSV(in *input) error {
	r := csv.NewReader(in.r)
	r.FieldsPerRecord = -1
	r.ReuseRecord = true
	read := func() ([]string, int, error) {
		rec, err := r.Read()
		in.bound.reset()
		line := 0
		if len(rec) > 0 {
			line, _ = r.FieldPos(0)
		}
		return rec, line, err
	}
	about := map[string]string{}
	for i := range 5 {
		rec, _, err := read()
		if err != nil {
			return in.fail(fmt.Sprintf("line %d", i+1), err)
		}
		if len(rec) < 2 || i == 0 && rec[0] != "FormatVersion" {
			return in.fail(fmt.Sprintf("line %d", i+1), errors.New("want the five lines about the offer, FormatVersion first: that is no price list of AWS's"))
		}
		about[rec[0]] = rec[1]
	}
	if err := c.published(about["OfferCode"]+" "+about["Version"], about["Publication Date"]); err != nil {
		return in.fail("", err)
	}
	header, line, err := read()
	if err != nil {
		return in.fail("line 6", err)
	}
	columns := map[string]int{}
	for i, name := range header {
		columns[strings.Clone(name)] = i
	}
	for _, name := range []string{"SKU", "TermType", "StartingRange", "EndingRange", "Unit", "PricePerUnit", "Currency"} {
		if _, ok := columns[name]; !ok {
			return in.fail(fmt.Sprintf("line %d", line), fmt.Errorf("column %s is missing", name))
		}
	}
	r.FieldsPerRecord = len(header)
	for {
		rec, line, err := read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return in.fail("", err) // it names its line
		}
		get := func(name string) string {
			if i, ok := columns[name]; ok {
				return rec[i]
			}
			return ""
		}
		row := awsRow{
			sku: get("SKU"), term: get("TermType"), start: get("StartingRange"), end: get("EndingRange"), unit: get("Unit"), price: get("PricePerUnit"),
			currency: get("Currency"), family: get("Product Family"), transfer: get("Transfer Type"), from: get("From Location"), to: get("To Location"),
			fromType: get("From Location Type"), toType: get("To Location Type"), fromCode: get("From Region Code"), toCode: get("To Region Code"),
			usage: get("usageType"), group: get("Group"), volume: get("Volume Type"), region: get("Region Code"),
		}
		at := fmt.Sprintf("line %d", line)
		if err := c.awsRow(row, at); err != nil {
			return in.fail(at, err)
		}
	}
}

// awsRow sorts a row. What it keeps of it is cloned: the record is used again.
func (c *collector) awsRow(row awsRow, where string) error {
	c.rows++
	var used bool
	var err error
	switch kind := row.kind(); kind {
	case "":
		c.ignore("of other products", 1)
	case "term":
		c.ignore("of other terms than OnDemand", 1)
	case "place":
		c.ignore("of places that are no regions", 1)
	case "allowance":
		used, err = true, c.awsFree(row, where)
	case "requests":
		used, err = true, c.awsRequests(row, where)
	default:
		used, err = true, c.awsLadder(kind, row, where)
	}
	if err != nil {
		return fmt.Errorf("SKU %s: %w", orNone(row.sku), err)
	}
	if used {
		c.used++
	}
	return nil
}

// kind says what a row prices, "" for nothing of ours.
func (r awsRow) kind() string {
	region := func(kind string) bool { return kind == "" || kind == "AWS Region" }
	switch {
	case r.term != "OnDemand":
		return "term"
	case strings.HasPrefix(r.usage, "Global-DataTransfer-Out-Bytes"):
		return "allowance"
	case r.transfer == "AWS Outbound" && r.to == "External" && (r.usage == "" || strings.HasSuffix(r.usage, "DataTransfer-Out-Bytes")):
		if !region(r.fromType) {
			return "place"
		}
		return "internet"
	case r.transfer == "InterRegion Outbound" && (r.usage == "" || strings.HasSuffix(r.usage, "-AWS-Out-Bytes")):
		if !region(r.fromType) || !region(r.toType) {
			return "place"
		}
		return "inter-region"
	case r.group == "S3-API-Tier1" || r.group == "S3-API-Tier2":
		return "requests"
	case r.family == "Storage" && r.volume == "Standard" && strings.HasSuffix(r.usage, "TimedStorage-ByteHrs"):
		return "storage"
	}
	return ""
}

func (c *collector) awsLadder(kind string, row awsRow, where string) error {
	unit := map[string]string{"storage": "GB-Mo"}[kind]
	if unit == "" {
		unit = "GB"
	}
	if row.unit != unit {
		return fmt.Errorf("unit: unknown unit %.40q: want %s", row.unit, unit)
	}
	q := quote{from: awsRegion(row.fromCode, row.from), class: kind, name: "aws.%s.internet"}
	key := kind + "\x00" + q.from
	switch kind {
	case "storage":
		q = quote{from: row.region, storage: "standard", hours: hoursPerMonth}
		key = kind + "\x00" + q.from
	case "inter-region":
		to := awsRegion(row.toCode, row.to)
		q.to.Regions = []string{strings.Clone(to)}
		key += "\x00" + to
	}
	if q.from == "" {
		c.ignore("of regions without a code", 1)
		return nil
	}
	q.from = strings.Clone(q.from)
	b, err := c.awsBand(row, where)
	if err != nil {
		return err
	}
	m, err := c.ladder(key, q)
	if err != nil {
		return err
	}
	return m.add(b)
}

func (c *collector) awsBand(row awsRow, where string) (b band, err error) {
	b.row = where
	if b.from, err = parseUnits(row.start); err != nil {
		return b, fmt.Errorf("StartingRange: %w", err)
	}
	if b.to = cost.Unbounded; row.end != "Inf" {
		if b.to, err = parseUnits(row.end); err != nil {
			return b, fmt.Errorf("EndingRange: %w", err)
		}
		if b.to <= b.from {
			return b, fmt.Errorf("EndingRange: the tier ends at %d, where it begins, or before", b.to)
		}
	}
	price, err := parseAmount(row.price)
	if err != nil {
		return b, fmt.Errorf("PricePerUnit: %w", err)
	}
	if b.nano, err = price.nano(); err != nil {
		return b, fmt.Errorf("PricePerUnit: %w", err)
	}
	if b.nano, err = c.usd(row.currency, b.nano); err != nil {
		return b, fmt.Errorf("currency: %w", err)
	}
	return b, nil
}

// awsFree takes the amount that is free over all regions.
func (c *collector) awsFree(row awsRow, where string) error {
	b, err := c.awsBand(row, where)
	if err != nil {
		return err
	}
	if b.nano != 0 || b.from != 0 || b.to == cost.Unbounded {
		return nil // what is beyond it has the regions' prices
	}
	e := cost.AllowanceEntry{Provenance: c.provenance(awsAllowance), UnitBytes: cost.GiB, Units: b.to}
	if slices.ContainsFunc(c.allowances, func(o cost.AllowanceEntry) bool { return o.Units != e.Units }) {
		return errors.New("another free amount than a row before")
	}
	c.allowances = []cost.AllowanceEntry{e}
	return nil
}

func (c *collector) awsRequests(row awsRow, where string) error {
	if row.unit != "Requests" {
		return fmt.Errorf("unit: unknown unit %.40q: want Requests", row.unit)
	}
	nano, per, err := c.perMany(row.currency, row.price, 1, 1000)
	if err != nil {
		return fmt.Errorf("PricePerUnit: %w", err)
	}
	ops := []cost.Op{cost.OpWrite, cost.OpList}
	if row.group == "S3-API-Tier2" {
		ops = []cost.Op{cost.OpRead}
	}
	for _, op := range ops {
		if err := c.addFee(feeKey{kind: "requests", op: op}, strings.Clone(row.region), fee{nano: nano, per: per, row: where}); err != nil {
			return err
		}
	}
	return nil
}

// awsRoutes turns the matrix of inter-region prices into what a book has: a price for each source to all others, and exceptions.
func (c *collector) awsRoutes() error {
	bySource := map[string]map[string]*meter{}
	for key, m := range c.meters {
		if m.class != "inter-region" {
			continue
		}
		if bySource[m.from] == nil {
			bySource[m.from] = map[string]*meter{}
		}
		bySource[m.from][m.to.Regions[0]] = m
		delete(c.meters, key)
	}
	excepted := map[string]bool{} // routes that the book prices by themselves
	for _, e := range c.o.Book.TransferEntries() {
		if e.Provider == "aws" && e.Class == "inter-region" && len(e.From.Regions) == 1 && len(e.To.Regions) == 1 {
			excepted[e.From.Regions[0]+" "+e.To.Regions[0]] = true
		}
	}
	for from, to := range bySource {
		common, err := commonLadder(to)
		if err != nil {
			return fmt.Errorf("inter-region from %s: %w", from, err)
		}
		c.quotes = append(c.quotes, quote{class: "inter-region", from: from, tiers: common, name: "aws.inter-region.%s"})
		for dest, m := range to {
			tiers, _ := m.tiers() // commonLadder has seen to it
			if !slices.Equal(tiers, common) || excepted[from+" "+dest] {
				q := m.quote
				q.tiers, q.name = tiers, "aws.inter-region.%s."+dest
				c.quotes = append(c.quotes, q)
			}
		}
	}
	slices.SortFunc(c.quotes, func(a, b quote) int { return strings.Compare(a.from+a.to.String(), b.from+b.to.String()) })
	return nil
}

// commonLadder is what most destinations have, the dearest of those that are equally many.
func commonLadder(to map[string]*meter) (best []cost.Tier, err error) {
	count, ladders := map[string]int{}, map[string][]cost.Tier{}
	for dest, m := range to {
		tiers, err := m.tiers()
		if err != nil {
			return nil, fmt.Errorf("to %s: %w", dest, err)
		}
		k := fmt.Sprint(tiers)
		count[k]++
		ladders[k] = tiers
	}
	most := ""
	for k, n := range count {
		dearer := best != nil && n == count[most] && ladders[k][0].NanoUSDPerUnit > best[0].NanoUSDPerUnit
		if best == nil || n > count[most] || dearer {
			most, best = k, ladders[k]
		}
	}
	return best, nil
}

// awsRegion is a region's code; older lists have its location alone.
func awsRegion(code, location string) string {
	if code != "" {
		return code
	}
	return awsLocations[strings.Replace(location, "Europe (", "EU (", 1)]
}

// awsLocations are the names of regions in price lists without codes.
var awsLocations = map[string]string{
	"US East (N. Virginia)": "us-east-1", "US East (Ohio)": "us-east-2", "US West (N. California)": "us-west-1", "US West (Oregon)": "us-west-2",
	"Canada (Central)": "ca-central-1", "Canada West (Calgary)": "ca-west-1", "Mexico (Central)": "mx-central-1",
	"EU (Ireland)": "eu-west-1", "EU (London)": "eu-west-2", "EU (Paris)": "eu-west-3", "EU (Frankfurt)": "eu-central-1", "EU (Zurich)": "eu-central-2",
	"EU (Stockholm)": "eu-north-1", "EU (Milan)": "eu-south-1", "EU (Spain)": "eu-south-2",
	"Asia Pacific (Tokyo)": "ap-northeast-1", "Asia Pacific (Seoul)": "ap-northeast-2", "Asia Pacific (Osaka)": "ap-northeast-3",
	"Asia Pacific (Mumbai)": "ap-south-1", "Asia Pacific (Hyderabad)": "ap-south-2", "Asia Pacific (Hong Kong)": "ap-east-1",
	"Asia Pacific (Singapore)": "ap-southeast-1", "Asia Pacific (Sydney)": "ap-southeast-2", "Asia Pacific (Jakarta)": "ap-southeast-3",
	"Asia Pacific (Melbourne)": "ap-southeast-4", "Asia Pacific (Malaysia)": "ap-southeast-5", "Asia Pacific (Thailand)": "ap-southeast-7",
	"South America (Sao Paulo)": "sa-east-1", "Africa (Cape Town)": "af-south-1", "Israel (Tel Aviv)": "il-central-1",
	"Middle East (Bahrain)": "me-south-1", "Middle East (UAE)": "me-central-1",
	"AWS GovCloud (US-East)": "us-gov-east-1", "AWS GovCloud (US-West)": "us-gov-west-1", "AWS GovCloud (US)": "us-gov-west-1",
}
