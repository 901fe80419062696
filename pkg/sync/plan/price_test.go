package plan

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/index"
)

const gib = int64(1) << 30

func place(t *testing.T, text string) store.Location {
	t.Helper()
	var l store.Location
	if err := l.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return l
}

func route(t *testing.T, source, agent, dest string, o cost.RouteOptions) Route {
	t.Helper()
	link := cost.Link{Source: "training", Dest: "there", SourceLocation: place(t, source), DestLocation: place(t, dest)}
	r, err := NewRoute(cost.Default(), link, place(t, agent), o)
	if err != nil {
		t.Fatal(err)
	}
	r.SourcePrices = link.SourceLocation.Provider
	if p := link.DestLocation.Provider; p != "onprem" {
		r.DestinationPrices = p
	}
	return r
}

func known(pool string, bytes int64) MonthToDate {
	return func(of string) (*int64, error) {
		if of != pool {
			return nil, nil
		}
		return &bytes, nil
	}
}

func full(class string, size int64) Item {
	return Item{State: index.State{Entry: index.Entry{Size: size, StorageClass: class}, Known: true}, Way: Full}
}

func usd(t *testing.T, text string) cost.NanoUSD {
	t.Helper()
	n, err := cost.ParseUSD(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What is read of two storage classes goes over one meter: its free band is used once, and each class pays its own retrieval.
func TestClassesShareTheMeterOfTheirSource(t *testing.T) {
	r := route(t, "azure:eastus", "onprem:lab1", "onprem:lab1", cost.RouteOptions{})
	items := []Item{full("Hot", 60*gib), full("Cool", 60*gib), full("Cold", 10*gib)}
	e, err := r.price(cost.Default(), items, gib, 0, known("azure.zone-1.mgn", 0))
	if err != nil {
		t.Fatal(err)
	}
	// 130 GiB, 100 of them free; retrieval of 60 at 0.01 and 10 at 0.03.
	var transfer, retrieval cost.NanoUSD
	for _, l := range e.Lines {
		transfer, retrieval = cost.AddNanoUSD(transfer, l.TransferNanoUSD), cost.AddNanoUSD(retrieval, l.RetrievalNanoUSD)
	}
	if transfer != usd(t, "2.61") || retrieval != usd(t, "0.90") {
		t.Errorf("transfer %s, retrieval %s, want 2.61 and 0.90", transfer.Decimal(), retrieval.Decimal())
	}
	if e.LowUSD != e.USD || e.HighUSD <= e.USD || e.HighUSD != e.UpperUSD {
		t.Errorf("low %s, usual %s, high %s, reserved %s", e.LowUSD.Decimal(), e.USD.Decimal(), e.HighUSD.Decimal(), e.UpperUSD.Decimal())
	}
}

// Where the meter's count is not known, the price is the dearest band's and the low bound the cheapest that it can be; what may turn out
// to be held is in the one and not in the other.
func TestBounds(t *testing.T) {
	r := route(t, "azure:eastus", "azure:eastus", "onprem:lab1", cost.RouteOptions{})
	unknown := func(string) (*int64, error) { return nil, nil }
	learn := full("", 1000*gib)
	learn.Known, learn.LearnFirst = false, true
	for _, c := range []struct {
		name      string
		items     []Item
		low, high string // of the bytes
	}{
		{"within the free band", []Item{full("", 100*gib)}, "0", "8.7"},
		{"past it", []Item{full("", 1024*gib)}, "51.2", "89.088"}, // in the last band, at 0.05
		{"not known to cross", []Item{full("", 100*gib), learn}, "0", "95.7"},
	} {
		e, err := r.price(cost.Default(), c.items, gib, 0, unknown)
		if err != nil {
			t.Fatal(err)
		}
		requests := cost.NanoUSD(0)
		for _, l := range e.Lines {
			requests += l.RequestsNanoUSD
		}
		if e.USD-requests != usd(t, c.high) || e.LowUSD > e.USD || e.LowUSD < usd(t, c.low) || e.LowUSD > usd(t, c.low)+requests {
			t.Errorf("%s: low %s, price %s of which %s for requests; want %s and %s", c.name, e.LowUSD.Decimal(), e.USD.Decimal(), requests.Decimal(), c.low, c.high)
		}
	}
}

func TestCheapestIsNeverAbovePrice(t *testing.T) {
	r := route(t, "aws:us-east-1", "onprem:lab1", "onprem:lab1", cost.RouteOptions{}).In
	for _, bytes := range []int64{1, 50 * gib, 100 * gib, 101 * gib, 20_000 * gib, 300_000 * gib} {
		least := r.Cheapest(bytes, nil)
		for at := int64(0); at < 200_000; at += 97 {
			stands := at * gib
			if price := r.Price(bytes, &stands); price < least {
				t.Fatalf("%d bytes at %d GiB cost %s, less than the least of all, %s", bytes, at, price, least)
			}
		}
	}
}

// weighed prices a plan and its alternatives on a manifest of its own.
func weighed(t *testing.T, r Route, keep time.Duration, items ...Item) *Plan {
	t.Helper()
	m, err := manifest.OpenDir(t.TempDir(), manifest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	l, err := cost.OpenLedger(m, cost.LedgerOptions{Book: cost.Default(), MonthToDate: map[string]int64{"azure.zone-1.mgn": 20_000 * gib, "azure.zone-1.isp": 20_000 * gib}})
	if err != nil {
		t.Fatal(err)
	}
	p := &Plan{Dataset: "c4", Route: r, Items: items}
	if err := errors.Join(p.Finish(l, m, 64<<20, 0), p.Weigh(l, m, 64<<20, keep)); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *Plan) alternative(t *testing.T, start string) Alternative {
	t.Helper()
	for _, a := range p.Alternatives {
		if strings.HasPrefix(a.What, start) {
			return a
		}
	}
	t.Fatalf("no %q in %+v", start, p.Alternatives)
	return Alternative{}
}

// An agent in the wrong place pays twice: the plan says where it should be, and what a setting would save.
func TestAlternativesSayWhatASettingSaves(t *testing.T) {
	r := route(t, "azure:eastus", "gcp:us-central1", "aws:us-east-1", cost.RouteOptions{Trust: cost.Trust{Unverified: true}})
	p := weighed(t, r, 0, full("", 1000*gib))
	beside := p.alternative(t, "an agent in azure:eastus")
	// Without the second hop out of Google at 0.12, but with its requests; 1,000 GiB.
	if saves := beside.SavesUSD; saves < usd(t, "119") || saves > usd(t, "121") {
		t.Errorf("an agent beside the source saves %s", saves)
	}
	if beside.USD+beside.SavesUSD != p.Estimate.USD || !beside.Verified {
		t.Errorf("%+v beside %s", beside, p.Estimate.USD)
	}
	isp := p.alternative(t, "azure.zone-1.internet.isp")
	// Past 10,335 GiB: 0.083 at Microsoft's network, 0.065 by the internet.
	if isp.SavesUSD != usd(t, "18") || !strings.Contains(isp.How, "stores.training.routing: internet") {
		t.Errorf("%+v", isp)
	}
	for i := 1; i < len(p.Alternatives); i++ {
		if p.Alternatives[i].USD < p.Alternatives[i-1].USD {
			t.Errorf("not the cheapest first: %+v", p.Alternatives)
		}
	}
	express := p.alternative(t, "azure.expressroute")
	if express.SavesUSD <= 0 || len(express.Fixed) == 0 && !express.UnknownFixed {
		t.Errorf("a private link without what it costs by the month: %+v", express)
	}
}

// The best place is no alternative to itself, and where nothing is paid there is nothing to choose.
func TestNoAlternativesWhereNothingIsPaid(t *testing.T) {
	p := weighed(t, route(t, "azure:eastus", "azure:eastus", "azure:eastus", cost.RouteOptions{}), 0, full("", 1000*gib))
	if len(p.Alternatives) > 0 {
		t.Errorf("%+v", p.Alternatives)
	}
	p = weighed(t, route(t, "azure:eastus", "azure:eastus", "aws:us-east-1", cost.RouteOptions{}), 0, full("", 1000*gib))
	for _, a := range p.Alternatives {
		if a.What == "an agent in azure:eastus" {
			t.Errorf("%+v", a)
		}
	}
}

func TestReplicasThatAreReadAreCompared(t *testing.T) {
	r := route(t, "azure:eastus", "onprem:lab1", "onprem:lab1", cost.RouteOptions{})
	it := full("", 1000*gib)
	held := Origin{Store: "attic", Location: place(t, "onprem:lab1"), In: route(t, "onprem:lab1", "onprem:lab1", "onprem:lab1", cost.RouteOptions{}).In}
	it.Origin = &From{Place: held, Replica: manifest.Replica{Key: "c4/a"}}
	other := full("", gib)
	p := weighed(t, r, 0, it, other)
	a := p.alternative(t, "no replicas")
	if a.SavesUSD != -usd(t, "83")-cost.Default().Requests("azure", cost.OpRead, 16_000) {
		t.Errorf("%+v", a)
	}
}

func TestStorageOfReplicas(t *testing.T) {
	r := route(t, "azure:eastus", "azure:eastus", "aws:us-east-1", cost.RouteOptions{})
	replaces := full("", 50*gib)
	replaces.Replaces, replaces.ReplacedBytes = true, 50*gib
	have := full("", 70*gib)
	have.Way = Have
	k := weighed(t, r, 365*24*time.Hour/12, full("", 100*gib), replaces, have).Keeping
	// 0.023 for a GiB-month of 730 hours.
	if k.Bytes != 100*gib || k.MonthUSD != usd(t, "2.30") || k.USD != k.MonthUSD || !k.Known || k.EarlyDeletionUSD != 0 {
		t.Errorf("%+v", k)
	}
	r.DestinationClass = "GLACIER-OF-MARS"
	if k := weighed(t, r, 0, full("", gib)).Keeping; k.Known || k.MonthUSD != 0 {
		t.Errorf("a class that nobody knows: %+v", k)
	}
	r = route(t, "azure:eastus", "azure:eastus", "gcp:us-central1", cost.RouteOptions{})
	r.DestinationClass = "NEARLINE"
	k = weighed(t, r, 24*time.Hour, full("", 100*gib), replaces).Keeping
	if k.MinimumSeconds != 30*24*60*60 || k.Seconds != k.MinimumSeconds || k.EarlyDeletionUSD == 0 {
		t.Errorf("a class that charges for 30 days: %+v", k)
	}
}

// Archived shards cannot be read: the plan says so, how many they are, and what restoring them costs.
func TestArchivedShardsAreRefused(t *testing.T) {
	r := route(t, "aws:us-east-1", "aws:us-east-1", "onprem:lab1", cost.RouteOptions{})
	hot, cold := full("STANDARD", gib), full("GLACIER", 100*gib)
	cold.Path = "shard-000007.tar"
	held := full("GLACIER", gib)
	held.Way = Have
	p := &Plan{Dataset: "c4", Route: r, Items: []Item{hot, held}}
	if err := p.Readable(cost.Default()); err != nil {
		t.Errorf("what is held already need not be read: %v", err)
	}
	p.Items = append(p.Items, cold, cold)
	err := p.Readable(cost.Default())
	if !errors.Is(err, ErrArchived) {
		t.Fatal(err)
	}
	for _, want := range []string{"2 shards of c4", "shard-000007.tar", "GLACIER", "standard for $2.00", "bulk"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}
