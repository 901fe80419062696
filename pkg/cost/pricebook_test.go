package cost

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/datagravity/datagravity/pkg/store"
)

func TestDefaultBook(t *testing.T) {
	b := Default()
	if b.Version == "" || b.AsOf == "" {
		t.Errorf("version %q as of %q", b.Version, b.AsOf)
	}
	if len(b.transfers) < 90 || len(b.regions) < 120 {
		t.Errorf("%d transfer entries and %d regions: the book has lost some", len(b.transfers), len(b.regions))
	}
	verified, not := 0, 0
	for _, e := range b.transfers {
		if e.Verified {
			verified++
		} else {
			not++
		}
	}
	if verified == 0 || not == 0 {
		t.Errorf("%d entries verified, %d not: the book has both kinds", verified, not)
	}
}

// A valid book in few lines, in which the cases below break one thing each.
const smallBook = `{
  "schema": "datagravity.pricebook/1", "version": "test-1", "as_of": "2026-11-25", "currency": "USD",
  "regions": [
    {"provider": "azure", "continent": "north-america", "zone": "zone-1", "regions": ["eastus", "westus"]},
    {"provider": "azure", "continent": "europe", "zone": "zone-1", "regions": ["westeurope"]}
  ],
  "allowances": [{"id": "free", "unit_bytes": 1073741824, "units": 100, "as_of": "2026", "source": "s", "verified": true}],
  "transfers": [
    {"id": "net", "provider": "azure", "class": "internet", "from": {"zones": ["zone-1"]}, "to": {}, "unit_bytes": 1073741824, "tiers": [{"up_to_units": 100, "nano_usd_per_unit": 0}, {"up_to_units": 200, "nano_usd_per_unit": 87000000}, {"up_to_units": null, "nano_usd_per_unit": 50000000}], "allowance": "free", "as_of": "2026-09-24", "source": "s", "verified": true},
    {"id": "near", "provider": "azure", "class": "inter-region", "from": {"continents": ["europe"]}, "to": {"continents": ["same"]}, "unit_bytes": 1073741824, "tiers": [{"up_to_units": null, "nano_usd_per_unit": 20000000}], "as_of": "2026-09", "source": "s", "verified": false}
  ],
  "requests": [
    {"id": "w", "provider": "azure", "op": "write", "per": 10000, "nano_usd": 50000000, "as_of": "2026", "source": "s", "verified": true},
    {"id": "l", "provider": "azure", "op": "list", "per": 10000, "nano_usd": 50000000, "as_of": "2026", "source": "s", "verified": true},
    {"id": "r", "provider": "azure", "op": "read", "per": 10000, "nano_usd": 4000000, "as_of": "2026", "source": "s", "verified": true}
  ],
  "retrievals": [{"id": "cool", "provider": "azure", "storage_classes": ["cool"], "unit_bytes": 1073741824, "nano_usd_per_unit": 10000000, "as_of": "2026", "source": "s", "verified": false}]
}`

