package cost

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDiscounts(t *testing.T) {
	b, err := Default().WithTerms(Terms{Discounts: []Discount{
		{Provider: "aws", PPM: 100_000},
		{Pool: "aws.internet.us-east-1", PPM: 70_000},
		{Entry: "aws.inter-region.us-east-1", PPM: 500_000},
		{Provider: "gcp", PPM: 333_333},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if b.Version != Default().Version+"+terms" {
		t.Errorf("version %s", b.Version)
	}
	for _, c := range []struct{ from, to, want string }{
		{"aws:us-east-1", "azure:eastus", "0.0837"}, // 7 % off by the pool, not another 10 % by the provider
		{"aws:us-west-2", "azure:eastus", "0.081"},
		{"aws:us-east-1", "aws:eu-west-1", "0.01"},
		{"azure:eastus", "aws:us-east-1", "0.087"},
		{"gcp:europe-west4", "aws:us-east-1", "0.08000004"},
	} {
		r, err := b.Transfer(at(t, c.from), at(t, c.to), RouteOptions{})
		if err != nil || r.Price(GiB, nil).Decimal() != c.want {
			t.Errorf("%s to %s: %s, want %s (%v)", c.from, c.to, r.Price(GiB, nil).Decimal(), c.want, err)
		}
		if (r.Discount != nil) != (r.ListTiers != nil) || (r.Discount != nil) != strings.Contains(r.Explanation, "That is after") {
			t.Errorf("%s to %s: discount %v, list %v, explained as %s", c.from, c.to, r.Discount, r.ListTiers, r.Explanation)
		}
	}
	if got := b.Requests("aws", OpWrite, 1000).Decimal(); got != "0.0045" {
		t.Errorf("1,000 writes: %s, want 0.0045", got)
	}
	if got, _ := b.Retrieval("aws", "GLACIER", 10*GiB); got.Decimal() != "0.09" {
		t.Errorf("retrieval: %s, want 0.09", got.Decimal())
	}
	if got, _, _ := b.Storage("aws", "", GiB, nil, month); got.Decimal() != "0.0207" {
		t.Errorf("storage: %s, want 0.0207", got.Decimal())
	}
	if got := Default().Requests("aws", OpWrite, 1000).Decimal(); got != "0.005" {
		t.Errorf("the book itself was changed: %s", got)
	}
}

func TestNegotiatedTiers(t *testing.T) {
	b, err := Default().WithTerms(Terms{Negotiated: []Negotiated{{
		Entry: "azure.zone-1.internet.mgn", Source: "contract 7", AsOf: "2026-10-01",
		Tiers: []Tier{{UpToUnits: 10_240, NanoUSDPerUnit: 50_000_000}, {UpToUnits: Unbounded, NanoUSDPerUnit: 30_000_000}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.Transfer(at(t, "azure:eastus"), at(t, "aws:us-east-1"), RouteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	fresh := int64(0)
	if got := r.Price(10_241*GiB, &fresh).Decimal(); got != "512.03" || r.Pool != "azure.zone-1.mgn" || r.Source != "contract 7" || !r.Verified {
		t.Errorf("%s over pool %s from %q", got, r.Pool, r.Source)
	}
}

func TestTermsRefuse(t *testing.T) {
	open := []Tier{{UpToUnits: Unbounded, NanoUSDPerUnit: 1}}
	for _, c := range []struct {
		t    Terms
		want string
	}{
		{Terms{Discounts: []Discount{{PPM: 1}}}, `discounts[0]: give one of provider, pool and entry`},
		{Terms{Discounts: []Discount{{Provider: "aws", Pool: "p", PPM: 1}}}, `discounts[0]: give one of provider, pool and entry`},
		{Terms{Discounts: []Discount{{Provider: "aws"}}}, `discounts[0]: 0% off: want more than 0% to 100%`},
		{Terms{Discounts: []Discount{{Provider: "aws", PPM: 1_000_001}}}, `discounts[0]: 100.0001% off: want more than 0% to 100%`},
		{Terms{Discounts: []Discount{{Provider: "aws", PPM: 1}, {Provider: "aws", PPM: 2}}}, `discounts[1]: aws has a discount already`},
		{Terms{Discounts: []Discount{{Provider: "ovh", PPM: 1}}}, `discounts[0]: unknown provider "ovh" (known: azure, aws, gcp, r2, b2, oracle, onprem)`},
		{Terms{Discounts: []Discount{{Pool: "azure.zone-9.mgn", PPM: 1}}}, `discounts[0]: the price book has no pool "azure.zone-9.mgn"; datagravity cost prices --from LOCATION --to LOCATION names the pool of a route`},
		{Terms{Discounts: []Discount{{Entry: "e", PPM: 1}}}, `discounts[0]: the price book has no entry "e"; datagravity cost prices lists them`},
		{Terms{Negotiated: []Negotiated{{Entry: "e", Tiers: open, Source: "s"}}}, `negotiated[0]: the price book has no entry "e"; datagravity cost prices lists them`},
		{Terms{Negotiated: []Negotiated{{Entry: "azure.zone-1.internet.mgn", Source: "s", Tiers: []Tier{{UpToUnits: 5, NanoUSDPerUnit: 1}}}}}, `prices.negotiated: "azure.zone-1.internet.mgn": tiers[0], the last, ends at 5: it must be open (up_to_units null)`},
	} {
		if _, err := Default().WithTerms(c.t); err == nil || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}

func TestPrivateLinks(t *testing.T) {
	o := RouteOptions{Overrides: []Override{
		{From: "azure:eastus", To: "onprem:lab1", Entry: "azure.expressroute.metered.zone-1"},
		{From: "azure:*", To: "onprem:lab1", Entry: "azure.expressroute.metered.zone-2", Fixed: &Fixed{NanoUSD: 2 * USD, Hours: 1, BitsPerSecond: 10e9}},
		{From: "aws:*", To: "gcp:*", Fixed: &Fixed{NanoUSD: 3 * USD, Hours: 1}},
		{From: "gcp:*", To: "aws:*", Tiers: []Tier{{UpToUnits: 100, NanoUSDPerUnit: 20_000_000}, {UpToUnits: Unbounded, NanoUSDPerUnit: 10_000_000}}},
	}}
	if err := Default().CheckOptions(o); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, gib, hour, day string }{
		{"azure:eastus", "onprem:lab1", "0.025", "0.597260274", "14.334246575"}, // $436 a month
		{"azure:westus", "onprem:lab1", "0.05", "2", "48"},
		{"aws:us-east-1", "gcp:us-east1", "0", "3", "72"},
		{"gcp:us-east1", "aws:us-east-1", "0.02", "0", "0"},
	} {
		r := rateOf(t, c.from, c.to, o)
		if got := r.Price(GiB, nil).Decimal(); got != c.gib {
			t.Errorf("%s to %s: %s per GiB, want %s", c.from, c.to, got, c.gib)
		}
		hour, day := FixedPerHour(r), NanoUSD(0)
		if r.Fixed != nil {
			day = r.Fixed.For(24 * time.Hour)
		}
		if hour.Decimal() != c.hour || day.Decimal() != c.day {
			t.Errorf("%s to %s: %s an hour and %s a day, want %s and %s", c.from, c.to, hour.Decimal(), day.Decimal(), c.hour, c.day)
		}
		if (r.Fixed != nil) != strings.Contains(r.Explanation, "whether or not bytes move") {
			t.Errorf("%s to %s: %s", c.from, c.to, r.Explanation)
		}
		l, err := Default().PriceHop(Hop{From: at(t, c.from), To: at(t, c.to), Bytes: GiB}, nil, o)
		if err != nil || l.FixedNanoUSDPerHour != hour || l.TotalNanoUSD.Decimal() != c.gib {
			t.Errorf("line %+v, %v", l, err)
		}
	}
	a, b := rateOf(t, "aws:us-east-1", "gcp:us-east1", o), rateOf(t, "aws:us-west-2", "gcp:us-east1", o)
	if got := FixedPerHour(a, b, a); got != 3*USD {
		t.Errorf("two routes over one link: %s an hour, want it once", got)
	}
	if got := rateOf(t, "azure:westus", "onprem:lab1", o).Fixed.Takes(1250 * 1000 * 1000); got != time.Second {
		t.Errorf("1.25 GB at 10 Gbit/s take %s", got)
	}
	for _, c := range []struct {
		v    Override
		want string
	}{
		{Override{From: "aws:*", To: "*", Entry: "aws.direct-connect.us"}, `routes[0]: price of "aws:*" to "*": the book does not know what an hour of aws.direct-connect.us costs (port, capacity); state it in usd_per_hour, 0 if nothing`},
		{Override{From: "aws:*", To: "*", Entry: "nothing"}, `routes[0]: price of "aws:*" to "*": no transfer entry "nothing" in the price book; datagravity cost prices lists them`},
		{Override{From: "*", To: "*", Entry: "aws.direct-connect.us", NanoUSDPerGiB: 1}, `routes[0]: price of "*" to "*": give one of usd_per_gib, tiers and entry`},
		{Override{From: "*", To: "*", Fixed: &Fixed{NanoUSD: -1, Hours: 1}}, `routes[0]: price of "*" to "*": -$0.000000001 an hour: a price cannot be negative`},
		{Override{From: "*", To: "*", Tiers: []Tier{{UpToUnits: 1}}}, `routes[0]: price of "*" to "*": tiers[0], the last, ends at 1: it must be open (up_to_units null)`},
	} {
		if err := Default().CheckOptions(RouteOptions{Overrides: []Override{c.v}}); err == nil || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}

func TestAgentCharges(t *testing.T) {
	o := RouteOptions{Agent: at(t, "aws:us-east-1"), AgentCharges: []AgentCharge{
		{Name: "nat", With: "*", Direction: "both", NanoUSDPerGiB: 45_000_000},
		{Name: "endpoint", With: "aws:us-east-1", Direction: "in", NanoUSDPerGiB: 10_000_000},
		{Name: "proxy", With: "gcp:*", Direction: "out", NanoUSDPerGiB: 1_000_000},
	}}
	if err := Default().CheckOptions(o); err != nil {
		t.Fatal(err)
	}
	fresh := int64(0)
	for _, c := range []struct{ from, to, want string }{
		{"azure:eastus", "aws:us-east-1", "0.045"}, // the first GiB of the month is free, the gateway's is not
		{"aws:us-east-1", "gcp:us-central1", "0.046"},
		{"gcp:us-central1", "aws:us-east-1", "0.045"},
		{"aws:us-east-1", "aws:us-east-1", "0.01"},
		{"azure:eastus", "aws:us-west-2", "0"}, // not the agent's
	} {
		r := rateOf(t, c.from, c.to, o)
		if got := r.Price(GiB, &fresh).Decimal(); got != c.want && c.from != "gcp:us-central1" {
			t.Errorf("%s to %s: %s, want %s", c.from, c.to, got, c.want)
		}
		if r.IsFree() != (r.Price(GiB, nil) == 0) {
			t.Errorf("%s to %s: free %t at %s", c.from, c.to, r.IsFree(), r.Price(GiB, nil))
		}
	}
	l, err := Default().PriceHop(Hop{From: at(t, "aws:us-east-1"), To: at(t, "gcp:us-central1"), Bytes: 10 * GiB}, nil, o)
	if err != nil || l.AgentNanoUSD.Decimal() != "0.46" || l.TransferNanoUSD.Decimal() != "1.36" {
		t.Errorf("%+v, %v", l, err)
	}
	for _, c := range []struct {
		c    AgentCharge
		want string
	}{
		{AgentCharge{With: "*", Direction: "in"}, `agent_charges[0]: a charge at the agent needs a name, for example nat-gateway`},
		{AgentCharge{Name: "n", With: "mars", Direction: "in"}, `agent_charges[0]: charge "n" at the agent: with: location "mars": want provider:region, for example azure:eastus or onprem:lab1 (or provider:*, or *)`},
		{AgentCharge{Name: "n", With: "*", Direction: "up"}, `agent_charges[0]: charge "n" at the agent: direction "up": want in, out or both`},
		{AgentCharge{Name: "n", With: "*", Direction: "in", NanoUSDPerGiB: -1}, `agent_charges[0]: charge "n" at the agent: -$0.000000001 per GiB: a price cannot be negative`},
	} {
		if err := Default().CheckOptions(RouteOptions{AgentCharges: []AgentCharge{c.c}}); err == nil || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}

// A reservation covers every price, with discounts and charges too.
func TestDearestCoversDiscountsAndCharges(t *testing.T) {
	b, err := Default().WithTerms(Terms{Discounts: []Discount{{Provider: "azure", PPM: 123_457}, {Provider: "aws", PPM: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.SampledFrom([]string{"azure:eastus", "aws:us-east-1", "gcp:us-central1", "b2:us-west-004"}).Draw(t, "from")
		o := RouteOptions{Agent: at(t, "onprem:lab1"), AgentCharges: []AgentCharge{{Name: "n", With: "*", Direction: "both", NanoUSDPerGiB: NanoUSD(rapid.Int64Range(0, 1e9).Draw(t, "charge"))}}}
		r, err := b.Transfer(at(t, from), at(t, "onprem:lab1"), o)
		if err != nil {
			t.Fatal(err)
		}
		bytes, mtd := rapid.Int64Range(0, 1<<50).Draw(t, "bytes"), rapid.Int64Range(0, 1<<58).Draw(t, "mtd")
		also := rapid.Int64Range(0, 1<<50).Draw(t, "also")
		moved := mtd + rapid.Int64Range(0, also).Draw(t, "moved")
		if price, reserved := r.Price(bytes, &moved), r.Dearest(bytes, &mtd, also); price > reserved {
			t.Fatalf("reserved %s, priced %s", reserved, price)
		}
		if price, bound := r.Price(bytes, &moved), r.Price(bytes, nil); price > bound {
			t.Fatalf("bound %s, priced %s", bound, price)
		}
	})
}

func TestPrograms(t *testing.T) {
	o := RouteOptions{Enrolments: []Enrolment{{Program: "gcp.data-transfer-essentials"}, {Program: "azure.at-cost", PPM: 400_000}}}
	if err := Default().CheckOptions(o); err != nil {
		t.Fatal(err)
	}
	isp := o
	isp.ISPRouting = true
	for _, c := range []struct {
		from, to      string
		o             RouteOptions
		gross, credit string
	}{
		{"gcp:europe-west4", "azure:westeurope", o, "0.12", "0.12"},
		{"gcp:europe-west4", "azure:westeurope", RouteOptions{}, "0.12", "0"},
		{"gcp:us-central1", "azure:westeurope", o, "0.12", "0"},
		{"gcp:europe-west4", "onprem:lab1", o, "0.12", "0"},
		{"azure:westeurope", "aws:eu-west-1", o, "0.087", "0"}, // only with routing preference Internet
		{"azure:westeurope", "aws:eu-west-1", isp, "0.08", "0.032"},
	} {
		r := rateOf(t, c.from, c.to, c.o)
		if gross, credit := r.Price(GiB, nil).Decimal(), r.ExpectedCredit(GiB, nil).Decimal(); gross != c.gross || credit != c.credit {
			t.Errorf("%s to %s: %s less %s, want %s less %s", c.from, c.to, gross, credit, c.gross, c.credit)
		}
	}
	for _, c := range []struct {
		e    Enrolment
		want string
	}{
		{Enrolment{Program: "x"}, `programs[0]: the price book has no programme "x" (known: gcp.data-transfer-essentials, azure.at-cost, aws.eu-reduced-rates)`},
		{Enrolment{Program: "azure.at-cost"}, `programs[0]: what azure.at-cost pays back is not known; state it in credit`},
		{Enrolment{Program: "azure.at-cost", PPM: 2_000_000}, `programs[0]: a credit of 200%: want 0% to 100%`},
	} {
		if err := Default().CheckOptions(RouteOptions{Enrolments: []Enrolment{c.e}}); err == nil || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}

func TestRoutingOfStores(t *testing.T) {
	o := RouteOptions{ISPRouting: true, StoreRouting: map[string]bool{"old": false}, DestinationRouting: map[string]bool{"old": true, "far": false}}
	for _, c := range []struct {
		o    RouteOptions
		want bool
	}{{o, true}, {o.FromStore("training"), true}, {o.FromStore("old"), false}, {o.FromDestination("old"), true}, {o.FromDestination("far"), false}} {
		if c.o.ISPRouting != c.want {
			t.Errorf("routing %t, want %t", c.o.ISPRouting, c.want)
		}
	}
}

func TestTrust(t *testing.T) {
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	seen := func(asOf string) Rate {
		return Rate{ID: "x", Verified: true, AsOf: asOf, UnitBytes: GiB, Tiers: []Tier{{Unbounded, 1}}}
	}
	proven, guessed := seen("2026-09-24"), seen("2026-09-24")
	guessed.Verified = false
	free := freeRate(SamePlace, "")
	for _, c := range []struct {
		name  string
		r     Rate
		t     Trust
		now   string
		wrong bool
	}{
		{"proven", proven, Trust{}, "2026-11-25", false},
		{"on the last day", proven, Trust{}, "2029-09-22", false},
		{"stale", proven, Trust{}, "2029-09-23", true},
		{"stale and accepted", proven, Trust{Stale: true}, "2037-01-01", false},
		{"stale sooner", proven, Trust{MaxAgeDays: 30}, "2026-11-25", true},
		{"not verified", guessed, Trust{}, "2026-11-25", true},
		{"not verified, stale accepted", guessed, Trust{Stale: true}, "2026-11-25", true},
		{"not verified and accepted", guessed, Trust{Unverified: true}, "2026-11-25", false},
		{"a year counts to its end", seen("2024"), Trust{}, "2027-12-30", false},
		{"a month counts to its end", seen("2024-09"), Trust{}, "2027-09-28", false},
		{"a month that has ended", seen("2024-09"), Trust{}, "2027-10-02", true},
		{"free", free, Trust{}, "2040-01-01", false},
		{"the operator's own", Rate{ID: "override", Verified: true, UnitBytes: GiB, Tiers: []Tier{{Unbounded, 1}}}, Trust{}, "2040-01-01", false},
	} {
		if err := c.t.Check(c.r, day(c.now).Add(time.Hour)); (err != nil) != c.wrong || err != nil && !errors.Is(err, ErrUntrusted) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestExchange(t *testing.T) {
	x := Exchange{Code: "EUR", NanoUSDPerUnit: 1_084_300_000, AsOf: "2026-11-20"}
	if err := x.Check(); err != nil {
		t.Fatal(err)
	}
	if got := x.USD(int64(100 * USD)).Decimal(); got != "108.43" {
		t.Errorf("100 EUR: %s USD", got)
	}
	if got := x.Units(10_843 * USD / 100).Decimal(); got != "100" {
		t.Errorf("108.43 USD: %s EUR", got)
	}
	if got := x.Price(1); got != 2 { // a price is not rounded down
		t.Errorf("a billionth: %d", got)
	}
}
