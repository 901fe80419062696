package cost

import (
	"errors"
	"strings"
	"testing"

	"github.com/datagravity/datagravity/pkg/store"
)

func TestTransferClassifies(t *testing.T) {
	for _, c := range []struct {
		from, to string
		class    Class
		id       string
		pool     string
		nanoUSD  NanoUSD // per unit, in the dearest tier
		verified bool
	}{
		{"azure:eastus", "azure:eastus", SamePlace, "free", "", 0, true},
		{"aws:nowhere-1", "aws:nowhere-1", SamePlace, "free", "", 0, true},
		{"onprem:lab1", "onprem:lab1", SamePlace, "free", "", 0, true},
		{"onprem:lab1", "onprem:lab2", OnpremOut, "free", "", 0, true},
		{"onprem:lab1", "aws:us-east-1", OnpremOut, "free", "", 0, true},

		{"azure:eastus", "aws:us-east-1", Internet, "azure.zone-1.internet.mgn", "azure.zone-1.mgn", 87_000_000, true},
		{"azure:westeurope", "onprem:lab1", Internet, "azure.zone-1.internet.mgn", "azure.zone-1.mgn", 87_000_000, true},
		{"azure:israelcentral", "gcp:me-west1", Internet, "azure.zone-1.internet.mgn", "azure.zone-1.mgn", 87_000_000, true},
		{"azure:japaneast", "gcp:us-central1", Internet, "azure.zone-2.internet.mgn", "azure.zone-2.mgn", 120_000_000, true},
		{"azure:brazilsouth", "aws:sa-east-1", Internet, "azure.zone-3.internet.mgn", "azure.zone-3.mgn", 181_000_000, false},
		{"azure:eastus", "azure:westus2", InterRegionSameContinent, "azure.inter-region.same-continent.north-america", "azure.inter-region.same-continent.north-america", 20_000_000, true},
		{"azure:eastus", "azure:westeurope", InterRegionOtherContinent, "azure.inter-region.other-continent.north-america", "azure.inter-region.other-continent.north-america", 50_000_000, false},
		{"azure:australiaeast", "azure:eastus", InterRegionOtherContinent, "azure.inter-region.other-continent.oceania", "azure.inter-region.other-continent.oceania", 80_000_000, false},
		{"azure:chilecentral", "azure:brazilsouth", InterRegionSameContinent, "azure.inter-region.same-continent.south-america", "azure.inter-region.same-continent.south-america", 160_000_000, false},
		{"azure:eastus", "azure:chinaeast2", Internet, "azure.zone-1.internet.mgn", "azure.zone-1.mgn", 87_000_000, true},

		{"aws:us-west-2", "azure:eastus", Internet, "aws.us-eu.internet", "aws.internet.us-west-2", 90_000_000, true},
		{"aws:eu-south-2", "onprem:lab1", Internet, "aws.us-eu.internet", "aws.internet.eu-south-2", 90_000_000, true},
		{"aws:ap-southeast-2", "azure:australiaeast", Internet, "aws.ap-southeast-2.internet", "aws.internet.ap-southeast-2", 114_000_000, true},
		{"aws:ap-northeast-1", "azure:eastus", Internet, "aws.ap-northeast-1.internet", "aws.internet.ap-northeast-1", 114_000_000, false},
		{"aws:us-gov-west-1", "onprem:lab1", Internet, "aws.us-gov.internet", "aws.internet.us-gov-west-1", 155_000_000, false},
		{"aws:us-east-1", "aws:us-west-2", InterRegionSameContinent, "aws.inter-region.us-east-1", "aws.inter-region.us-east-1", 20_000_000, true},
		{"aws:us-east-1", "aws:us-east-2", InterRegionSameContinent, "aws.inter-region.us-east-1.us-east-2", "aws.inter-region.us-east-1.us-east-2", 10_000_000, false},
		{"aws:us-east-1", "aws:eu-west-1", InterRegionOtherContinent, "aws.inter-region.us-east-1", "aws.inter-region.us-east-1", 20_000_000, true},
		{"aws:ap-northeast-1", "aws:us-east-1", InterRegionOtherContinent, "aws.inter-region.ap-northeast-1", "aws.inter-region.ap-northeast-1", 90_000_000, true},

		{"gcp:us-central1", "aws:us-east-1", Internet, "gcp.internet.worldwide.free-us", "gcp.internet.worldwide", 120_000_000, true},
		{"gcp:europe-west4", "aws:us-east-1", Internet, "gcp.internet.worldwide", "gcp.internet.worldwide", 120_000_000, true},
		{"gcp:us-central1", "aws:ap-southeast-2", Internet, "gcp.internet.oceania", "gcp.internet.oceania", 190_000_000, false},
		{"gcp:us-central1", "azure:japaneast", Internet, "gcp.internet.asia", "gcp.internet.asia", 120_000_000, false},
		{"gcp:us-central1", "azure:chinaeast", Internet, "gcp.internet.china", "gcp.internet.china", 230_000_000, false},
		{"gcp:us-central1", "gcp:us-east4", InterRegionSameContinent, "gcp.inter-region.north-america", "gcp.inter-region.north-america", 20_000_000, true},
		{"gcp:us", "gcp:us-central1", InterRegionSameContinent, "gcp.inter-region.north-america", "gcp.inter-region.north-america", 20_000_000, true},
		{"gcp:us-central1", "gcp:europe-west4", InterRegionOtherContinent, "gcp.inter-region.north-america.europe", "gcp.inter-region.north-america.europe", 50_000_000, false},
		{"gcp:europe-west4", "gcp:us-central1", InterRegionOtherContinent, "gcp.inter-region.europe.north-america", "gcp.inter-region.europe.north-america", 50_000_000, false},
	} {
		r := rateOf(t, c.from, c.to, RouteOptions{})
		if r.Class != c.class || r.ID != c.id || r.Pool != c.pool || r.Verified != c.verified {
			t.Errorf("%s to %s: %s, %s, pool %q, verified %t\nwant %s, %s, pool %q, verified %t", c.from, c.to, r.Class, r.ID, r.Pool, r.Verified, c.class, c.id, c.pool, c.verified)
		}
		if got := r.Price(r.UnitBytes, nil); got != c.nanoUSD {
			t.Errorf("%s to %s: %s a unit, want %s", c.from, c.to, got.dollars(), c.nanoUSD.dollars())
		}
		if (c.nanoUSD == 0) != r.IsFree() {
			t.Errorf("%s to %s: free is %t", c.from, c.to, r.IsFree())
		}
		if !c.verified && !strings.Contains(r.Explanation, "not verified") {
			t.Errorf("%s to %s does not say that it is not verified: %s", c.from, c.to, r.Explanation)
		}
	}
}

