package manifest

import "errors"

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
	return sweep(t, lines, &t.out.Lines, func(_ *Tx, _ []byte, l Line) (bool, error) {
		_, goes := s.of(l)
		return goes, nil
	}, func(tx *Tx, key []byte, _ Line) (bool, error) {
		now, ok, err := lines.get(tx, key)
		into, goes := s.of(now)
		if err != nil || !ok || !goes { // it was booked meanwhile
			return false, err
		}
		return true, errors.Join(lines.delete(tx, key), tx.addToLine(into))
	})
}
