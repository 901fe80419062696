package slurm

import (
	"context"
	"fmt"
)

// State is how far a job's data is.
type State int

// The states. What is unknown is not ready.
const (
	Unknown State = iota // nobody could say
	Waiting              // it is wanted and not all there yet
	Refused              // it does not move: a budget, a missing source, a declaration that cannot be read
	Ready                // all of it is there and proven
)

func (s State) String() string {
	switch s {
	case Waiting:
		return "waiting"
	case Refused:
		return "refused"
	case Ready:
		return "ready"
	}
	return "unknown"
}

// Readiness of a job's data.
type Readiness struct {
	State State
	// Words say why it is held, for a person, and begin after "held ": "by budget \"egress\": 12.40 USD missing".
	Words string
}

// Verb of an action.
type Verb int

// The verbs.
const (
	DoSetComment Verb = iota
	DoRelease
)

func (v Verb) String() string {
	if v == DoRelease {
		return "release"
	}
	return "comment"
}

// Action is one thing to do to one job.
type Action struct {
	Verb    Verb
	JobID   uint32
	Comment string // of DoSetComment: the whole new comment
}

// Decide says what is to be done to a job whose data is in some state, in this order. It is a function of its arguments, and after its
// actions were done it has none:
//
//   - held by its user, ready: the reason leaves the comment, then the job is released;
//   - held by its user, not ready: the reason stands in the comment;
//   - pending and not held, with an old reason of ours, because somebody else released it: the reason leaves the comment;
//   - everything else, a hold by an administrator and a job that its user did not hold among it: nothing.
//
// Unknown changes no comment: a reason that was true is better than none.
func Decide(j Job, r Readiness) (do []Action) {
	comment := j.Comment
	switch {
	case !j.Pending() || j.Held && !j.HeldByUser():
		return nil
	case !j.Held || r.State == Ready:
		comment = userText(j.Comment)
	case r.State == Waiting || r.State == Refused:
		comment = withReason(j.Comment, r.Words)
	}
	if comment != j.Comment {
		do = append(do, Action{Verb: DoSetComment, JobID: j.ID, Comment: comment})
	}
	if j.Held && r.State == Ready {
		do = append(do, Action{Verb: DoRelease, JobID: j.ID})
	}
	return do
}

// Do does what was decided, in order, up to the first that fails. A comment is written over what its user made of it since the
// queue was read: decide soon after. Errors: those of [Client.Release].
func (c *Client) Do(ctx context.Context, list ...Action) error {
	for _, a := range list {
		var err error
		switch a.Verb {
		case DoSetComment:
			err = c.SetComment(ctx, a.JobID, a.Comment)
		case DoRelease:
			err = c.Release(ctx, a.JobID)
		}
		if err != nil {
			return fmt.Errorf("%s job %d: %w", a.Verb, a.JobID, err)
		}
	}
	return nil
}