// Every source in the book can send to every other provider and region, or says why not.
func TestTransferOverAllRegions(t *testing.T) {
	b := Default()
	fresh := int64(0)
	for from := range b.regions {
		for to := range b.regions {
			r, err := b.Transfer(from, to, RouteOptions{})
			if err == nil && !routed(entryOf(t, b, r.ID).Class) && r.ID != "free" {
				t.Errorf("%s to %s goes by %s, which must be asked for", from, to, r.ID)
			}
			if err != nil {
				if !errors.Is(err, ErrNoPrice) || !strings.Contains(err.Error(), "prices: {routes: [{from:") {
					t.Errorf("%s to %s: %v", from, to, err)
				}
				continue
			}
			if price := r.Price(1<<50, &fresh); (price == 0) != (from == to || from.Provider == "r2") {
				t.Errorf("%s to %s: 1 PiB costs %s", from, to, price)
			}
		}
	}
}

func entryOf(t *testing.T, b *Book, id string) transfer {
	t.Helper()
	for _, e := range b.transfers {
		if e.ID == id {
			return e
		}
	}
	return transfer{}
}

func TestISPRouting(t *testing.T) {
	isp := RouteOptions{ISPRouting: true}
	for _, c := range []struct{ from, to, id string }{
		{"azure:eastus", "aws:us-east-1", "azure.zone-1.internet.isp"},
		{"azure:japaneast", "onprem:lab1", "azure.zone-2.internet.isp"},
		{"azure:eastus", "azure:westus", "azure.inter-region.same-continent.north-america"},
		{"aws:us-east-1", "azure:eastus", "aws.us-eu.internet"},
		{"gcp:us-central1", "azure:eastus", "gcp.internet.worldwide.free-us"},
	} {
		if r := rateOf(t, c.from, c.to, isp); r.ID != c.id {
			t.Errorf("%s to %s: %s, want %s", c.from, c.to, r.ID, c.id)
		}
	}
}