func TestLoadRefuses(t *testing.T) {
	if _, err := Load(strings.NewReader(smallBook), "b.json"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"another schema", "pricebook/1", "pricebook/9", `schema "datagravity.pricebook/9": this version of datagravity reads "datagravity.pricebook/1"`},
		{"no version", `"version": "test-1"`, `"version": ""`, `version is missing: give the book a name that a later reader of the ledger can find it by`},
		{"no date", `"as_of": "2026-11-25"`, `"as_of": "today"`, `as_of "today": want a date such as 2026-11-25`},
		{"another currency", `"USD"`, `"EUR"`, `currency "EUR": state its rate in usd_per_unit ("1.0843") and the rate's date in rate_as_of; providers publish other currencies for reference only`},
		{"unknown field of the book", `"currency"`, `"note": 1, "currency"`, `unknown field "note"`},
		{"field of the book twice", `"currency"`, `"AS_OF": "2025", "currency"`, `field "as_of" is there twice`},
		{"two values", `"verified": false}]` + "\n}", `"verified": false}]}{}`, `something follows the end of the JSON value`},
		{"cut off", `"retrievals"`, "\x00", `invalid character '\x00' looking for beginning of object key string`},

		{"misspelt field", `"id": "near", "provider"`, `"id": "near", "teirs": [], "provider"`, `transfers[1] "near": unknown field "teirs"`},
		{"field of an entry twice", `"id": "near", "provider"`, `"id": "near", "unit_bytes": 1000000000, "provider"`, `transfers[1] "near": field "unit_bytes" is there twice`},
		{"price as text", `"nano_usd": 4000000`, `"nano_usd": "4000000"`, `requests[2] "r": cannot unmarshal string into Go struct field RequestEntry.nano_usd of type int64`},
		{"fraction of a nano-dollar", `"nano_usd": 4000000`, `"nano_usd": 0.5`, `requests[2] "r": cannot unmarshal number 0.5 into Go struct field RequestEntry.nano_usd of type int64`},
		{"no id", `"id": "near"`, `"id": ""`, `transfers[1]: id is missing`},
		{"id twice", `"id": "near"`, `"id": "net"`, `transfers[1] "net": another entry has this id already`},
		{"id twice over sections", `"id": "cool"`, `"id": "net"`, `retrievals[0] "net": another entry has this id already`},
		{"entry without a date", `"as_of": "2026-09"`, `"as_of": "2026-9"`, `transfers[1] "near": as_of "2026-9": want the date of the price, such as 2026-11-25, 2026-11 or 2026`},
		{"entry without a source", `"source": "s", "verified": false}]`, `"verified": false}]`, `retrievals[0] "cool": source is missing: say where this price was seen`},

		{"unknown provider", `"near", "provider": "azure"`, `"near", "provider": "azur"`, `transfers[1] "near": unknown provider "azur" (known: azure, aws, gcp, r2, b2, oracle, onprem)`},
		{"unknown provider of regions", `{"provider": "azure", "continent": "europe"`, `{"provider": "ovh", "continent": "europe"`, `regions[1]: unknown provider "ovh" (known: azure, aws, gcp, r2, b2, oracle, onprem)`},
		{"unknown class", `"class": "inter-region"`, `"class": "regional"`, `transfers[1] "near": unknown class "regional" (known: inter-region, internet, internet-isp, internet-vm, interconnect)`},
		{"unknown op", `"op": "read"`, `"op": "get"`, `requests[2] "r": unknown op "get" (known: write, list, read)`},
		{"unknown unit", `"to": {}, "unit_bytes": 1073741824`, `"to": {}, "unit_bytes": 1000`, `transfers[0] "net": unknown unit_bytes 1000: want 1073741824 (GiB, what AWS, Azure and Google bill) or 1000000000 (GB)`},
		{"unknown unit of retrieval", `["cool"], "unit_bytes": 1073741824`, `["cool"], "unit_bytes": 0`, `retrievals[0] "cool": unknown unit_bytes 0: want 1073741824 (GiB, what AWS, Azure and Google bill) or 1000000000 (GB)`},

		{"region twice", `"westus"]`, `"eastus"]`, `regions[0]: region "eastus" of azure is there twice`},
		{"region in capitals", `"westus"]`, `"WestUS"]`, `regions[0]: region "WestUS": want a region's name in lower case`},
		{"no regions", `["westeurope"]`, `[]`, `regions[1]: regions is empty`},
		{"reserved continent", `"continent": "europe"`, `"continent": "same"`, `regions[1]: continent "same": want a name such as north-america`},
		{"unknown region in a selector", `"from": {"continents": ["europe"]}`, `"from": {"regions": ["eastsu"]}`, `transfers[1] "near": from: region "eastsu" of azure is not in the book's regions`},
		{"unknown zone in a selector", `{"zones": ["zone-1"]}`, `{"zones": ["zone-4"]}`, `transfers[0] "net": from: zone "zone-4" is not in the book's regions`},
		{"unknown continent in a selector", `{"continents": ["same"]}`, `{"continents": ["asia"]}`, `transfers[1] "near": to: continent "asia" is not in the book's regions`},
		{"source relative to itself", `"from": {"continents": ["europe"]}`, `"from": {"continents": ["same"]}`, `transfers[1] "near": from: continent "same" is not in the book's regions`},
		{"two kinds of selector", `"from": {"continents": ["europe"]}`, `"from": {"continents": ["europe"], "zones": ["zone-1"]}`, `transfers[1] "near": from: choose by regions, zones or continents, not by several of them`},
		{"regions across the internet", `"to": {}`, `"to": {"regions": ["eastus"]}`, `transfers[0] "net": to: a destination across the internet is chosen by its continent, not by regions`},

		{"no tiers", `"tiers": [{"up_to_units": null, "nano_usd_per_unit": 20000000}]`, `"tiers": []`, `transfers[1] "near": tiers is empty: a price that is not known must not be in the book`},
		{"unordered tiers", `"up_to_units": 200`, `"up_to_units": 50`, `transfers[0] "net": tiers[1] ends at 50, but the tier before it at 100: ends must rise`},
		{"overlapping tiers", `"up_to_units": 200`, `"up_to_units": 100`, `transfers[0] "net": tiers[1] ends at 100, but the tier before it at 100: ends must rise`},
		{"first tier ends at 0", `"up_to_units": 100`, `"up_to_units": 0`, `transfers[0] "net": tiers[0] ends at 0, but the tier before it at 0: ends must rise`},
		{"open tier in the middle", `"up_to_units": 200`, `"up_to_units": null`, `transfers[0] "net": tiers[1] has no end, so tiers[2] can never be reached`},
		{"last tier closed", `{"up_to_units": null, "nano_usd_per_unit": 50000000}`, `{"up_to_units": 300, "nano_usd_per_unit": 50000000}`, `transfers[0] "net": tiers[2], the last, ends at 300: it must be open (up_to_units null)`},
		{"tier out of reach", `"up_to_units": 200`, `"up_to_units": 9000000000`, `transfers[0] "net": tiers[1] ends at 9000000000: more than 8589934591 units cannot be counted`},
		{"negative price", `87000000`, `-1`, `transfers[0] "net": tiers[1].nano_usd_per_unit is -1: a price cannot be negative`},
		{"price missing", `"up_to_units": 200, "nano_usd_per_unit": 87000000`, `"up_to_units": 200`, `transfers[0] "net": tiers[1].nano_usd_per_unit is missing`},
		{"negative request price", `"nano_usd": 4000000`, `"nano_usd": -4`, `requests[2] "r": nano_usd is -4: a price cannot be negative`},
		{"request price missing", `"nano_usd": 4000000, `, ``, `requests[2] "r": nano_usd is missing`},
		{"negative retrieval price", `"nano_usd_per_unit": 10000000`, `"nano_usd_per_unit": -1`, `retrievals[0] "cool": nano_usd_per_unit is -1: a price cannot be negative`},
		{"price for no requests", `"op": "read", "per": 10000`, `"op": "read", "per": 0`, `requests[2] "r": per is 0: say how many requests the price is for`},
		{"op twice", `"op": "read"`, `"op": "list"`, `requests[2] "r": list requests of azure (storage class "") have a price already`},
		{"op only in another class", `"op": "read"`, `"op": "read", "storage_class": "cool"`, `requests: azure has prices, but none for read in the default storage class`},
		{"no storage classes", `["cool"]`, `[]`, `retrievals[0] "cool": storage_classes is empty`},
		{"storage class twice", `["cool"]`, `["cool", "Cool"]`, `retrievals[0] "cool": storage class "Cool" of azure is empty or has a price already`},
		{"unknown allowance", `"allowance": "free"`, `"allowance": "fre"`, `transfers[0] "net": allowance "fre" is not in the book`},
		{"empty allowance", `"units": 100`, `"units": 0`, `allowances[0] "free": units is 0: want from 1 to 8589934591`},
	} {
		t.Run(c.name, func(t *testing.T) {
			broken := strings.Replace(smallBook, c.old, c.new, 1)
			if broken == smallBook {
				t.Fatalf("%q is not in the book", c.old)
			}
			_, err := Load(strings.NewReader(broken), "b.json")
			if err == nil || err.Error() != "b.json: "+c.want {
				t.Errorf("got  %v\nwant b.json: %s", err, c.want)
			}
		})
	}
}

