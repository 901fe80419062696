package config

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/store"
)

// load loads a good file from a directory of the test's own and makes its paths relative to that directory.
func load(t *testing.T, name string) (*Config, string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "good", name))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return c, dir
}

func TestEveryField(t *testing.T) {
	c, dir := load(t, "full.yaml")
	azure := store.Location{Provider: "azure", Region: "eastus"}
	training := Store{URL: "azblob://training?storage_account=acct", Location: azure, Routing: "microsoft"}
	usual := []Percent{50, 80, 100}
	want := &Config{
		Agent: Agent{
			Location: azure, State: filepath.Join(dir, "state"), JournalDir: filepath.Join(filepath.Dir(dir), "journal"),
			Backup: Backup{Dir: filepath.Join(filepath.Dir(dir), "backups"), Keep: 30}, History: History{Keep: Duration(36 * time.Hour), ShardCosts: Duration(time.Minute), JobCosts: Duration(400 * 24 * time.Hour), Every: Duration(5 * time.Minute)},
			Socket: filepath.Join(filepath.Dir(dir), "run", "api.sock"),
			Memory: 3 << 29, Shards: 16, Parts: 2, PartSize: 16 << 20, Lease: Duration(90 * time.Second), AllowInsecure: true,
		},
		Stores: map[string]Store{
			"training": training, "again": training,
			"minio": {URL: "s3://b?endpoint=http://127.0.0.1:9000&region=us-east-1", Location: store.Location{Provider: "onprem", Region: "lab1"}},
			"lab.2": {URL: "file:///mnt/data", Location: store.Location{Provider: "onprem", Region: "lab2"}, Requests: 1024},
		},
		Datasets: map[string]Dataset{
			"c4": {
				Store: "training", Prefix: "c4/", Include: []string{"**/*.tar", "{train,val}/*"}, Exclude: []string{"**/*.tmp"},
				Format: "webdataset", CompleteWhen: &CompleteWhen{Marker: "_SUCCESS", UnchangedFor: Duration(10 * time.Minute)}, ChunkSize: 128 << 10,
				Watch:          &Watch{Every: Duration(30 * time.Second), Marker: "sub/index.json", ChangeFeed: true, FullEvery: Duration(12 * time.Hour), Index: true},
				ChunkAlgorithm: "tar-v1", Team: "language",
			},
			"2024": {Store: "training", Prefix: "2024/", Format: "auto", ChunkSize: 64 << 10},
		},
		Destinations: map[string]Destination{
			"lab": {
				Store: "minio", Prefix: "replicas/{dataset}/v1/", Layout: "snapshots", StorageClass: "STANDARD_IA", KMSKey: "key-1",
				WhenPinned: "block", Deletions: "keep", DeletionLimit: 10, Capacity: 10 << 40, Evict: "unpinned-lru",
			},
			"root": {
				Store: "lab.2", Prefix: "", Layout: "mirror", WhenPinned: "snapshots", Deletions: "propagate", DeletionLimit: 0.5, Evict: "none",
			},
		},
		Budgets: []Budget{
			{Name: "by location", From: "azure:eastus", To: "onprem", Window: "month", USD: 12_500_000_000, Alerts: usual, AtLimit: "hold"},
			{Name: "by name", From: "training", To: "lab", Window: "month", Bytes: 5 << 40, Alerts: usual, AtLimit: "hold"},
			{Name: "by store", To: "lab.2", Window: "month", USD: 1, Alerts: usual, AtLimit: "hold"},
			{Name: "all", Window: "month", USD: 500_000_000_000, Bytes: 10_000_000_000, Alerts: usual, AtLimit: "hold"},
			{
				Name: "link", From: "training", To: "lab", Link: "training -> lab", Window: "day", Zone: "gcp", USD: 5_000_000_000,
				Alerts: []Percent{99.5, 100}, AtLimit: "ask",
			},
			{Name: "who", Dataset: "c4", Team: "language", Job: "nightly-*", Window: "last 30d", Bytes: 1 << 40, Alerts: []Percent{}, AtLimit: "hold"},
			{Name: "vision", Team: "vision", Window: "total", USD: 1_000_000_000, Alerts: usual, AtLimit: "hold"},
			{Name: "week", Window: "week", Zone: "Europe/Berlin", USD: 1_000_000_000, Alerts: usual, AtLimit: "hold"},
		},
		Teams: []string{"vision"},
		Links: []Link{
			{From: "azure:eastus", To: "lab.2", Bandwidth: []string{"Mon-Fri 08:00-19:00 2Gbit/s", "22:00-06:00 unlimited", "8Gbit/s"}, Zone: "Europe/Berlin"},
			{Bandwidth: []string{"Sat,Sun 500Mbit/s"}},
		},
		Prices: Prices{
			Book: filepath.Join(dir, "book.json"), MonthToDate: map[string]Size{"azure.zone-1.mgn": 20 << 40},
			Overlays: []string{filepath.Join(dir, "over.json")},
			Routes: []Route{
				{From: "azure:eastus", To: "onprem:*", USDPerGiB: 25_000_000},
				{From: "onprem:lab1", To: "*"},
				{From: "azure:*", To: "aws:*", Entry: "azure.expressroute.metered.zone-1", USDPerHour: new(USD(1_500_000_000)), Capacity: 10e9, Currency: "EUR"},
				{From: "gcp:*", To: "aws:*", Tiers: []Tier{{UpTo: 10 << 40, USDPerGiB: 20_000_000}, {USDPerGiB: 10_000_000}}},
			},
			Negotiated: []Negotiated{{Entry: "azure.zone-1.internet.mgn", Contract: "MCA 7", AsOf: "2026-10", Tiers: []Tier{{USDPerGiB: 50_000_000}}}},
			Discounts:  []Discount{{Provider: "gcp", Off: 7}, {Pool: "azure.zone-1.isp", Off: 12.5}, {Entry: "aws.us-eu.internet", Off: 0.0001}},
			AgentCharges: []AgentCharge{
				{Name: "nat-gateway", With: "*", Direction: "both", USDPerGiB: 45_000_000},
				{Name: "endpoint", With: "azure:eastus", Direction: "in", USDPerGiB: 10_000_000},
			},
			Programs: []Program{
				{Program: "gcp.data-transfer-essentials", Apply: "credit_on_bill"}, {Program: "azure.at-cost", Apply: "off", Credit: 40},
			},
			Currencies: map[string]Currency{"EUR": {USD: 1_084_300_000, AsOf: "2026-11-20"}},
			MaxAgeDays: 400, AcceptUnverified: true, AcceptStale: true,
			Sites: map[string]string{"Lab1": "europe"}, ISPRouting: true,
		},
		Jobs: Jobs{
			Folder: filepath.Join(dir, "jobs.d"), Poll: Duration(time.Minute), MaxAge: Duration(30 * time.Minute), Keep: Duration(720 * time.Hour),
			Slurm: Slurm{
				Enabled: true, Cluster: "hpc1", Poll: Duration(45 * time.Second), Squeue: "/opt/slurm/bin/squeue", Scontrol: filepath.Join(dir, "bin", "scontrol"),
				Release: true, Comment: true, Partitions: map[string]string{"gpu": "lab", "*": "root"},
			},
		},
		Daemon: Daemon{
			Drain: Duration(time.Minute), UnhealthyAfter: Duration(20 * time.Minute),
			Verify: VerifySchedule{Every: Duration(12 * time.Hour), Sample: 2.5, SampleEvery: Duration(14 * 24 * time.Hour)},
		},
		Path: filepath.Join(dir, "full.yaml"),
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("-want +have:\n%s", diff)
	}

	thresholds := []int64{5000, 8000, 10000}
	budgets := []cost.Budget{
		{Name: "by location", From: "azure:eastus", To: "onprem", LimitNanoUSD: 12_500_000_000, Thresholds: thresholds},
		{Name: "by name", From: "training", To: "lab", LimitBytes: 5 << 40, Thresholds: thresholds},
		{Name: "by store", To: "root", LimitNanoUSD: 1, Thresholds: thresholds},
		{Name: "all", LimitNanoUSD: 500_000_000_000, LimitBytes: 10_000_000_000, Thresholds: thresholds},
		{
			Name: "link", From: "training", To: "lab", Period: cost.Period{Kind: cost.Daily, Zone: zone(t, "America/Los_Angeles")},
			LimitNanoUSD: 5_000_000_000, Thresholds: []int64{9950, 10000}, Ask: true,
		},
		{Name: "who", Dataset: "c4", Team: "language", Job: "nightly-*", Period: cost.Period{Kind: cost.Rolling, Last: 720 * time.Hour}, LimitBytes: 1 << 40},
		{Name: "vision", Team: "vision", Period: cost.Period{Kind: cost.Total}, LimitNanoUSD: 1_000_000_000, Thresholds: thresholds},
		{Name: "week", Period: cost.Period{Kind: cost.Weekly, Zone: zone(t, "Europe/Berlin")}, LimitNanoUSD: 1_000_000_000, Thresholds: thresholds},
	}
	sameZone := cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })
	if diff := cmp.Diff(budgets, c.CostBudgets(), sameZone); diff != "" {
		t.Errorf("budgets -want +have:\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int64{"azure.zone-1.mgn": 20 << 40}, c.MonthToDate()); diff != "" {
		t.Errorf("month to date -want +have:\n%s", diff)
	}
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// TestBudgetsCoverTransfers ties the selectors to how transfers are named: a store's name to a destination in it.
func TestBudgetsCoverTransfers(t *testing.T) {
	c, _ := load(t, "full.yaml")
	toLab2 := cost.Link{
		Source: "training", SourceLocation: c.Stores["training"].Location,
		Dest: "root", DestLocation: c.Stores["lab.2"].Location,
	}
	covers := map[string]bool{}
	for _, b := range c.CostBudgets() {
		covers[b.Name] = b.Covers(toLab2)
	}
	want := map[string]bool{
		"by location": true, "by name": false, "by store": true, "all": true, "link": false, "who": true, "vision": true, "week": true,
	}
	if diff := cmp.Diff(want, covers); diff != "" {
		t.Errorf("-want +have:\n%s", diff)
	}
}

// TestProviderAsName: "aws" in a budget is the provider, even where a store and a destination have that name.
func TestProviderAsName(t *testing.T) {
	c, err := parse("x.yaml", "/", []byte(`
agent: {location: azure:eastus, state: s}
stores:
  aws: {url: "s3://a?region=us-east-1", location: aws:us-east-1}
  west: {url: "s3://b?region=us-west-2", location: aws:us-west-2}
destinations:
  east: {store: aws}
  west: {store: west}
budgets:
  - {name: a, to: aws, usd: 1}
`))
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range c.Destinations {
		if l := (cost.Link{Dest: name, DestLocation: c.Stores[d.Store].Location}); !c.CostBudgets()[0].Covers(l) {
			t.Errorf("the budget for aws does not cover %s", name)
		}
	}
}

func TestDefaults(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "")
	t.Setenv("RUNTIME_DIRECTORY", "")
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("HOME", "/home/user")
	c, dir := load(t, "least.yaml")
	c.Stores = nil
	want := &Config{
		Agent: Agent{
			Location: store.Location{Provider: "azure", Region: "eastus"}, State: "/home/user/.local/state/datagravity",
			Backup:  Backup{Dir: "/home/user/.local/state/datagravity/backups", Every: Duration(24 * time.Hour), Keep: 7},
			History: History{Keep: Duration(90 * 24 * time.Hour), ShardCosts: Duration(90 * 24 * time.Hour), JobCosts: Duration(1100 * 24 * time.Hour), Every: Duration(24 * time.Hour)},
			Socket:  "/home/user/.local/state/datagravity/api.sock", Memory: 192 << 20, Shards: 8, Parts: 14, PartSize: 4 << 20,
			Lease: Duration(10 * time.Minute),
		},
		Datasets: map[string]Dataset{"c4": {Store: "training", Format: "auto", ChunkSize: 64 << 10}},
		Destinations: map[string]Destination{"aws": {
			Store: "east", Prefix: "{dataset}/", Layout: "mirror", WhenPinned: "block", Deletions: "keep", DeletionLimit: 10, Evict: "none",
		}},
		Prices: Prices{MaxAgeDays: 1095},
		Jobs: Jobs{
			Poll: Duration(10 * time.Second), MaxAge: Duration(10 * time.Minute), Keep: Duration(24 * time.Hour),
			Slurm: Slurm{Poll: Duration(30 * time.Second), Squeue: "squeue", Scontrol: "scontrol"},
		},
		Daemon: Daemon{
			Drain: Duration(30 * time.Second), UnhealthyAfter: Duration(10 * time.Minute),
			Verify: VerifySchedule{Every: Duration(24 * time.Hour), SampleEvery: Duration(7 * 24 * time.Hour)}, GC: GCSchedule{Every: Duration(24 * time.Hour)},
		},
		Path: filepath.Join(dir, "least.yaml"),
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("-want +have:\n%s", diff)
	}
}