func TestExplanation(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"azure:eastus", "aws:us-east-1", "azure:eastus to aws:us-east-1 crosses the internet (Microsoft global network, Azure's default routing): the first 100 GiB a month free, then $0.087 per GiB to 10335 GiB a month, then $0.083 per GiB to 51295 GiB a month, then $0.07 per GiB to 153695 GiB a month, then $0.05 per GiB above (retail price API via public captures; .087 on a bill of 2024-09, as of 2026-09-24)."},
		{"aws:af-south-1", "onprem:lab1", "aws:af-south-1 to onprem:lab1 crosses the internet: 100 GiB a month free over all regions, then $0.154 per GiB (first band: skyplane aws_transfer_costs.csv, 2023-12; the rest unconfirmed, as of 2024; not verified)."},
		{"azure:eastus", "azure:westus", "azure:eastus to azure:westus goes to another region of the continent: $0.02 per GiB (bill of 2024-09 in the public FOCUS 1.0 sample, as of 2024-09)."},
		{"azure:eastus", "azure:eastus", "azure:eastus: nothing leaves the place, which is free."},
		{"onprem:lab1", "aws:us-east-1", "onprem:lab1 to aws:us-east-1: out of a site of one's own, which is free unless the configuration prices it."},
	} {
		if got := rateOf(t, c.from, c.to, RouteOptions{}).Explanation; got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestTransferErrorsSayWhatToDo(t *testing.T) {
	zero := store.Location{}
	lab, east := at(t, "onprem:lab1"), at(t, "azure:eastus")
	for _, c := range []struct {
		from, to store.Location
		o        RouteOptions
		want     string
	}{
		{zero, east, RouteOptions{}, `no price known: the location of the source is not known; declare it in the configuration, for example location: azure:eastus or location: onprem:lab1`},
		{east, zero, RouteOptions{}, `no price known: the location of the destination is not known; declare it in the configuration, for example location: azure:eastus or location: onprem:lab1`},
		{store.Location{Provider: "ovh", Region: "gra"}, lab, RouteOptions{}, `no price known: location ovh:gra: unknown provider "ovh" (known: azure, aws, gcp, r2, b2, oracle, onprem)`},
		{at(t, "azure:eastsu"), lab, RouteOptions{}, `no price known: the price book 2026-11-26 knows no region azure:eastsu (did you mean azure:eastus?); if the name is right, declare its price in the configuration, for example prices: {routes: [{from: "azure:eastsu", to: "onprem:lab1", usd_per_gib: 0.09}]}`},
		{east, at(t, "azure:moonbase"), RouteOptions{}, `no price known: the price book 2026-11-26 knows no region azure:moonbase; if the name is right, declare its price in the configuration, for example prices: {routes: [{from: "azure:eastus", to: "azure:moonbase", usd_per_gib: 0.09}]}`},
		{at(t, "gcp:us-east1"), at(t, "aws:mars-1"), RouteOptions{}, `no price known: the price book 2026-11-26 knows no region aws:mars-1; if the name is right, declare its price in the configuration, for example prices: {routes: [{from: "gcp:us-east1", to: "aws:mars-1", usd_per_gib: 0.09}]}`},
		{at(t, "azure:chilecentral"), lab, RouteOptions{}, `no price known: azure:chilecentral to onprem:lab1 (internet) is not in the price book 2026-11-26; declare its price in the configuration, for example prices: {routes: [{from: "azure:chilecentral", to: "onprem:lab1", usd_per_gib: 0.09}]}`},
		{at(t, "gcp:us-east1"), lab, RouteOptions{SiteContinents: map[string]string{"lab1": "atlantis"}}, `onprem:lab1: the price book knows no continent "atlantis" (known: asia, china, europe, middle-east-africa, north-america, oceania, south-america)`},
		{east, lab, RouteOptions{Overrides: []Override{{From: "azure", To: "*"}}}, `price of "azure" to "*": from: location "azure": want provider:region, for example azure:eastus or onprem:lab1 (or provider:*, or *)`},
	} {
		r, err := Default().Transfer(c.from, c.to, c.o)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s to %s: %+v\ngot  %v\nwant %s", c.from, c.to, r, err, c.want)
		}
	}
}

