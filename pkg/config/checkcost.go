package config

import (
	"slices"
	"strings"

	"github.com/datagravity/datagravity/internal/yamldoc"
	"github.com/datagravity/datagravity/pkg/store"
)

// checkLimits refuses zeros: to the ledger 0 is no limit, to a reader it is nothing at all.
func (d *document) checkLimits(f field, b Budget) {
	usd, bytes := f.Child("usd"), f.Child("bytes")
	if !d.IsSet(usd) && !d.IsSet(bytes) {
		d.Wrong(f, "limits nothing; give usd, bytes or both")
	}
	const instead = "must be more than 0; leave it out for no such limit, or use datagravity pause to let nothing move"
	if d.IsSet(usd) && b.USD <= 0 {
		d.Wrong(usd, instead)
	}
	if d.IsSet(bytes) && b.Bytes <= 0 {
		d.Wrong(bytes, instead)
	}
}

// budgetInVain and linkInVain say what a selector does that selects nothing.
const (
	budgetInVain = "this budget would count nothing"
	linkInVain   = "this limit would hold for nothing"
)

// side is what one side of a budget or a link can name.
type side struct {
	kind   string // the word for what known names
	known  []string
	at     []store.Location
	sure   bool // at is all there is
	inVain string
}

// selector checks a side and returns it as the ledger compares it. One that selects nothing is refused: a budget
// with a slip in it would be no budget.
func (d *document) selector(f field, s string, can side) string {
	if s == "" || slices.Contains(can.known, s) {
		return s
	}
	provider, _, isLocation := strings.Cut(s, ":")
	l, err := store.ParseLocation(s)
	switch {
	case isLocation && err != nil:
		d.Wrong(f, "%v", err)
	case isLocation && slices.Contains(can.at, l):
		return l.String()
	case !isLocation && slices.ContainsFunc(can.at, func(l store.Location) bool { return l.Provider == s }):
		return s
	case slices.Contains(store.Providers, provider):
		if !can.sure {
			return s
		}
		d.Wrong(f, "nothing that is configured there is in %s, so that %s%s (in use: %s)",
			s, can.inVain, yamldoc.DidYouMean(s, locationNames(can.at)), orNone(locationNames(can.at)))
	default:
		d.Wrong(f, "%v; or write a location (azure:eastus) or a provider (azure)", UnknownName(can.kind, s, slices.Compact(slices.Sorted(slices.Values(can.known)))))
	}
	return s
}

// checkStoreSelector: transfers are counted by their destination's name, so that a store can stand for one alone.
func (d *document) checkStoreSelector(f field, to string, c *Config) {
	if _, ok := c.Stores[to]; !ok {
		return
	}
	if _, ok := c.Destinations[to]; ok || slices.Contains(store.Providers, to) {
		return
	}
	switch in := c.destinationsIn(to); len(in) {
	case 0:
		d.Wrong(f, "no destination is in store %q, so that this budget would count nothing (destinations: %s)", to, orNone(names(c.Destinations)))
	case 1:
	default:
		d.Wrong(f, "store %q holds several destinations (%s); name one of them, or the store's location %s", to, strings.Join(in, ", "), c.Stores[to].Location)
	}
}

// sourceLocations are where stores are, any of which can be a source.
func (c *Config) sourceLocations() []store.Location {
	var out []store.Location
	for _, name := range names(c.Stores) {
		out = append(out, c.Stores[name].Location)
	}
	return out
}

func (c *Config) destinationLocations() []store.Location {
	var out []store.Location
	for _, name := range names(c.Destinations) {
		out = append(out, c.Stores[c.Destinations[name].Store].Location)
	}
	return out
}

func locationNames(at []store.Location) []string {
	var out []string
	for _, l := range at {
		if !l.IsZero() {
			out = append(out, l.String())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}
