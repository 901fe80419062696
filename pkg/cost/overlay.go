package cost

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// OverlaySchema is the form of a file that changes a price book: whole entries, which replace those of the same id.
const OverlaySchema = "datagravity.pricebook-overlay/1"

// Overlay is an overlay file as it is written. Entries replace those with their id and are added where there is none; an
// entry for a route that another prices just as narrowly replaces that one too.
type Overlay struct {
	Schema     string           `json:"schema"`
	Version    string           `json:"version"`
	AsOf       string           `json:"as_of"`
	Currency   string           `json:"currency"`
	USDPerUnit string           `json:"usd_per_unit,omitempty"`
	RateAsOf   string           `json:"rate_as_of,omitempty"`
	Remove     []string         `json:"remove,omitempty"`
	Regions    []RegionsEntry   `json:"regions,omitempty"`
	Allowances []AllowanceEntry `json:"allowances,omitempty"`
	Transfers  []TransferEntry  `json:"transfers,omitempty"`
	Requests   []RequestEntry   `json:"requests,omitempty"`
	Retrievals []RetrievalEntry `json:"retrievals,omitempty"`
	Storage    []StorageEntry   `json:"storage,omitempty"`
}

// Layer returns the book changed by an overlay, read from r; name is a file name for messages. The book itself stays as it
// is. What the overlay does is all or nothing: the outcome passes every check of [Load], and errors name the file, the
// entry and the field.
//
//   - an entry replaces the one with its id in its section;
//   - a transfer entry also replaces those of the same provider and class with the same selectors (the same route);
//   - a region is where the overlay says, whatever the book said;
//   - "remove" takes entries away by their ids.
//
// The version becomes "2026-11-26+mine".
func (b *Book) Layer(r io.Reader, name string) (*Book, error) {
	data, err := readBounded(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f, x, err := decodeFile(data, OverlaySchema)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	merged, err := merge(b.sources, f, f.sources(name, x), name)
	if err != nil {
		return nil, err
	}
	return assemble(name, b.Version+"+"+f.Version, max(b.AsOf, f.AsOf), merged, b.discounts)
}

func merge(base map[string][]sourced, f bookFile, over map[string][]sourced, name string) (map[string][]sourced, error) {
	out := map[string][]sourced{}
	known, gone := map[string]bool{}, map[string]bool{}
	for _, section := range sections {
		for _, s := range base[section] {
			known[s.id] = true
		}
	}
	for i, id := range f.Remove {
		if !known[id] {
			return nil, fmt.Errorf("%s: remove[%d]: the book has no entry %q", name, i, id)
		}
		gone[id] = true
	}
	for _, section := range sections {
		replaced := map[string]bool{}
		for _, s := range over[section] {
			replaced[s.id] = s.id != ""
		}
		for _, s := range base[section] {
			if gone[s.id] || replaced[s.id] || section == "transfers" && slices.ContainsFunc(over[section], s.sameRoute) {
				continue
			}
			out[section] = append(out[section], s)
		}
		out[section] = append(out[section], over[section]...)
	}
	var err error
	out["regions"], err = mergeRegions(base["regions"], over["regions"])
	return out, err
}

// sameRoute tells whether two transfer entries are for one route: the same provider, class and selectors. What cannot be
// decoded is left to the checks.
func (s sourced) sameRoute(o sourced) bool {
	type route struct {
		Provider, Class string
		From, To        Selector
	}
	var a, b route
	if json.Unmarshal(s.raw, &a) != nil || json.Unmarshal(o.raw, &b) != nil || a.Class == entryInterconnect || a.Class == entryInternetVM {
		return false
	}
	return a.Provider == b.Provider && a.Class == b.Class && a.From.same(b.From) && a.To.same(b.To)
}

// mergeRegions takes the regions of an overlay out of the entries of the book.
func mergeRegions(base, over []sourced) ([]sourced, error) {
	moved := map[string]bool{}
	for _, s := range over {
		var e RegionsEntry
		if err := decodeStrict(s.raw, &e); err != nil {
			return nil, s.fail(err)
		}
		for _, r := range e.Regions {
			moved[e.Provider+":"+r] = true
		}
	}
	out := slices.Clone(over)
	for _, s := range base {
		var e RegionsEntry
		if err := decodeStrict(s.raw, &e); err != nil {
			return nil, s.fail(err)
		}
		n := len(e.Regions)
		e.Regions = slices.DeleteFunc(e.Regions, func(r string) bool { return moved[e.Provider+":"+r] })
		if len(e.Regions) == 0 {
			continue
		}
		if len(e.Regions) < n {
			var err error
			if s.raw, err = json.Marshal(e); err != nil {
				return nil, s.fail(err)
			}
		}
		out = append(out, s)
	}
	return out, nil
}
