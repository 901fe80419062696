package bill

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Tally sums a bill: by month, meter and SKU what is compared, and the rest as a whole.
type Tally struct {
	// Files that were read, and rows in them.
	Files []string
	Rows  int64
	// Transfers are the rows of the meters that are compared.
	Transfers int64
	// ByKind counts the rows of every kind.
	ByKind map[Kind]int64
	// Total, Tax and UnmatchedCredit are billed costs: of all rows, of those of the category Tax, and of credits that name no SKU of
	// a transfer.
	Total, Tax, UnmatchedCredit Decimal
	// Unknown are rows of volume whose kind is not known, and what they cost.
	Unknown     int64
	UnknownCost Decimal
	// Coverage is how much of each provider's month the bill has.
	Coverage map[ProviderMonth]Coverage

	owned    map[string]bool
	cells    map[cell]*sum
	credits  map[creditCell]Decimal
	classify classifier
	resource resourceNames
}

// Coverage is how far a bill goes into a month.
type Coverage struct {
	// Until is the end of the latest charge for use of at most a day, zero if there is none.
	Until time.Time
	// Coarse: charges for transfers are of longer than a day, so that their end tells nothing.
	Coarse bool
}

// dayOrSo is a day of 25 hours: Google's days are those of a zone with summer time.
const dayOrSo = 25 * time.Hour

// with adds a charge.
func (c Coverage) with(row Row, transfer bool) Coverage {
	switch {
	case row.End.Sub(row.Start) > dayOrSo:
		c.Coarse = c.Coarse || transfer
	case row.End.After(c.Until):
		c.Until = row.End
	}
	return c
}

// ProviderMonth is a month on the bills of one provider.
type ProviderMonth struct{ Provider, Month string }

// cell is what is summed together.
type cell struct {
	month string
	meter Meter
	owned bool // the rows name a resource of ours
	sku   string
	price string
}

type sum struct {
	rows, invoiced  int64
	bytes, cost     Decimal
	credit          Decimal
	corrections     int64 // rows of the class Correction
	invoice         string
	severalInvoices bool
	until           time.Time
}

// creditCell is where a credit belongs once it is known which meter its SKU is of.
type creditCell struct {
	month, provider, region, sku string
	owned                        bool
}

// maxCells bounds the memory, to about 200 MiB: a bill of a large company has some thousand of them.
const maxCells = 100_000

// NewTally begins one. resources are the names of those that are ours: buckets, storage accounts, machines that send.
func NewTally(resources []string) *Tally {
	t := &Tally{
		ByKind: map[Kind]int64{}, Coverage: map[ProviderMonth]Coverage{}, owned: map[string]bool{}, cells: map[cell]*sum{},
		credits: map[creditCell]Decimal{},
	}
	for _, r := range resources {
		if r != "" {
			t.owned[strings.ToLower(r)] = true
		}
	}
	return t
}

// Read adds a file. Errors: those of [NewReader] and [Reader.Next], and [ErrBill] for a row that cannot be counted; the tally is of no
// use afterwards.
func (t *Tally) Read(name string, in io.Reader) error {
	r, err := NewReader(name, in)
	if err != nil {
		return err
	}
	t.Files = append(t.Files, name)
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = t.add(r, row)
		}
		if err != nil {
			return err
		}
	}
}

func (t *Tally) add(r *Reader, row Row) error {
	t.Rows++
	t.Total = t.Total.Add(row.Cost)
	if row.Category == CategoryTax {
		t.Tax = t.Tax.Add(row.Cost)
		return nil
	}
	meter := t.classify.classify(row)
	t.ByKind[meter.Kind]++
	if row.Category == "Usage" {
		key := ProviderMonth{meter.Provider, row.Month()}
		if had, ok := t.Coverage[key]; ok || len(t.Coverage) < maxCells {
			if with := had.with(row, compared[meter.Kind]); !ok || with != had {
				t.Coverage[key] = with
			}
		}
	}
	owned := t.resource.oneOf(t.owned, row.Resource)
	if row.Category == CategoryCredit {
		c := creditCell{row.Month(), row.Provider, row.Region, row.Sku, owned}
		if _, ok := t.credits[c]; !ok {
			if len(t.credits) >= maxCells {
				return r.tooMany()
			}
			c.provider, c.region, c.sku = strings.Clone(c.provider), strings.Clone(c.region), strings.Clone(c.sku)
		}
		t.credits[c] = t.credits[c].Add(row.Cost)
		return nil
	}
	if !compared[meter.Kind] {
		if _, volume := unitBytes(row.Provider, row.Unit); volume && meter.Kind == Other {
			t.Unknown++
			t.UnknownCost = t.UnknownCost.Add(row.Cost)
		}
		return nil
	}
	bytes, ok := row.Bytes()
	if !ok {
		return r.at(colUnit, "%q is no unit of volume that is known, on a row of the meter %s", row.Unit, meter)
	}
	s, err := t.cell(r, cell{row.Month(), meter, owned, row.Sku, row.SkuPrice})
	if err != nil {
		return err
	}
	t.Transfers++
	s.add(row, bytes)
	return nil
}

