package feed

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
)

// collector gathers what a feed says before anything is made of it.
type collector struct {
	o        Options
	provider string
	source   string // what entries name as their source
	asOf     string // of the feed; "" if it does not say

	rows, used int64
	kept       int
	ignored    map[string]int64
	meters     map[string]*meter
	quotes     []quote
	fees       map[feeKey]map[string]fee // by region
	direct     []cost.TransferEntry      // whole entries, where a feed prices no region
	allowances []cost.AllowanceEntry
}

func (c *collector) ignore(reason string, rows int64) { c.ignored[reason] += rows }

// keep counts what is held in memory.
func (c *collector) keep() error {
	if c.kept++; c.kept > maxKeptRows {
		return fmt.Errorf("more than %d rows with prices; that is not such a feed", maxKeptRows)
	}
	return nil
}

// date of the prices.
func (c *collector) date() string {
	switch {
	case c.o.AsOf != "":
		return c.o.AsOf
	case c.asOf != "":
		return c.asOf
	default:
		return c.o.Now().UTC().Format(time.DateOnly)
	}
}

func (c *collector) provenance(id string) cost.Provenance {
	return cost.Provenance{ID: id, AsOf: c.date(), Source: c.source, Verified: true}
}

// usd converts a price of the feed's currency.
func (c *collector) usd(code string, nano int64) (int64, error) {
	if code == "USD" {
		return nano, nil
	}
	if c.o.Exchange == nil {
		return 0, fmt.Errorf("currency %q: prices in other currencies than USD need a rate; ask the feed for USD", code)
	}
	x, err := c.o.Exchange(code)
	if err != nil {
		return 0, err
	}
	return int64(x.Price(nano)), nil
}

// band is a row of a ladder: the price from a number of units on.
type band struct {
	from int64
	to   int64 // cost.Unbounded for no end; unknown where the feed gives starts alone
	nano int64
	row  string
	// since is when the price takes effect, where the feed says.
	since string
}

const unknownEnd = -1

// meter is a ladder as its rows come in.
type meter struct {
	quote
	bands []band
}

// add puts a row into a ladder. The same row again is no news; another price for the same tier is a contradiction, unless one of
// them took effect later.
func (m *meter) add(b band) error {
	for i, had := range m.bands {
		switch {
		case had.from != b.from:
			continue
		case had.nano == b.nano && had.to == b.to:
			return nil
		case b.since > had.since:
			m.bands[i] = b
			return nil
		case b.since < had.since:
			return nil
		case had.to != b.to:
			return fmt.Errorf("the tier from %d overlaps that of %s, which begins there too", b.from, had.row)
		default:
			return fmt.Errorf("another price for the tier from %d than in %s", b.from, had.row)
		}
	}
	m.bands = append(m.bands, b)
	return nil
}

// tiers makes a ladder of the rows.
func (m *meter) tiers() ([]cost.Tier, error) {
	slices.SortFunc(m.bands, func(a, b band) int { return int(max(-1, min(1, a.from-b.from))) })
	if m.bands[0].from != 0 {
		return nil, fmt.Errorf("%s: the lowest tier begins at %d, not at 0: rows are missing", m.bands[0].row, m.bands[0].from)
	}
	var out []cost.Tier
	for i, b := range m.bands {
		next := cost.Unbounded
		if i < len(m.bands)-1 {
			next = m.bands[i+1].from
		}
		switch {
		case b.to == unknownEnd:
		case b.to > next:
			return nil, fmt.Errorf("%s: the tier from %d to %s overlaps that of %s", b.row, b.from, ends(b.to), m.bands[i+1].row)
		case b.to < next:
			return nil, fmt.Errorf("%s: the tier ends at %s and the next begins at %s: rows are missing", b.row, ends(b.to), ends(next))
		}
		if n := len(out); n > 0 && out[n-1].NanoUSDPerUnit == cost.NanoUSD(b.nano) {
			out[n-1].UpToUnits = next // two bands of one price
			continue
		}
		out = append(out, cost.Tier{UpToUnits: next, NanoUSDPerUnit: cost.NanoUSD(b.nano)})
	}
	return out, nil
}

func ends(units int64) string {
	if units == cost.Unbounded {
		return "no end"
	}
	return fmt.Sprint(units)
}

// ladder finds the meter of a key, or begins it.
func (c *collector) ladder(key string, q quote) (*meter, error) {
	m, ok := c.meters[key]
	if !ok {
		if err := c.keep(); err != nil {
			return nil, err
		}
		m = &meter{quote: q}
		c.meters[key] = m
	}
	return m, c.keep()
}

// quote is the price of a route from one region.
type quote struct {
	class string // of a transfer entry
	from  string // region
	to    cost.Selector
	id    string // the provider's id of the meter, "" where it is none of the entry's
	name  string // of an entry of its own: aws.<region>.internet
	tiers []cost.Tier
	// storage is the class that a ladder of storage prices, for so many hours; "" for a route's.
	storage string
	hours   int64
}

