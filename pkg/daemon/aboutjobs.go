package daemon

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/datagravity/datagravity/pkg/daemon/access"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// AddRequest is the body of POST /v1/jobs.
type AddRequest struct {
	// Origin is where the jobs were declared: a file, a scheduler.
	Origin string     `json:"origin,omitempty" doc:"where the jobs were declared: a file, a scheduler"`
	Jobs   []spec.Job `json:"jobs"`
}

// AddResponse says which jobs were taken, and why others were not.
type AddResponse struct {
	Jobs    []dispatch.Status `json:"jobs"`
	Refused *Problem          `json:"refused,omitempty"`
	// Refusals are the jobs that were not taken, each with why; none where nothing was, for another reason than a job.
	Refusals []Refusal `json:"refusals,omitempty"`
}

// Refusal of one of several jobs.
type Refusal struct {
	ID string `json:"id"`
	Problem
}

// asConfigured is the age of what was seen at a destination where a request does not say one.
const asConfigured time.Duration = -1

// JobID is a job in a path.
type JobID struct {
	ID string `path:"id" doc:"the job's id, escaped: it is one segment" maxLength:"1024"`
}

// ageOf reads how old what was seen may be.
func ageOf(text string) (time.Duration, error) {
	if text == "" {
		return asConfigured, nil
	}
	age, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%w: max_age=%q: want a length of time, for example 15m", errRequest, text)
	}
	return age, nil
}

func (s *Server) jobs() (dispatch.Jobs, error) {
	if s.o.Jobs == nil {
		return nil, errNoJobs
	}
	return s.o.Jobs, nil
}

const jobsTag = "jobs"

func (s *Server) aboutJobs(a huma.API) {
	register(s, a, of(access.Read, http.MethodGet, "/v1/jobs", "list-jobs", "All jobs, in the order in which they are worked on", jobsTag),
		func(ctx context.Context, in *struct {
			Paging
			Origin string `query:"origin" doc:"those alone that were declared there: a file, a scheduler; without it, all" maxLength:"4096"`
		}) (*paged[dispatch.Status], error) {
			jobs, err := s.jobs()
			if err != nil {
				return nil, err
			}
			list, err := jobs.List(ctx)
			if err != nil {
				return nil, err
			}
			var query url.Values
			if in.Origin != "" {
				query = url.Values{"origin": {in.Origin}}
				list = slices.DeleteFunc(slices.Clone(list), func(st dispatch.Status) bool { return st.Origin != in.Origin })
			}
			return page(in.Paging, "/v1/jobs", query, list, func(st dispatch.Status) string { return st.ID })
		})
	add := described(once(of(access.Jobs, http.MethodPost, "/v1/jobs", "add-jobs", "Take jobs in, or change them", jobsTag)),
		"The same again changes nothing. A wrong job is refused, with why in refused, and the others are taken.")
	add.MaxBodyBytes, add.SkipValidateBody = maxBody, true // a job's own reader names each mistake, and a million shards are not looked at twice
	answer(s, a, add, func(ctx context.Context, in *body[AddRequest]) (AddResponse, error) { return s.add(ctx, in.Body) })
	register(s, a, of(access.Jobs, http.MethodDelete, "/v1/jobs", "remove-jobs", "Take jobs back; what is there of them stays", jobsTag),
		func(ctx context.Context, in *struct {
			IDs []string `query:"id,explode" doc:"the jobs' ids; may be repeated"`
		}) (*nothing, error) {
			if len(in.IDs) == 0 {
				return nil, fmt.Errorf("%w: name the jobs to take back: ?id=…", errRequest)
			}
			return s.remove(ctx, in.IDs)
		})
	register(s, a, of(access.Jobs, http.MethodDelete, "/v1/jobs/{id}", "remove-job", "Take a job back; what is there of it stays", jobsTag),
		func(ctx context.Context, in *JobID) (*nothing, error) { return s.remove(ctx, []string{in.ID}) })
	answer(s, a, of(access.Read, http.MethodGet, "/v1/jobs/{id}", "show-job", "A job, and each of its shards if asked", jobsTag),
		func(ctx context.Context, in *struct {
			JobID
			Shards bool `query:"shards" doc:"with each of its shards"`
		}) (out dispatch.Detail, err error) {
			jobs, err := s.jobs()
			if err == nil {
				out, err = jobs.Show(ctx, in.ID, in.Shards)
			}
			return out, err
		})
	answer(s, a, of(access.Read, http.MethodGet, "/v1/jobs/{id}/ready", "job-ready", "Whether all of a job is there and proven", jobsTag),
		func(ctx context.Context, in *struct {
			JobID
			MaxAge string `query:"max_age" doc:"look at a destination that was not seen for so long, for example 15m; without it, as configured"`
		}) (out dispatch.Readiness, err error) {
			age, err := ageOf(in.MaxAge)
			if err != nil {
				return out, err
			}
			jobs, err := s.jobs()
			if err == nil {
				out, err = jobs.Ready(ctx, in.ID, age)
			}
			return out, err
		})
	answer(s, a, of(access.Read, http.MethodGet, "/v1/jobs/{id}/placements", "job-placements", "What a job would cost at each destination, and when it could be ready there", jobsTag),
		func(ctx context.Context, in *JobID) (out []dispatch.Placement, err error) {
			jobs, err := s.jobs()
			if err == nil {
				out, err = jobs.Place(ctx, in.ID)
			}
			return orEmpty(out), err
		})
	answer(s, a, of(access.Read, http.MethodGet, "/v1/jobs/{id}/handout", "job-handout", "What a run needs to read a job's shards", jobsTag),
		func(ctx context.Context, in *struct {
			JobID
			To string `query:"to" doc:"a destination of the job; without it, the only one, or the first that is ready" maxLength:"256"`
		}) (out dispatch.Handout, err error) {
			jobs, err := s.jobs()
			if err == nil {
				out, err = jobs.Handout(ctx, in.ID, in.To)
			}
			return out, err
		})
}

func (s *Server) remove(ctx context.Context, ids []string) (*nothing, error) {
	jobs, err := s.jobs()
	if err == nil {
		err = jobs.Remove(ctx, ids)
	}
	s.stirred()
	return nil, err
}

func (s *Server) add(ctx context.Context, q AddRequest) (AddResponse, error) {
	jobs, err := s.jobs()
	if err != nil {
		return AddResponse{}, err
	}
	taken, err := jobs.Add(ctx, q.Origin, q.Jobs)
	s.stirred()
	out := AddResponse{Jobs: orEmpty(taken)}
	if err != nil {
		p := problemOf(err, s.o.ExitCode(err))
		out.Refused = &p
		why := dispatch.Refused(err)
		for _, id := range slices.Sorted(maps.Keys(why)) {
			out.Refusals = append(out.Refusals, Refusal{id, problemOf(why[id], s.o.ExitCode(why[id]))})
		}
	}
	return out, nil
}

// orEmpty makes an empty list of none, which null is not.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
