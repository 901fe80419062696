package config

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/store"
)

// atLimits are what a budget can do with what does not fit.
var atLimits = []string{defaultAtLimit, "ask"}

// billingZones are where the days of a provider's bill begin: https://cloud.google.com/billing/docs says that Google's months
// follow Pacific time, the other two count in UTC.
var billingZones = map[string]string{"azure": "UTC", "aws": "UTC", "gcp": "America/Los_Angeles"}

func (d *document) checkBudgets(c *Config) {
	d.checkTeams(c)
	seen := map[string]bool{}
	// Whether a budget counts anything cannot be told while a store's place is in doubt.
	sure := d.Err() == nil
	for i := range c.Budgets {
		b := &c.Budgets[i]
		f := field{"budgets"}.Index(i)
		if seen[b.Name] && b.Name != "" {
			d.Wrong(f.Child("name"), "%q names an earlier budget too; each needs a name of its own", b.Name)
		}
		seen[b.Name] = true
		if _, err := b.period(); err != nil {
			at := f.Child("window")
			if errors.As(err, &zoneError{}) {
				at = f.Child("zone")
			}
			d.Wrong(at, "%v", err)
		}
		d.checkLimits(f, *b)
		d.checkAlerts(f.Child("alerts"), b.Alerts)
		d.checkWord(f.Child("at_limit"), b.AtLimit, atLimits)
		d.splitLink(f, b)
		fromAt, toAt := f.Child("from"), f.Child("to")
		if b.Link != "" {
			fromAt, toAt = f.Child("link"), f.Child("link")
		}
		b.From = d.selector(fromAt, b.From, side{"store", names(c.Stores), c.sourceLocations(), sure, budgetInVain})
		b.To = d.selector(toAt, b.To, side{"destination or store", slices.Concat(names(c.Destinations), names(c.Stores)), c.destinationLocations(), sure, budgetInVain})
		if sure {
			d.checkStoreSelector(toAt, b.To, c)
		}
		d.checkSubject(f, *b, c, sure)
	}
}

// splitLink turns "link" into from and to.
func (d *document) splitLink(f field, b *Budget) {
	if b.Link == "" {
		return
	}
	from, to, ok := strings.Cut(b.Link, "->")
	from, to = strings.TrimSpace(from), strings.TrimSpace(to)
	switch {
	case !ok || from == "" || to == "":
		d.Wrong(f.Child("link"), "%q: want SOURCE->DESTINATION, for example training->lab1", b.Link)
	case b.From != "" || b.To != "":
		d.Wrong(f.Child("link"), "says the same as from and to; give either the link, or from and to")
	default:
		b.From, b.To = from, to
	}
}

// checkSubject refuses a budget for a dataset, a team or a job that cannot be: with a slip in it, it would be no budget.
func (d *document) checkSubject(f field, b Budget, c *Config, sure bool) {
	if b.Team != "" && !slices.Contains(c.TeamNames(), b.Team) {
		d.Wrong(f.Child("team"), "%v; a dataset's team or the list teams names it", UnknownName("team", b.Team, c.TeamNames()))
	}
	if job := strings.TrimSuffix(b.Job, "*"); job != "" && !jobs.ValidName(job) {
		d.Wrong(f.Child("job"), "%q cannot be a job; use up to 128 letters, digits and ._:@/-, and a * at the end for all that begin so", b.Job)
	}
	if b.Dataset == "" {
		return
	}
	v, known := c.Datasets[b.Dataset]
	if !known {
		d.Wrong(f.Child("dataset"), "%v", UnknownName("dataset", b.Dataset, names(c.Datasets)))
		return
	}
	// It is read from its own store, or from a replica in that of a destination.
	from := []string{v.Store}
	for _, name := range names(c.Destinations) {
		from = append(from, c.Destinations[name].Store)
	}
	reads := func(s string) bool {
		return (cost.Budget{From: b.From}).Covers(cost.Link{Source: s, SourceLocation: c.Stores[s].Location})
	}
	if sure && !slices.ContainsFunc(from, reads) {
		d.Wrong(f.Child("dataset"), "%s is in store %s and is never read from %s, so that %s", b.Dataset, v.Store, b.From, budgetInVain)
	}
}

