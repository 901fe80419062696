package cost

import (
	"errors"
	"fmt"

	"github.com/datagravity/datagravity/internal/lazyre"
)

// Exchange is what one unit of another currency is worth, as somebody stated it. Providers publish prices in other
// currencies for reference; what a contract in one means in dollars is for its owner to say.
type Exchange struct {
	Code string `json:"currency"`
	// NanoUSDPerUnit is the worth of one unit: 1 EUR at 1.0843 USD.
	NanoUSDPerUnit NanoUSD `json:"usd_per_unit"`
	AsOf           string  `json:"as_of"` // date of the rate
}

var currencyPattern = lazyre.New(`^[A-Z]{3}$`)

// Check tells what is wrong with the rate, or nil.
func (x Exchange) Check() error {
	switch {
	case !currencyPattern.MatchString(x.Code):
		return fmt.Errorf("currency %q: want three capital letters, such as EUR", x.Code)
	case x.NanoUSDPerUnit <= 0:
		return fmt.Errorf("%s: %s USD for one unit: a rate must be more than 0", x.Code, x.NanoUSDPerUnit.Decimal())
	case !IsDate(x.AsOf):
		return fmt.Errorf("%s: as_of %q: want the date of the rate, such as 2026-11-25", x.Code, x.AsOf)
	}
	return nil
}

// Price converts a unit price, in billionths of the currency, to USD. It rounds up to a whole nano-dollar, so that no
// rounding makes a price lower than it is; sums of money are rounded half up by [Exchange.USD].
func (x Exchange) Price(nano int64) NanoUSD {
	var p product
	p.add(max(0, nano), x.NanoUSDPerUnit)
	return p.perUp(int64(USD))
}

// USD converts an amount of the currency, in billionths, to USD, rounded half up.
func (x Exchange) USD(nano int64) NanoUSD {
	var p product
	p.add(max(0, nano), x.NanoUSDPerUnit)
	return p.per(int64(USD))
}

// Units converts USD to billionths of the currency, rounded half up.
func (x Exchange) Units(n NanoUSD) NanoUSD {
	var p product
	p.add(max(0, int64(n)), USD)
	return p.per(int64(x.NanoUSDPerUnit))
}

// exchange reads the currency of a file; nil for USD.
func (f bookFile) exchange() (*Exchange, error) {
	if f.Currency == "USD" {
		if f.USDPerUnit != "" || f.RateAsOf != "" {
			return nil, errors.New("usd_per_unit and rate_as_of are for other currencies; leave them out")
		}
		return nil, nil
	}
	if f.USDPerUnit == "" {
		return nil, fmt.Errorf("currency %q: state its rate in usd_per_unit (\"1.0843\") and the rate's date in rate_as_of; providers publish "+
			"other currencies for reference only", f.Currency)
	}
	rate, err := ParseUSD(f.USDPerUnit)
	if err != nil {
		return nil, fmt.Errorf("usd_per_unit: %w", err)
	}
	x := &Exchange{f.Currency, rate, f.RateAsOf}
	return x, x.Check()
}

// convertible entries have prices in a currency. What is missing or negative stays so, for the checks to find.
type convertible interface{ convert(Exchange) }

func (x Exchange) in(nano *int64) {
	if nano != nil && *nano > 0 {
		*nano = int64(x.Price(*nano))
	}
}

func (x Exchange) tiers(tiers []TierEntry) {
	for _, t := range tiers {
		x.in(t.NanoUSDPerUnit)
	}
}

func (e *TransferEntry) convert(x Exchange) {
	x.tiers(e.Tiers)
	if e.Fixed != nil {
		x.in(e.Fixed.NanoUSD)
	}
}

func (e *RequestEntry) convert(x Exchange)   { x.in(e.NanoUSD) }
func (e *RetrievalEntry) convert(x Exchange) { x.in(e.NanoUSDPerUnit) }
func (e *StorageEntry) convert(x Exchange)   { x.tiers(e.Tiers) }
func (e *RestoreEntry) convert(x Exchange)   { x.in(e.NanoUSD); x.in(e.NanoUSDPerUnit) }
