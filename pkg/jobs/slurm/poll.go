package slurm

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Wanted is what one job, or all tasks of one array, declared.
type Wanted struct {
	// Name is slurm-CLUSTER-ID, with the array's number for its tasks: a name for jobs.ValidName. A job that is requeued keeps it.
	Name string
	// Jobs are the records that share the name, by number; at least one.
	Jobs        []Job
	Declaration Declaration
	// NeedBy is when the first of the jobs is expected to start (the scheduler's estimate, which exists for what backfill has looked
	// at), else when it may start at the earliest (--begin); zero: nobody knows. What the declaration says goes before it.
	NeedBy time.Time
	// Err says why the declaration cannot be used: [ErrDeclaration].
	Err error
}

// Poller finds the jobs of a queue that declare data.
type Poller struct {
	Client *Client
	// Cluster in the names of jobs, in place of what Slurm says; "": that.
	Cluster string
}

// Poll asks once. It returns the jobs that declared something in their comment or their extra field, by name: pending, running and
// completing ones, so that who is no longer in the list has ended. #BB_LUA lines are not seen here; burst_buffer.lua brings
// those. Every call reads the whole queue: once in 30 to 60 s is often enough. Errors: those of [Client.Each].
func (p *Poller) Poll(ctx context.Context) ([]Wanted, error) {
	byName := map[string]*Wanted{}
	err := p.Client.Each(ctx, func(j Job) error {
		if j.Ended() {
			return nil
		}
		d, found, err := j.declaration()
		if !found {
			return nil
		}
		if p.Cluster != "" {
			j.Cluster = p.Cluster
		}
		name := JobName(j)
		w := byName[name]
		if w == nil {
			w = &Wanted{Name: name, Declaration: d, Err: err}
			byName[name] = w
		} else if w.Err == nil && (err != nil || !reflect.DeepEqual(d, w.Declaration)) {
			w.Err = cmp.Or(err, fmt.Errorf("%w: tasks of one array declare different data: give all of them one comment", ErrDeclaration))
		}
		w.Jobs = append(w.Jobs, j)
		return nil
	})
	if err != nil {
		return nil, err
	}
	list := make([]Wanted, 0, len(byName))
	for _, w := range byName {
		slices.SortFunc(w.Jobs, func(a, b Job) int { return cmp.Compare(a.ID, b.ID) })
		for _, j := range w.Jobs {
			if t := j.needBy(); !t.IsZero() && (w.NeedBy.IsZero() || t.Before(w.NeedBy)) {
				w.NeedBy = t
			}
		}
		list = append(list, *w)
	}
	slices.SortFunc(list, func(a, b Wanted) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// declaration of the comment, else of the extra field.
func (j Job) declaration() (d Declaration, found bool, err error) {
	d, found, err = ParseDeclaration(j.Comment)
	e, inExtra, extraErr := ParseDeclaration(j.Extra)
	switch {
	case !found:
		return e, inExtra, extraErr
	case inExtra && err == nil && (extraErr != nil || !reflect.DeepEqual(d, e)):
		return d, true, fmt.Errorf("%w: comment and extra declare different data: leave one of them", ErrDeclaration)
	}
	return d, found, err
}

func (j Job) needBy() time.Time {
	if !j.Start.IsZero() {
		return j.Start
	}
	return j.Eligible
}

// JobName is what a job is called here: slurm-CLUSTER-ID.
func JobName(j Job) string {
	id := j.ID
	if j.ArrayJobID != 0 {
		id = j.ArrayJobID
	}
	return fmt.Sprintf("slurm-%s-%d", clusterName(j.Cluster), id)
}

// clusterName is a cluster's name as a part of a job's: small letters, as Slurm keeps it, digits, dots and dashes.
func clusterName(s string) string {
	const most = 80 // leaves room in the 128 bytes of a job's name
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, cut(s, most))
	return cmp.Or(s, "cluster")
}
