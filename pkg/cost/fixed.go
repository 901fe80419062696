package cost

import (
	"fmt"
	"math/big"
	"slices"
	"time"
)

// hoursPerMonth is what providers divide a monthly price by.
const hoursPerMonth = 730

// Fixed is what a private link costs whether or not bytes move: a circuit, a port, an hour of capacity. It is no part of
// [Rate.Price]; a plan reports it beside the price of its bytes, or a link that is paid by the month would seem free.
type Fixed struct {
	// Link names what is paid for: links with one name are paid once.
	Link string `json:"link"`
	// NanoUSD is the price of so many Hours: 1, or 730 for a month.
	NanoUSD NanoUSD `json:"usd"`
	Hours   int64   `json:"hours"`
	// BitsPerSecond is the link's capacity, 0 if it is not known.
	BitsPerSecond int64 `json:"bits_per_second,omitempty"`
}

// For is the price of a time, rounded half up to a nano-dollar.
func (f Fixed) For(d time.Duration) NanoUSD {
	return NanoUSD(mulDiv(int64(f.NanoUSD), int64(d), f.Hours*int64(time.Hour)))
}

// PerHour is the price of an hour, rounded half up; use For where the exact amount of a longer time matters.
func (f Fixed) PerHour() NanoUSD { return f.For(time.Hour) }

// Takes is how long so many bytes take at the link's capacity, and with it the least that they keep the link busy; 0 if the
// capacity is not known.
func (f Fixed) Takes(bytes int64) time.Duration {
	if f.BitsPerSecond <= 0 {
		return 0
	}
	return time.Duration(mulDiv(bytes, 8*int64(time.Second), f.BitsPerSecond))
}

// FixedCosts lists the private links that rates go over, each once: what a plan over them pays beside its bytes.
func FixedCosts(rates ...Rate) []Fixed {
	var out []Fixed
	for _, r := range rates {
		if r.Fixed != nil && !slices.ContainsFunc(out, func(f Fixed) bool { return f.Link == r.Fixed.Link }) {
			out = append(out, *r.Fixed)
		}
	}
	return out
}

// FixedPerHour is the sum of [FixedCosts] for an hour.
func FixedPerHour(rates ...Rate) NanoUSD {
	var sum NanoUSD
	for _, f := range FixedCosts(rates...) {
		sum = AddNanoUSD(sum, f.PerHour())
	}
	return sum
}

func (f Fixed) String() string {
	s := f.NanoUSD.dollars()
	switch f.Hours {
	case 1:
		s += " an hour"
	case hoursPerMonth:
		s += " a month"
	default:
		s += fmt.Sprintf(" for %d hours", f.Hours)
	}
	if f.BitsPerSecond > 0 {
		s += fmt.Sprintf(" for %s Gbit/s", decimal(f.BitsPerSecond))
	}
	return s
}

// decimal writes billionths of something exactly.
func decimal(n int64) string { return NanoUSD(n).Decimal() }

// checkFixed reads what an entry costs whether or not bytes move.
func checkFixed(e TransferEntry) (*Fixed, error) {
	if e.Fixed == nil {
		return nil, nil
	}
	if e.Class != entryInterconnect {
		return nil, fmt.Errorf("fixed is for class %s alone", entryInterconnect)
	}
	price, err := checkPrice("fixed.nano_usd", e.Fixed.NanoUSD)
	if err != nil {
		return nil, err
	}
	hours := map[string]int64{"hour": 1, "month": hoursPerMonth}[e.Fixed.Per]
	switch {
	case hours == 0:
		return nil, fmt.Errorf("fixed.per is %q: want hour or month", e.Fixed.Per)
	case e.Fixed.BitsPerSecond < 0:
		return nil, fmt.Errorf("fixed.bits_per_second is %d: a capacity cannot be negative", e.Fixed.BitsPerSecond)
	}
	return &Fixed{Link: e.ID, NanoUSD: price, Hours: hours, BitsPerSecond: e.Fixed.BitsPerSecond}, nil
}

// quotient of two numbers that are not negative, rounded once, half up; it stays at MaxNanoUSD.
func quotient(p, divisor *big.Int) NanoUSD {
	q, rest := new(big.Int).QuoRem(p, divisor, new(big.Int))
	if !q.IsInt64() || q.Int64() == int64(MaxNanoUSD) {
		return MaxNanoUSD
	}
	if rest.Lsh(rest, 1).Cmp(divisor) >= 0 {
		return NanoUSD(q.Int64() + 1)
	}
	return NanoUSD(q.Int64())
}
