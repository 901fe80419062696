package cost

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// bookFile is the form of a price book file and of an overlay. Entries are decoded one by one, so that an error can name
// the one at fault.
type bookFile struct {
	Schema   string `json:"schema"`
	Version  string `json:"version"`
	AsOf     string `json:"as_of"`
	Currency string `json:"currency"`
	// USDPerUnit and RateAsOf say what one unit of a currency other than USD is worth: "1.0843", and when.
	USDPerUnit string `json:"usd_per_unit"`
	RateAsOf   string `json:"rate_as_of"`
	// Remove are the ids of entries that an overlay takes away.
	Remove         []string          `json:"remove"`
	Regions        []json.RawMessage `json:"regions"`
	Allowances     []json.RawMessage `json:"allowances"`
	Transfers      []json.RawMessage `json:"transfers"`
	Requests       []json.RawMessage `json:"requests"`
	Retrievals     []json.RawMessage `json:"retrievals"`
	Storage        []json.RawMessage `json:"storage"`
	EarlyDeletions []json.RawMessage `json:"early_deletions"`
	Restores       []json.RawMessage `json:"restores"`
	Programs       []json.RawMessage `json:"programs"`
}

// Provenance goes with every price.
type Provenance struct {
	ID       string `json:"id"`
	AsOf     string `json:"as_of"`
	Source   string `json:"source"`
	Verified bool   `json:"verified"`
}

// RegionsEntry says where regions of a provider lie.
type RegionsEntry struct {
	Provider  string   `json:"provider"`
	Continent string   `json:"continent"`
	Zone      string   `json:"zone,omitempty"`
	Regions   []string `json:"regions"`
}

// AllowanceEntry is an amount that is free each month over several pools together.
type AllowanceEntry struct {
	Provenance
	UnitBytes int64 `json:"unit_bytes"`
	Units     int64 `json:"units"`
}

// TransferEntry prices a route, or a private link that the configuration can choose by the entry's id.
type TransferEntry struct {
	Provenance
	Provider  string      `json:"provider"`
	Class     string      `json:"class"`
	From      Selector    `json:"from"`
	To        Selector    `json:"to"`
	UnitBytes int64       `json:"unit_bytes"`
	Tiers     []TierEntry `json:"tiers"`
	// Pool is the meter whose month-to-date decides the tier; "{from}" stands for the source region. The default is the
	// entry's id.
	Pool      string      `json:"pool,omitempty"`
	Meter     string      `json:"meter,omitempty"`
	Allowance string      `json:"allowance,omitempty"`
	Fixed     *FixedEntry `json:"fixed,omitempty"`
}

// TierEntry is one band of a ladder; UpToUnits is nil in the last one.
type TierEntry struct {
	UpToUnits      *int64 `json:"up_to_units"` // null: no end
	NanoUSDPerUnit *int64 `json:"nano_usd_per_unit"`
}

// FixedEntry is what a private link costs whether or not bytes move. Per is "hour" or "month".
type FixedEntry struct {
	NanoUSD       *int64 `json:"nano_usd"`
	Per           string `json:"per"`
	BitsPerSecond int64  `json:"bits_per_second,omitempty"`
}

// RequestEntry prices a class of requests.
type RequestEntry struct {
	Provenance
	Provider     string `json:"provider"`
	Op           Op     `json:"op"`
	StorageClass string `json:"storage_class,omitempty"`
	Per          int64  `json:"per"`
	NanoUSD      *int64 `json:"nano_usd"`
}

// RetrievalEntry prices reading out of storage classes.
type RetrievalEntry struct {
	Provenance
	Provider       string   `json:"provider"`
	StorageClasses []string `json:"storage_classes"`
	UnitBytes      int64    `json:"unit_bytes"`
	NanoUSDPerUnit *int64   `json:"nano_usd_per_unit"`
	Rehydration    bool     `json:"rehydration,omitempty"`
}

// IsDate tells a date as precise as is known, 2026-11-25, 2026-11 or 2026, from one that no calendar has: a price that was stated on it would
// never be stale.
func IsDate(s string) bool {
	for _, form := range []string{time.DateOnly, "2006-01", "2006"} {
		if _, err := time.Parse(form, s); err == nil {
			return true
		}
	}
	return false
}

// header checks what stands above the entries.
func (f bookFile) header(schema string) error {
	switch {
	case f.Schema != schema:
		return fmt.Errorf("schema %q: this version of datagravity reads %q%s", f.Schema, schema, otherUse(f.Schema))
	case f.Version == "":
		return errors.New("version is missing: give the book a name that a later reader of the ledger can find it by")
	case !IsDate(f.AsOf):
		return fmt.Errorf("as_of %q: want a date such as 2026-11-25", f.AsOf)
	case schema == Schema && len(f.Remove) > 0:
		return errors.New("remove is for overlays; leave the entries out")
	}
	return nil
}

// otherUse says where a file belongs that was given in the wrong place.
func otherUse(schema string) string {
	switch schema {
	case Schema:
		return "; this is a whole book: name it in prices.book"
	case OverlaySchema:
		return "; this is an overlay: name it in prices.overlays"
	default:
		return ""
	}
}

// sourced is an entry and where it stands, for messages.
type sourced struct {
	file  string // of the book or overlay
	where string // transfers[3] "id"
	id    string
	raw   json.RawMessage
	// exchange converts the entry's prices; nil: they are in USD.
	exchange *Exchange
	// trusted entries are decoded without looking for unknown and repeated fields.
	trusted bool
}

func (s sourced) fail(err error) error {
	return fmt.Errorf("%s: %s: %w", s.file, s.where, err)
}

