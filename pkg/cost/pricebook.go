package cost

import (
	_ "embed"
	"fmt"
	"io"
	"sync"

	"github.com/datagravity/datagravity/pkg/store"
)

// Schema is the form of price book that this package reads. A book of another schema is refused, not half understood.
const Schema = "datagravity.pricebook/1"

// GiB and GB are the units a price can be for, in bytes. Transfer bills of AWS, Azure and Google count GiB.
const (
	GiB int64 = 1 << 30
	GB  int64 = 1_000_000_000
)

// maxBookBytes bounds what Load reads; the built-in book has 50 KB.
const maxBookBytes = 16 << 20

// Book is a price book: regions and where they lie, what transfers between them cost, and what requests and retrieval
// cost, storage, private links and programmes too. It is read-only after Load and safe for concurrent use.
type Book struct {
	// Version names the book in plans and in the ledger, so that a price can be explained later.
	Version string
	// AsOf is the date the book was put together; single entries can be older (see Rate.AsOf).
	AsOf string

	// sources are the entries as their files have them, by section: what overlays and terms start from.
	sources    map[string][]sourced
	name       string // of its file
	discounts  discountList
	regions    map[store.Location]region
	continents map[string]bool
	zones      map[string]bool
	allowances map[string]allowance
	transfers  []transfer
	requests   map[requestKey]requestPrice
	retrievals map[string]map[string]retrieval // provider, then storage class in lower case
	storage    map[classKey]storagePrice
	minimums   map[classKey]minimum
	restores   map[classKey][]Restore
	programs   []program
}

//go:embed data/pricebook.json
var defaultBook []byte

const builtinName = "built-in price book"

var loadDefault = sync.OnceValue(func() *Book {
	b, err := load(defaultBook, builtinName, true)
	if err != nil {
		panic("cost: " + err.Error()) // the book is part of this program; its tests load it
	}
	return b
})

// Default is the built-in price book: list prices in USD as of Default().AsOf, each with the date and the source it was
// seen in. Prices that no source proves are there too, marked as not verified.
func Default() *Book { return loadDefault() }

// Load reads a price book: one JSON object, strictly. Unknown and repeated fields, unknown providers, classes, operations,
// units and regions, negative prices, unordered or open tiers, repeated ids and entries that price the same route twice
// are errors. Each names the book (name is a file name for messages) and the entry at fault.
func Load(r io.Reader, name string) (*Book, error) {
	data, err := readBounded(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return load(data, name, false)
}

// load a book. One that is trusted was loaded strictly before: the built-in one, by a test of this package. Looking at every entry for
// unknown and repeated fields would take half of the time, in every command.
func load(data []byte, name string, trusted bool) (*Book, error) {
	f, x, err := decodeFile(data, Schema)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	entries := f.sources(name, x)
	for _, list := range entries {
		for i := range list {
			list[i].trusted = trusted
		}
	}
	return assemble(name, f.Version, f.AsOf, entries, nil)
}

func readBounded(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxBookBytes+1))
	if err == nil && len(data) > maxBookBytes {
		err = fmt.Errorf("larger than %d MiB; that is not a price book", maxBookBytes>>20)
	}
	return data, err
}

// region is where a region lies. zone is a provider's price zone, "" where it has none or it is not known.
type region struct{ continent, zone string }

// allowance is a monthly amount that is free over several pools together.
type allowance struct{ bytes int64 }

// unitName is the name of a unit in messages.
func unitName(bytes int64) string {
	switch bytes {
	case GiB:
		return "GiB"
	case GB:
		return "GB"
	default:
		return fmt.Sprintf("%d bytes", bytes)
	}
}
