package feed

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/datagravity/datagravity/internal/lazyre"
)

// amountPattern bounds what is computed with: feeds write prices as "0.0900000000", 0.087 and 4E-07.
var amountPattern = lazyre.New(`^-?[0-9]{1,15}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?$`)

// amount is a price for so many units, exact.
type amount struct{ *big.Rat }

var billion = big.NewInt(1_000_000_000)

// parseAmount reads a decimal number exactly. Negative ones are errors: no list price is.
func parseAmount(s string) (amount, error) {
	if !amountPattern.MatchString(s) {
		return amount{}, fmt.Errorf("%.40q is not a price", s)
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return amount{}, fmt.Errorf("%.40q is not a price", s)
	}
	if r.Sign() < 0 {
		return amount{}, fmt.Errorf("%s: a price cannot be negative", s)
	}
	return amount{r}, nil
}

// nano is the price of one unit in billionths of the currency.
func (a amount) nano() (int64, error) {
	n, per, err := a.nanoPer(1)
	if err == nil && per != 1 {
		err = fmt.Errorf("%s is finer than a billionth, which price books cannot hold for a unit", a.FloatString(15))
	}
	return n, err
}

// nanoPer is the price of at least `per` units in whole billionths: as many units as that needs, times ten each.
func (a amount) nanoPer(per int64) (nano, units int64, err error) {
	v := new(big.Rat).Mul(a.Rat, new(big.Rat).SetInt(billion))
	v.Mul(v, new(big.Rat).SetInt64(per))
	for !v.IsInt() {
		if per > 1_000_000_000_000 {
			return 0, 0, fmt.Errorf("%s is no decimal price", a.RatString())
		}
		per *= 10
		v.Mul(v, new(big.Rat).SetInt64(10))
	}
	if !v.Num().IsInt64() {
		return 0, 0, fmt.Errorf("%s is too large for a price", a.RatString())
	}
	return v.Num().Int64(), per, nil
}

// parseUnits reads a whole number of units at which a tier begins or ends: "10240", 10335.0.
func parseUnits(s string) (int64, error) {
	a, err := parseAmount(s)
	if err != nil {
		return 0, fmt.Errorf("%.40q is not a number of units", s)
	}
	if !a.IsInt() || !a.Num().IsInt64() {
		return 0, fmt.Errorf("%s is not a whole number of units", s)
	}
	return a.Num().Int64(), nil
}

// parseCount reads a number of requests as Azure writes it: "10K", "1", "1M".
func parseCount(s string) (int64, error) {
	digits := strings.TrimRight(s, "KM")
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("unknown unit %.40q: want a number of requests such as 10K", s)
	}
	switch s[len(digits):] {
	case "":
		return n, nil
	case "K":
		return n * 1000, nil
	case "M":
		return n * 1_000_000, nil
	}
	return 0, fmt.Errorf("unknown unit %.40q: want a number of requests such as 10K", s)
}
