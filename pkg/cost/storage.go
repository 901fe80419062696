package cost

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// StorageEntry prices keeping bytes in storage classes. Per says for how long: "month" (GiB-month) or "hour" (GiB-hour, as
// Google quotes it). "" among the storage classes is the provider's default class.
type StorageEntry struct {
	Provenance
	Provider       string      `json:"provider"`
	StorageClasses []string    `json:"storage_classes"`
	UnitBytes      int64       `json:"unit_bytes"`
	Per            string      `json:"per"`
	Tiers          []TierEntry `json:"tiers"`
}

// EarlyDeletionEntry says for how long storage classes charge at least, however soon an object is deleted or replaced.
type EarlyDeletionEntry struct {
	Provenance
	Provider       string   `json:"provider"`
	StorageClasses []string `json:"storage_classes"`
	MinimumDays    int64    `json:"minimum_days"`
}

// RestoreEntry prices making archived objects readable.
type RestoreEntry struct {
	Provenance
	Provider       string `json:"provider"`
	StorageClass   string `json:"storage_class"`
	Speed          string `json:"speed"`
	UnitBytes      int64  `json:"unit_bytes"`
	NanoUSDPerUnit *int64 `json:"nano_usd_per_unit"`
	Per            int64  `json:"per"`
	NanoUSD        *int64 `json:"nano_usd"`
}

// classKey is a storage class of a provider, in lower case.
type classKey struct{ provider, class string }

type storagePrice struct {
	tiers     []Tier // discounted
	unitBytes int64
	hours     int64
	verified  bool
}

type minimum struct {
	days     int64
	verified bool
}

func (b *Book) addStorage(e StorageEntry) error {
	if err := checkProvider(e.Provider); err != nil {
		return err
	}
	if err := checkUnit(e.UnitBytes); err != nil {
		return err
	}
	hours := map[string]int64{"hour": 1, "month": hoursPerMonth}[e.Per]
	if hours == 0 {
		return fmt.Errorf("per is %q: want hour or month", e.Per)
	}
	tiers, err := checkTiers(e.Tiers, e.UnitBytes)
	if err != nil {
		return err
	}
	return eachClass(e.Provider, e.StorageClasses, b.storage, storagePrice{
		tiers: b.discounts.of(e.ID, "", e.Provider).tiers(tiers), unitBytes: e.UnitBytes, hours: hours, verified: e.Verified,
	})
}

func (b *Book) addEarlyDeletion(e EarlyDeletionEntry) error {
	if err := checkProvider(e.Provider); err != nil {
		return err
	}
	if e.MinimumDays < 1 || e.MinimumDays > 3650 {
		return fmt.Errorf("minimum_days is %d: want 1 to 3650", e.MinimumDays)
	}
	return eachClass(e.Provider, e.StorageClasses, b.minimums, minimum{e.MinimumDays, e.Verified})
}

func eachClass[V any](provider string, classes []string, into map[classKey]V, v V) error {
	if len(classes) == 0 {
		return errors.New("storage_classes is empty")
	}
	for _, class := range classes {
		k := classKey{provider, strings.ToLower(class)}
		if _, ok := into[k]; ok {
			return fmt.Errorf("storage class %q of %s has an entry already", class, provider)
		}
		into[k] = v
	}
	return nil
}

// Storage is what keeping bytes in a storage class costs for a time. class is in the provider's words, "" for the default
// class. heldBytes is what the account keeps in the class already, whose cheaper bands then apply; nil if it is not known:
// every byte is then priced at the dearest band. known is false if the book has no price for it: the price is then 0 and
// must not be taken for one. A site of one's own has no price for storage, and known is true.
func (b *Book) Storage(provider, class string, bytes int64, heldBytes *int64, d time.Duration) (price NanoUSD, verified, known bool) {
	if provider == "" || provider == "onprem" {
		return 0, true, true
	}
	s, ok := b.storage[classKey{provider, strings.ToLower(class)}]
	if !ok {
		return 0, false, false
	}
	return s.of(max(0, bytes), heldBytes, max(0, d)), s.verified, true
}

