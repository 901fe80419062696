package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/store"
)

func options() Options {
	return Options{Book: cost.Default(), Now: func() time.Time { return time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC) }}
}

func sample(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// file writes text to a file of the test's.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustImport(t *testing.T, kind string, o Options, sources ...string) *Result {
	t.Helper()
	r, err := Import(context.Background(), kind, sources, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// firstPage is the sample's first page as a file that ends there.
func firstPage(t *testing.T) string {
	return file(t, "azure.json", strings.Replace(sample(t, "azure-1.json"), `"NEXT"`, "null", 1))
}

// layered is the book with an overlay, as it will be read from the file.
func layered(t *testing.T, r *Result) *cost.Book {
	t.Helper()
	b, err := apply(cost.Default(), r.Overlay)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// price of so many GiB of a fresh month.
func price(t *testing.T, b *cost.Book, from, to string, gib int64, isp bool) string {
	t.Helper()
	var at [2]store.Location
	for i, s := range []string{from, to} {
		var err error
		if at[i], err = store.ParseLocation(s); err != nil {
			t.Fatal(err)
		}
	}
	r, err := b.Transfer(at[0], at[1], cost.RouteOptions{ISPRouting: isp})
	if err != nil {
		t.Fatal(err)
	}
	fresh := int64(0)
	return fmt.Sprintf("%s %s %s %t", r.ID, r.Pool, r.Price(gib*cost.GiB, &fresh).Decimal(), r.Verified)
}

func changed(r *Result) []string {
	out := []string{}
	for _, c := range r.Changes {
		out = append(out, c.ID)
	}
	return out
}

func TestAzure(t *testing.T) {
	r := mustImport(t, "azure", options(), firstPage(t), "testdata/azure-2.json")
	want := []string{
		"azure.austriaeast.internet.mgn", "azure.inter-region.same-continent.eastus", "azure.northeurope.internet.isp", "azure.requests.write",
		"azure.retrieval.archive", "azure.retrieval.cool", "azure.zone-1.internet.mgn",
	}
	if diff := cmp.Diff(want, changed(r)); diff != "" {
		t.Errorf("changes -want +have:\n%s", diff)
	}
	if r.Rows != 36 || r.Used != 30 || r.Overlay.AsOf != "2026-11-26" || r.Overlay.Version != "azure-2026-11-26" {
		t.Errorf("%d of %d rows, version %s as of %s", r.Used, r.Rows, r.Overlay.Version, r.Overlay.AsOf)
	}
	ignored := []Ignored{
		{"of other bandwidth meters", 1},
		{"of other services and products", 2},
		{"of other storage meters", 1},
		{"of type Reservation", 1},
		{"storage and request prices that differ by region: choose one with --region", 2},
		{"that are not in effect yet", 1},
	}
	if diff := cmp.Diff(ignored, r.Ignored); diff != "" {
		t.Errorf("ignored -want +have:\n%s", diff)
	}
	b := layered(t, r)
	for _, c := range []struct {
		from, to string
		isp      bool
		want     string // of 200 GiB
	}{
		// The zone's meter: all of the zone has its price.
		{"azure:eastus", "aws:us-east-1", false, "azure.zone-1.internet.mgn azure.zone-1.mgn 8.6 true"},
		{"azure:uksouth", "aws:us-east-1", false, "azure.zone-1.internet.mgn azure.zone-1.mgn 8.6 true"},
		{"azure:japaneast", "aws:us-east-1", false, "azure.zone-2.internet.mgn azure.zone-2.mgn 12 true"},
		// A meter of its own, which counts by itself.
		{"azure:austriaeast", "aws:us-east-1", false, "azure.austriaeast.internet.mgn azure.austriaeast.internet.mgn 9 true"},
		// The book has no meter for the zone: one region's price is not taken for the others', but it is the same count.
		{"azure:northeurope", "aws:us-east-1", true, "azure.northeurope.internet.isp azure.zone-1.isp 7.8 true"},
		{"azure:westeurope", "aws:us-east-1", true, "azure.zone-1.internet.isp azure.zone-1.isp 8 true"},
		{"azure:eastus", "azure:westus", false, "azure.inter-region.same-continent.eastus azure.inter-region.same-continent.north-america 4 true"},
	} {
		if got := price(t, b, c.from, c.to, 200, c.isp); got != c.want {
			t.Errorf("%s to %s: %s, want %s", c.from, c.to, got, c.want)
		}
	}
	o := options()
	o.Region = "westus"
	westus := layered(t, mustImport(t, "azure", o, firstPage(t), "testdata/azure-2.json"))
	if got := westus.Requests("azure", cost.OpRead, 10_000).Decimal(); got != "0.005" {
		t.Errorf("reads in westus: %s", got)
	}
}

func TestAWS(t *testing.T) {
	r := mustImport(t, "aws", options(), "testdata/aws.csv")
	b := layered(t, r)
	for _, c := range []struct{ from, to, want string }{ // of 11,000 GiB
		{"aws:us-east-1", "azure:eastus", "aws.us-east-1.internet aws.internet.us-east-1 977.7 true"}, // 100 free, 10,240 at .09, 660 at .085
		{"aws:us-west-2", "azure:eastus", "aws.us-west-2.internet aws.internet.us-west-2 957.22 true"},
		{"aws:eu-west-1", "azure:eastus", "aws.us-eu.internet aws.internet.eu-west-1 977.7 true"}, // not in the feed: as it was
		{"aws:ap-northeast-1", "azure:eastus", "aws.ap-northeast-1.internet aws.internet.ap-northeast-1 1226.1 true"},
		{"aws:ca-west-1", "azure:eastus", "aws.ca-west-1.internet aws.internet.ca-west-1 977.7 true"},
		{"aws:us-east-1", "aws:us-east-2", "aws.inter-region.us-east-1.us-east-2 aws.inter-region.us-east-1.us-east-2 110 true"},
		{"aws:us-east-1", "aws:eu-west-1", "aws.inter-region.us-east-1 aws.inter-region.us-east-1 220 true"},
		{"aws:us-east-1", "aws:sa-east-1", "aws.inter-region.us-east-1.sa-east-1 aws.inter-region.us-east-1.sa-east-1 330 true"},
	} {
		if got := price(t, b, c.from, c.to, 11_000, false); got != c.want {
			t.Errorf("%s to %s: %s, want %s", c.from, c.to, got, c.want)
		}
	}
	if r.Overlay.AsOf != "2026-09-16" || r.Overlay.Transfers[0].Source != "AWS price list AWSDataTransfer 20260916202132" {
		t.Errorf("as of %s, from %s", r.Overlay.AsOf, r.Overlay.Transfers[0].Source)
	}
	asJSON := mustImport(t, "aws", options(), "testdata/aws.json")
	if diff := cmp.Diff(r.Overlay, asJSON.Overlay); diff != "" {
		t.Errorf("the same offer as JSON, -CSV +JSON:\n%s", diff)
	}
	s3 := layered(t, mustImport(t, "aws", options(), "testdata/aws-s3.csv", "testdata/aws.csv"))
	if got := s3.Requests("aws", cost.OpRead, 1000).Decimal() + " " + s3.Requests("aws", cost.OpList, 1000).Decimal(); got != "0.00043 0.0054" {
		t.Errorf("requests: %s", got)
	}
	if got, _, _ := s3.Storage("aws", "", cost.GiB, nil, 730*time.Hour); got.Decimal() != "0.024" {
		t.Errorf("storage: %s", got.Decimal())
	}
}

func TestGCP(t *testing.T) {
	r := mustImport(t, "gcp", options(), "testdata/gcp-1.json", "testdata/gcp-2.json")
	b := layered(t, r)
	for _, c := range []struct{ from, to, want string }{ // of 200 GiB
		{"gcp:us-central1", "aws:us-east-1", "gcp.internet.worldwide.free-us gcp.internet.worldwide 11.9 true"},
		{"gcp:europe-west4", "aws:us-east-1", "gcp.internet.worldwide gcp.internet.worldwide 23.8 true"}, // no free band there
		{"gcp:europe-west4", "aws:ap-northeast-1", "gcp.internet.asia gcp.internet.asia 24 true"},
		{"gcp:europe-west4", "aws:ap-southeast-2", "gcp.internet.oceania gcp.internet.oceania 238.0000002 true"}, // units and nanos, in effect now
	} {
		if got := price(t, b, c.from, c.to, 200, false); got != c.want {
			t.Errorf("%s to %s: %s, want %s", c.from, c.to, got, c.want)
		}
	}
	if got := b.Requests("gcp", cost.OpWrite, 1000).Decimal() + " " + b.Requests("gcp", cost.OpRead, 1000).Decimal(); got != "0.005 0.0004" {
		t.Errorf("requests: %s", got)
	}
	if p, _ := b.Retrieval("gcp", "NEARLINE", 10*cost.GiB); p.Decimal() != "0.11" {
		t.Errorf("retrieval: %s", p.Decimal())
	}
	if p, _, _ := b.Storage("gcp", "STANDARD", cost.GiB, nil, time.Hour); p != 27397 {
		t.Errorf("a GiB-hour: %d nano-dollars", p)
	}
}

func TestOtherCurrency(t *testing.T) {
	euros := file(t, "e.json", strings.ReplaceAll(strings.Replace(sample(t, "azure-1.json"), `"NEXT"`, "null", 1), `"USD"`, `"EUR"`))
	_, err := Import(context.Background(), "azure", []string{euros}, options())
	if err == nil || !strings.Contains(err.Error(), `e.json: Items[0]: eastus, meter 9995d93a-7d35-4d3f-9c69-7a7fea447ef4: currencyCode: currency "EUR": prices in other currencies than USD need a rate; ask the feed for USD`) {
		t.Errorf("%v", err)
	}
	o := options()
	o.Exchange = func(code string) (cost.Exchange, error) {
		return cost.Exchange{Code: code, NanoUSDPerUnit: 1_100_000_000, AsOf: "2026-11-20"}, nil
	}
	if got := price(t, layered(t, mustImport(t, "azure", o, euros)), "azure:eastus", "aws:us-east-1", 200, false); !strings.Contains(got, " 9.46 ") {
		t.Errorf("0.086 EUR at 1.1: %s", got)
	}
}

// What is wrong with a feed is told with its file, row and field, and nothing comes of it.
func TestMalformed(t *testing.T) {
	for _, c := range []struct{ kind, sample, old, new, want string }{
		{"azure", "azure-1.json", `"NEXT"`, `"https://other/page"`, `its NextPageLink names another page: give all pages, the last one last, or the URL`},
		{"azure", "azure-2.json", `"tierMinimumUnits": 51200.0`, `"tierMinimumUnits": 0.0`, `f: Items[5]: eastus, meter m1: another price for the tier from 0 than in Items[4]`},
		{"azure", "azure-2.json", `"retailPrice": 0.02,`, `"retailPrice": -0.02,`, `f: Items[0]: eastus, meter 55555555-aaaa-bbbb-cccc-666666666666: retailPrice: -0.02: a price cannot be negative`},
		{"azure", "azure-2.json", `"retailPrice": 0.02,`, `"retailPrice": 0.0000000001,`, `f: Items[0]: eastus, meter 55555555-aaaa-bbbb-cccc-666666666666: retailPrice: 0.000000000100000 is finer than a billionth`},
		{"azure", "azure-2.json", `"retailPrice": 0.02,`, `"retailPrice": "free",`, `f: Items[0]: eastus, meter 55555555-aaaa-bbbb-cccc-666666666666: retailPrice: "free" is not a price`},
		{"azure", "azure-2.json", `"retailPrice": 0.02,`, `"retailPrice": [1],`, `f: Items[0]: retailPrice: want one value, not a "["`},
		{"azure", "azure-2.json", `"unitOfMeasure": "1 GB",`, `"unitOfMeasure": "1 TB",`, `f: Items[0]: eastus, meter 55555555-aaaa-bbbb-cccc-666666666666: unitOfMeasure: unknown unit "1 TB": want 1 GB`},
		{"azure", "azure-2.json", `"unitOfMeasure": "10K",`, `"unitOfMeasure": "10 Q",`, `unitOfMeasure: unknown unit "10 Q": want a number of requests such as 10K`},
		{"azure", "azure-2.json", `"tierMinimumUnits": 0.0`, `"tierMinimumUnits": 0.5`, `f: Items[0]: eastus, meter 55555555-aaaa-bbbb-cccc-666666666666: tierMinimumUnits: 0.5 is not a whole number of units`},
		{"azure", "azure-2.json", `"tierMinimumUnits": 0.0`, `"tierMinimumUnits": 10.0`, `inter-region from eastus: Items[0]: the lowest tier begins at 10, not at 0: rows are missing`},
		{"azure", "azure-2.json", `"Items"`, `"items"`, `f: field Items is missing: that is no page of the Azure Retail Prices API`},
		{"azure", "azure-2.json", "}\n]", "}\n", `f: `},
		{"azure", "azure-2.json", `"Count": 15`, `"Count": `, `f: `},
		{"aws", "aws.csv", `"FormatVersion"`, `"Version"`, `f: line 1: want the five lines about the offer, FormatVersion first: that is no price list of AWS's`},
		{"aws", "aws.csv", `2026-09-16T20:21:32Z`, `yesterday`, `f: publication date "yesterday": want a date`},
		{"aws", "aws.csv", `"PricePerUnit"`, `"Price"`, `f: line 6: column PricePerUnit is missing`},
		{"aws", "aws.csv", `"10240","51200"`, `"10000","51200"`, `internet from us-east-1: line 7: the tier from 0 to 10240 overlaps that of line 8`},
		{"aws", "aws.csv", `"10240","51200"`, `"10241","51200"`, `internet from us-east-1: line 7: the tier ends at 10240 and the next begins at 10241: rows are missing`},
		{"aws", "aws.csv", `"153600","Inf"`, `"153600","160000"`, `internet from us-east-1: line 10: the tier ends at 160000 and the next begins at no end: rows are missing`},
		{"aws", "aws.csv", `"0","10240","GB"`, `"0","0","GB"`, `f: line 7: SKU S1: EndingRange: the tier ends at 0, where it begins, or before`},
		{"aws", "aws.csv", `"0","10240","GB"`, `"0","10240","TB"`, `f: line 7: SKU S1: unit: unknown unit "TB": want GB`},
		{"aws", "aws.csv", `"0.0900000000"`, `"-0.0900000000"`, `f: line 7: SKU S1: PricePerUnit: -0.0900000000: a price cannot be negative`},
		{"aws", "aws.csv", `"0.0900000000","USD"`, `"0.0900000000","CNY"`, `f: line 7: SKU S1: currency: currency "CNY": prices in other currencies than USD need a rate`},
		{"aws", "aws.csv", `"S1","JRTCKXETXF"`, `"S1"`, `f: record on line 7: wrong number of fields`},
		{"aws", "aws.csv", `"S1"`, `"S1"x`, `f: parse error on line 7, column 4: extraneous or missing " in quoted-field`},
		{"aws", "aws.json", `"beginRange": "10240"`, `"beginRange": "10000"`, `internet from us-east-1: priceDimensions "S1.JRTCKXETXF.R0": the tier from 0 to 10240 overlaps that of priceDimensions "S1.JRTCKXETXF.R1"`},
		{"aws", "aws.json", `"pricePerUnit": {`, `"pricePerUnits": {`, `f: priceDimensions "S1.JRTCKXETXF.R0": pricePerUnit has no price`},
		{"aws", "aws.json", `"products"`, `"product"`, `f: terms stand before products; AWS writes products first`},
		{"aws", "aws.json", `"terms"`, `"term"`, `f: products or terms are missing: that is no price list of AWS's`},
		{"aws", "aws.json", `"fromLocation": "US East (N. Virginia)"`, `"fromLocation": {}`, `f: products "S1": fromLocation: want one value, not a "{"`},
		{"gcp", "gcp-2.json", `"nextPageToken": ""`, `"nextPageToken": "more"`, `its nextPageToken names another page: give all pages, the last one last, or the URL`},
		{"gcp", "gcp-2.json", `"skus"`, `"Skus"`, `f: field skus is missing: that is no page of the Cloud Billing catalogue`},
		{"gcp", "gcp-1.json", `"baseUnitConversionFactor": 1073741824`, `"baseUnitConversionFactor": 1000000000`, `f: skus[0] "22EB-AAE8-FBCD": usageUnit: unknown unit "GiBy" of "1000000000" bytes: want GiBy of 1073741824`},
		{"gcp", "gcp-2.json", `"nanos": 190000001`, `"nanos": 1000000000`, `f: skus[0] "9B2D-2B7D-FA5C": pricingInfo[1]: tieredRates[0]: unitPrice.nanos: "1000000000": want 0 to 999999999`},
		{"gcp", "gcp-2.json", `"units": "1"`, `"units": "-1"`, `f: skus[0] "9B2D-2B7D-FA5C": pricingInfo[1]: tieredRates[0]: unitPrice.units: "-1": want a whole number that is not negative`},
		{"gcp", "gcp-2.json", `"usageUnit": "count"`, `"usageUnit": "GiBy"`, `f: skus[1] "C1": usageUnit: unknown unit "GiBy": want count`},
		{"gcp", "gcp-1.json", `"startUsageAmount": 10240`, `"startUsageAmount": 100`, `f: skus[0] "22EB-AAE8-FBCD": tieredRates[2]: a tier before begins at 100 too`},
	} {
		text := sample(t, c.sample)
		broken := strings.Replace(text, c.old, c.new, 1)
		if broken == text {
			t.Errorf("%s has no %s", c.sample, c.old)
			continue
		}
		path := file(t, "f", broken)
		r, err := Import(context.Background(), c.kind, []string{path}, options())
		if err == nil || r != nil || !strings.Contains(strings.ReplaceAll(err.Error(), path, "f"), c.want) {
			t.Errorf("%s with %s:\ngot  %v\nwant %s", c.sample, c.new, err, c.want)
		}
	}
}

// A feed that ends anywhere before its end never makes an overlay that passes for a whole one. CSV cannot tell where its last row
// is, but a row that is missing leaves a ladder without an end, or only other prices away.
func TestCutOff(t *testing.T) {
	for _, c := range []struct{ kind, sample string }{{"azure", "azure-2.json"}, {"aws", "aws.json"}, {"gcp", "gcp-2.json"}} {
		text := strings.TrimSpace(sample(t, c.sample))
		for n := 0; n < len(text); n += 97 {
			path := file(t, "f", text[:n])
			if r, err := Import(context.Background(), c.kind, []string{path}, options()); err == nil || r != nil {
				t.Fatalf("%s cut at %d of %d: %+v", c.sample, n, len(text), r)
			} else if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%s cut at %d: %v", c.sample, n, err)
			}
		}
		if _, err := Import(context.Background(), c.kind, []string{file(t, "f", text+"{}")}, options()); err == nil || !strings.Contains(err.Error(), "something follows the end") {
			t.Errorf("%s with more behind it: %v", c.sample, err)
		}
	}
	text := strings.TrimSpace(sample(t, "aws.csv"))
	whole := len(mustImport(t, "aws", options(), "testdata/aws.csv").Overlay.Transfers)
	for n := 0; n < len(text); n += 61 {
		r, err := Import(context.Background(), "aws", []string{file(t, "f", text[:n])}, options())
		if err == nil && len(r.Overlay.Transfers) > whole {
			t.Fatalf("aws.csv cut at %d: more entries than the whole has", n)
		}
		for _, e := range overlayOf(r).Transfers {
			if last := e.Tiers[len(e.Tiers)-1]; last.UpToUnits != nil {
				t.Fatalf("aws.csv cut at %d: %s has a ladder with an end", n, e.ID)
			}
		}
	}
}

func overlayOf(r *Result) cost.Overlay {
	if r == nil {
		return cost.Overlay{}
	}
	return r.Overlay
}

func TestNothingOfUse(t *testing.T) {
	_, err := Import(context.Background(), "azure", []string{file(t, "f", `{"Items": [{"type": "DevTestConsumption"}]}`)}, options())
	if err == nil || err.Error() != "the feed has no price that the price book 2026-11-26 has a use for: 1 rows, 1 of type DevTestConsumption" {
		t.Errorf("%v", err)
	}
	if _, err := Import(context.Background(), "ovh", []string{"f"}, options()); err == nil || err.Error() != `feed "ovh": want one of azure, aws, gcp` {
		t.Errorf("%v", err)
	}
	if _, err := Import(context.Background(), "aws", []string{filepath.Join(t.TempDir(), "none")}, options()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// A value without an end is refused before it fills the memory, wherever it stands.
func TestEndlessValues(t *testing.T) {
	long := strings.Repeat("x", 3*maxValueBytes)
	for _, c := range []struct{ kind, text string }{
		{"azure", `{"Items": [{"meterName": "` + long + `"}]}`},
		{"azure", `{"other": "` + long + `"}`},
		{"azure", `{"Items": [` + strings.Repeat(" ", 3*maxValueBytes) + `]}`},
		{"aws", `{"products": {"` + long + `": 1}}`},
		{"aws", "\"FormatVersion\",\"" + long},
		{"gcp", `{"skus": [{"serviceRegions": ["` + long + `"]}]}`},
	} {
		if _, err := Import(context.Background(), c.kind, []string{file(t, "f", c.text)}, options()); err == nil || !strings.Contains(err.Error(), "a single value of more than 1024 KiB") {
			t.Errorf("%s: %.200v", c.kind, err)
		}
	}
}

// repeated is a long JSON object made on the fly: a head, an item many times, a tail.
type repeated struct {
	head, item, tail string
	left             int
	at               string
}

func (r *repeated) Read(p []byte) (int, error) {
	for r.at == "" {
		switch {
		case r.head != "":
			r.at, r.head = r.head, ""
		case r.left > 0:
			r.at = fmt.Sprintf(r.item, r.left)
			r.left--
		case r.tail != "":
			r.at, r.tail = r.tail, ""
		default:
			return 0, io.EOF
		}
	}
	n := copy(p, r.at)
	r.at = r.at[n:]
	return n, nil
}

// AWS's offers have hundreds of megabytes, of which hardly anything is used: memory must not grow with them.
func TestLargeOfferInLittleMemory(t *testing.T) {
	const items = 60_000
	product := `"P%d": {"sku": "P", "productFamily": "Compute", "attributes": {"transferType": "none", "padding": "` + strings.Repeat("y", 300) + `"}},`
	r := &repeated{
		head: `{"offerCode": "AWSDataTransfer", "version": "1", "publicationDate": "2026-09-16T00:00:00Z", "products": {`, item: product, left: items,
		tail: `"S": {"productFamily": "Data Transfer", "attributes": {"transferType": "AWS Outbound", "fromRegionCode": "us-east-1", "toLocation": "External"}}},
			"terms": {"OnDemand": {"S": {"S.T": {"priceDimensions": {"S.T.D": {"unit": "GB", "beginRange": "0", "endRange": "Inf", "pricePerUnit": {"USD": "0.05"}}}}}}}}`,
	}
	c := &collector{o: options(), provider: "aws", ignored: map[string]int64{}, meters: map[string]*meter{}, fees: map[feeKey]map[string]fee{}}
	in := newInput("big", r, io.NopCloser(nil), maxFeedBytes)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if err := c.awsJSON(in); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("%d bytes are held after an offer of %d products", grown, items)
	}
	if len(c.meters) != 1 {
		t.Errorf("%d ladders", len(c.meters))
	}
	small := newInput("small", &repeated{head: "{", item: `"a%d": 1,`, left: 1 << 30}, io.NopCloser(nil), 1<<20)
	if err := c.awsJSON(small); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB; that is not such a feed") {
		t.Errorf("a feed without an end: %v", err)
	}
}

// Whatever a feed says, an import ends with an error or with an overlay that the book takes.
func FuzzImport(f *testing.F) {
	for _, name := range []string{"azure-2.json", "aws.csv", "aws.json", "gcp-2.json", "aws-s3.csv"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		kind, _, _ := strings.Cut(name, "-")
		kind, _, _ = strings.Cut(kind, ".")
		f.Add(kind, b)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		path := filepath.Join(dir, "f")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Import(context.Background(), kind, []string{path}, options())
		if err != nil {
			return
		}
		text, err := json.Marshal(r.Overlay)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cost.Default().Layer(strings.NewReader(string(text)), "o"); err != nil {
			t.Fatal(err)
		}
	})
}