func TestLoadRefusesTwoPricesForOneRoute(t *testing.T) {
	near := smallBook[strings.Index(smallBook, `{"id": "near"`):strings.Index(smallBook, "\n  ],\n  \"requests\"")]
	for _, c := range []struct {
		name, from, to string
		clash          bool
	}{
		{"the same selectors", `{"continents": ["europe"]}`, `{"continents": ["same"]}`, true},
		{"the same continent by name", `{"continents": ["europe"]}`, `{"continents": ["europe"]}`, true},
		{"one continent in common", `{"continents": ["north-america", "europe"]}`, `{"continents": ["same"]}`, true},
		{"other continents", `{"continents": ["europe"]}`, `{"continents": ["other"]}`, false},
		{"another continent by name", `{"continents": ["europe"]}`, `{"continents": ["north-america"]}`, false},
		{"another source", `{"continents": ["north-america"]}`, `{"continents": ["same"]}`, false},
		{"a narrower source", `{"regions": ["westeurope"]}`, `{"continents": ["same"]}`, false},
		{"a narrower destination", `{"continents": ["europe"]}`, `{"regions": ["westeurope"]}`, false},
		{"a wider destination", `{"continents": ["europe"]}`, `{}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			second := strings.NewReplacer(`"near"`, `"second"`, `{"continents": ["europe"]}`, c.from, `{"continents": ["same"]}`, c.to).Replace(near)
			_, err := Load(strings.NewReader(strings.Replace(smallBook, near, near+",\n"+second, 1)), "b.json")
			want := `b.json: transfers[2] "second": prices a route that "near" prices too: make the selectors of one of them narrower`
			if c.clash && (err == nil || err.Error() != want) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if !c.clash && err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
}

func TestLoadRefusesTwoPricesForTheInternet(t *testing.T) {
	net := smallBook[strings.Index(smallBook, `{"id": "net"`):strings.Index(smallBook, ",\n    {\"id\": \"near\"")]
	second := strings.Replace(net, `"net"`, `"second"`, 1)
	_, err := Load(strings.NewReader(strings.Replace(smallBook, net, net+",\n"+second, 1)), "b.json")
	want := `b.json: transfers[1] "second": prices a route that "net" prices too: make the selectors of one of them narrower`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestLoadReadErrors(t *testing.T) {
	if _, err := Load(iotest.ErrReader(errors.New("disk on fire")), "b.json"); err == nil || err.Error() != "b.json: disk on fire" {
		t.Errorf("got %v", err)
	}
	if _, err := Load(bytes.NewReader(bytes.Repeat([]byte(" "), maxBookBytes+1)), "b.json"); err == nil || err.Error() != "b.json: larger than 16 MiB; that is not a price book" {
		t.Errorf("got %v", err)
	}
}

// Whatever Load accepts can be asked for any route without a panic or a negative price.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(smallBook))
	f.Add([]byte(`{"schema": "datagravity.pricebook/1", "version": "1", "as_of": "2026", "currency": "USD"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := Load(bytes.NewReader(data), "fuzz")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "fuzz: ") {
				t.Fatalf("the error does not name the book: %v", err)
			}
			return
		}
		if !json.Valid(data) {
			t.Fatal("a book that is not JSON was accepted")
		}
		mtd := 100 * GiB
		places := []store.Location{{Provider: "azure", Region: "eastus"}, {Provider: "aws", Region: "us-east-1"}, {Provider: "gcp", Region: "us-central1"}, {Provider: "onprem", Region: "lab1"}}
		for l := range b.regions {
			if len(places) < 12 {
				places = append(places, l)
			}
		}
		for _, from := range places {
			for _, to := range places {
				h := Hop{From: from, To: to, Bytes: 1 << 60, SourcePrices: from.Provider, SourceRequests: map[Op]int64{OpRead: 1 << 40}, StorageClass: "cool", RetrievalBytes: 1 << 60}
				l, err := b.PriceHop(h, &mtd, RouteOptions{})
				if errors.Is(err, ErrNoPrice) {
					continue
				}
				if err != nil || l.TransferNanoUSD < 0 || l.RequestsNanoUSD < 0 || l.RetrievalNanoUSD < 0 || l.TotalNanoUSD < l.TransferNanoUSD {
					t.Fatalf("%s to %s: %+v, %v", from, to, l, err)
				}
			}
		}
	})
}

// What is built in is trusted when a command starts, so that it is looked at here.
func TestBuiltInBookIsStrictlyRight(t *testing.T) {
	strict, err := Load(bytes.NewReader(defaultBook), builtinName)
	if err != nil {
		t.Fatal(err)
	}
	trusted := Default()
	if !reflect.DeepEqual(strict.transfers, trusted.transfers) || !reflect.DeepEqual(strict.requests, trusted.requests) ||
		!reflect.DeepEqual(strict.regions, trusted.regions) || !reflect.DeepEqual(strict.storage, trusted.storage) {
		t.Error("the book loaded strictly differs from the one that is trusted")
	}
}