// The sections with entries that have ids, in the order in which they depend on each other.
var sections = []string{"allowances", "transfers", "requests", "retrievals", "storage", "early_deletions", "restores", "programs"}

// sources lists the entries of a file by section, "regions" too.
func (f bookFile) sources(file string, x *Exchange) map[string][]sourced {
	out := map[string][]sourced{}
	for name, raw := range map[string][]json.RawMessage{
		"regions": f.Regions, "allowances": f.Allowances, "transfers": f.Transfers, "requests": f.Requests, "retrievals": f.Retrievals,
		"storage": f.Storage, "early_deletions": f.EarlyDeletions, "restores": f.Restores, "programs": f.Programs,
	} {
		for i, r := range raw {
			s := sourced{file: file, where: fmt.Sprintf("%s[%d]", name, i), raw: r, exchange: x}
			var named struct {
				ID string `json:"id"`
			}
			if json.Unmarshal(r, &named) == nil && named.ID != "" {
				s.id = named.ID
				s.where += fmt.Sprintf(" %q", named.ID)
			}
			out[name] = append(out[name], s)
		}
	}
	return out
}

func decodeFile(data []byte, schema string) (f bookFile, x *Exchange, err error) {
	if err := decodeStrict(data, &f); err != nil {
		return f, nil, err
	}
	if err := f.header(schema); err != nil {
		return f, nil, err
	}
	x, err = f.exchange()
	return f, x, err
}

// assemble makes a book of the entries of one or several files; name is for messages about all of them.
func assemble(name, version, asOf string, entries map[string][]sourced, discounts discountList) (*Book, error) {
	b := &Book{
		Version: version, AsOf: asOf, name: name, sources: entries,
		regions: map[store.Location]region{}, continents: map[string]bool{}, zones: map[string]bool{},
		allowances: map[string]allowance{}, requests: map[requestKey]requestPrice{},
		retrievals: map[string]map[string]retrieval{}, storage: map[classKey]storagePrice{}, minimums: map[classKey]minimum{},
		restores: map[classKey][]Restore{}, discounts: discounts,
	}
	ids := map[string]bool{}
	for _, err := range []error{
		eachEntry(entries["regions"], b.addRegions),
		eachPrice(entries["allowances"], ids, b.addAllowance),
		eachPrice(entries["transfers"], ids, b.addTransfer),
		eachPrice(entries["requests"], ids, b.addRequest),
		eachPrice(entries["retrievals"], ids, b.addRetrieval),
		eachPrice(entries["storage"], ids, b.addStorage),
		eachPrice(entries["early_deletions"], ids, b.addEarlyDeletion),
		eachPrice(entries["restores"], ids, b.addRestore),
		eachPrice(entries["programs"], ids, b.addProgram),
	} {
		if err != nil {
			return nil, err
		}
	}
	if err := b.checkRequests(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return b, nil
}

// eachEntry decodes and adds the entries of a section, naming the one at fault.
func eachEntry[E any](entries []sourced, add func(E) error) error {
	for _, s := range entries {
		var e E
		decode := decodeStrict
		if s.trusted {
			decode = json.Unmarshal
		}
		if err := decode(s.raw, &e); err != nil {
			return s.fail(err)
		}
		if c, ok := any(&e).(convertible); ok && s.exchange != nil {
			c.convert(*s.exchange)
		}
		if err := add(e); err != nil {
			return s.fail(err)
		}
	}
	return nil
}

// eachPrice is eachEntry for entries with provenance, which it checks.
func eachPrice[E interface{ origin() Provenance }](entries []sourced, ids map[string]bool, add func(E) error) error {
	return eachEntry(entries, func(e E) error {
		o := e.origin()
		switch {
		case o.ID == "":
			return errors.New("id is missing")
		case ids[o.ID]:
			return errors.New("another entry has this id already")
		case !IsDate(o.AsOf):
			return fmt.Errorf("as_of %q: want the date of the price, such as 2026-11-25, 2026-11 or 2026", o.AsOf)
		case o.Source == "":
			return errors.New("source is missing: say where this price was seen")
		}
		ids[o.ID] = true
		return add(e)
	})
}

func (p Provenance) origin() Provenance { return p }

// decodeStrict decodes exactly one JSON value without unknown or repeated fields: in a book of prices, the last of two
// values must not win silently.
func decodeStrict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the end of the JSON value")
	}
	return checkRepeatedFields(json.NewDecoder(bytes.NewReader(data)))
}

// checkRepeatedFields looks at the fields of the outermost object, as encoding/json matches them: without regard to case.
func checkRepeatedFields(d *json.Decoder) error {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return err
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		field := strings.ToLower(fmt.Sprint(t))
		if seen[field] {
			return fmt.Errorf("field %q is there twice", field)
		}
		seen[field] = true
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return err
		}
	}
	return nil
}

func checkProvider(p string) error {
	if slices.Contains(store.Providers, p) {
		return nil
	}
	return fmt.Errorf("unknown provider %q (known: %s)", p, strings.Join(store.Providers, ", "))
}

func checkUnit(bytes int64) error {
	if bytes == GiB || bytes == GB {
		return nil
	}
	return fmt.Errorf("unknown unit_bytes %d: want %d (GiB, what AWS, Azure and Google bill) or %d (GB)", bytes, GiB, GB)
}

// checkPrice reads a price that must be there.
func checkPrice(field string, nano *int64) (NanoUSD, error) {
	if nano == nil {
		return 0, fmt.Errorf("%s is missing", field)
	}
	if *nano < 0 {
		return 0, fmt.Errorf("%s is %d: a price cannot be negative", field, *nano)
	}
	return NanoUSD(*nano), nil
}