func TestWatchDefaults(t *testing.T) {
	for text, want := range map[string]Watch{
		"{index: true}":                       {Every: DefaultWatchEvery, FullEvery: defaultFullEvery, Index: true},
		"{marker: m}":                         {Every: DefaultWatchEvery, FullEvery: defaultFullEvery, Marker: "m"},
		"{marker: m, every: 24h}":             {Every: defaultFullEvery, FullEvery: defaultFullEvery, Marker: "m"},
		"{change_feed: true, full_every: 1h}": {Every: DefaultWatchEvery, FullEvery: Duration(time.Hour), ChangeFeed: true},
	} {
		c, err := parse("x.yaml", "/etc", []byte("agent: {location: azure:eastus, state: /s, lease: 0s}\nstores:\n  s: {url: azblob://c?storage_account=acme, location: azure:eastus}\n"+
			"datasets:\n  d: {store: s, watch: "+text+"}\n"))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, *c.Datasets["d"].Watch); diff != "" {
			t.Errorf("%s: -want +have:\n%s", text, diff)
		}
		if c.Agent.Leases() {
			t.Error("0s takes leases")
		}
	}
}

func TestStateDirectory(t *testing.T) {
	for _, c := range []struct{ name, systemd, xdg, home, want, err string }{
		{name: "systemd", systemd: "/var/lib/datagravity", xdg: "/x", home: "/h", want: "/var/lib/datagravity"},
		{name: "two of systemd's", systemd: "/var/lib/a:/var/lib/b", xdg: "/x", home: "/h", want: "/var/lib/a"},
		{name: "xdg", xdg: "/x", home: "/h", want: "/x/datagravity"},
		{name: "relative xdg", xdg: "x", home: "/h", want: "/h/.local/state/datagravity"},
		{name: "home", home: "/h", want: "/h/.local/state/datagravity"},
		{name: "homeless", err: "x.yaml:1:1: agent.state: there is no home directory to keep state in; set it to a directory, for example /var/lib/datagravity"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("STATE_DIRECTORY", c.systemd)
			t.Setenv("XDG_STATE_HOME", c.xdg)
			t.Setenv("HOME", c.home)
			got, err := parse("x.yaml", "/etc", []byte("agent: {location: azure:eastus}"))
			switch {
			case c.err != "":
				if err == nil || err.Error() != c.err {
					t.Errorf("error %v, want %s", err, c.err)
				}
			case err != nil:
				t.Error(err)
			case got.Agent.State != c.want:
				t.Errorf("state %s, want %s", got.Agent.State, c.want)
			}
		})
	}
}

