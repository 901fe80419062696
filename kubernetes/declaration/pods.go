package declaration

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// Owner is the object whose pods need data: what the ids of its jobs are made of.
type Owner struct {
	// Cluster is what the cluster is called among those that ask one daemon.
	Cluster         string
	Namespace, Name string
	UID             string
	Since           time.Time // when it was made
}

// Template is a kind of pods that an object makes.
type Template struct {
	Name        string
	Annotations map[string]string
}

// Needs of the templates of one object.
type Needs struct {
	// Jobs, each once however many templates ask for the same.
	Jobs []spec.Job
	// Of says which of Jobs a template, by its name, asks for. One that asks for nothing is not in it.
	Of map[string]int
}

// mostBytes of an id, and of the parts that it is made of.
const (
	mostBytes = 128
	uidBytes  = 12
)

// Prefix of the ids of all jobs of a cluster's namespace.
func Prefix(cluster, namespace string) string { return cluster + "/" + namespace + "/" }

// id of an object's job. A long name is cut: its uid alone tells it from others.
func (o Owner) id(n int) string {
	uid := strings.ReplaceAll(o.UID, "-", "")
	tail := "/" + uid[:min(uidBytes, len(uid))]
	if n > 0 {
		tail += fmt.Sprint(".", n+1)
	}
	head := Prefix(o.Cluster, o.Namespace)
	return head + o.Name[:min(len(o.Name), max(0, mostBytes-len(head)-len(tail)))] + tail
}

// Of reads what the templates of an object ask for. Errors: every [Mistake], with the template's name where there are several.
func Of(o Owner, templates []Template) (Needs, error) {
	out := Needs{Of: map[string]int{}}
	var wrong []error
	seen := map[string]int{}
	for _, t := range templates {
		if !Asks(t.Annotations) {
			continue
		}
		said := canonical(t.Annotations)
		if i, same := seen[said]; same {
			out.Of[t.Name] = i
			continue
		}
		n := len(out.Jobs)
		job, err := Read(o.id(n), t.Annotations, o.Since)
		if err != nil {
			if len(templates) > 1 && t.Name != "" {
				err = fmt.Errorf("pods %q: %w", t.Name, err)
			}
			wrong = append(wrong, err)
			continue
		}
		seen[said], out.Of[t.Name] = n, n
		out.Jobs = append(out.Jobs, job)
	}
	return out, errors.Join(wrong...)
}

// canonical is what annotations ask for, to compare it.
func canonical(annotations map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(annotations)) {
		if strings.HasPrefix(name, prefix) && !slices.Contains(ours, name) {
			fmt.Fprintf(&b, "%q=%q\n", name, annotations[name])
		}
	}
	return b.String()
}