func (d *document) checkTeams(c *Config) {
	for i, team := range c.Teams {
		d.checkName("team", field{"teams"}.Index(i), team)
	}
	for _, name := range names(c.Datasets) {
		if team := c.Datasets[name].Team; team != "" {
			d.checkName("team", field{"datasets", name, "team"}, team)
		}
	}
}

// TeamNames are all that transfers can be charged to.
func (c *Config) TeamNames() []string {
	all := map[string]bool{}
	for _, team := range c.Teams {
		all[team] = true
	}
	for _, d := range c.Datasets {
		if d.Team != "" {
			all[d.Team] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func (d *document) checkAlerts(f field, shares []Percent) {
	for i, s := range shares {
		switch {
		case s <= 0 || basisPoints(s) == 0:
			d.Wrong(f.Index(i), "%s: want more than 0%%, in hundredths of a percent at the finest", s)
		case i > 0 && basisPoints(s) <= basisPoints(shares[i-1]):
			d.Wrong(f.Index(i), "%s is not more than the %s before it; write them in ascending order", s, shares[i-1])
		}
	}
}

// basisPoints are hundredths of a percent.
func basisPoints(p Percent) int64 { return int64(math.Round(float64(p) * 100)) }

// zoneError is a mistake in the zone of a window.
type zoneError struct{ error }

// period is the window as the ledger counts it.
func (b Budget) period() (cost.Period, error) {
	p, err := cost.ParsePeriod(b.Window)
	if err != nil || b.Zone == "" {
		return p, err
	}
	if p.Kind == cost.Rolling || p.Kind == cost.Total {
		return p, zoneError{fmt.Errorf("a window of %s begins on no day, so that a zone means nothing to it; leave it out", b.Window)}
	}
	name, provider := billingZones[b.Zone]
	if !provider {
		name = b.Zone
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return p, zoneError{fmt.Errorf("unknown time zone %q; write it as Europe/Berlin or UTC, or name the provider whose bill it follows (%s)",
			b.Zone, strings.Join(names(billingZones), ", "))}
	}
	p.Zone = zone
	return p, nil
}

// CostBudgets returns the budgets as the ledger enforces them. A store's name in "to" becomes that of the one destination
// in it, since that is what transfers are named by.
func (c *Config) CostBudgets() []cost.Budget {
	out := make([]cost.Budget, 0, len(c.Budgets))
	for _, b := range c.Budgets {
		to := b.To
		if in := c.destinationsIn(to); len(in) == 1 {
			to = in[0]
		}
		period, _ := b.period() // Load has refused what has none
		one := cost.Budget{
			Name: b.Name, From: b.From, To: to, Dataset: b.Dataset, Team: b.Team, Job: b.Job, Period: period,
			LimitNanoUSD: cost.NanoUSD(b.USD), LimitBytes: int64(b.Bytes), Ask: b.AtLimit == "ask",
		}
		for _, s := range b.Alerts {
			one.Thresholds = append(one.Thresholds, basisPoints(s))
		}
		out = append(out, one)
	}
	return out
}

// destinationsIn are the destinations that a budget's "to" means by a store's name; none if it is not one, or if it is also
// the name of a destination or a provider, which comes first.
func (c *Config) destinationsIn(storeName string) []string {
	if _, ok := c.Destinations[storeName]; ok || slices.Contains(store.Providers, storeName) {
		return nil
	}
	var in []string
	for _, name := range names(c.Destinations) {
		if c.Destinations[name].Store == storeName {
			in = append(in, name)
		}
	}
	return in
}
