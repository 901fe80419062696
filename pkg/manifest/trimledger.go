package manifest

import "bytes"

// summing says which lines of the ledger are added up, and to what.
type summing struct {
	// Lines that were last booked until then are added up to those of all shards, and to those of all jobs and needs; 0: none are.
	shards, jobs Millis
}

// of returns the sum that a line goes into; it may be in one already. Lines of before schema 3 tell no day, but when they began, which a sum would not.
func (s summing) of(l Line) (into Line, goes bool) {
	if l.LineKey.Day == "" {
		return l, false
	}
	into = l
	k := &into.LineKey
	if l.Last <= s.shards {
		k.Path = ""
	}
	if l.Last <= s.jobs {
		k.Job, k.Need = "", ""
	}
	if into.LineKey == l.LineKey {
		return l, false
	}
	into.Sum = max(1, l.Sum)
	return into, true
}

// lines adds up those of the ledger that are old: there is one for each shard, day and job, and the journal has each step. By everything else the sums stay
// what they were, to the billionth of a dollar. What a transaction takes away is in a sum that it writes.
func (t *trimmer) lines() error {
	var s summing
	if t.o.ShardCosts > 0 {
		s.shards = At(t.m.now().Add(-t.o.ShardCosts))
	}
	if t.o.JobCosts > 0 {
		s.jobs = At(t.m.now().Add(-t.o.JobCosts))
	}
	if s == (summing{}) {
		return nil
	}
	var old [][]byte
	return each(t, lines, nil, func(_ *Tx, key []byte, l Line) error {
		if _, goes := s.of(l); goes {
			old = append(old, bytes.Clone(key))
		}
		return nil
	}, func() error {
		list := old
		old = nil
		if t.o.DryRun {
			t.out.Lines += len(list)
			return nil
		}
		return inParts(t, list, func(tx *Tx, part [][]byte) error {
			n := 0
			sums := map[string]Line{}
			for _, k := range part {
				l, ok, err := lines.get(tx, k)
				if err != nil {
					return err
				}
				into, goes := s.of(l)
				if !ok || !goes {
					continue // it was booked meanwhile
				}
				n++
				if err := lines.delete(tx, k); err != nil {
					return err
				}
				at := into.bytes()
				have, ok := sums[string(at)]
				if !ok {
					if have, ok, err = lines.get(tx, at); err != nil {
						return err
					}
				}
				if ok {
					into = have.Plus(into)
				}
				sums[string(at)] = into
			}
			for k, l := range sums {
				if err := lines.put(tx, []byte(k), l); err != nil {
					return err
				}
			}
			tx.b.OnCommit(func() { t.out.Lines += n })
			return nil
		})
	})
}
