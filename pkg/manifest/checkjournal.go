package manifest

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// journal compares the ledger's lines with what the journal says was settled, by name: they have at least as much, since they have what was free too. What the
// journal has beyond this manifest is taken over when the manifest is opened.
func (c *checker) journal(ctx context.Context) error {
	a, err := c.tx.ledgerAccount()
	if err != nil {
		return err
	}
	if err := c.journalFiles(); err != nil {
		return err
	}
	known := a.known()
	settled := amounts{}
	damaged, _, err := c.m.journal.Read(func(e Entry) error {
		c.out.JournalEntries++
		if e.Kind != "settle" || e.ID > known[e.Account] || e.Bytes == 0 && e.NanoUSD == 0 {
			return context.Cause(ctx)
		}
		if _, stands, err := c.tx.Reservation(e.ID); err != nil || stands && e.Account == a.ID {
			return err // it was settled after what is looked at
		}
		settled.add(lineNamed(e.Line), e.Bytes, e.NanoUSD)
		return context.Cause(ctx)
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if damaged > 0 {
		c.out.add(Loss, c.m.journal.dir, "%d lines of the journal are damaged, or were not finished by a process that was killed; the manifest has what they said", damaged)
	}
	return c.booked(ctx, settled)
}

// journalFiles: they are as long as what was taken into account of them.
func (c *checker) journalFiles() error {
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
	return nil
}

// booked compares what was settled with the lines. What lacks there may be in a sum: of shards, of needs, or of both.
func (c *checker) booked(ctx context.Context, settled amounts) error {
	sums := amounts{}
	err := lines.scan(c.tx, nil, nil, func(_ []byte, l Line) (bool, error) {
		name := lineNamed(l.LineKey)
		if l.Sum > 0 {
			sums.add(name.summed(), l.Bytes, l.NanoUSD)
		} else if _, ok := settled[name]; ok {
			settled.add(name, -l.Bytes, -l.NanoUSD)
		}
		return true, context.Cause(ctx)
	})
	if err != nil {
		return err
	}
	short := amounts{} // by what is left of names in a sum
	for name, less := range settled {
		short.add(name.summed(), max(0, less.bytes), max(0, less.nanoUSD))
	}
	for name, sum := range sums {
		short.add(name, -sum.bytes, -sum.nanoUSD)
	}
	var names []lineName // of lines that may be missing, in the order in which they are told
	for name := range settled {
		if all := short[name.summed()]; all.bytes > 0 || all.nanoUSD > 0 {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b lineName) int { return cmp.Compare(a.String(), b.String()) })
	for _, name := range names {
		less := sums.cover(name.summed(), settled[name])
		if less.bytes > 0 || less.nanoUSD > 0 {
			c.out.add(Damage, "ledger/"+name.String(), "has %d bytes and %d billionths of a dollar less than the journal", max(0, less.bytes), max(0, less.nanoUSD))
		}
	}
	return nil
}

// lineName names the lines of one shard over one link in a month, at whatever price: those of before schema 3 do not tell days.
type lineName struct{ month, dataset, path, source, dest, from, to, need, activity string }

func lineNamed(k LineKey) lineName {
	return lineName{k.Month, k.Dataset, k.Path, k.Source, k.Dest, k.From, k.To, k.Need, k.Activity}
}

// summed is what is left of a name when shards and needs are not told apart.
func (n lineName) summed() lineName {
	n.path, n.need = "", ""
	return n
}

// String is for people.
func (n lineName) String() string {
	list := []string{n.month, n.dataset, n.path, n.source, n.dest, n.from, n.to, n.need, n.activity}
	return strings.Join(slices.DeleteFunc(list, func(s string) bool { return s == "" }), " ")
}

// amount is of bytes, and of what they cost.
type amount struct{ bytes, nanoUSD int64 }

type amounts map[lineName]amount

func (a amounts) add(n lineName, bytes, nanoUSD int64) {
	have := a[n]
	a[n] = amount{have.bytes + bytes, have.nanoUSD + nanoUSD}
}

// cover takes what lacks from a sum, and returns what still does.
func (a amounts) cover(n lineName, less amount) amount {
	have, ok := a[n]
	if !ok {
		return less
	}
	take := amount{max(0, min(have.bytes, less.bytes)), max(0, min(have.nanoUSD, less.nanoUSD))}
	a.add(n, -take.bytes, -take.nanoUSD)
	return amount{less.bytes - take.bytes, less.nanoUSD - take.nanoUSD}
}
