package manifest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// journal sums what the journal says was settled, line by line: the ledger has at least as much of each, since it has what was free too. What the journal has beyond
// this manifest is taken over when the manifest is opened.
func (c *checker) journal(ctx context.Context) error {
	a, err := c.tx.ledgerAccount()
	if err != nil {
		return err
	}
	have, _, err := marks.get(c.tx, markKey)
	if err != nil {
		return err
	}
	for name, m := range have {
		path := filepath.Join(c.m.journal.dir, name)
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, os.ErrNotExist):
			c.out.add(Damage, path, "is not there, and %d bytes of it were taken into account; the manifest still knows what it said: back it up, and put the file back if there is a copy", m.Bytes)
		case err != nil:
			return err
		case info.Size() < m.Bytes:
			c.out.add(Damage, path, "has %d bytes, and %d of it were taken into account; the manifest still knows what it said: back it up", info.Size(), m.Bytes)
		}
	}
	known := a.known()
	settled := map[string]Line{}
	damaged, _, err := c.m.journal.Read(func(e Entry) error {
		c.out.JournalEntries++
		if e.Kind != "settle" || e.ID > known[e.Account] || e.Bytes == 0 && e.NanoUSD == 0 {
			return context.Cause(ctx)
		}
		if _, stands, err := c.tx.Reservation(e.ID); err != nil || stands && e.Account == a.ID {
			return err // it was settled after what is looked at
		}
		k := lineOf(e.Line)
		sum := settled[k]
		sum.Bytes, sum.NanoUSD = sum.Bytes+e.Bytes, sum.NanoUSD+e.NanoUSD
		settled[k] = sum
		return context.Cause(ctx)
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if damaged > 0 {
		c.out.add(Loss, c.m.journal.dir, "%d lines of the journal are damaged, or were not finished by a process that was killed; the manifest has what they said", damaged)
	}
	err = lines.scan(c.tx, nil, nil, func(_ []byte, l Line) (bool, error) {
		k := lineOf(l.LineKey)
		if want, ok := settled[k]; ok {
			want.Bytes, want.NanoUSD = want.Bytes-l.Bytes, want.NanoUSD-l.NanoUSD
			settled[k] = want
		}
		return true, context.Cause(ctx)
	})
	for k, less := range settled {
		if less.Bytes > 0 || less.NanoUSD > 0 {
			c.out.add(Damage, "ledger/"+readable([]byte(k)), "has %d bytes and %d billionths of a dollar less than the journal", max(0, less.Bytes), max(0, less.NanoUSD))
		}
	}
	return err
}

// lineOf names the lines of one shard over one link in a month, at whatever price: those of before schema 3 do not tell days.
func lineOf(k LineKey) string {
	return string(key(k.Month, k.Dataset, k.Path, k.Source, k.Dest, k.From, k.To, k.Need, k.Activity))
}

// readable writes a key of several parts for people.
func readable(k []byte) string {
	list := strings.Split(string(k), "\x00")
	return strings.Join(slices.DeleteFunc(list, func(s string) bool { return s == "" }), " ")
}
