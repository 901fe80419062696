package cost

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/datagravity/datagravity/pkg/store"
)

// The form of a price book file. Entries are decoded one by one, so that an error can name the one at fault.
type bookFile struct {
	Schema     string            `json:"schema"`
	Version    string            `json:"version"`
	AsOf       string            `json:"as_of"`
	Currency   string            `json:"currency"`
	Regions    []json.RawMessage `json:"regions"`
	Allowances []json.RawMessage `json:"allowances"`
	Transfers  []json.RawMessage `json:"transfers"`
	Requests   []json.RawMessage `json:"requests"`
	Retrievals []json.RawMessage `json:"retrievals"`
}

// provenance goes with every price.
type provenance struct {
	ID       string `json:"id"`
	AsOf     string `json:"as_of"`
	Source   string `json:"source"`
	Verified bool   `json:"verified"`
}

type regionsEntry struct {
	Provider  string   `json:"provider"`
	Continent string   `json:"continent"`
	Zone      string   `json:"zone"`
	Regions   []string `json:"regions"`
}

type allowanceEntry struct {
	provenance
	UnitBytes int64 `json:"unit_bytes"`
	Units     int64 `json:"units"`
}

type transferEntry struct {
	provenance
	Provider  string      `json:"provider"`
	Class     string      `json:"class"`
	From      selector    `json:"from"`
	To        selector    `json:"to"`
	UnitBytes int64       `json:"unit_bytes"`
	Tiers     []tierEntry `json:"tiers"`
	// Pool is the meter whose month-to-date decides the tier; "{from}" stands for the source region. The default is the
	// entry's id.
	Pool      string `json:"pool"`
	Meter     string `json:"meter"`
	Allowance string `json:"allowance"`
}

type tierEntry struct {
	UpToUnits      *int64 `json:"up_to_units"` // null: no end
	NanoUSDPerUnit *int64 `json:"nano_usd_per_unit"`
}

type requestEntry struct {
	provenance
	Provider     string `json:"provider"`
	Op           Op     `json:"op"`
	StorageClass string `json:"storage_class"`
	Per          int64  `json:"per"`
	NanoUSD      *int64 `json:"nano_usd"`
}

type retrievalEntry struct {
	provenance
	Provider       string   `json:"provider"`
	StorageClasses []string `json:"storage_classes"`
	UnitBytes      int64    `json:"unit_bytes"`
	NanoUSDPerUnit *int64   `json:"nano_usd_per_unit"`
	Rehydration    bool     `json:"rehydration"`
}

// datePattern allows a date as precise as is known.
var datePattern = regexp.MustCompile(`^\d{4}(-\d\d(-\d\d)?)?$`)

func parseBook(data []byte) (*Book, error) {
	var f bookFile
	if err := decodeStrict(data, &f); err != nil {
		return nil, err
	}
	switch {
	case f.Schema != Schema:
		return nil, fmt.Errorf("schema %q: this version of datagravity reads %q", f.Schema, Schema)
	case f.Version == "":
		return nil, errors.New("version is missing: give the book a name that a later reader of the ledger can find it by")
	case !datePattern.MatchString(f.AsOf):
		return nil, fmt.Errorf("as_of %q: want a date such as 2026-11-25", f.AsOf)
	case f.Currency != "USD":
		return nil, fmt.Errorf("currency %q: only USD is supported; providers publish other currencies for reference only", f.Currency)
	}
	b := &Book{
		Version: f.Version, AsOf: f.AsOf,
		regions: map[store.Location]region{}, continents: map[string]bool{}, zones: map[string]bool{},
		allowances: map[string]allowance{}, requests: map[requestKey]requestPrice{},
		retrievals: map[string]map[string]retrieval{},
	}
	ids := map[string]bool{}
	for _, err := range []error{
		eachEntry("regions", f.Regions, b.addRegions),
		eachPrice("allowances", f.Allowances, ids, b.addAllowance),
		eachPrice("transfers", f.Transfers, ids, b.addTransfer),
		eachPrice("requests", f.Requests, ids, b.addRequest),
		eachPrice("retrievals", f.Retrievals, ids, b.addRetrieval),
		b.checkRequests(),
	} {
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

// eachEntry decodes and adds the entries of a section, naming the one at fault.
func eachEntry[E any](section string, raw []json.RawMessage, add func(E) error) error {
	for i, r := range raw {
		where := fmt.Sprintf("%s[%d]", section, i)
		var named struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(r, &named) == nil && named.ID != "" {
			where += fmt.Sprintf(" %q", named.ID)
		}
		var e E
		if err := decodeStrict(r, &e); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		if err := add(e); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
	}
	return nil
}

// eachPrice is eachEntry for entries with provenance, which it checks.
func eachPrice[E interface{ origin() provenance }](section string, raw []json.RawMessage, ids map[string]bool, add func(E) error) error {
	return eachEntry(section, raw, func(e E) error {
		o := e.origin()
		switch {
		case o.ID == "":
			return errors.New("id is missing")
		case ids[o.ID]:
			return errors.New("another entry has this id already")
		case !datePattern.MatchString(o.AsOf):
			return fmt.Errorf("as_of %q: want the date of the price, such as 2026-11-25, 2026-11 or 2026", o.AsOf)
		case o.Source == "":
			return errors.New("source is missing: say where this price was seen")
		}
		ids[o.ID] = true
		return add(e)
	})
}

func (p provenance) origin() provenance { return p }

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
