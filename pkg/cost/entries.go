package cost

import (
	"fmt"
	"strings"

	"github.com/datagravity/datagravity/pkg/store"
)

// Entry is one line of a book for people: what it is for, at what list price, and where that was seen.
type Entry struct {
	Kind     string `json:"kind"` // the section: transfers, requests, retrievals, …
	ID       string `json:"id"`
	Provider string `json:"provider,omitempty"`
	For      string `json:"for"`
	Price    string `json:"price"` // in words, before discounts
	// Tiers of transfers and storage, in USD for UnitBytes.
	Tiers     []Tier `json:"tiers,omitempty"`
	UnitBytes int64  `json:"unit_bytes,omitempty"`
	Pool      string `json:"pool,omitempty"`
	Meter     string `json:"meter,omitempty"`
	AsOf      string `json:"as_of"`
	Source    string `json:"source"`
	Verified  bool   `json:"verified"`
	File      string `json:"file"` // the book or overlay that it is from
}

// Kinds of entries, in the order of Entries.
var Kinds = sections

// Entries lists the whole book, section by section.
func (b *Book) Entries() []Entry {
	var out []Entry
	out = append(out, list(b, "allowances", func(e AllowanceEntry) Entry {
		return Entry{For: "all pools that share it", Price: fmt.Sprintf("%d %s a month free", e.Units, unitName(e.UnitBytes))}
	})...)
	out = append(out, list(b, "transfers", b.describeTransfer)...)
	out = append(out, list(b, "requests", func(e RequestEntry) Entry {
		return Entry{Provider: e.Provider, For: words(string(e.Op), e.StorageClass), Price: perMany(e.NanoUSD, e.Per)}
	})...)
	out = append(out, list(b, "retrievals", func(e RetrievalEntry) Entry {
		price := perUnit(e.NanoUSDPerUnit, e.UnitBytes)
		if e.Rehydration {
			price += ", after rehydration"
		}
		return Entry{Provider: e.Provider, For: "reading " + strings.Join(e.StorageClasses, ", "), Price: price}
	})...)
	out = append(out, list(b, "storage", func(e StorageEntry) Entry {
		r := Rate{UnitBytes: e.UnitBytes}
		r.Tiers, _ = checkTiers(e.Tiers, e.UnitBytes) // Load did
		return Entry{
			Provider: e.Provider, For: "keeping " + strings.TrimPrefix(strings.Join(e.StorageClasses, ", "), ", "), Tiers: r.Tiers, UnitBytes: e.UnitBytes,
			Price: r.ladderPer(unitName(e.UnitBytes)+"-"+e.Per, "kept"),
		}
	})...)
	out = append(out, list(b, "early_deletions", func(e EarlyDeletionEntry) Entry {
		return Entry{Provider: e.Provider, For: "deleting " + strings.Join(e.StorageClasses, ", "), Price: fmt.Sprintf("at least %d days of storage", e.MinimumDays)}
	})...)
	out = append(out, list(b, "restores", func(e RestoreEntry) Entry {
		return Entry{
			Provider: e.Provider, For: "restoring " + e.StorageClass + ", " + e.Speed,
			Price: perUnit(e.NanoUSDPerUnit, e.UnitBytes) + " and " + perMany(e.NanoUSD, e.Per),
		}
	})...)
	return append(out, list(b, "programs", func(e ProgramEntry) Entry {
		credit := "a credit that is not known"
		if e.CreditPercent != nil {
			credit = fmt.Sprintf("a credit of %d%%", *e.CreditPercent)
		}
		return Entry{Provider: e.Provider, For: joined(e.From.String(), "to "+strings.Join(e.To, ", ")), Price: credit + "; needs " + e.Needs}
	})...)
}

func (b *Book) describeTransfer(e TransferEntry) Entry {
	r := Rate{UnitBytes: e.UnitBytes, AllowanceBytes: b.allowances[e.Allowance].bytes}
	r.Tiers, _ = checkTiers(e.Tiers, e.UnitBytes) // Load did
	price := r.ladder()
	if f, _ := checkFixed(e); f != nil {
		price += "; the link " + f.String()
	}
	to := e.To.String()
	if to != "" {
		to = "to " + to
	}
	pool := e.Pool
	if pool == "" {
		pool = e.ID
	}
	return Entry{
		Provider: e.Provider, For: joined(e.Class, e.From.String(), to), Price: price, Tiers: r.Tiers, UnitBytes: e.UnitBytes, Pool: pool, Meter: e.Meter,
	}
}

