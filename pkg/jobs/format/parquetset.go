package format

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/datagravity/datagravity/internal/lazyre"
)

// setPattern takes NAME-00000-of-00014.parquet, also with a fingerprint at the end, as Hugging Face's datasets once wrote it.
var setPattern = lazyre.New(`^(.+)-([0-9]{5})-of-([0-9]{5})(-[0-9a-f]{16})?\.parquet$`)

// SetMember is a file of a set that says how many it has.
type SetMember struct {
	Name          string // folder and name before the numbers: dir/train
	Number, Total int    // from 0 on
}

// ParseSetMember reads the path of a member. What has another form, or a number beyond the total, is none.
func ParseSetMember(path string) (m SetMember, ok bool) {
	if !strings.HasSuffix(path, ".parquet") {
		return m, false // most paths; the pattern takes longer to say so
	}
	g := setPattern.FindStringSubmatch(path)
	if g == nil {
		return m, false
	}
	m.Name = g[1]
	m.Number, _ = strconv.Atoi(g[2])
	m.Total, _ = strconv.Atoi(g[3])
	return m, m.Number < m.Total
}

// ParquetSet gathers the members of a set. The zero value is ready for use.
type ParquetSet struct {
	total int
	have  []bool
	count int
}

// Add takes a member. Its error: a second file of the same number, or another total, so that nobody can say which files are the set.
func (s *ParquetSet) Add(m SetMember) error {
	if s.have == nil {
		s.total, s.have = m.Total, make([]bool, m.Total)
	}
	if m.Total != s.total {
		return fmt.Errorf("%w: %s has files of %05d and of %05d", ErrMalformed, m.Name, s.total, m.Total)
	}
	if s.have[m.Number] {
		return fmt.Errorf("%w: %s has two files of the number %05d", ErrMalformed, m.Name, m.Number)
	}
	s.have[m.Number] = true
	s.count++
	return nil
}

// Counts are how many members there are, and how many there should be.
func (s *ParquetSet) Counts() (have, total int) { return s.count, s.total }

// Missing are the numbers of the first absent members, at most so many.
func (s *ParquetSet) Missing(most int) (numbers []int) {
	for i, have := range s.have {
		if !have && len(numbers) < most {
			numbers = append(numbers, i)
		}
	}
	return numbers
}
