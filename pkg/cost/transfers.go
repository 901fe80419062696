package cost

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/datagravity/datagravity/pkg/store"
)

// The classes of transfer entries in a book. An inter-region entry says by its selectors which continents it is for.
const (
	entryInterRegion = "inter-region"
	entryInternet    = "internet"
	// entryInternetISP prices Azure's routing preference "Internet", where the storage account has chosen it.
	entryInternetISP = "internet-isp"
	// entryInternetVM prices what machines send, where a provider has another ladder for them than for its store. It is never
	// chosen by itself: the store's ladder, which is no lower, bounds what an agent sends.
	entryInternetVM = "internet-vm"
	// entryInterconnect prices a private link, which the configuration chooses by the entry's id.
	entryInterconnect = "interconnect"
)

var entryClasses = []string{entryInterRegion, entryInternet, entryInternetISP, entryInternetVM, entryInterconnect}

// routed tells whether entries of a class are found by their selectors.
func routed(class string) bool { return class != entryInternetVM && class != entryInterconnect }

// transfer is one priced route.
type transfer struct {
	TransferEntry
	tiers     []Tier
	allowance int64 // bytes
	fixed     *Fixed
}

func (b *Book) addRegions(e RegionsEntry) error {
	if err := checkProvider(e.Provider); err != nil {
		return err
	}
	if e.Continent == "" || e.Continent == sameContinent || e.Continent == otherContinent {
		return fmt.Errorf("continent %q: want a name such as north-america", e.Continent)
	}
	if len(e.Regions) == 0 {
		return errors.New("regions is empty")
	}
	for _, name := range e.Regions {
		p := store.Location{Provider: e.Provider, Region: name}
		if name == "" || name != strings.ToLower(name) {
			return fmt.Errorf("region %q: want a region's name in lower case", name)
		}
		if _, ok := b.regions[p]; ok {
			return fmt.Errorf("region %q of %s is there twice", name, e.Provider)
		}
		b.regions[p] = region{e.Continent, e.Zone}
	}
	b.continents[e.Continent] = true
	if e.Zone != "" {
		b.zones[e.Zone] = true
	}
	return nil
}

func (b *Book) addAllowance(e AllowanceEntry) error {
	if err := checkUnit(e.UnitBytes); err != nil {
		return err
	}
	if e.Units <= 0 || e.Units > math.MaxInt64/e.UnitBytes {
		return fmt.Errorf("units is %d: want from 1 to %d", e.Units, math.MaxInt64/e.UnitBytes)
	}
	b.allowances[e.ID] = allowance{e.Units * e.UnitBytes}
	return nil
}

func (b *Book) addTransfer(e TransferEntry) error {
	if err := checkProvider(e.Provider); err != nil {
		return err
	}
	if !slices.Contains(entryClasses, e.Class) {
		return fmt.Errorf("unknown class %q (known: %s)", e.Class, strings.Join(entryClasses, ", "))
	}
	if err := checkUnit(e.UnitBytes); err != nil {
		return err
	}
	if err := b.checkSelector(e.From, e.Provider, false); err != nil {
		return fmt.Errorf("from: %w", err)
	}
	// A destination across the internet is another provider's, so its regions are not of this provider.
	toProvider := ""
	if e.Class == entryInterRegion {
		toProvider = e.Provider
	}
	if err := b.checkSelector(e.To, toProvider, e.Class == entryInterRegion); err != nil {
		return fmt.Errorf("to: %w", err)
	}
	t := transfer{TransferEntry: e}
	var err error
	if t.fixed, err = checkFixed(e); err != nil {
		return err
	}
	if t.tiers, err = checkTiers(e.Tiers, e.UnitBytes); err != nil {
		return err
	}
	if e.Allowance != "" {
		a, ok := b.allowances[e.Allowance]
		if !ok {
			return fmt.Errorf("allowance %q is not in the book", e.Allowance)
		}
		t.allowance = a.bytes
	}
	if t.Pool == "" {
		t.Pool = t.ID // a meter of its own
	}
	for _, o := range b.transfers {
		if b.clash(t, o) {
			return fmt.Errorf("prices a route that %q prices too: make the selectors of one of them narrower", o.ID)
		}
	}
	b.transfers = append(b.transfers, t)
	return nil
}

// checkSelector checks names against the region table. provider is "" where regions cannot be named.
func (b *Book) checkSelector(s Selector, provider string, relative bool) error {
	kinds := 0
	for _, names := range [][]string{s.Regions, s.Zones, s.Continents} {
		if len(names) > 0 {
			kinds++
		}
	}
	if kinds > 1 {
		return errors.New("choose by regions, zones or continents, not by several of them")
	}
	for _, name := range s.Regions {
		if provider == "" {
			return errors.New("a destination across the internet is chosen by its continent, not by regions")
		}
		if _, ok := b.regions[store.Location{Provider: provider, Region: name}]; !ok {
			return fmt.Errorf("region %q of %s is not in the book's regions", name, provider)
		}
	}
	for _, name := range s.Zones {
		if !b.zones[name] {
			return fmt.Errorf("zone %q is not in the book's regions", name)
		}
	}
	for _, name := range s.Continents {
		if !b.continents[name] && !(relative && (name == sameContinent || name == otherContinent)) {
			return fmt.Errorf("continent %q is not in the book's regions", name)
		}
	}
	return nil
}

// checkTiers wants rising ends, the last of them open, and prices that are not negative.
func checkTiers(entries []TierEntry, unitBytes int64) ([]Tier, error) {
	if len(entries) == 0 {
		return nil, errors.New("tiers is empty: a price that is not known must not be in the book")
	}
	var tiers []Tier
	var end int64
	for i, e := range entries {
		price, err := checkPrice(fmt.Sprintf("tiers[%d].nano_usd_per_unit", i), e.NanoUSDPerUnit)
		if err != nil {
			return nil, err
		}
		last := i == len(entries)-1
		switch {
		case e.UpToUnits == nil && !last:
			return nil, fmt.Errorf("tiers[%d] has no end, so tiers[%d] can never be reached", i, i+1)
		case e.UpToUnits == nil:
			end = Unbounded
		case last:
			return nil, fmt.Errorf("tiers[%d], the last, ends at %d: it must be open (up_to_units null)", i, *e.UpToUnits)
		case *e.UpToUnits <= end:
			return nil, fmt.Errorf("tiers[%d] ends at %d, but the tier before it at %d: ends must rise", i, *e.UpToUnits, end)
		case *e.UpToUnits > math.MaxInt64/unitBytes:
			return nil, fmt.Errorf("tiers[%d] ends at %d: more than %d units cannot be counted", i, *e.UpToUnits, math.MaxInt64/unitBytes)
		default:
			end = *e.UpToUnits
		}
		tiers = append(tiers, Tier{UpToUnits: end, NanoUSDPerUnit: price})
	}
	return tiers, nil
}