// ladders turns the meters into quotes, in an order that does not depend on the feed's.
func (c *collector) ladders() error {
	keys := make([]string, 0, len(c.meters))
	for k := range c.meters {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		m := c.meters[k]
		tiers, err := m.tiers()
		if err != nil {
			return fmt.Errorf("%s from %s: %w", cmp.Or(m.class, m.storage), orNone(m.from), err)
		}
		m.quote.tiers = tiers
		if m.storage != "" {
			if err := c.addFee(feeKey{kind: "storage", class: m.storage}, m.from, fee{per: m.hours, tiers: tiers, row: m.bands[0].row}); err != nil {
				return fmt.Errorf("storage of class %s in %s: %w", m.storage, m.from, err)
			}
			continue
		}
		c.quotes = append(c.quotes, m.quote)
	}
	return nil
}

// feeKey names a price that price books have for a whole provider.
type feeKey struct {
	kind  string // requests, retrievals, storage
	class string // storage class, lower case; "" for the default one
	op    cost.Op
}

// fee is such a price in one region.
type fee struct {
	nano  int64
	per   int64       // requests; for storage: hours of the unit's time
	tiers []cost.Tier // of storage
	row   string
}

func (f fee) same(o fee) bool {
	return f.nano == o.nano && f.per == o.per && slices.Equal(f.tiers, o.tiers)
}

func (c *collector) addFee(k feeKey, region string, f fee) error {
	if c.fees[k] == nil {
		c.fees[k] = map[string]fee{}
	}
	if had, ok := c.fees[k][region]; ok && !had.same(f) {
		return fmt.Errorf("another price than in %s", had.row)
	} else if ok {
		return nil
	}
	c.fees[k][region] = f
	return c.keep()
}

// overlay makes the entries.
func (c *collector) overlay() (cost.Overlay, error) {
	v := cost.Overlay{
		Schema: cost.OverlaySchema, Version: c.provider + "-" + c.date(), AsOf: c.date(), Currency: "USD", Allowances: c.allowances, Transfers: c.direct,
	}
	if err := c.ladders(); err != nil {
		return v, err
	}
	transfers, err := c.transfers()
	if err != nil {
		return v, err
	}
	v.Transfers = append(v.Transfers, transfers...)
	for _, k := range c.feeKeys() {
		f, ok := c.agreed(k)
		if !ok {
			continue
		}
		if err := c.feeEntry(&v, k, f); err != nil {
			return v, err
		}
	}
	return v, nil
}

func (c *collector) feeKeys() []feeKey {
	var keys []feeKey
	for k := range c.fees {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b feeKey) int {
		return strings.Compare(a.kind+"\x00"+a.class+"\x00"+string(a.op), b.kind+"\x00"+b.class+"\x00"+string(b.op))
	})
	return keys
}

// agreed is the price of the region asked for, or the one that all regions have.
func (c *collector) agreed(k feeKey) (fee, bool) {
	byRegion := c.fees[k]
	if c.o.Region != "" {
		f, ok := byRegion[c.o.Region]
		if !ok {
			c.ignore("storage and request prices of other regions", int64(len(byRegion)))
		}
		return f, ok
	}
	var first *fee
	for _, f := range byRegion {
		if first != nil && !first.same(f) {
			c.ignore("storage and request prices that differ by region: choose one with --region", int64(len(byRegion)))
			return fee{}, false
		}
		first = &f
	}
	return *first, true
}

// feeEntry writes a price under the id that the book has for it.
func (c *collector) feeEntry(v *cost.Overlay, k feeKey, f fee) error {
	name := strings.ReplaceAll(k.class, "_", "-")
	suffix := ""
	if name != "" {
		suffix = "." + name
	}
	switch k.kind {
	case "requests":
		id := fmt.Sprintf("%s.requests.%s%s", c.provider, k.op, suffix)
		e, ok := c.o.Book.RequestEntry(id)
		if !ok {
			e = cost.RequestEntry{Provider: c.provider, Op: k.op, StorageClass: k.class}
		}
		e.Provenance, e.Per, e.NanoUSD = c.provenance(id), f.per, &f.nano
		v.Requests = append(v.Requests, e)
	case "retrievals":
		id := c.provider + ".retrieval" + suffix
		e, ok := c.o.Book.RetrievalEntry(id)
		if !ok {
			e = cost.RetrievalEntry{Provider: c.provider, StorageClasses: []string{k.class}, UnitBytes: cost.GiB}
		}
		e.Provenance, e.NanoUSDPerUnit, e.UnitBytes = c.provenance(id), &f.nano, cost.GiB
		v.Retrievals = append(v.Retrievals, e)
	case "storage":
		id := c.provider + ".storage" + suffix
		e, ok := c.o.Book.StorageEntry(id)
		if !ok {
			e = cost.StorageEntry{Provider: c.provider, StorageClasses: []string{k.class}}
		}
		e.Provenance, e.UnitBytes, e.Tiers = c.provenance(id), cost.GiB, entriesOf(f.tiers)
		e.Per = map[int64]string{1: "hour", hoursPerMonth: "month"}[f.per]
		v.Storage = append(v.Storage, e)
	default:
		return errors.New("unknown kind of price " + k.kind)
	}
	return nil
}

// hoursPerMonth marks a price of storage for a month.
const hoursPerMonth = 730

// entriesOf writes tiers as books have them.
func entriesOf(tiers []cost.Tier) []cost.TierEntry {
	out := make([]cost.TierEntry, len(tiers))
	for i, t := range tiers {
		nano := int64(t.NanoUSDPerUnit)
		out[i].NanoUSDPerUnit = &nano
		if t.UpToUnits != cost.Unbounded {
			end := t.UpToUnits
			out[i].UpToUnits = &end
		}
	}
	return out
}
