package cost

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/datagravity/datagravity/pkg/store"
)

// ErrNoPrice is in every error about a route whose price is not known. Such a route must not be used: declare an
// [Override], or load a price book that knows it.
var ErrNoPrice = errors.New("no price known")

// china is the continent name under which books list regions in mainland China: clouds of their own, which the rest of
// the provider reaches across the internet only.
const china = "china"

// RouteOptions are what the operator knows about routes. The zero value takes the book's prices and default routing.
type RouteOptions struct {
	// ISPRouting: the Azure storage accounts have the routing preference "Internet", whose prices are lower. Azure's
	// default is routing over the Microsoft global network. Stores and destinations can differ: see [RouteOptions.FromStore].
	ISPRouting bool
	// StoreRouting and DestinationRouting say by configured name which accounts differ from ISPRouting.
	StoreRouting, DestinationRouting map[string]bool
	// Agent is where the agent is, and AgentCharges what its network charges for each GiB between it and the stores.
	Agent        store.Location
	AgentCharges []AgentCharge
	// Enrolments are programmes that pay back some of the price. They change none: see [Rate.ExpectedCredit].
	Enrolments []Enrolment
	// Trust says which prices budgets may rest on; see [Ledger.CheckPrices].
	Trust Trust
	// Overrides are tried in order before the book; the first that matches wins.
	Overrides []Override
	// SiteContinents says on which continent of the book ("europe", "asia") an onprem site ("lab1", lower case) lies. Google
	// prices internet traffic by its destination; a site that is not here is taken to lie on the source's continent, and
	// the price is then not verified.
	SiteContinents map[string]string
}

// FromStore are the options for reads from a store, by its configured name.
func (o RouteOptions) FromStore(name string) RouteOptions { return o.routing(o.StoreRouting, name) }

// FromDestination are the options for reads from a destination's store, by the destination's configured name.
func (o RouteOptions) FromDestination(name string) RouteOptions {
	return o.routing(o.DestinationRouting, name)
}

func (o RouteOptions) routing(of map[string]bool, name string) RouteOptions {
	if isp, ok := of[name]; ok {
		o.ISPRouting = isp
	}
	return o
}

// Transfer finds what bytes from one location to another cost. A hop inside one region or site is free, and one out of a
// site of one's own too, unless an override prices it. Errors: [ErrNoPrice] with what to declare, if a location is not
// known or no entry prices the route.
func (b *Book) Transfer(from, to store.Location, o RouteOptions) (Rate, error) {
	for _, side := range [...]struct {
		name string
		l    store.Location
	}{{"source", from}, {"destination", to}} {
		if side.l.IsZero() {
			return Rate{}, fmt.Errorf("%w: the location of the %s is not known; declare it in the configuration, for example location: azure:eastus or location: onprem:lab1", ErrNoPrice, side.name)
		}
		if err := checkProvider(side.l.Provider); err != nil {
			return Rate{}, fmt.Errorf("%w: location %s: %w", ErrNoPrice, side.l, err)
		}
	}
	from.Region, to.Region = strings.ToLower(from.Region), strings.ToLower(to.Region)
	class := b.classify(from, to)
	for _, v := range o.Overrides {
		if err := v.Check(); err != nil {
			return Rate{}, err
		}
		if v.matches(from, to) {
			r, err := v.rate(b, from, to, class)
			return o.charged(r, from, to), err
		}
	}
	var r Rate
	var err error
	switch class {
	case SamePlace:
		r = freeRate(class, fmt.Sprintf("%s: nothing leaves the place, which is free.", from))
	case OnpremOut:
		r = freeRate(class, fmt.Sprintf("%s to %s: out of a site of one's own, which is free unless the configuration prices it.", from, to))
	default:
		if r, err = b.transferRate(from, to, class, o); err != nil {
			return Rate{}, err
		}
	}
	return o.charged(r, from, to), nil
}

// CheckOptions tells what in the options does not fit the book: overrides, charges and programmes. The error names its place
// (routes[2], agent_charges[0], programs[1]).
func (b *Book) CheckOptions(o RouteOptions) error {
	for i, v := range o.Overrides {
		err := v.Check()
		if err == nil && v.Entry != "" {
			_, err = v.entry(b)
		}
		if err != nil {
			return fmt.Errorf("routes[%d]: %w", i, err)
		}
	}
	for i, c := range o.AgentCharges {
		if err := c.Check(); err != nil {
			return fmt.Errorf("agent_charges[%d]: %w", i, err)
		}
	}
	return b.checkEnrolments(o.Enrolments)
}

func (b *Book) classify(from, to store.Location) Class {
	switch {
	case from == to:
		return SamePlace
	case from.Provider == "onprem":
		return OnpremOut
	case from.Provider != to.Provider:
		return Internet
	}
	source, destination := b.regions[from].continent, b.regions[to].continent
	switch {
	case source == destination:
		return InterRegionSameContinent
	case source == china || destination == china:
		return Internet
	default:
		return InterRegionOtherContinent
	}
}

func freeRate(c Class, explanation string) Rate {
	return Rate{
		ID: "free", Class: c, Tiers: []Tier{{UpToUnits: Unbounded}}, UnitBytes: GiB,
		Verified: true, Source: "definition", Explanation: explanation,
	}
}

