package manifest

// spending is what each budget spent by day and by hour, whatever its window is. It decides about money: a window that slides is
// summed from it, and so is one that begins in the middle because a budget got another kind of window.
var spending = table[Spent]{bucket: "spending", sealed: true}

// Spent is what was settled within a day or an hour.
type Spent struct {
	NanoUSD int64 `cbor:"1,keyasint" json:"nano_usd"`
	Bytes   int64 `cbor:"2,keyasint" json:"bytes"`
	// Zone that a day is of, "" for UTC; [ManyZones] if it was counted in several.
	Zone string `cbor:"3,keyasint,omitempty" json:"zone,omitempty"`
}

// ManyZones is the zone of a day that is several days, because the budget got another zone on it.
const ManyZones = "?"

// SpanKind is how long the spans are that spending is summed by.
type SpanKind string

// The kinds. Every budget has days, in its own time zone ("2026-11-26"); one with a window that slides has hours too, in UTC
// ("2026-11-26T15").
const (
	Day  SpanKind = "day"
	Hour SpanKind = "hour"
)

// Spent returns what a budget spent within one span.
func (tx *Tx) Spent(budget string, kind SpanKind, span string) (Spent, error) {
	s, _, err := spending.get(tx, key(budget, string(kind), span))
	return s, err
}

// PutSpent replaces it.
func (tx *Tx) PutSpent(budget string, kind SpanKind, span string, s Spent) error {
	return spending.put(tx, key(budget, string(kind), span), s)
}

// Spending calls f for the spans of a budget in which it spent anything, from one on, in their order; f returns false to stop.
func (tx *Tx) Spending(budget string, kind SpanKind, from string, f func(span string, s Spent) (bool, error)) error {
	prefix := within(budget, string(kind))
	return spending.scan(tx, prefix, append(prefix[:len(prefix):len(prefix)], from...), func(k []byte, s Spent) (bool, error) {
		return f(string(k[len(prefix):]), s)
	})
}

// DropSpans forgets the spans of a kind before one, for those that nothing sums any more.
func (tx *Tx) DropSpans(budget string, kind SpanKind, before string) error {
	var old []string
	err := tx.Spending(budget, kind, "", func(span string, _ Spent) (bool, error) {
		if span < before {
			old = append(old, span)
		}
		return span < before, nil
	})
	if err != nil {
		return err
	}
	for _, span := range old {
		if err := spending.delete(tx, key(budget, string(kind), span)); err != nil {
			return err
		}
	}
	return nil
}
