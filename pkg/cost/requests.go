package cost

import (
	"errors"
	"fmt"
	"strings"
)

// Op is a class of requests that providers price alike.
type Op string

// The operation classes. Deletes are free everywhere.
const (
	// OpWrite: put, copy, and every call of an upload in parts: start, each part, completion.
	OpWrite Op = "write"
	// OpList: a page of a listing, of objects, parts or uploads.
	OpList Op = "list"
	// OpRead: get and head.
	OpRead Op = "read"
)

// Ops in the order of their names in books.
var Ops = []Op{OpWrite, OpList, OpRead}

type requestKey struct {
	provider string
	op       Op
	class    string // lower case, "" for the default class
}

type requestPrice struct {
	price    NanoUSD
	per      int64
	verified bool
}

type retrieval struct {
	price       NanoUSD
	unitBytes   int64
	rehydration bool
	verified    bool
}

func (b *Book) addRequest(e RequestEntry) error {
	if err := checkProvider(e.Provider); err != nil {
		return err
	}
	if e.Op != OpWrite && e.Op != OpList && e.Op != OpRead {
		return fmt.Errorf("unknown op %q (known: write, list, read)", e.Op)
	}
	if e.Per <= 0 {
		return fmt.Errorf("per is %d: say how many requests the price is for", e.Per)
	}
	price, err := checkPrice("nano_usd", e.NanoUSD)
	if err != nil {
		return err
	}
	k := requestKey{e.Provider, e.Op, strings.ToLower(e.StorageClass)}
	if _, ok := b.requests[k]; ok {
		return fmt.Errorf("%s requests of %s (storage class %q) have a price already", e.Op, e.Provider, e.StorageClass)
	}
	b.requests[k] = requestPrice{b.discounts.of(e.ID, "", e.Provider).price(price), e.Per, e.Verified}
	return nil
}

// checkRequests wants all operations of a provider priced once one is, so that none is free by omission.
func (b *Book) checkRequests() error {
	for k := range b.requests {
		for _, op := range Ops {
			if _, ok := b.requests[requestKey{k.provider, op, ""}]; !ok {
				return fmt.Errorf("requests: %s has prices, but none for %s in the default storage class", k.provider, op)
			}
		}
	}
	return nil
}

func (b *Book) addRetrieval(e RetrievalEntry) error {
	if err := checkProvider(e.Provider); err != nil {
		return err
	}
	if err := checkUnit(e.UnitBytes); err != nil {
		return err
	}
	price, err := checkPrice("nano_usd_per_unit", e.NanoUSDPerUnit)
	if err != nil {
		return err
	}
	if len(e.StorageClasses) == 0 {
		return errors.New("storage_classes is empty")
	}
	if b.retrievals[e.Provider] == nil {
		b.retrievals[e.Provider] = map[string]retrieval{}
	}
	for _, class := range e.StorageClasses {
		k := strings.ToLower(class)
		if _, ok := b.retrievals[e.Provider][k]; ok || k == "" {
			return fmt.Errorf("storage class %q of %s is empty or has a price already", class, e.Provider)
		}
		b.retrievals[e.Provider][k] = retrieval{b.discounts.of(e.ID, "", e.Provider).price(price), e.UnitBytes, e.Rehydration, e.Verified}
	}
	return nil
}

// Requests is the price of n requests of one class against objects in the default storage class. provider is a name as
// in store.Capabilities.RequestPrices; "" and providers that the book has no request prices for are free.
func (b *Book) Requests(provider string, op Op, n int64) NanoUSD {
	price, _ := b.requestsFor(provider, "", op, n)
	return price
}

// RequestsIn is Requests against objects in a storage class; a class without prices of its own has those of the default class.
func (b *Book) RequestsIn(provider, class string, op Op, n int64) NanoUSD {
	price, _ := b.requestsFor(provider, class, op, n)
	return price
}

// requestsFor prices requests against a storage class; a class without prices of its own has those of the default class.
func (b *Book) requestsFor(provider, class string, op Op, n int64) (price NanoUSD, verified bool) {
	r, ok := b.requests[requestKey{provider, op, strings.ToLower(class)}]
	if !ok {
		if r, ok = b.requests[requestKey{provider, op, ""}]; !ok {
			return 0, true
		}
	}
	var p product
	p.add(max(0, n), r.price)
	price = p.per(r.per)
	return price, r.verified || price == 0
}

// Retrieval is what reading bytes out of a storage class costs on top of transfer, and whether its objects must be
// rehydrated (restored) before they can be read at all. class is in the provider's words, as in store.Object's
// StorageClass, in any case; "" is the default class, which is free. A class that the book does not know at a provider
// that it knows costs as much as that provider's dearest class: an upper bound.
func (b *Book) Retrieval(provider, class string, bytes int64) (price NanoUSD, needsRehydration bool) {
	price, needsRehydration, _ = b.retrievalFor(provider, class, bytes)
	return price, needsRehydration
}

func (b *Book) retrievalFor(provider, class string, bytes int64) (price NanoUSD, rehydration, verified bool) {
	classes := b.retrievals[provider]
	if class == "" || len(classes) == 0 {
		return 0, false, true
	}
	r, known := classes[strings.ToLower(class)]
	if known {
		price = r.of(bytes)
		return price, r.rehydration, r.verified || price == 0
	}
	for _, c := range classes {
		price = max(price, c.of(bytes))
	}
	return price, false, price == 0
}

func (r retrieval) of(bytes int64) NanoUSD {
	var p product
	p.add(max(0, bytes), r.price)
	return p.per(r.unitBytes)
}
