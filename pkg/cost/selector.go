package cost

import (
	"slices"
	"strings"
)

// Selector chooses the places an entry is for, by one of its fields; with none of them, every place.
type Selector struct {
	Regions    []string `json:"regions,omitempty"`
	Zones      []string `json:"zones,omitempty"`
	Continents []string `json:"continents,omitempty"`
}

// Continents that only a selector of destinations can name: relative to the source.
const (
	sameContinent  = "same"
	otherContinent = "other"
)

// matches tells whether the selector chooses a region by this name. source is the continent of the hop's source, "" when
// the source itself is matched.
func (s Selector) matches(name string, r region, source string) bool {
	switch {
	case len(s.Regions) > 0:
		return slices.Contains(s.Regions, name)
	case len(s.Zones) > 0:
		return slices.Contains(s.Zones, r.zone)
	case len(s.Continents) > 0:
		return slices.Contains(s.Continents, r.continent) ||
			source != "" && slices.Contains(s.Continents, relativeTo(source, r.continent))
	default:
		return true
	}
}

// width is smaller for a narrower selector.
func (s Selector) width() int {
	switch {
	case len(s.Regions) > 0:
		return 0
	case len(s.Zones) > 0:
		return 1
	case len(s.Continents) > 0:
		return 2
	default:
		return 3
	}
}

func (s Selector) names() []string { return slices.Concat(s.Regions, s.Zones, s.Continents) }

// same tells whether two selectors choose by the same names.
func (s Selector) same(o Selector) bool {
	return s.width() == o.width() && slices.Equal(sorted(s.names()), sorted(o.names()))
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}

// String says what is chosen: "zone-1", "europe, asia", "" for every place.
func (s Selector) String() string { return strings.Join(s.names(), ", ") }

// width orders the entries that match a route: the narrowest source wins, then the narrowest destination.
func (t transfer) width() int { return 4*t.From.width() + t.To.width() }

// clash tells whether two entries match a route equally narrowly, so that neither can win.
func (b *Book) clash(t, o transfer) bool {
	if t.Provider != o.Provider || t.Class != o.Class || t.width() != o.width() || !routed(t.Class) {
		return false
	}
	from := common(t.From.names(), o.From.names())
	if len(from) == 0 && t.From.width() < 3 {
		return false
	}
	if t.To.width() != 2 {
		return t.To.width() == 3 || len(common(t.To.names(), o.To.names())) > 0
	}
	for source := range b.sourceContinents(t, from) {
		for continent := range b.continents {
			r := region{continent: continent}
			if t.To.matches("", r, source) && o.To.matches("", r, source) {
				return true
			}
		}
	}
	return false
}

// sourceContinents are those that the sources named so lie on.
func (b *Book) sourceContinents(t transfer, names []string) map[string]bool {
	chosen := map[string]bool{}
	for p, r := range b.regions {
		if p.Provider != t.Provider || chosen[r.continent] {
			continue
		}
		switch t.From.width() {
		case 0:
			chosen[r.continent] = slices.Contains(names, p.Region)
		case 1:
			chosen[r.continent] = slices.Contains(names, r.zone)
		case 2:
			chosen[r.continent] = slices.Contains(names, r.continent)
		default:
			chosen[r.continent] = true
		}
	}
	for c, ok := range chosen {
		if !ok {
			delete(chosen, c)
		}
	}
	return chosen
}

func relativeTo(source, continent string) string {
	if source == continent {
		return sameContinent
	}
	return otherContinent
}

func common(a, b []string) []string {
	var both []string
	for _, s := range a {
		if slices.Contains(b, s) {
			both = append(both, s)
		}
	}
	return both
}
