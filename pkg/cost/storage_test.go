package cost

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const month = hoursPerMonth * time.Hour

func TestStorage(t *testing.T) {
	fresh, full := int64(0), 51_200*GiB
	for _, c := range []struct {
		provider, class string
		bytes           int64
		held            *int64
		for_            time.Duration
		want            string
		verified        bool
	}{
		{"azure", "", 1024 * GiB, nil, month, "21.2992", true},
		{"azure", "Hot", 1024 * GiB, &full, month, "20.447232", true},
		{"azure", "hot", 51_201 * GiB, &fresh, month, "1064.979968", true}, // 51,200 at .0208 and one at .019968
		{"azure", "cool", 100 * GiB, nil, month / 2, "0.5", false},
		{"aws", "STANDARD", 1024 * GiB, nil, month, "23.552", true},
		{"aws", "deep_archive", 1024 * GiB, nil, month, "1.01376", false},
		{"gcp", "", 1024 * GiB, nil, time.Hour, "0.028054528", true},
		{"gcp", "STANDARD", GiB, nil, month, "0.01999981", true}, // 730 hours at .000027397
		{"r2", "", 1_000_000_000, nil, month, "0.015", true},
		{"onprem", "anything", GiB, nil, month, "0", true},
	} {
		got, verified, known := Default().Storage(c.provider, c.class, c.bytes, c.held, c.for_)
		if got.Decimal() != c.want || verified != c.verified || !known {
			t.Errorf("%d bytes in %s %q for %s: %s, verified %t, known %t; want %s, %t", c.bytes, c.provider, c.class, c.for_, got.Decimal(), verified, known, c.want, c.verified)
		}
	}
	if price, _, known := Default().Storage("azure", "glacial", GiB, nil, month); known || price != 0 {
		t.Errorf("a class that the book does not know: %s, known %t", price, known)
	}
}

func TestEarlyDeletion(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		provider, class string
		age             time.Duration
		want            string // of 730 GiB
	}{
		{"azure", "cool", 10 * day, "4.8"}, // 20 days of 730 GiB at .01 per 730 hours
		{"azure", "Cool", 30 * day, "0"},
		{"azure", "hot", 0, "0"},
		{"gcp", "NEARLINE", 0, "7.20019440"},
		{"gcp", "archive", 400 * day, "0"},
	} {
		got, _, known := Default().EarlyDeletion(c.provider, c.class, 730*GiB, c.age)
		if got.Decimal() != strings.TrimRight(c.want, "0") && got.Decimal() != c.want || !known {
			t.Errorf("%s %s deleted after %s: %s, want %s", c.provider, c.class, c.age, got.Decimal(), c.want)
		}
	}
}

func TestRestores(t *testing.T) {
	got := map[string]string{}
	for _, r := range Default().Restores("aws", "glacier") {
		got[r.Speed] = r.Price(1000*GiB, 2000).Decimal()
	}
	want := map[string]string{"standard": "10.1", "expedited": "50", "bulk": "0"}
	for speed, price := range want {
		if got[speed] != price {
			t.Errorf("%s: %s, want %s", speed, got[speed], price)
		}
	}
	if list := Default().Restores("aws", "STANDARD"); list != nil {
		t.Errorf("a class that is no archive: %v", list)
	}
	for _, class := range []struct{ provider, class string }{{"azure", "archive"}, {"aws", "GLACIER"}, {"aws", "DEEP_ARCHIVE"}} {
		if _, needed := Default().Retrieval(class.provider, class.class, 0); !needed || len(Default().Restores(class.provider, class.class)) == 0 {
			t.Errorf("%v: rehydration needed %t, and the ways to do it: %v", class, needed, Default().Restores(class.provider, class.class))
		}
	}
}

// The bound without knowledge is never below the price with it, and neither overflows.
func TestStorageBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bytes, held := rapid.Int64Range(0, 1<<62).Draw(t, "bytes"), rapid.Int64Range(0, 1<<62).Draw(t, "held")
		d := time.Duration(rapid.Int64Range(0, int64(100*365*24*time.Hour)).Draw(t, "for"))
		class := rapid.SampledFrom([]string{"", "cool", "archive"}).Draw(t, "class")
		exact, _, _ := Default().Storage("azure", class, bytes, &held, d)
		bound, _, _ := Default().Storage("azure", class, bytes, nil, d)
		if exact < 0 || exact > bound {
			t.Fatalf("%s with what is held, at most %s", exact, bound)
		}
	})
}