func TestExample(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	if err := os.WriteFile(path, Example(), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Stores) != 4 || len(c.Datasets) != 2 || len(c.Destinations) != 3 || len(c.CostBudgets()) != 2 {
		t.Errorf("the example is not what its test knows: %+v", c)
	}
	book, routes, err := c.PriceBook()
	if err != nil {
		t.Fatal(err)
	}
	// Every way that the example can take must have a price, or its first plan fails.
	for name, d := range c.Destinations {
		from, to := c.Stores["training"].Location, c.Stores[d.Store].Location
		if _, err := book.Transfer(from, to, routes); err != nil {
			t.Errorf("to %s: %v", name, err)
		}
	}
}

// TestExampleUncommented: what the example offers in comments must be right too.
func TestExampleUncommented(t *testing.T) {
	var lines [][]byte
	for _, l := range bytes.Split(Example(), []byte("\n")) {
		for _, key := range []string{"# state:", "# requests:", "# links:", "# jobs:", "#   folder:", "#   slurm:", "# routes:", "#   - {from:", "# agent_charges:", "#   - {name:", "# month_to_date:", "#   azure.zone"} {
			l = bytes.Replace(l, []byte(key), []byte(strings.Replace(key, "# ", "", 1)), 1)
		}
		lines = append(lines, l)
	}
	c, err := parse("example.yaml", "/", bytes.Join(lines, []byte("\n")))
	if err != nil {
		t.Fatal(err)
	}
	if limits, err := c.LinkLimits(); err != nil || len(limits) != 1 || c.Stores["lab"].Requests != 8 {
		t.Errorf("limits of links %+v, %v; stores %+v", limits, err, c.Stores)
	}
	if c.Agent.State != "/var/lib/datagravity" || len(c.Prices.AgentCharges) != 1 || len(c.Prices.Routes) != 1 || len(c.MonthToDate()) != 1 {
		t.Errorf("the example's comments were not taken in: %+v", c)
	}
	if c.Jobs.Folder != "/etc/datagravity/jobs.d" || !c.Jobs.Slurm.Enabled || c.Jobs.Slurm.DestinationOf("gpu") != "aws" {
		t.Errorf("the example's jobs were not taken in: %+v", c.Jobs)
	}
	book, routes, err := c.PriceBook()
	if err != nil {
		t.Fatal(err)
	}
	rate, err := book.Transfer(c.Stores["training"].Location, c.Stores["s3-east"].Location, routes)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := c.MonthToDate()[rate.Pool]; !ok {
		t.Errorf("the pool of a transfer to S3 is %s, the example names %v", rate.Pool, c.MonthToDate())
	}
}

