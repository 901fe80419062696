package selector

import (
	"errors"
	"fmt"
	"strings"

	"github.com/datagravity/datagravity/internal/lazyre"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/jobs/format"
)

// Kinds of errors. All name the term, and the index file where there is one.
var (
	// ErrMalformed: a term that cannot be read.
	ErrMalformed = errors.New("no selection")
	// ErrNothingSelected: there is nothing that the terms select.
	ErrNothingSelected = jobs.ErrNothingSelected
	// ErrMissing: an index, a path that was named, or a number of a range is not in the dataset.
	ErrMissing = errors.New("not in the dataset")
	// ErrIndex: an index that is not what its format says.
	ErrIndex = format.ErrMalformed
	// ErrLies: an index and the dataset's listing contradict each other.
	ErrLies = errors.New("the index does not fit the dataset")
	// ErrOutside: a name that leads out of the dataset.
	ErrOutside = format.ErrOutside
)

// secrets are where a URL may have some: before its host, and in its parameters.
var secrets = lazyre.New(`(://)[^/@,]*@|(://[^?,]*\?)[^,]*`)

// short is a term for messages: a list can have a million names, and a URL a signature.
func short(text string) string {
	const most = 100
	text = text[:min(len(text), 10*most)]
	if strings.Contains(text, "://") {
		text = secrets.ReplaceAllString(text, "$1$2...")
	}
	if len(text) <= most {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprintf("%q...", strings.ToValidUTF8(text[:most], ""))
}

func malformed(text, why string, a ...any) error {
	return fmt.Errorf("%w: term %s: %w", ErrMalformed, short(text), fmt.Errorf(why, a...))
}

// ofTerm adds the term to an error that has its kind.
func ofTerm(t term, err error) error { return fmt.Errorf("term %s: %w", short(t.text()), err) }

// some gathers the first few of what may be many.
type some struct {
	first []string
	count int
}

func (s *some) add(text func() string) {
	if s.count++; s.count <= 3 {
		s.first = append(s.first, text())
	}
}

// String lists three and says how many more there are.
func (s *some) String() string {
	text := strings.Join(s.first, ", ")
	if more := s.count - len(s.first); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