// Only Google's price depends on where a site is.
func TestSiteContinent(t *testing.T) {
	r := rateOf(t, "gcp:europe-west4", "onprem:lab1", RouteOptions{})
	if r.ID != "gcp.internet.worldwide" || r.Verified || !strings.Contains(r.Explanation, "the price depends on the continent of onprem:lab1, which prices: {sites: {lab1: ...}} does not declare") {
		t.Errorf("%s, verified %t: %s", r.ID, r.Verified, r.Explanation)
	}
	if r := rateOf(t, "gcp:europe-west4", "onprem:lab1", RouteOptions{SiteContinents: map[string]string{"lab1": "europe"}}); !r.Verified {
		t.Errorf("not verified although the continent is declared: %s", r.Explanation)
	}
	if r := rateOf(t, "gcp:europe-west4", "onprem:lab1", RouteOptions{SiteContinents: map[string]string{"lab1": "oceania"}}); r.ID != "gcp.internet.oceania" {
		t.Errorf("a site in Oceania: %s", r.ID)
	}
	if r := rateOf(t, "azure:eastus", "onprem:lab1", RouteOptions{}); !r.Verified {
		t.Errorf("Azure's price does not depend on the site: %s", r.Explanation)
	}
}

func TestOverrides(t *testing.T) {
	o := RouteOptions{Overrides: []Override{
		{From: "onprem:Lab1", To: "*", NanoUSDPerGiB: 10_000_000},
		{From: "azure:*", To: "aws:us-east-1", NanoUSDPerGiB: 25_000_000},
		{From: "*", To: "aws:us-east-1", NanoUSDPerGiB: 99_000_000},
		{From: "gcp:moonbase", To: "gcp:moonbase", NanoUSDPerGiB: 45_000_000},
	}}
	for _, c := range []struct {
		from, to string
		want     string
	}{
		{"onprem:lab1", "aws:us-east-1", "0.01"},
		{"onprem:lab2", "azure:eastus", "0"},
		{"azure:eastus", "aws:us-east-1", "0.025"},
		{"azure:moonbase", "aws:us-east-1", "0.025"},
		{"gcp:us-east1", "aws:us-east-1", "0.099"},
		{"azure:eastus", "aws:us-east-2", "0.087"},
		// Stars do not price what stays in a place.
		{"aws:us-east-1", "aws:us-east-1", "0"},
		{"onprem:lab1", "onprem:lab1", "0"},
		{"gcp:moonbase", "gcp:moonbase", "0.045"},
	} {
		if got := rateOf(t, c.from, c.to, o).Price(GiB, nil).Decimal(); got != c.want {
			t.Errorf("%s to %s: %s per GiB, want %s", c.from, c.to, got, c.want)
		}
	}
	r := rateOf(t, "azure:eastus", "aws:us-east-1", o)
	if want := "azure:eastus to aws:us-east-1: $0.025 per GiB, as the configuration declares for azure:* to aws:us-east-1."; r.Explanation != want || !r.Verified {
		t.Errorf("verified %t: %s", r.Verified, r.Explanation)
	}
}

func TestOverrideCheck(t *testing.T) {
	for _, c := range []struct {
		o    Override
		want string
	}{
		{Override{From: "azure:*", To: "*"}, ""},
		{Override{From: "", To: "*"}, `price of "" to "*": from: location "": want provider:region, for example azure:eastus or onprem:lab1 (or provider:*, or *)`},
		{Override{From: "*", To: "ovh:*"}, `price of "*" to "ovh:*": to: location "ovh:*": unknown provider "ovh" (known: azure, aws, gcp, r2, b2, oracle, onprem) (or provider:*, or *)`},
		{Override{From: "*", To: "*", NanoUSDPerGiB: -1}, `price of "*" to "*": -$0.000000001 per GiB: a price cannot be negative`},
	} {
		got := ""
		if err := c.o.Check(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestLocationsInCapitalsAreTheSamePlace(t *testing.T) {
	r, err := Default().Transfer(store.Location{Provider: "azure", Region: "EastUS"}, at(t, "azure:eastus"), RouteOptions{})
	if err != nil || r.Class != SamePlace {
		t.Errorf("%s, %v", r.Class, err)
	}
}
