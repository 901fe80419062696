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
	// default is routing over the Microsoft global network.
	ISPRouting bool
	// Overrides are tried in order before the book; the first that matches wins.
	Overrides []Override
	// SiteContinents says on which continent of the book ("europe", "asia") an onprem site ("lab1", lower case) lies. Google
	// prices internet traffic by its destination; a site that is not here is taken to lie on the source's continent, and
	// the price is then not verified.
	SiteContinents map[string]string
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
			return v.rate(from, to, class), nil
		}
	}
	switch class {
	case SamePlace:
		return freeRate(class, fmt.Sprintf("%s: nothing leaves the place, which is free.", from)), nil
	case OnpremOut:
		return freeRate(class, fmt.Sprintf("%s to %s: out of a site of one's own, which is free unless the configuration prices it.", from, to)), nil
	default:
		return b.transferRate(from, to, class, o)
	}
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
				return Rate{}, fmt.Errorf("onprem:%s: the price book knows no continent %q (known: %s)", to.Region, destination.continent, strings.Join(b.continentNames(), ", "))
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
	return b.bookRate(t, from, to, class, assumed && len(t.To.Continents) > 0), nil
}

// narrowest returns the matching entry with the narrowest selectors; Load has made sure that there is one such.
func (b *Book) narrowest(from, to store.Location, entryClass string, source, destination region) (*transfer, bool) {
	var best *transfer
	for i := range b.transfers {
		t := &b.transfers[i]
		if t.Provider != from.Provider || t.Class != entryClass {
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
		Pool:      strings.ReplaceAll(t.Pool, "{from}", from.Region),
		Allowance: t.Allowance, AllowanceBytes: t.allowance,
		Verified: t.Verified && !assumed, AsOf: t.AsOf, Source: t.Source,
	}
	r.Explanation = fmt.Sprintf("%s to %s %s: %s (%s, as of %s", from, to, crossing(t, class), r.ladder(), t.Source, t.AsOf)
	switch {
	case assumed:
		r.Explanation += fmt.Sprintf("; not verified: the price depends on the continent of onprem:%s, which prices: {sites: {%s: ...}} does not declare", to.Region, to.Region)
	case !t.Verified:
		r.Explanation += "; not verified"
	}
	r.Explanation += ")."
	return r
}

// crossing says in words what a hop crosses.
func crossing(t *transfer, c Class) string {
	switch {
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

func (b *Book) continentNames() []string {
	var names []string
	for c := range b.continents {
		names = append(names, c)
	}
	slices.Sort(names)
	return names
}
