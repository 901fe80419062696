package manifest

import (
	"context"
	"fmt"
)

// ledger compares what is reserved with what windows and meters say, and what was settled with the journal.
func (c *checker) ledger(ctx context.Context) error {
	reserved, metered := map[string]Window{}, map[string]int64{}
	err := c.tx.Reservations(func(o Open) (bool, error) {
		for _, id := range o.Windows {
			w := reserved[id]
			w.ReservedNanoUSD, w.ReservedBytes = w.ReservedNanoUSD+o.NanoUSD, w.ReservedBytes+o.Bytes
			reserved[id] = w
		}
		metered[o.Meter] += o.Bytes
		return true, context.Cause(ctx)
	})
	if err != nil {
		return err
	}
	err = windows.scan(c.tx, nil, nil, func(k []byte, w Window) (bool, error) {
		want := reserved[string(k)]
		if w.ReservedNanoUSD != want.ReservedNanoUSD || w.ReservedBytes != want.ReservedBytes {
			c.out.add(Damage, fmt.Sprintf("windows/%q", k), "has %d bytes and %d billionths of a dollar reserved, and its reservations are %d and %d",
				w.ReservedBytes, w.ReservedNanoUSD, want.ReservedBytes, want.ReservedNanoUSD)
		}
		delete(reserved, string(k))
		return true, nil
	})
	if err != nil {
		return err
	}
	for id := range reserved {
		c.out.add(Damage, fmt.Sprintf("windows/%q", id), "is not there, and reservations count in it")
	}
	err = meters.scan(c.tx, nil, nil, func(k []byte, m Meter) (bool, error) {
		if m.ReservedBytes != metered[string(k)] {
			c.out.add(Damage, fmt.Sprintf("meters/%q", k), "has %d bytes reserved, and its reservations are %d", m.ReservedBytes, metered[string(k)])
		}
		return true, nil
	})
	if err != nil || c.o.Alone {
		return err
	}
	return c.journal(ctx)
}
