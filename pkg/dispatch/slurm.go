package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs/slurm"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// SlurmQueue declares what the jobs of a Slurm cluster say that they need, and releases those that their users held for it once they are ready.
type SlurmQueue struct {
	Poller slurm.Poller
	Poll   time.Duration
	// Partitions are destinations for jobs that name none, by partition; "*": any other.
	Partitions map[string]string
	// Lift has held jobs released, and Comment has the reason put into their comments while they are not.
	Lift, Comment bool

	mu     sync.Mutex
	wanted []slurm.Wanted
	told   map[string]string // what was logged last of a job, and of the queue under ""
	missed []string          // jobs that the last look did not find
}

// Every is how often the queue is read.
func (s *SlurmQueue) Every() time.Duration { return s.Poll }

const slurmOrigin = "slurm"

// Declare reads the queue. A queue that cannot be read changes nothing.
func (s *SlurmQueue) Declare(ctx context.Context, d *Dispatcher) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told == nil {
		s.told = map[string]string{}
	}
	wanted, err := s.Poller.Poll(ctx)
	s.once(d, "", err)
	if err != nil {
		return nil
	}
	s.wanted = wanted
	var list []spec.Job
	for i := range wanted {
		w := &wanted[i]
		if w.Err == nil {
			var j spec.Job
			if j, w.Err = s.job(*w, d.now()); w.Err == nil {
				w.Err = d.catalog.Known().Check(j)
			}
			if w.Err == nil {
				list = append(list, j)
			}
		}
		s.once(d, w.Name, w.Err)
	}
	_, err = d.Add(ctx, slurmOrigin, list)
	for i := range wanted {
		if why := Refused(err)[wanted[i].Name]; why != nil {
			wanted[i].Err = why
			s.once(d, wanted[i].Name, why)
		}
	}
	if err != nil && len(Refused(err)) == 0 {
		return err
	}
	// What is wrong with a declaration is no reason to forget the job: its comment says what is wrong.
	var all []spec.Job
	for _, w := range wanted {
		all = append(all, spec.Job{ID: w.Name})
	}
	missing, err := d.goneFrom(slurmOrigin, all, nil)
	if err != nil {
		return err
	}
	// A controller that has just come back may answer with an empty queue, and what is removed has lost its pins: two looks in a row must miss a job.
	gone := slices.DeleteFunc(slices.Clone(missing), func(id string) bool { return !slices.Contains(s.missed, id) })
	s.missed = missing
	if len(gone) == 0 {
		return nil
	}
	if err := d.Remove(ctx, gone); err != nil && !onlyNoJob(err) {
		return err
	}
	return nil
}

// once logs an error when it is a new one.
func (s *SlurmQueue) once(d *Dispatcher, name string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != s.told[name] {
		d.Log.Warn("Slurm", "job", name, "error", text)
	}
	if s.told[name] = text; text == "" {
		delete(s.told, name)
	}
}

// job is what a declaration asks for. A start that is expected, and no longer lies ahead, says nothing about when the data is needed.
func (s *SlurmQueue) job(w slurm.Wanted, now time.Time) (spec.Job, error) {
	dec := w.Declaration
	to := dec.To
	if len(to) == 0 {
		if name := cmp.Or(s.Partitions[w.Jobs[0].Partition], s.Partitions["*"]); name != "" {
			to = []string{name}
		}
	}
	fields := map[string][]string{"id": {w.Name}, "dataset": {dec.Dataset}, "to": to}
	put := func(name, value string) {
		if value != "" {
			fields[name] = []string{value}
		}
	}
	if len(dec.Shards) > 0 {
		fields["shards"] = dec.Shards
	}
	put("need_by", dec.NeedBy)
	put("team", dec.Team)
	put("keep", dec.Keep)
	put("on_source_change", dec.OnSourceChange)
	if dec.Priority != 0 {
		put("priority", strconv.Itoa(dec.Priority))
	}
	j, err := spec.FromFields(fields)
	if err != nil {
		return j, fmt.Errorf("%w: %w", slurm.ErrDeclaration, err)
	}
	if j.NeedBy.Relative() { // since it was submitted, not since each poll
		j.NeedBy = spec.By(j.NeedBy.At(w.Jobs[0].Submit))
	}
	if !j.NeedBy.Known() && w.NeedBy.After(now) {
		// Estimates move by seconds with every scheduling round; that is no other need.
		j.NeedBy = spec.By(w.NeedBy.Truncate(5 * time.Minute))
	}
	if at := j.NeedBy.At(now); !at.IsZero() && !at.After(now) {
		j.NeedBy = spec.NeedBy{}
	}
	return j, nil
}

// Release has Slurm know how jobs stand: the ready ones that were held are released, the others say in their comments why not.
func (s *SlurmQueue) Release(ctx context.Context, d *Dispatcher, list []Status) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.Lift && !s.Comment {
		return nil
	}
	states := make(map[string]Status, len(list))
	for _, st := range list {
		states[st.ID] = st
	}
	var errs []error
	for i := range s.wanted {
		w := &s.wanted[i]
		st, known := states[w.Name]
		r := slurm.Readiness{}
		switch {
		case w.Err != nil:
			r = slurm.Readiness{State: slurm.Refused, Words: oneLine(w.Err)}
		case known:
			r = readinessOf(st)
		}
		if r.State == slurm.Ready && slices.ContainsFunc(w.Jobs, slurm.Job.HeldByUser) {
			// What was announced once is looked at again before accelerators are taken for it.
			if is, err := d.Ready(ctx, w.Name, d.MaxAge); err != nil || !is.Ready {
				errs = append(errs, err)
				continue
			}
		}
		for k := range w.Jobs {
			for _, do := range slurm.Decide(w.Jobs[k], r) {
				if do.Verb == slurm.DoRelease && !s.Lift || do.Verb == slurm.DoSetComment && !s.Comment {
					continue
				}
				if err := s.Poller.Client.Do(ctx, do); err != nil {
					errs = append(errs, err)
					break
				}
				// Until the queue is read again.
				if do.Verb == slurm.DoRelease {
					w.Jobs[k].Held = false
				} else {
					w.Jobs[k].Comment = do.Comment
				}
			}
		}
	}
	return errors.Join(errs...)
}

// readinessOf a job, in words that do not change with every plan: each change is an update of the job's record in Slurm.
func readinessOf(st Status) slurm.Readiness {
	switch st.State {
	case Ready:
		return slurm.Readiness{State: slurm.Ready}
	case Held:
		for _, p := range st.Places {
			if p.Budget == "" {
				continue
			}
			words := fmt.Sprintf("by budget %q", p.Budget)
			if p.NeedsUSD > 0 {
				const cent = cost.USD / 100
				words += ": needs " + (p.NeedsUSD + cent - 1 - (p.NeedsUSD+cent-1)%cent).String() + " more"
			}
			return slurm.Readiness{State: slurm.Refused, Words: words}
		}
		return slurm.Readiness{State: slurm.Refused, Words: st.Why}
	case Blocked:
		return slurm.Readiness{State: slurm.Refused, Words: "because " + st.Why}
	}
	return slurm.Readiness{State: slurm.Waiting, Words: "until its data is at " + places(st)}
}

func places(st Status) string {
	var names []string
	for _, p := range st.Places {
		names = append(names, p.Destination)
	}
	return strings.Join(names, ", ")
}