// transferRate finds the entry of the book for a hop that leaves a provider's region.
func (b *Book) transferRate(from, to store.Location, class Class, o RouteOptions) (Rate, error) {
	source, ok := b.regions[from]
	if !ok {
		return Rate{}, b.unknownRegion(from, from, to)
	}
	entryClass := entryInterRegion
	destination, known := b.regions[to]
	assumed := false
	if class == Internet {
		entryClass = entryInternet
		if o.ISPRouting && from.Provider == "azure" {
			entryClass = entryInternetISP
		}
		if to.Provider == "onprem" {
			destination.continent, known = o.SiteContinents[to.Region]
			if known && !b.continents[destination.continent] {
				return Rate{}, fmt.Errorf("onprem:%s: the price book knows no continent %q (known: %s)", to.Region, destination.continent, strings.Join(b.Continents(), ", "))
			}
			if !known {
				assumed, known = true, true
				destination.continent = source.continent
			}
		}
	} else if !known {
		return Rate{}, b.unknownRegion(to, from, to)
	}
	t, ok := b.narrowest(from, to, entryClass, source, destination)
	if !ok && !known {
		return Rate{}, b.unknownRegion(to, from, to)
	}
	if !ok {
		return Rate{}, fmt.Errorf("%w: %s to %s (%s) is not in the price book %s; %s", ErrNoPrice, from, to, class, b.Version, howToDeclare(from, to))
	}
	r := b.bookRate(t, from, to, class, assumed && len(t.To.Continents) > 0)
	r.Credits = b.credits(from, to, o)
	for _, c := range r.Credits {
		r.Explanation += fmt.Sprintf(" %s is expected to pay back %s%% of it on a later bill; until then it is spent.", c.Program, percentOf(c.PPM))
	}
	return r, nil
}

// narrowest returns the matching entry with the narrowest selectors; Load has made sure that there is one such.
func (b *Book) narrowest(from, to store.Location, entryClass string, source, destination region) (*transfer, bool) {
	var best *transfer
	for i := range b.transfers {
		t := &b.transfers[i]
		if t.Provider != from.Provider || t.Class != entryClass { // classes that are not routed are never asked for
			continue
		}
		if t.From.matches(from.Region, source, "") && t.To.matches(to.Region, destination, source.continent) &&
			(best == nil || t.width() < best.width()) {
			best = t
		}
	}
	return best, best != nil
}

func (b *Book) bookRate(t *transfer, from, to store.Location, class Class, assumed bool) Rate {
	r := Rate{
		ID: t.ID, Class: class, Meter: t.Meter, Tiers: t.tiers, UnitBytes: t.UnitBytes,
		Pool:      t.poolFrom(from.Region),
		Allowance: t.Allowance, AllowanceBytes: t.allowance,
		Verified: t.Verified && !assumed, AsOf: t.AsOf, Source: t.Source, PrivateLink: t.Class == entryInterconnect,
	}
	r = b.discounted(r, from.Provider)
	r.Explanation = fmt.Sprintf("%s to %s %s: %s (%s%s", from, to, crossing(t, class), r.ladder(), t.Source, seen(t.AsOf))
	switch {
	case assumed:
		r.Explanation += fmt.Sprintf("; not verified: the price depends on the continent of onprem:%s, which prices: {sites: {%s: ...}} does not declare", to.Region, to.Region)
	case !t.Verified:
		r.Explanation += "; not verified"
	}
	r.Explanation += ")."
	if r.Discount != nil {
		r.Explanation += fmt.Sprintf(" That is after %s.", r.Discount)
	}
	return r
}

// discounted applies the discount that counts for a rate, if there is one.
func (b *Book) discounted(r Rate, provider string) Rate {
	if d := b.discounts.of(r.ID, r.Pool, provider); d != nil {
		r.ListTiers, r.Tiers, r.Discount = r.Tiers, d.tiers(r.Tiers), d
	}
	return r
}

// fromPlaceholder stands for the source region in the name of a pool.
const fromPlaceholder = "{from}"

func (t *transfer) poolFrom(region string) string {
	return strings.ReplaceAll(t.Pool, fromPlaceholder, region)
}

// seen says the date of a price.
func seen(asOf string) string {
	if asOf == always {
		return ""
	}
	return ", as of " + asOf
}

// crossing says in words what a hop crosses.
func crossing(t *transfer, c Class) string {
	switch {
	case t.Class == entryInterconnect:
		return "goes over a private link, " + t.ID
	case t.Class == entryInternetISP:
		return "crosses the internet (routing preference Internet)"
	case c == Internet && t.Provider == "azure":
		return "crosses the internet (Microsoft global network, Azure's default routing)"
	case c == Internet:
		return "crosses the internet"
	case c == InterRegionSameContinent:
		return "goes to another region of the continent"
	default:
		return "goes to a region on another continent"
	}
}

// unknownRegion is the error for a region that the book does not list, with its nearest name.
func (b *Book) unknownRegion(l, from, to store.Location) error {
	hint := ""
	best := 3 // more than two slips of the finger are another name
	for _, p := range b.regionNames(l.Provider) {
		if d := levenshtein.Distance(p, l.Region, nil); d < best {
			best, hint = d, fmt.Sprintf(" (did you mean %s:%s?)", l.Provider, p)
		}
	}
	return fmt.Errorf("%w: the price book %s knows no region %s%s; if the name is right, %s", ErrNoPrice, b.Version, l, hint, howToDeclare(from, to))
}

func (b *Book) regionNames(provider string) []string {
	var names []string
	for p := range b.regions {
		if p.Provider == provider {
			names = append(names, p.Region)
		}
	}
	slices.Sort(names)
	return names
}

// Continents are the names under which the book lists regions.
func (b *Book) Continents() []string {
	var names []string
	for c := range b.continents {
		names = append(names, c)
	}
	slices.Sort(names)
	return names
}
