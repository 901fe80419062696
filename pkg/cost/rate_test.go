package cost

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/store"
)

func at(t interface {
	Helper()
	Fatal(...any)
}, s string) store.Location {
	t.Helper()
	l, err := store.ParseLocation(s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func rateOf(t *testing.T, from, to string, o RouteOptions) Rate {
	t.Helper()
	r, err := Default().Transfer(at(t, from), at(t, to), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func usd(t *testing.T, s string) NanoUSD {
	t.Helper()
	n, err := ParseUSD(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The amounts were computed by hand from the published ladders, for a fresh month.
func TestPriceOfAFreshMonth(t *testing.T) {
	ladders := []struct {
		name, from, to string
		o              RouteOptions
	}{
		{"Azure zone 1, default routing", "azure:eastus", "aws:us-east-1", RouteOptions{}},
		{"Azure zone 1, routing preference Internet", "azure:northeurope", "gcp:europe-west4", RouteOptions{ISPRouting: true}},
		{"AWS US and EU", "aws:us-east-1", "azure:eastus", RouteOptions{}},
		{"GCS worldwide", "gcp:europe-west4", "azure:northeurope", RouteOptions{}},
	}
	for _, v := range []struct {
		gib  int64
		want [4]string
	}{
		{100, [4]string{"0", "0", "0", "12"}},
		{1_024, [4]string{"80.388", "73.92", "83.16", "122.88"}},
		{10_240, [4]string{"882.18", "809.1", "912.6", "1228.8"}},
		{51_200, [4]string{"4282.24", "3466", "4394.7", "5734.4"}},
		{102_400, [4]string{"7867.475", "6538", "7980.2", "11366.4"}},
		{1_048_576, [4]string{"56202.175", "45339.04", "56315", "88596.48"}},
	} {
		for i, l := range ladders {
			r := rateOf(t, l.from, l.to, l.o)
			fresh := int64(0)
			if got := r.Price(v.gib*GiB, &fresh).Decimal(); got != v.want[i] {
				t.Errorf("%s, %d GiB: %s, want %s", l.name, v.gib, got, v.want[i])
			}
		}
	}
}

// A bill of March 2022 that its owner made public (arriven/db1000n#153): 58,887.163 GB out of one AWS region.
func TestPriceReproducesABill(t *testing.T) {
	const billed = 58_887_163 * GiB / 1000
	fresh := int64(0)
	if got := rateOf(t, "aws:us-east-1", "onprem:lab1", RouteOptions{}).Price(billed, &fresh).String(); got != "$4934.30" {
		t.Errorf("%s, the bill says $4934.30", got)
	}
}

// Tables that put Google's breakpoints at 1 and 10 TiB say $4,413.44 here.
func TestGCSBreakpointsAre10And150TiB(t *testing.T) {
	r := rateOf(t, "gcp:us-central1", "aws:us-east-1", RouteOptions{})
	beyondFree := 100 * GiB
	if got, want := r.Price(50*1024*GiB-beyondFree, &beyondFree), usd(t, "5722.4"); got != want {
		t.Errorf("50 TiB, the first 100 GiB of it free: %s, want %s", got, want)
	}
}

func TestGiBIsTheUnit(t *testing.T) {
	r := rateOf(t, "aws:us-east-1", "aws:us-west-2", RouteOptions{})
	if r.UnitBytes != 1<<30 {
		t.Errorf("unit %d bytes", r.UnitBytes)
	}
	for bytes, want := range map[int64]NanoUSD{
		1 << 30:       20_000_000,
		1_000_000_000: 18_626_451, // 7 % less
		1:             0,          // 0.0186 nano-dollars
		27:            1,          // 0.503 nano-dollars: half up
		26:            0,          // 0.484
	} {
		if got := r.Price(bytes, nil); got != want {
			t.Errorf("%d bytes: %d, want %d nano-dollars", bytes, got, want)
		}
	}
}

func TestPriceFromTheMonthToDate(t *testing.T) {
	azure := rateOf(t, "azure:eastus", "aws:us-east-1", RouteOptions{})
	for _, c := range []struct {
		name  string
		mtd   int64
		bytes int64
		want  string
	}{
		{"the last free GiB", 99 * GiB, GiB, "0"},
		{"the first paid GiB", 100 * GiB, GiB, "0.087"},
		{"half of it free", 100*GiB - GiB/2, GiB, "0.0435"},
		{"over a breakpoint", 10_334 * GiB, 2 * GiB, "0.17"},
		{"the last tier", 200_000 * GiB, GiB, "0.05"},
		{"a month-to-date below zero counts as none", -GiB, 101 * GiB, "0.087"},
		{"bytes below zero cost nothing", 200_000 * GiB, -GiB, "0"},
	} {
		if got := azure.Price(c.bytes, &c.mtd).Decimal(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if got := azure.Price(GiB, nil).Decimal(); got != "0.087" {
		t.Errorf("month-to-date not known: %s, want the dearest tier, 0.087", got)
	}
}

// AWS gives 100 GiB a month over all regions, but counts tiers for each region.
func TestAllowanceIsAppliedOnce(t *testing.T) {
	virginia := rateOf(t, "aws:us-east-1", "azure:eastus", RouteOptions{})
	ireland := rateOf(t, "aws:eu-west-1", "azure:eastus", RouteOptions{})
	if virginia.Pool == ireland.Pool {
		t.Errorf("both regions count tiers on %s", virginia.Pool)
	}
	if virginia.Allowance == "" || virginia.Allowance != ireland.Allowance {
		t.Errorf("allowances %q and %q, want one", virginia.Allowance, ireland.Allowance)
	}
	fresh := int64(0)
	ireland = ireland.WithAllowanceUsedElsewhere(60 * GiB)
	if got := ireland.Price(100*GiB, &fresh).Decimal(); got != "5.4" {
		t.Errorf("40 GiB of the allowance left: %s, want 5.4", got)
	}
	if got := ireland.WithAllowanceUsedElsewhere(100*GiB).Price(GiB, &fresh).Decimal(); got != "0.09" {
		t.Errorf("no allowance left: %s, want 0.09", got)
	}
	for mtd, want := range map[int64]string{10_339 * GiB: "0.09", 10_340 * GiB: "0.085"} {
		if got := virginia.Price(GiB, &mtd).Decimal(); got != want {
			t.Errorf("the GiB after %d: %s, want %s: the ladder begins after the allowance", mtd/GiB, got, want)
		}
	}
	between := 10_300 * GiB
	if got := virginia.Dearest(GiB, &between, 0).Decimal(); got != "0.09" {
		t.Errorf("reserved for 1 GiB at 10300: %s, want 0.09", got)
	}
	if got := virginia.Dearest(GiB, &fresh, 0).Decimal(); got != "0.09" {
		t.Errorf("reserved for 1 GiB: %s; another region may use the allowance, want 0.09", got)
	}
}

func TestDearest(t *testing.T) {
	r := rateOf(t, "azure:eastus", "aws:us-east-1", RouteOptions{})
	for _, c := range []struct {
		name                 string
		bytes, mtd, reserved int64
		want                 string
	}{
		{"inside the free band of this meter", 50 * GiB, 0, 49 * GiB, "0"},
		{"up to its last byte", 50 * GiB, 0, 50 * GiB, "0"},
		{"others may use the free band up", 50 * GiB, 0, 50*GiB + 1, "4.35"},
		{"past the dearest tier", GiB, 10_335 * GiB, 0, "0.083"},
		{"at the end of the dearest tier", GiB, 10_335*GiB - 1, 0, "0.087"},
		{"in the last tier", GiB, 153_695 * GiB, 1 << 60, "0.05"},
		{"nothing to move", 0, 0, 1 << 60, "0"},
	} {
		if got := r.Dearest(c.bytes, &c.mtd, c.reserved).Decimal(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if got := r.Dearest(GiB, nil, 0).Decimal(); got != "0.087" {
		t.Errorf("month-to-date not known: %s, want 0.087", got)
	}
}

func TestZeroRateIsNotFree(t *testing.T) {
	if got := (Rate{}).Price(1, nil); got != MaxNanoUSD {
		t.Errorf("a forgotten rate prices a byte at %s", got)
	}
}

// drawRate draws a ladder as Load accepts it, or a rate of the built-in book.
func drawRate(t *rapid.T) Rate {
	if rapid.Bool().Draw(t, "built-in") {
		b := Default()
		e := rapid.SampledFrom(b.transfers).Draw(t, "entry")
		return b.bookRate(&e, store.Location{Provider: e.Provider, Region: "r"}, store.Location{Provider: "onprem", Region: "x"}, Internet, false)
	}
	r := Rate{UnitBytes: rapid.SampledFrom([]int64{GiB, GB}).Draw(t, "unit")}
	end := int64(0)
	for range rapid.IntRange(0, 4).Draw(t, "bands") {
		end += rapid.Int64Range(1, 1<<20).Draw(t, "width")
		r.Tiers = append(r.Tiers, Tier{end, NanoUSD(rapid.Int64Range(0, 1e9).Draw(t, "price"))})
	}
	r.Tiers = append(r.Tiers, Tier{Unbounded, NanoUSD(rapid.Int64Range(0, 1e9).Draw(t, "last price"))})
	r.AllowanceBytes = rapid.SampledFrom([]int64{0, 100 * GiB}).Draw(t, "allowance")
	return r
}

// drawBytes favours sizes around the breakpoints and the largest the providers can bill.
func drawBytes(t *rapid.T, name string) int64 {
	return rapid.OneOf(
		rapid.Int64Range(0, 200*GiB), rapid.Int64Range(0, 1<<50), rapid.Int64Range(1<<59, 1<<60),
	).Draw(t, name)
}

func TestPriceProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, mtd := drawRate(t), drawBytes(t, "month-to-date")
		a, b := drawBytes(t, "a"), drawBytes(t, "b")
		whole := r.Price(a+b, &mtd)
		first := r.Price(a, &mtd)
		if first < 0 || whole < first {
			t.Fatalf("more bytes cost less: %d for %d, %d for %d", first, a, whole, a+b)
		}
		if unknown := r.Price(a+b, nil); unknown < whole {
			t.Fatalf("%d at an unknown month-to-date is below %d at a known one", unknown, whole)
		}
		if whole > MaxNanoUSD/2 {
			t.Fatalf("2^61 bytes cost %s: a sum has overflowed", whole)
		}
		// Each of the three prices is rounded by at most half a nano-dollar.
		moved := mtd + a
		if diff := first + r.Price(b, &moved) - whole; diff < -1 || diff > 1 {
			t.Fatalf("split at %d differs by %d nano-dollars", a, diff)
		}
	})
}

func TestDearestIsNeverTooLittle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, mtd := drawRate(t), drawBytes(t, "month-to-date")
		bytes, reserved := drawBytes(t, "bytes"), drawBytes(t, "also reserved")
		dearest := r.Dearest(bytes, &mtd, reserved)
		real := mtd + rapid.Int64Range(0, reserved).Draw(t, "counted before")
		used := rapid.Int64Range(0, 200*GiB).Draw(t, "allowance used elsewhere")
		if price := r.WithAllowanceUsedElsewhere(used).Price(bytes, &real); price > dearest {
			t.Fatalf("reserved %d, but the price at %d is %d", dearest, real, price)
		}
	})
}

func TestExtremesDoNotWrap(t *testing.T) {
	r := rateOf(t, "azure:eastus", "aws:us-east-1", RouteOptions{})
	for _, mtd := range []int64{0, 1 << 60, math.MaxInt64} {
		price := r.Price(math.MaxInt64, &mtd)
		if dearest := r.Dearest(math.MaxInt64, &mtd, math.MaxInt64); price < 429_496_729*USD || dearest < price {
			t.Errorf("2^63 bytes at %d: price %s, reserved %s", mtd, price, dearest)
		}
	}
	r.Tiers = []Tier{{Unbounded, MaxNanoUSD}}
	if got := r.Price(math.MaxInt64, nil); got != MaxNanoUSD {
		t.Errorf("%s, want the largest amount", got)
	}
}