// list decodes a section, which Load has checked, and describes its entries.
func list[E interface{ origin() Provenance }](b *Book, section string, describe func(E) Entry) []Entry {
	var out []Entry
	for _, s := range b.sources[section] {
		_ = eachEntry([]sourced{s}, func(e E) error {
			d, o := describe(e), e.origin()
			d.Kind, d.ID, d.AsOf, d.Source, d.Verified, d.File = section, o.ID, o.AsOf, o.Source, o.Verified, s.file
			out = append(out, d)
			return nil
		})
	}
	return out
}

func perUnit(nano *int64, unitBytes int64) string {
	return NanoUSD(*nano).dollars() + " per " + unitName(unitBytes)
}

func perMany(nano *int64, per int64) string {
	return fmt.Sprintf("%s per %d requests", NanoUSD(*nano).dollars(), per)
}

func words(list ...string) string {
	return strings.Join(strings.Fields(strings.Join(list, " ")), " ")
}

// joined are the parts that are not empty.
func joined(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, "; ")
}

// Alternatives are other prices that the bytes of a route could have: the other routing preference of Azure, and the private links
// of the source's provider. A link whose hours the book does not price has no Fixed; its owner must add them.
func (b *Book) Alternatives(from, to store.Location, o RouteOptions) []Rate {
	chosen, err := b.Transfer(from, to, o)
	if err != nil || chosen.Class != Internet {
		return nil
	}
	var out []Rate
	if from.Provider == "azure" {
		o.ISPRouting = !o.ISPRouting
		if r, err := b.Transfer(from, to, o); err == nil && r.ID != chosen.ID {
			out = append(out, r)
		}
	}
	for i := range b.transfers {
		t := &b.transfers[i]
		if t.Class != entryInterconnect || t.Provider != from.Provider || t.ID == chosen.ID || !t.From.matches(from.Region, b.regions[from], "") {
			continue
		}
		r := b.bookRate(t, from, to, chosen.Class, false)
		r.Fixed = t.fixed
		out = append(out, o.charged(Override{}.fixed(r), from, to))
	}
	return out
}

// TransferEntries are the transfer entries as the book has them, in USD, in order.
func (b *Book) TransferEntries() []TransferEntry {
	var out []TransferEntry
	for _, s := range b.sources["transfers"] {
		_ = eachEntry([]sourced{s}, func(e TransferEntry) error {
			out = append(out, e)
			return nil
		})
	}
	return out
}

// RequestEntry finds an entry by its id, in USD.
func (b *Book) RequestEntry(id string) (RequestEntry, bool) {
	return find[RequestEntry](b, "requests", id)
}

// RetrievalEntry finds an entry by its id, in USD.
func (b *Book) RetrievalEntry(id string) (RetrievalEntry, bool) {
	return find[RetrievalEntry](b, "retrievals", id)
}

// StorageEntry finds an entry by its id, in USD.
func (b *Book) StorageEntry(id string) (StorageEntry, bool) {
	return find[StorageEntry](b, "storage", id)
}

// AllowanceEntry finds an entry by its id.
func (b *Book) AllowanceEntry(id string) (AllowanceEntry, bool) {
	return find[AllowanceEntry](b, "allowances", id)
}

func find[E any](b *Book, section, id string) (e E, ok bool) {
	for _, s := range b.sources[section] {
		if s.id == id {
			_ = eachEntry([]sourced{s}, func(found E) error {
				e, ok = found, true
				return nil
			})
		}
	}
	return e, ok
}

// Regions are those of a provider that a selector of sources chooses, in order.
func (b *Book) Regions(provider string, s Selector) []string {
	var out []string
	for l, r := range b.regions {
		if l.Provider == provider && s.matches(l.Region, r, "") {
			out = append(out, l.Region)
		}
	}
	return sorted(out)
}

// Same tells whether two selectors choose by the same names.
func (s Selector) Same(o Selector) bool { return s.same(o) }

// Narrower tells whether an entry wins over another that matches the same route.
func (e TransferEntry) Narrower(o TransferEntry) bool {
	return transfer{TransferEntry: e}.width() < transfer{TransferEntry: o}.width()
}
