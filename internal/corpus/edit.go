package corpus

import "slices"

// Every edit takes a seed of its own. Shares are of units and above 0 and at most 1; at least one unit is edited.

// Replace puts new content, of a new length, in the place of a share of the units. The ideal is the new units with their
// headers and padding.
func (c *Corpus) Replace(seed uint64, share float64) (data []byte, idealBytes int64) {
	r, v := newSource("replace", seed), *c
	units := slices.Clone(c.units)
	for _, i := range r.Perm(len(units))[:part(len(units), share)] {
		units[i] = v.fresh(r)
		idealBytes += int64(len(units[i]))
	}
	return render(units, c.tail), idealBytes
}

// InsertRemove puts a share of new units between the old ones, and removes another share of the old ones. The ideal is the
// new units.
func (c *Corpus) InsertRemove(seed uint64, inserted, removed float64) (data []byte, idealBytes int64) {
	r, v := newSource("insert and remove", seed), *c
	gone := make([]bool, len(c.units))
	for _, i := range r.Perm(len(c.units))[:part(len(c.units), removed)] {
		gone[i] = true
	}
	before := make([]int, len(c.units)) // how many new units come before each
	for range part(len(c.units), inserted) {
		before[r.IntN(len(before))]++
	}
	var units [][]byte
	for i, u := range c.units {
		for range before[i] {
			units = append(units, v.fresh(r))
			idealBytes += int64(len(units[len(units)-1]))
		}
		if !gone[i] {
			units = append(units, u)
		}
	}
	return render(units, c.tail), idealBytes
}

// Touch overwrites a part of the bytes of a share of the units, in one place each, behind the first 512 bytes, where members of archives have their
// headers. The ideal is what was written.
func (c *Corpus) Touch(seed uint64, share, bytes float64) (data []byte, idealBytes int64) {
	r := newSource("touch", seed)
	units := slices.Clone(c.units)
	for _, i := range r.Perm(len(units))[:part(len(units), share)] {
		u := slices.Clone(units[i])
		n := int(bytes * float64(len(u)))
		if room := len(u) - 512 - n; room > 0 {
			copy(u[512+r.IntN(room):], r.bytes(n))
			idealBytes += int64(n)
		}
		units[i] = u
	}
	return render(units, c.tail), idealBytes
}

// Append adds units after the last one, as many as stay within share of the bytes there were. The ideal is the new units.
func (c *Corpus) Append(seed uint64, share float64) (data []byte, idealBytes int64) {
	r, v := newSource("append", seed), *c
	limit := int64(share * float64(sizeOf(c.units)))
	units := slices.Clone(c.units)
	for {
		u := v.fresh(r)
		if idealBytes+int64(len(u)) > limit {
			return render(units, c.tail), idealBytes
		}
		units, idealBytes = append(units, u), idealBytes+int64(len(u))
	}
}

// Tiny overwrites, or else inserts, one to four bytes (words of a text, whole tokens) at each of n places. The ideal is
// what was written. An insertion leaves a tar that no reader understands from there on: it is for chunkers that do not
// look at structure.
func (c *Corpus) Tiny(seed uint64, n int) (data []byte, idealBytes int64) {
	r := newSource("tiny", seed)
	old := c.Bytes()
	grain := c.kind.grain()
	places := make([]int64, n)
	for i := range places {
		places[i] = r.Int64N(int64(len(old))/grain) * grain
	}
	slices.Sort(places)
	from := int64(0)
	for _, at := range places {
		if at < from {
			at = from // within what the edit before overwrote
		}
		data = append(data, old[from:at]...)
		var written []byte
		for range r.between(1, 4) {
			written = append(written, c.kind.atom(r)...)
		}
		data = append(data, written...)
		idealBytes += int64(len(written))
		from = at
		if r.IntN(2) == 0 {
			from = min(at+int64(len(written)), int64(len(old)))
		}
	}
	return append(data, old[from:]...), idealBytes
}

// TinyUnits puts a new unit in the place of, or else before, each of n units.
func (c *Corpus) TinyUnits(seed uint64, n int) (data []byte, idealBytes int64) {
	r, v := newSource("tiny units", seed), *c
	edited := make([]bool, len(c.units))
	for _, i := range r.Perm(len(c.units))[:min(n, len(c.units))] {
		edited[i] = true
	}
	var units [][]byte
	for i, u := range c.units {
		keep := true
		if edited[i] {
			units = append(units, v.fresh(r))
			idealBytes += int64(len(units[len(units)-1]))
			keep = r.IntN(2) == 0
		}
		if keep {
			units = append(units, u)
		}
	}
	return render(units, c.tail), idealBytes
}

// Shuffle spreads the units of a dataset's shards, of one kind, over as many new shards in a new order. The ideal is 0.
func Shuffle(seed uint64, shards []*Corpus) [][]byte {
	r := newSource("shuffle", seed)
	var all [][]byte
	for _, c := range shards {
		all = append(all, c.units...)
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	data := make([][]byte, len(shards))
	for i, c := range shards {
		data[i] = render(all[i*len(all)/len(shards):(i+1)*len(all)/len(shards)], c.tail)
	}
	return data
}

// part is a share of n, at least 1.
func part(n int, share float64) int { return min(n, max(1, int(float64(n)*share+0.5))) }
