package declaration

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/agext/levenshtein"

	"github.com/datagravity/datagravity/pkg/jobs/selector"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// ErrDeclaration: the annotations say something that cannot be meant.
var ErrDeclaration = errors.New("the annotations are wrong")

// Mistake in an annotation.
type Mistake struct {
	// Annotation by its whole name, "" for all of them together.
	Annotation string
	Message    string
}

func (m *Mistake) Error() string {
	if m.Annotation == "" {
		return m.Message
	}
	return m.Annotation + ": " + m.Message
}

// Is tells that it is [ErrDeclaration].
func (m *Mistake) Is(target error) bool { return target == ErrDeclaration }

// Asks tells whether annotations ask for data, rightly or wrongly.
func Asks(annotations map[string]string) bool {
	for name := range annotations {
		if strings.HasPrefix(name, prefix) && !slices.Contains(ours, name) {
			return true
		}
	}
	return false
}

// Read makes a job of annotations. since is when the object that has them was made, at which need-by begins to count. Errors: every [Mistake], joined,
// in the order of the annotations' names.
func Read(id string, annotations map[string]string, since time.Time) (spec.Job, error) {
	var wrong []error
	values := map[string][]string{"id": {id}}
	for _, name := range slices.Sorted(maps.Keys(annotations)) {
		if !strings.HasPrefix(name, prefix) || slices.Contains(ours, name) {
			continue
		}
		i := slices.IndexFunc(fields, func(f struct{ annotation, field string }) bool { return f.annotation == name })
		if i < 0 {
			wrong = append(wrong, &Mistake{name, "no such annotation" + nearest(name)})
			continue
		}
		if strings.TrimSpace(annotations[name]) == "" {
			wrong = append(wrong, &Mistake{name, "is empty; give it a value, or leave it out"})
			continue
		}
		values[fields[i].field] = split(name, annotations[name])
	}
	if _, given := annotations[Dataset]; !given {
		wrong = append(wrong, &Mistake{Dataset, "is missing; write the name that the dataset has in the daemon's configuration"})
	}
	if _, given := annotations[Destination]; !given {
		wrong = append(wrong, &Mistake{Destination, "is missing; write the name that the destination has in the daemon's configuration"})
	}
	if len(wrong) > 0 {
		return spec.Job{}, errors.Join(wrong...)
	}
	job, err := spec.FromFields(values)
	if err != nil {
		return spec.Job{}, translated(err)
	}
	if _, err := selector.Parse(job.Shards, selector.Options{}); err != nil {
		return spec.Job{}, &Mistake{Shards, err.Error()}
	}
	job.NeedBy = counted(job.NeedBy, since)
	if at := job.NeedBy.At(since); !at.IsZero() && at.Before(since) {
		return spec.Job{}, &Mistake{NeedBy, fmt.Sprintf("%s was over before this was made; give a time to come, or leave it out", job.NeedBy)}
	}
	return job, nil
}

// split a value into those that it lists.
func split(name, value string) (list []string) {
	separator := ""
	switch name {
	case Shards:
		separator = "\n" // terms have commas
	case Destination:
		separator = ","
	default:
		return []string{strings.TrimSpace(value)}
	}
	for one := range strings.SplitSeq(value, separator) {
		if one = strings.TrimSpace(one); one != "" {
			list = append(list, one)
		}
	}
	return list
}

// counted is a need-by as a point in time. The same object read again later means the same point.
func counted(n spec.NeedBy, since time.Time) spec.NeedBy {
	if n.Relative() {
		return spec.By(n.At(since))
	}
	return n
}

// translated names annotations instead of fields.
func translated(err error) error {
	var several spec.Errors
	var one *spec.Error
	if !errors.As(err, &several) && errors.As(err, &one) {
		several = spec.Errors{one}
	}
	var wrong []error
	for _, e := range several {
		m := &Mistake{Message: e.Message}
		for _, f := range fields {
			if e.Field == f.field || strings.HasPrefix(e.Field, f.field+"[") || f.field == "dataset" && e.Field == "snapshot" {
				m.Annotation = f.annotation
			}
		}
		if m.Annotation == "" {
			m.Message = e.Field + ": " + e.Message
		}
		wrong = append(wrong, m)
	}
	if len(wrong) == 0 {
		return fmt.Errorf("%w: %w", ErrDeclaration, err)
	}
	return errors.Join(wrong...)
}

// nearest says which annotation was meant, where that can be guessed.
func nearest(name string) string {
	best, distance := "", 4
	var known []string
	for _, f := range fields {
		known = append(known, f.annotation)
		if d := levenshtein.Distance(name, f.annotation, nil); d < distance {
			best, distance = f.annotation, d
		}
	}
	if best != "" {
		return "; did you mean " + best + "?"
	}
	return "; known: " + strings.Join(known, ", ")
}