func TestNewSectionsRefuse(t *testing.T) {
	storage := `"storage": [{"id": "s", "provider": "azure", "storage_classes": ["", "hot"], "unit_bytes": 1073741824, "per": "month", "tiers": [{"up_to_units": null, "nano_usd_per_unit": 1}], "as_of": "2026", "source": "s", "verified": true}]`
	early := `"early_deletions": [{"id": "e", "provider": "azure", "storage_classes": ["cool"], "minimum_days": 30, "as_of": "2026", "source": "s", "verified": true}]`
	restore := `"restores": [{"id": "r1", "provider": "azure", "storage_class": "archive", "speed": "standard", "unit_bytes": 1073741824, "nano_usd_per_unit": 1, "per": 1000, "nano_usd": 1, "as_of": "2026", "source": "s", "verified": true}]`
	program := `"programs": [{"id": "p", "provider": "azure", "from": {}, "to": ["aws"], "routing": "isp", "credit_percent": 100, "needs": "n", "as_of": "2026", "source": "s", "verified": true}]`
	link := `{"id": "er", "provider": "azure", "class": "interconnect", "from": {}, "to": {}, "unit_bytes": 1073741824, "tiers": [{"up_to_units": null, "nano_usd_per_unit": 1}], "fixed": {"nano_usd": 1, "per": "month", "bits_per_second": 1}, "as_of": "2026", "source": "s", "verified": true}`
	whole := strings.Replace(smallBook, `"retrievals"`, storage+",\n"+early+",\n"+restore+",\n"+program+`, "retrievals"`, 1)
	whole = strings.Replace(whole, "\n  ],\n  \"requests\"", ",\n"+link+"\n  ],\n  \"requests\"", 1)
	if _, err := Load(strings.NewReader(whole), "b.json"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{`"per": "month", "tiers"`, `"per": "week", "tiers"`, `storage[0] "s": per is "week": want hour or month`},
		{`["", "hot"]`, `["hot", "Hot"]`, `storage[0] "s": storage class "Hot" of azure has an entry already`},
		{`["", "hot"]`, `[]`, `storage[0] "s": storage_classes is empty`},
		{`"per": "month", "tiers": [{"up_to_units": null, "nano_usd_per_unit": 1}]`, `"per": "month", "tiers": [{"up_to_units": null, "nano_usd_per_unit": -1}]`, `storage[0] "s": tiers[0].nano_usd_per_unit is -1: a price cannot be negative`},
		{`"minimum_days": 30`, `"minimum_days": 0`, `early_deletions[0] "e": minimum_days is 0: want 1 to 3650`},
		{`"speed": "standard"`, `"speed": ""`, `restores[0] "r1": storage_class and speed must be given`},
		{`"per": 1000, "nano_usd": 1`, `"per": 0, "nano_usd": 1`, `restores[0] "r1": per is 0: say how many requests the price is for`},
		{`"to": ["aws"]`, `"to": ["ovh"]`, `programs[0] "p": to: unknown provider "ovh" (known: azure, aws, gcp, r2, b2, oracle, onprem)`},
		{`"to": ["aws"]`, `"to": []`, `programs[0] "p": to is empty: name the providers that it is for`},
		{`"routing": "isp"`, `"routing": "mgn"`, `programs[0] "p": routing is "mgn": want isp or nothing`},
		{`"credit_percent": 100`, `"credit_percent": 101`, `programs[0] "p": credit_percent is 101: want 0 to 100, or null where it is not known`},
		{`"needs": "n"`, `"needs": ""`, `programs[0] "p": needs is missing: say who is eligible`},
		{`"per": "month", "bits`, `"per": "day", "bits`, `transfers[2] "er": fixed.per is "day": want hour or month`},
		{`{"nano_usd": 1, "per": "month"`, `{"nano_usd": -1, "per": "month"`, `transfers[2] "er": fixed.nano_usd is -1: a price cannot be negative`},
		{`"bits_per_second": 1`, `"bits_per_second": -1`, `transfers[2] "er": fixed.bits_per_second is -1: a capacity cannot be negative`},
		{`"class": "interconnect"`, `"class": "internet-isp"`, `transfers[2] "er": fixed is for class interconnect alone`},
		{`"version"`, `"remove": ["net"], "version"`, `remove is for overlays; leave the entries out`},
	} {
		broken := strings.Replace(whole, c.old, c.new, 1)
		if _, err := Load(strings.NewReader(broken), "b.json"); broken == whole || err == nil || err.Error() != "b.json: "+c.want {
			t.Errorf("%s\ngot  %v\nwant b.json: %s", c.new, err, c.want)
		}
	}
}