// cell finds or makes a sum.
func (t *Tally) cell(r *Reader, c cell) (*sum, error) {
	if s, ok := t.cells[c]; ok {
		return s, nil
	}
	if len(t.cells) >= maxCells {
		return nil, r.tooMany()
	}
	s := new(sum)
	c.sku, c.price = strings.Clone(c.sku), strings.Clone(c.price)
	t.cells[c] = s
	return s, nil
}

func (r *Reader) tooMany() error {
	return r.at(colSku, "the bill has more than %d combinations of month, meter and SKU: no bill of transfers has; split it by month or account", maxCells)
}

func (s *sum) add(row Row, bytes Decimal) {
	s.rows++
	s.bytes, s.cost = s.bytes.Add(bytes), s.cost.Add(row.Cost)
	if row.Class == "Correction" {
		s.corrections++
	}
	if row.End.After(s.until) {
		s.until = row.End
	}
	if row.Invoice == "" {
		return
	}
	s.invoiced++
	switch {
	case s.invoice == "":
		s.invoice = strings.Clone(row.Invoice)
	case s.invoice != row.Invoice:
		s.severalInvoices = true
	}
}

// settleCredits gives the credits to the meters whose SKU they name. It is called once, after the last file.
func (t *Tally) settleCredits() {
	// Of a meter's SKUs, any cell of the month takes the credit; they are summed anyway.
	type home struct{ month, provider, region, sku string }
	homes := map[home]cell{}
	for _, c := range t.sorted() {
		region := c.meter.Region
		for _, h := range []home{{c.month, c.meter.Provider, region, c.sku}, {c.month, c.meter.Provider, "", c.sku}} {
			if _, ok := homes[h]; !ok && c.sku != "" {
				homes[h] = c
			}
		}
	}
	for k, amount := range t.credits {
		c, ok := homes[home{k.month, k.provider, k.region, k.sku}]
		if !ok {
			c, ok = homes[home{k.month, k.provider, "", k.sku}]
		}
		if !ok {
			t.UnmatchedCredit = t.UnmatchedCredit.Add(amount)
			continue
		}
		c.owned = k.owned
		s := t.cells[c]
		if s == nil {
			s = new(sum)
			t.cells[c] = s
		}
		s.credit = s.credit.Add(amount)
	}
	t.credits = nil
}

// sorted lists the cells in a fixed order.
func (t *Tally) sorted() []cell {
	list := make([]cell, 0, len(t.cells))
	for c := range t.cells {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b cell) int {
		return cmp.Or(cmp.Compare(a.month, b.month), cmp.Compare(a.meter.String(), b.meter.String()), cmp.Compare(a.sku, b.sku),
			cmp.Compare(a.price, b.price), cmp.Compare(fmt.Sprint(a.owned), fmt.Sprint(b.owned)))
	})
	return list
}

// resourceNames finds what a resource is called within its id, and remembers the answers.
type resourceNames struct{ known map[string]bool }

// oneOf tells whether an id is of one of these resources: a bucket's name or ARN, or a path that has the name as a segment
// (".../storageAccounts/NAME/blobServices/default").
func (n *resourceNames) oneOf(owned map[string]bool, id string) bool {
	if len(owned) == 0 || id == "" {
		return false
	}
	if is, ok := n.known[id]; ok {
		return is
	}
	is := false
	for _, segment := range strings.FieldsFunc(strings.ToLower(id), func(c rune) bool { return c == '/' || c == ':' }) {
		is = is || owned[segment]
	}
	if len(id) > maxText {
		return is
	}
	if len(n.known) >= maxKnown || n.known == nil {
		n.known = map[string]bool{}
	}
	n.known[strings.Clone(id)] = is
	return is
}