func TestPriceBook(t *testing.T) {
	c, dir := load(t, "full.yaml")
	over := filepath.Join(dir, "over.json")
	if err := os.WriteFile(over, []byte(`{"schema": "datagravity.pricebook-overlay/1", "version": "x", "as_of": "2026", "currency": "USD"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := c.PriceBook()
	var e *Error
	if !errors.As(err, &e) || e.Field != "prices.book" || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("error without the file: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "book.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err = c.PriceBook()
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "schema") {
		t.Errorf("error of a file that is no book: %v", err)
	}
	own, err := os.ReadFile(filepath.Join("..", "cost", "data", "pricebook.json"))
	if err != nil {
		t.Fatal(err)
	}
	own = bytes.Replace(own, []byte(`"version": "`+cost.Default().Version), []byte(`"version": "mine`), 1)
	if err := os.WriteFile(filepath.Join(dir, "book.json"), own, 0o600); err != nil {
		t.Fatal(err)
	}
	book, routes, err := c.PriceBook()
	if err != nil {
		t.Fatal(err)
	}
	if book.Version != "mine+x+terms" {
		t.Errorf("book %s", book.Version)
	}
	want := cost.RouteOptions{
		ISPRouting: true, SiteContinents: map[string]string{"lab1": "europe"},
		StoreRouting: map[string]bool{"training": false, "again": false},
		Agent:        c.Agent.Location,
		Overrides: []cost.Override{
			{From: "azure:eastus", To: "onprem:*", NanoUSDPerGiB: 25_000_000}, {From: "onprem:lab1", To: "*"},
			// 1.50 EUR at 1.0843
			{From: "azure:*", To: "aws:*", Entry: "azure.expressroute.metered.zone-1", Fixed: &cost.Fixed{NanoUSD: 1_626_450_000, Hours: 1, BitsPerSecond: 10e9}},
			{From: "gcp:*", To: "aws:*", Tiers: []cost.Tier{{UpToUnits: 10240, NanoUSDPerUnit: 20_000_000}, {UpToUnits: cost.Unbounded, NanoUSDPerUnit: 10_000_000}}},
		},
		AgentCharges: []cost.AgentCharge{
			{Name: "nat-gateway", With: "*", Direction: "both", NanoUSDPerGiB: 45_000_000},
			{Name: "endpoint", With: "azure:eastus", Direction: "in", NanoUSDPerGiB: 10_000_000},
		},
		Enrolments: []cost.Enrolment{{Program: "gcp.data-transfer-essentials"}},
		Trust:      cost.Trust{MaxAgeDays: 400, Unverified: true, Stale: true},
	}
	if diff := cmp.Diff(want, routes); diff != "" {
		t.Errorf("-want +have:\n%s", diff)
	}
	rate, err := book.Transfer(c.Stores["training"].Location, store.Location{Provider: "gcp", Region: "us-central1"}, routes.FromStore("training"))
	if err != nil || rate.Price(cost.GiB, nil) != 95_000_000 { // negotiated, and the gateway
		t.Errorf("%+v, %v", rate, err)
	}
	if _, err := c.Exchange("CHF"); err == nil || !strings.Contains(err.Error(), "prices.currencies: has no rate for CHF; state it, for example currencies: {CHF: ") {
		t.Errorf("a currency without a rate: %v", err)
	}
	for _, bad := range []struct {
		break_ func(*Prices)
		want   string
	}{
		{func(p *Prices) { p.Overlays = []string{filepath.Join(dir, "none.json")} }, "prices.overlays[0]: " + filepath.Join(dir, "none.json") + ": no such file or directory"},
		{func(p *Prices) { p.Overlays = []string{over, c.Prices.Book} }, "prices.overlays[1]: " + c.Prices.Book + `: schema "datagravity.pricebook/1": this version`},
		{func(p *Prices) { p.Discounts = []Discount{{Pool: "azure.zone-9", Off: 1}} }, `prices.discounts[0]: the price book has no pool "azure.zone-9"`},
		{func(p *Prices) { p.Negotiated = []Negotiated{{Entry: "e", Tiers: []Tier{{}}}} }, `prices.negotiated[0]: the price book has no entry "e"`},
		{func(p *Prices) { p.Routes = []Route{{From: "*", To: "*", Entry: "e"}} }, `prices.routes[0]: price of "*" to "*": no transfer entry "e" in the price book`},
		{func(p *Prices) { p.Programs = []Program{{Program: "azure.at-cost", Apply: "credit_on_bill"}} }, `prices.programs[0]: what azure.at-cost pays back is not known; state it in credit`},
		{func(p *Prices) { p.Programs = []Program{{Program: "azure.at-cots", Apply: "off"}} }, `prices.programs[0]: the price book has no programme "azure.at-cots" (known: `},
		{func(p *Prices) { p.MonthToDate = map[string]Size{"azure.zone-1.mng": 1} }, `prices.month_to_date.azure.zone-1.mng: the price book has no pool "azure.zone-1.mng"; did you mean "azure.zone-1.mgn"?`},
		{func(p *Prices) { p.Sites = map[string]string{"Lab1": "eurpe"} }, `prices.sites.Lab1: the price book knows no continent "eurpe"; did you mean "europe"?`},
	} {
		broken := *c
		bad.break_(&broken.Prices)
		if _, _, err := broken.PriceBook(); !errors.As(err, &e) || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("got  %v\nwant %s", err, bad.want)
		}
	}
	c.Prices = Prices{}
	if book, _, err := c.PriceBook(); err != nil || book != cost.Default() {
		t.Errorf("without a book: %v, %v", book, err)
	}
	if c.AsksAboutCharges() == "" {
		t.Error("an agent in a cloud is not asked what its network charges")
	}
	c.Prices.AgentCharges = []AgentCharge{}
	if q := c.AsksAboutCharges(); q != "" {
		t.Errorf("asked again: %s", q)
	}
}

func TestPrefixFor(t *testing.T) {
	for _, c := range []struct{ prefix, want string }{
		{"", ""}, {"{dataset}", "c4/"}, {"{dataset}/", "c4/"}, {"a", "a/"}, {"a/{dataset}/{dataset}", "a/c4/c4/"},
	} {
		if got := (Destination{Prefix: c.prefix}).PrefixFor("c4"); got != c.want {
			t.Errorf("PrefixFor of %q = %q, want %q", c.prefix, got, c.want)
		}
	}
}
