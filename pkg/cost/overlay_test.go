package cost

import (
	"strings"
	"testing"
)

const overlay = `{
  "schema": "datagravity.pricebook-overlay/1", "version": "mine", "as_of": "2026-12-01", "currency": "USD",
  "remove": ["cool"],
  "regions": [{"provider": "azure", "continent": "europe", "zone": "zone-1", "regions": ["westus", "swedencentral"]}],
  "transfers": [
    {"id": "net", "provider": "azure", "class": "internet", "from": {"zones": ["zone-1"]}, "to": {}, "unit_bytes": 1073741824, "tiers": [{"up_to_units": null, "nano_usd_per_unit": 70000000}], "as_of": "2026-12-01", "source": "contract", "verified": true},
    {"id": "near.mine", "provider": "azure", "class": "inter-region", "from": {"continents": ["europe"]}, "to": {"continents": ["same"]}, "unit_bytes": 1073741824, "tiers": [{"up_to_units": null, "nano_usd_per_unit": 10000000}], "as_of": "2026-12-01", "source": "contract", "verified": true}
  ]
}`

func TestLayer(t *testing.T) {
	base, err := Load(strings.NewReader(smallBook), "b.json")
	if err != nil {
		t.Fatal(err)
	}
	b, err := base.Layer(strings.NewReader(overlay), "o.json")
	if err != nil {
		t.Fatal(err)
	}
	if b.Version != "test-1+mine" || b.AsOf != "2026-12-01" {
		t.Errorf("version %s as of %s", b.Version, b.AsOf)
	}
	price := func(b *Book, from, to string) string {
		r, err := b.Transfer(at(t, from), at(t, to), RouteOptions{})
		if err != nil {
			return err.Error()
		}
		return r.ID + " " + r.Price(GiB, nil).Decimal()
	}
	for _, c := range []struct{ from, to, before, after string }{
		{"azure:eastus", "onprem:lab1", "net 0.087", "net 0.07"}, // by id
		// By route: the entry has another id; and westus is where the overlay says.
		{"azure:westeurope", "azure:westus", "no price known: azure:westeurope to azure:westus (inter-region-other-continent) is not in the price book test-1; " + howToDeclare(at(t, "azure:westeurope"), at(t, "azure:westus")), "near.mine 0.01"},
	} {
		if got := price(base, c.from, c.to); got != c.before {
			t.Errorf("%s to %s in the book: %s, want %s", c.from, c.to, got, c.before)
		}
		if got := price(b, c.from, c.to); got != c.after {
			t.Errorf("%s to %s with the overlay: %s, want %s", c.from, c.to, got, c.after)
		}
	}
	if p, _ := base.Retrieval("azure", "cool", GiB); p == 0 {
		t.Error("the book itself was changed")
	}
	if p, _ := b.Retrieval("azure", "cool", GiB); p != 0 {
		t.Errorf("the removed entry is still there: %s", p)
	}
	twice, err := b.Layer(strings.NewReader(strings.NewReplacer(`"mine"`, `"more"`, `"remove": ["cool"],`, ``, "70000000", "60000000").Replace(overlay)), "p.json")
	if err != nil || twice.Version != "test-1+mine+more" || price(twice, "azure:eastus", "onprem:lab1") != "net 0.06" {
		t.Errorf("a second overlay: %v, %+v", err, twice)
	}
}

func TestLayerInAnotherCurrency(t *testing.T) {
	base, err := Load(strings.NewReader(smallBook), "b.json")
	if err != nil {
		t.Fatal(err)
	}
	euros := strings.Replace(overlay, `"currency": "USD"`, `"currency": "EUR", "usd_per_unit": "1.0843", "rate_as_of": "2026-11-30"`, 1)
	b, err := base.Layer(strings.NewReader(euros), "o.json")
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.Transfer(at(t, "azure:eastus"), at(t, "onprem:lab1"), RouteOptions{})
	if err != nil || r.Price(GiB, nil).Decimal() != "0.075901" {
		t.Errorf("0.07 EUR: %v USD, %v", r.Price(GiB, nil).Decimal(), err)
	}
}

func TestLayerRefuses(t *testing.T) {
	base, err := Load(strings.NewReader(smallBook), "b.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"a whole book", "pricebook-overlay/1", "pricebook/1", `o.json: schema "datagravity.pricebook/1": this version of datagravity reads "datagravity.pricebook-overlay/1"; this is a whole book: name it in prices.book`},
		{"nothing to remove", `["cool"]`, `["col"]`, `o.json: remove[0]: the book has no entry "col"`},
		{"negative price", "70000000", "-1", `o.json: transfers[0] "net": tiers[0].nano_usd_per_unit is -1: a price cannot be negative`},
		{"unknown unit", `"unit_bytes": 1073741824`, `"unit_bytes": 1024`, `o.json: transfers[0] "net": unknown unit_bytes 1024: want 1073741824 (GiB, what AWS, Azure and Google bill) or 1000000000 (GB)`},
		{"unknown region", `"from": {"zones": ["zone-1"]}`, `"from": {"regions": ["mars"]}`, `o.json: transfers[0] "net": from: region "mars" of azure is not in the book's regions`},
		{"wider than another", `{"continents": ["europe"]}`, `{"continents": ["europe", "north-america"]}`, `o.json: transfers[1] "near.mine": prices a route that "near" prices too: make the selectors of one of them narrower`},
		{"id twice", `"near.mine"`, `"net"`, `o.json: transfers[1] "net": another entry has this id already`},
		{"id of another section", `"near.mine"`, `"w"`, `b.json: requests[0] "w": another entry has this id already`},
		{"regions that are none", `"regions": [{"provider"`, `"regions": [{"continnent": 1, "provider"`, `o.json: regions[0]: unknown field "continnent"`},
		{"currency without a rate", `"currency": "USD"`, `"currency": "EUR"`, `o.json: currency "EUR": state its rate in usd_per_unit ("1.0843") and the rate's date in rate_as_of; providers publish other currencies for reference only`},
		{"rate of nothing", `"currency": "USD"`, `"currency": "EUR", "usd_per_unit": "0", "rate_as_of": "2026"`, `o.json: EUR: 0 USD for one unit: a rate must be more than 0`},
		{"rate without a date", `"currency": "USD"`, `"currency": "EUR", "usd_per_unit": "1.1"`, `o.json: EUR: as_of "": want the date of the rate, such as 2026-11-25`},
		{"odd currency", `"currency": "USD"`, `"currency": "euro", "usd_per_unit": "1.1", "rate_as_of": "2026"`, `o.json: currency "euro": want three capital letters, such as EUR`},
		{"rate for USD", `"currency": "USD"`, `"currency": "USD", "usd_per_unit": "1"`, `o.json: usd_per_unit and rate_as_of are for other currencies; leave them out`},
		{"cut off", `  ]
}`, ``, `o.json: unexpected EOF`},
	} {
		t.Run(c.name, func(t *testing.T) {
			broken := strings.Replace(overlay, c.old, c.new, 1)
			if broken == overlay {
				t.Fatalf("%q is not in the overlay", c.old)
			}
			b, err := base.Layer(strings.NewReader(broken), "o.json")
			if err == nil || err.Error() != c.want || b != nil {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	if _, err := Load(strings.NewReader(overlay), "o.json"); err == nil || !strings.Contains(err.Error(), "this is an overlay: name it in prices.overlays") {
		t.Errorf("an overlay as a book: %v", err)
	}
}
