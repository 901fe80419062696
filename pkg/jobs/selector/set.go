package selector

import (
	"fmt"
	"strings"

	"github.com/datagravity/datagravity/pkg/jobs/format"
)

// setFinder gathers the files of a parquet set. In byte order they are in the order of their numbers.
type setFinder struct {
	t   index
	out func(shard)
	set format.ParquetSet
	err error
}

func (f *setFinder) see(s shard) {
	if f.err != nil || !strings.HasPrefix(s.path, f.t.name) {
		return
	}
	if m, ok := format.ParseSetMember(s.path); ok && m.Name == f.t.name {
		f.err = f.set.Add(m)
		f.out(s)
	}
}

func (f *setFinder) end() error {
	have, total := f.set.Counts()
	switch {
	case f.err != nil:
		return ofTerm(f.t, f.err)
	case total == 0:
		return ofTerm(f.t, fmt.Errorf("%w: no file is called %s-00000-of-NNNNN.parquet", ErrMissing, f.t.name))
	case have < total:
		return ofTerm(f.t, fmt.Errorf("%w: %s; there are %d of %d files; to take those that are there, select them by a glob",
			ErrMissing, absent(&f.set, f.t.name, total), have, total))
	}
	return nil
}

// absent names the first files that a set lacks.
func absent(set *format.ParquetSet, name string, total int) string {
	have, _ := set.Counts()
	missing := some{count: total - have}
	for _, n := range set.Missing(3) {
		missing.first = append(missing.first, fmt.Sprintf("%s-%05d-of-%05d.parquet", name, n, total))
	}
	return missing.String()
}

// maxSets is how many sets a note is kept of. Whoever has more selects with something else in mind.
const maxSets = 100

// partSets notes which parquet sets are selected in part.
type partSets struct {
	order []format.SetMember // with the number 0
	sets  map[format.SetMember]*format.ParquetSet
}

func (p *partSets) add(path string) {
	m, ok := format.ParseSetMember(path)
	if !ok {
		return
	}
	key := format.SetMember{Name: m.Name, Total: m.Total}
	set := p.sets[key]
	if set == nil {
		if len(p.order) == maxSets {
			return
		}
		if p.sets == nil {
			p.sets = map[format.SetMember]*format.ParquetSet{}
		}
		set = &format.ParquetSet{}
		p.sets[key] = set
		p.order = append(p.order, key)
	}
	_ = set.Add(m) // a second file of one number, with another fingerprint, does not make the set more complete
}

func (p *partSets) notes() (notes []string) {
	for _, key := range p.order {
		if have, total := p.sets[key].Counts(); have < total {
			notes = append(notes, fmt.Sprintf("%d of the %d files %s-NNNNN-of-%05d.parquet are selected; without %s",
				have, total, key.Name, total, absent(p.sets[key], key.Name, total)))
		}
	}
	return notes
}