func (s storagePrice) of(bytes int64, heldBytes *int64, d time.Duration) NanoUSD {
	sum := new(big.Int)
	add := func(n int64, price NanoUSD) {
		sum.Add(sum, new(big.Int).Mul(big.NewInt(n), big.NewInt(int64(price))))
	}
	if r := (Rate{Tiers: s.tiers, UnitBytes: s.unitBytes}); heldBytes == nil {
		add(bytes, r.dearest(0, Unbounded))
	} else {
		r.eachBand(max(0, *heldBytes), bytes, add)
	}
	sum.Mul(sum, big.NewInt(int64(d)))
	period := new(big.Int).Mul(big.NewInt(s.hours), big.NewInt(int64(time.Hour)))
	return quotient(sum, period.Mul(period, big.NewInt(s.unitBytes)))
}

// MinimumStorage is for how long a storage class charges at least: an object that is deleted or replaced sooner costs the
// rest of that time too. 0 is no such time; verified is then true.
func (b *Book) MinimumStorage(provider, class string) (d time.Duration, verified bool) {
	m, ok := b.minimums[classKey{provider, strings.ToLower(class)}]
	return time.Duration(m.days) * 24 * time.Hour, m.verified || !ok
}

// EarlyDeletion is what deleting or replacing bytes costs that have been in a storage class for age: the storage of the rest
// of its minimum time, at the dearest band. known is false where the class has a minimum and the book no price for its
// storage.
func (b *Book) EarlyDeletion(provider, class string, bytes int64, age time.Duration) (price NanoUSD, verified, known bool) {
	least, sure := b.MinimumStorage(provider, class)
	if age >= least {
		return 0, sure, true
	}
	price, verified, known = b.Storage(provider, class, bytes, nil, least-max(0, age))
	return price, verified && sure, known
}

// Restore is one way to make archived objects readable, and its price.
type Restore struct {
	Provenance
	Speed string `json:"speed"` // in the provider's words: standard, expedited, bulk
	price NanoUSD
	unit  int64
	each  requestPrice
}

// Price of restoring so many bytes in so many objects.
func (r Restore) Price(bytes, objects int64) NanoUSD {
	var p, each product
	p.add(max(0, bytes), r.price)
	each.add(max(0, objects), r.each.price)
	return AddNanoUSD(p.per(r.unit), each.per(r.each.per))
}

// Restores lists the ways to make objects of an archive class readable, none if the book knows none. Where
// [Book.Retrieval] says that objects need rehydration, one of them is paid before anything can be read.
func (b *Book) Restores(provider, class string) []Restore {
	return b.restores[classKey{provider, strings.ToLower(class)}]
}

func (b *Book) addRestore(e RestoreEntry) error {
	if err := checkProvider(e.Provider); err != nil {
		return err
	}
	if err := checkUnit(e.UnitBytes); err != nil {
		return err
	}
	if e.StorageClass == "" || e.Speed == "" {
		return errors.New("storage_class and speed must be given")
	}
	if e.Per <= 0 {
		return fmt.Errorf("per is %d: say how many requests the price is for", e.Per)
	}
	price, err := checkPrice("nano_usd_per_unit", e.NanoUSDPerUnit)
	if err != nil {
		return err
	}
	each, err := checkPrice("nano_usd", e.NanoUSD)
	if err != nil {
		return err
	}
	d := b.discounts.of(e.ID, "", e.Provider)
	k := classKey{e.Provider, strings.ToLower(e.StorageClass)}
	if slices.ContainsFunc(b.restores[k], func(r Restore) bool { return r.Speed == e.Speed }) {
		return fmt.Errorf("restoring %s of %s at speed %q has a price already", e.StorageClass, e.Provider, e.Speed)
	}
	b.restores[k] = append(b.restores[k], Restore{e.Provenance, e.Speed, d.price(price), e.UnitBytes, requestPrice{d.price(each), e.Per, e.Verified}})
	return nil
}
